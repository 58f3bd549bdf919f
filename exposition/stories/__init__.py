"""Stories: static pages that come with each release, a directory a reader, without scripts.

`making` writes them; `branch_manager`, `compliance` and `platform_owner` say what is on a page,
with `calls` and `trades`; `sentences` puts figures into words, `charts` draws, `asking` reads the
release. Not here: how a figure is defined (`exposition.metrics`, the marts), and when a release is
made.
"""
