"""Long-lived RPCs, which end when the caller or the process ends them.

`Streamed` serves a stream of unary requests: each is answered, in order, before the next one is read.
"""

from __future__ import annotations  # grpc's classes take type arguments only in its stubs

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeVar

import grpc
import grpc.aio

from cqar import errors, tasks
from cqar.auth.authority import Authority
from cqar.model.call import ANYONE, Call
from cqar.observability import tracing
from cqar.observability.logs import Calls
from cqar.server import limits, rpc, statuses
from cqar.server.outcome import Outcome
from cqar.server.rpc import Served

T = TypeVar("T")
#: Seconds between two checks of the key of a stream that waits.
_CHECK_EVERY: Final = 1.0


class Stoppable:
    """An RPC whose calls end when the process stops. `hint`: what its callers should do then."""

    def __init__(self, hint: str) -> None:
        self._hint = hint
        self._over = asyncio.Event()

    def stop(self) -> None:
        """End all calls as soon as they wait; callers reconnect to another instance."""
        self._over.set()

    async def unless_over(self, coming: Awaitable[T], check: Callable[[], Awaitable[None]]) -> T:
        """The result of `coming`. Raises Unavailable if the process stops first, and what `check` raises.

        `check` runs every second meanwhile: it verifies the key of the stream again.
        """
        waiting, over = asyncio.ensure_future(coming), asyncio.ensure_future(self._over.wait())
        try:
            while not waiting.done() and not over.done():
                done, _ = await asyncio.wait((waiting, over), timeout=_CHECK_EVERY, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    await check()
            if not waiting.done():
                msg = f"the server is shutting down; {self._hint}"
                raise errors.Unavailable(msg)
            return waiting.result()
        finally:
            await tasks.end(waiting, over)


class Streamed(Stoppable):
    """The handler of one RPC. Each request counts as one call and has a call's deadline; an error ends the stream.

    Flow control: no request is read while the caller does not read responses.
    """

    def __init__(self, served: Served, authority: Authority | None, calls: Calls) -> None:
        super().__init__("reconnect to another instance")
        self._served = served
        self._authority = authority
        self._calls = calls

    def handler(self) -> grpc.RpcMethodHandler[bytes, bytes]:
        """The handler, for serialized messages."""

        async def behave(_requests: Any, context: Any) -> AsyncIterator[bytes]:
            name = self._served.name
            metadata = context.invocation_metadata() or ()
            request_id = tracing.request_id(tracing.value(metadata, tracing.REQUEST_ID))
            failed = functools.partial(statuses.refuse, context, name)
            async with Outcome(self._calls, name, metadata, failed, request_id=request_id, stream=True) as call:
                if self._authority is not None:
                    self._authority.check_form(rpc.authorization(context), rpc.address(context))
                await rpc.begin(context)
                check = functools.partial(rpc.check_again, self._authority, context)
                while (data := await self.unless_over(context.read(), check)) is not grpc.aio.EOF:
                    call.restart()
                    async with asyncio.timeout(limits.DEADLINE):
                        limits.check(data, self._served.request_bytes)
                        principal = ANYONE if self._authority is None else await rpc.admitted(self._authority, context)
                        call.principal = principal.name
                        reply = await self._served.serve(data, Call(method=name, principal=principal))
                    call.answered()
                    yield reply.body

        return grpc.stream_stream_rpc_method_handler(behave)
