"""Generated from asset_registry.proto: the 42 RPCs with their requests and responses."""
