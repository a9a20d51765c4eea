"""The yardstick: a bare grpc.aio server on uvloop that answers every unary call with the same bytes.

`python -m loadtests.echo PORT BYTES`
"""

from __future__ import annotations  # grpc's classes take type arguments only in its stubs

import sys
from typing import Any

import grpc
import grpc.aio
import uvloop


def answer(size: int) -> bytes:
    """The bytes of every response."""
    return b"e" * size


async def _serve(port: int, size: int) -> None:
    data = answer(size)

    async def echo(_data: bytes, _context: Any) -> bytes:
        return data

    class Handlers(grpc.GenericRpcHandler):
        def service(self, _details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
            return grpc.unary_unary_rpc_method_handler(echo)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handlers(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
