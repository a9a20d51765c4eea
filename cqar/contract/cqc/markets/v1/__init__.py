"""Generated from markets.proto: canonical symbols and their identifiers."""
