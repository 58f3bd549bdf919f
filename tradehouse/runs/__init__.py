"""Whole runs: sync, build and publish in one, under the lock of the home."""
