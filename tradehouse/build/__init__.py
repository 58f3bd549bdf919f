"""Builds: what has to be built and why, the order, the journal, going on after a failure."""
