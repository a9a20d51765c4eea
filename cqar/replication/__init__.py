"""From the outbox to caches and subscribers: the relay, probes and epochs."""
