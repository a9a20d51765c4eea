"""TLS between running processes and their clients, and to the servers that they use."""
