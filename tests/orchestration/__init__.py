"""Tests of the asset page: graph, sensors, runs, browser."""
