"""Generated from resolver.proto, registry.proto and events.proto: batch lookups, registry upkeep, own events."""
