"""Releases: gold as one file, the pointer that readers follow, documentation and lineage."""
