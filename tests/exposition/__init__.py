"""Tests of the doors to the releases: front page, metrics, interface, stories."""
