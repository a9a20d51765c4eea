"""What is declared of each exchange, and how its own payload is read."""
