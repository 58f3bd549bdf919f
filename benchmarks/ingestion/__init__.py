"""Loading measured beside others, and killed at random moments; run by hand, not by the tests."""
