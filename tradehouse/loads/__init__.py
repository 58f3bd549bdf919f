"""What arrives: deliveries of the brokerage, sources that are polled, what was synced when."""
