"""Sending the requests of a call of grpc.aio, whose status is the one that ended it.

Where a server ends a call before its requests have gone, `write` of grpc.aio makes the call's status INTERNAL before the
one that the server sent arrives. Here the requests that nobody wants any more are dropped, and the status is the server's.
"""

import asyncio
from typing import Any

import grpc
import grpc.aio


async def send(call: Any, message: bytes) -> bool:
    """Send a message; False where the call is over, which whoever reads its answer hears of."""
    try:
        await call.wait_for_connection()
        await call._cython_call.send_serialized_message(message)  # noqa: SLF001 - what `write` does, without a status of its own
    except (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError):
        return False
    return True


async def end(call: Any) -> None:
    """Say that there are no more; nothing where the call is over."""
    try:
        await call.done_writing()
    except (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError):
        return
