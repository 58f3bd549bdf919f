"""Metrics: figures with one definition each, answered from a release by MetricFlow in this process.

`definitions` says what there is, `questions` and `conditions` what may be asked, `planning` makes
SQL of a question, `answers` runs it. The definitions themselves are in `models/gold/semantic/`.
"""
