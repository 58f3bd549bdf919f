"""Measured comparisons that anyone can run. Nothing of the platform imports them."""
