"""Everything that is no lookup goes to admin as it came: bytes, metadata, streams, status. Nothing is parsed here."""

from __future__ import annotations  # grpc's classes take type arguments only in its stubs

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from cqar import config, errors, serve, telemetry
from cqar.authority import Authority
from cqar.hotpath.feed import Feed

_log = telemetry.logger("passthrough")

#: Metadata that belongs to a connection, not to the call.
_HOP = frozenset({"user-agent", "te", "content-type", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding"})
_NO_ADMIN = "admin is unreachable; lookups are answered, everything else must wait: retry later"
_SLOW_ADMIN = "admin did not answer in time"


class Passthrough:
    """The channel to admin, and handlers that pass calls through it."""

    def __init__(
        self, hotpath: config.Hotpath, coherence: config.Coherence, feed: Feed, authority: Authority | None = None
    ) -> None:
        options = (
            ("grpc.max_receive_message_length", serve.MAX_REQUEST),
            ("grpc.max_send_message_length", serve.MAX_REQUEST),
            ("grpc.max_reconnect_backoff_ms", 1_000),
            ("grpc.initial_reconnect_backoff_ms", 100),
        )
        self._channel = grpc.aio.insecure_channel(hotpath.admin_address, options=options)
        self._patience = hotpath.passthrough_timeout
        self._write_wait = coherence.write_wait
        self._lease = coherence.lease
        self._feed = feed
        self._authority = authority

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    def handler(self, path: str) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """A handler of any RPC, unary or streaming: on the wire they are one. None for what is each process's own."""
        if path.startswith("/grpc."):
            return None

        async def behave(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            if self._authority is not None:
                await self._check(self._authority, path, context)
            metadata = [(name, value) for name, value in context.invocation_metadata() or () if name not in _HOP]
            seconds = context.time_remaining()
            call: Any = self._channel.stream_stream(path)(requests, timeout=seconds, metadata=metadata)  # type: ignore[arg-type]  # bytes
            try:
                # A stream without a deadline may last, once it has begun.
                async with asyncio.timeout(self._patience if seconds is None else None):
                    response = await _first(call, context)
                while response is not grpc.aio.EOF:
                    yield response
                    response = await call.read()
            except grpc.aio.AioRpcError as error:
                await self._refuse(context, path, error)
            except TimeoutError:
                await serve.refuse(context, path, errors.DeadlineExceeded(_SLOW_ADMIN))
            finally:
                call.cancel()
            trailing = tuple(await call.trailing_metadata())
            await self._catch_up(serve.revision_in(trailing))
            context.set_trailing_metadata(trailing)

        return grpc.stream_stream_rpc_method_handler(behave)

    async def _catch_up(self, revision: int | None) -> None:
        """A write's answer waits until this worker has seen the write, so that its connection reads it back."""
        if revision is not None and self._feed.age() <= self._lease:
            await self._feed.wait_applied(revision, self._write_wait)

    @staticmethod
    async def _check(authority: Authority, path: str, context: Any) -> None:
        """Refuse what cannot be a key; admin says what the others may do."""
        try:
            authority.check_form(serve.authorization(context), serve.address(context))
        except errors.CqarError as error:
            await serve.refuse(context, path, error)

    async def _refuse(self, context: Any, path: str, error: grpc.aio.AioRpcError) -> None:
        if error.code() == grpc.StatusCode.UNAUTHENTICATED and self._authority is not None:
            # To admin, all callers have this worker's address: failed attempts are counted here.
            try:
                self._authority.attempts.failed(serve.address(context))
            except errors.Throttled as throttled:
                await serve.refuse(context, path, throttled)
        trailing = tuple(error.trailing_metadata() or ())
        # Admin's own errors come with details; without any it is the connection to it that speaks.
        if error.code() == grpc.StatusCode.UNAVAILABLE and serve.DETAILS not in dict(trailing):
            _log.warning("admin_unreachable", method=path, details=error.details())
            await serve.refuse(context, path, errors.Unavailable(_NO_ADMIN))
        await context.abort(error.code(), error.details() or "", trailing)


async def _first(call: Any, context: Any) -> Any:
    """The first response, or EOF; metadata that admin sends ahead of it go on at once."""
    initial = tuple(await call.initial_metadata())
    if initial:
        await context.send_initial_metadata(initial)
    return await call.read()
