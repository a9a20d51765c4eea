"""Streams of requests that are unary calls, one after the other: each is answered, in order, before the next is read."""

from __future__ import annotations  # grpc's classes take type arguments only in its stubs

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from cqar import errors, limits, serve, tasks, tracing
from cqar.authority import Authority
from cqar.call import ANYONE, Call
from cqar.serve import Served
from cqar.telemetry import Calls

_STOPPING = "this process stops; go on at another one"


class Streamed:
    """The handler of one such RPC. A request counts as one call of its key, and has a call's time; an error ends the stream.

    A caller that does not read is not read from either.
    """

    def __init__(self, served: Served, authority: Authority | None, calls: Calls) -> None:
        self._served = served
        self._authority = authority
        self._calls = calls
        self._over = asyncio.Event()

    def stop(self) -> None:
        """End all streams once what was asked is answered; the callers come again to whoever serves then."""
        self._over.set()

    def handler(self) -> grpc.RpcMethodHandler[bytes, bytes]:
        """The handler, for bytes as they are on the wire."""

        async def behave(_requests: Any, context: Any) -> AsyncIterator[bytes]:
            metadata = context.invocation_metadata() or ()
            request_id = tracing.request_id(tracing.value(metadata, tracing.REQUEST_ID))
            began, principal, code = time.perf_counter(), ANYONE, "OK"
            try:
                # Said at once, so that who passes the call on knows that the stream has begun.
                await context.send_initial_metadata(())
                while (data := await self._next(context)) is not None:
                    began = time.perf_counter()
                    async with asyncio.timeout(limits.DEADLINE):
                        limits.check(data, self._served.request_bytes)
                        if self._authority is not None:
                            principal = await serve.admitted(self._authority, context)
                        reply = await self._served.serve(data, Call(method=self._served.name, principal=principal))
                    self._ended(principal.name, "OK", began, metadata, request_id)
                    yield reply.body
            except Exception as error:
                code = serve.code_of(error)
                await serve.refuse(context, self._served.name, error, request_id)
                raise  # abort has raised already
            except BaseException:
                code = "CANCELLED"
                raise
            finally:
                if code != "OK":
                    self._ended(principal.name, code, began, metadata, request_id)

        return grpc.stream_stream_rpc_method_handler(behave)

    def _ended(self, principal: str, code: str, began: float, metadata: serve.Metadata, request_id: str) -> None:
        self._calls.ended(self._served.name, principal, code, time.perf_counter() - began, metadata, request_id)

    async def _next(self, context: Any) -> bytes | None:
        """The next request; None after the last. Raises Unavailable where the process stops."""
        reading, over = asyncio.ensure_future(context.read()), asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait((reading, over), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise errors.Unavailable(_STOPPING)
            data: Any = reading.result()
        finally:
            await tasks.end(reading, over)
        return None if data is grpc.aio.EOF else data
