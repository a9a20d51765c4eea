"""The two gRPC servers of a worker. Both serve the same `unary` methods, and proxy everything else in the same way.

unary   the unary methods that a worker serves itself
grpcio  grpc.aio, the reference implementation
lane    `cqar.lane` for unary methods; a grpc.aio server behind it for streams and proxied calls
"""
