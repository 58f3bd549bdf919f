"""What arrives: deliveries of the brokerage, polled sources, and when each was synced."""
