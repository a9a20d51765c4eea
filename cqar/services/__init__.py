"""The methods of each gRPC service, a table per service, and how a call runs."""
