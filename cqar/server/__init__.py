"""gRPC and HTTP plumbing that processes share: servers, streams, TLS, limits, signals."""
