"""The service of the contract."""
