"""Sending the requests of a grpc.aio call without losing the server's status.

If a server ends a call before all requests are sent, `write` of grpc.aio sets the call's status to INTERNAL, before the
status that the server sent arrives. These functions drop the remaining requests instead, and the status is the server's.
"""

import asyncio
from typing import Any

import grpc
import grpc.aio


async def send(call: Any, message: bytes) -> bool:
    """Send a message. Returns False if the call has ended; its status is available to the reader of the response."""
    try:
        await call.wait_for_connection()
        await call._cython_call.send_serialized_message(message)  # noqa: SLF001 - `write` without its own status
    except (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError):
        return False
    return True


async def end(call: Any) -> None:
    """Half-close the call. Does nothing if the call has ended."""
    try:
        await call.done_writing()
    except (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError):
        return
