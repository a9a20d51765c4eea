"""The admin process: every write, every rule, the outbox and its relay."""
