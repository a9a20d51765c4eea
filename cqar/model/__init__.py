"""The model of the registry: entities, their columns and rules, addresses, cache parts, changes, events and calls."""
