"""The two ways in which a worker speaks gRPC. Both answer by the same `unary` calls and pass the rest on alike.

unary   what a worker answers itself, one call each
grpcio  grpc.aio, the reference
lane    `cqar.lane`, and behind it a server of grpc.aio for everything that is not unary or not this worker's
"""
