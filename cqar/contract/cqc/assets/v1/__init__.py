"""Generated from assets.proto: assets, deployments, relationships, groups, flags, chains."""
