"""The lane: a small HTTP/2 and gRPC server for calls that are mostly answered from a response cache.

It serves unary methods as bytes to bytes, at about a hundredth of grpc.aio's processor time per call, and proxies all other
methods and streams as raw bytes to an upstream server, through a grpc.aio channel. It knows nothing about what it serves.

A module imports only modules below it:

    server        listening, the tick, graceful shutdown
    connection    the transport of a connection, its preface and its end
    timeouts      the timeouts of a connection
    fast_path     many requests of one read, answered from the cache with one write
    frame_reader  the slow path: a frame at a time, by all rules of HTTP/2
    requests      header blocks and DATA become calls
    proxy         calls that upstream serves; upload, their requests
    proofs        calls of strangers, until their callers are proven
    call_tasks    calls that wait: tasks, deadlines
    streams       the life cycle of streams, the responses on them
    sender        output, flow control
    stream        the state of a stream
    server_state  what all connections share
    routing       routing fields become a method, a principal or a refusal
    service       what the application provides
    strangers     the budget of callers that are not proven
    limits        limits, timeouts, detection of floods
    hpack         decoding header blocks; huffman, their code
    grpc          messages, statuses and metadata as bytes
    accepting     TLS handshakes, the network of a peer
    frames        HTTP/2 frames
"""
