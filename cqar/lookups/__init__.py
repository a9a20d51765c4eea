"""Lookups as pure functions: from the rows of parts to answers."""
