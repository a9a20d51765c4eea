"""Generated from the .proto files of this folder: batch lookups, registry upkeep, identity, access, own events."""
