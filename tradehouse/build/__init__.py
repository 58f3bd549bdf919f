"""Builds: what has to be built and why, the order, the journal, resuming after a failure."""
