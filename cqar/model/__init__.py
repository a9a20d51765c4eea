"""What the registry is: entities, their columns and rules, addresses, changes, events and callers."""
