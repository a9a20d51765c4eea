"""The lane: a small HTTP/2 and gRPC server for calls whose answers mostly stand ready as bytes.

It serves unary methods as bytes to bytes, some hundred times cheaper a call than grpc.aio, and passes every other method
and stream on as raw bytes through a channel of grpc.aio. It knows nothing of what it serves.

    service     what the application gives: methods, who may call, what is stale, metrics
    server      listening, the clock, drain; server_state, what its connections share
    connection  the bytes of one connection: the short way of requests that are answered at once
    frame_reader the same by all rules of HTTP/2, a frame at a time
    streams     its calls: header blocks become requests, requests get answers; stream, the state of one
    timeouts    its patience
    call_tasks  calls that wait: deadlines, statuses
    proxy       calls that are passed on; upload, their requests
    sender      what waits for windows and for the transport
    routing     what a header block means: method, caller, refusal
    hpack       the decoder of header blocks; huffman, its code
    grpc        messages, statuses and metadata as bytes
    frames      the frames of HTTP/2
    limits      caps, patience, floods
"""
