"""From the outbox to caches and subscribers: the relay, probes, changes and epochs."""
