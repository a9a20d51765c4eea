"""The events of the contract."""
