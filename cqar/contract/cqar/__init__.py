"""The service's own packages."""
