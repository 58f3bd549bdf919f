"""Tests; `landing.py` writes a small brokerage for all of them."""
