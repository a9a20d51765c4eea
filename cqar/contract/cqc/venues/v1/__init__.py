"""Generated from venues.proto: venues, venue assets, venue symbols."""
