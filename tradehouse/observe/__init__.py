"""The health of a home: what is wrong, and who is notified."""
