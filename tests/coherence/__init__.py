"""The coherence checker: real servers and processes, a load that knows what is true, and a seeded plan of faults."""
