"""How a home is: what is wrong and who is told of it."""
