"""A small, true registry to start with: facts in YAML, and the loader that brings them in through the contract's own calls."""
