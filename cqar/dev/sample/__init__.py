"""The sample: true facts in YAML, and a loader that writes them by the calls of the contract."""
