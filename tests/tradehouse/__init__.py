"""Tests of the run itself."""
