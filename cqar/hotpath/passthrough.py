"""Everything that is no lookup goes to admin as it came: bytes, metadata, streams, status. Nothing is parsed here."""

from __future__ import annotations  # grpc's classes take type arguments only in its stubs

import asyncio
import functools
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from cqar import config, errors, tasks
from cqar.auth.authority import Authority
from cqar.contract.cqar.v1 import access_pb2, registry_pb2, resolver_pb2, reviews_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2
from cqar.hotpath.feed import Feed
from cqar.lane import upload
from cqar.observability import logs, tracing
from cqar.observability.logs import Calls
from cqar.server import rpc, statuses
from cqar.server.outcome import Outcome
from cqar.server.rpc import Reply
from cqar.server.statuses import Metadata
from cqar.server.tls import Outgoing

_log = logs.logger("passthrough")

#: Metadata that belongs to a connection, not to the call.
_HOP = frozenset({"user-agent", "te", "content-type", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding"})
_OPTIONS = (
    ("grpc.max_receive_message_length", rpc.MAX_REQUEST),
    ("grpc.max_send_message_length", rpc.MAX_REQUEST),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
)
#: Seconds of a deadline, at most: what is longer is as good as none.
_LONGEST = 86_400.0
_NO_ADMIN = "admin is unreachable; lookups are answered, everything else must wait: retry later"
_SLOW_ADMIN = "admin did not answer in time"
_STOPPING = "this worker stops; go on at another one"
_METHODS = {
    f"/{service.full_name}/{method.name}": method
    for each in (asset_registry_pb2, registry_pb2, access_pb2, resolver_pb2, reviews_pb2)
    for service in each.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
#: Paths of the contract's RPCs -> what they are counted under; whatever else somebody calls is counted together.
_NAMES = {path: method.name for path, method in _METHODS.items()}
_OTHER = "other"
_AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
_STREAMS = frozenset(path for path, method in _METHODS.items() if method.server_streaming)


class Passthrough:
    """The channel to admin, and handlers that pass calls through it."""

    def __init__(
        self,
        hotpath: config.Hotpath,
        coherence: config.Coherence,
        feed: Feed,
        calls: Calls,
        authority: Authority | None = None,
        outgoing: Outgoing | None = None,
    ) -> None:
        self._address = hotpath.admin_address
        self._outgoing = outgoing
        self._version = 0 if outgoing is None else outgoing.version
        self._channel = self._connect()
        self._ending = set[asyncio.Task[None]]()
        self._patience = hotpath.passthrough_timeout
        self._write_wait = coherence.write_wait
        self._lease = coherence.lease
        self._feed = feed
        self._calls = calls
        self._streams = set[Any]()
        self._authority = authority

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
        await tasks.end(*self._ending)

    def _connect(self) -> grpc.aio.Channel:
        if self._outgoing is None:
            return grpc.aio.insecure_channel(self._address, options=_OPTIONS)
        return grpc.aio.secure_channel(self._address, self._outgoing.credentials(), options=_OPTIONS)

    def _current(self) -> grpc.aio.Channel:
        """The channel; another one where certificates have changed, and the one before ends with its calls."""
        if self._outgoing is not None and self._outgoing.version != self._version:
            self._version = self._outgoing.version
            ending = asyncio.create_task(self._channel.close(self._patience), name="channel-ends")
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            self._channel = self._connect()
        return self._channel

    def handler(self, path: str) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """A handler of any RPC, unary or streaming: on the wire they are one. None for what is each process's own."""
        if path.startswith("/grpc."):
            return None

        async def behave(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            given = context.invocation_metadata() or ()
            request_id = tracing.request_id(tracing.value(given, tracing.REQUEST_ID))
            failed = functools.partial(self._refuse, context, path)
            async with Outcome(self._calls, _NAMES.get(path, _OTHER), given, failed, request_id=request_id) as call:
                call.principal = ""
                async for response in self._passed(path, requests, context, _onward(given, request_id)):
                    yield response

        return grpc.stream_stream_rpc_method_handler(behave)

    async def ask(self, path: str, data: bytes, metadata: Metadata) -> Reply:
        """Admin's answer to a unary call. Raises AioRpcError with admin's status, Unavailable, DeadlineExceeded."""
        request_id = tracing.request_id(tracing.value(metadata, tracing.REQUEST_ID))
        call: Any = self._current().unary_unary(path)
        try:
            async with asyncio.timeout(self._patience):
                made = call(data, metadata=_onward(metadata, request_id))
                body = await made
                return Reply(body, tuple(await made.trailing_metadata()))
        except grpc.aio.AioRpcError as error:
            raise _told(path, error) from error
        except TimeoutError:
            raise errors.DeadlineExceeded(_SLOW_ADMIN) from None

    async def _passed(
        self, path: str, requests: AsyncIterator[bytes], context: Any, metadata: Metadata
    ) -> AsyncIterator[bytes]:
        """Admin's responses, one after the other. Raises AioRpcError, TimeoutError, and errors of our own."""
        if self._authority is not None:
            # What cannot be a key is refused here; admin says what the others may do.
            self._authority.check_form(rpc.authorization(context), rpc.address(context))
        # A deadline of centuries is one that has passed to grpc.aio.
        remaining = context.time_remaining()
        seconds = None if remaining is None else min(remaining, _LONGEST)
        call: Any = self._current().stream_stream(path)(timeout=seconds, metadata=metadata)
        uploading = asyncio.create_task(_upload(requests, call), name="upload")
        if path in _STREAMS:
            self._streams.add(call)
        try:
            # A stream without a deadline may last, once it has begun.
            async with asyncio.timeout(self._patience if seconds is None else None) as patience:
                initial = tuple(await call.initial_metadata())
                if initial or path in _STREAMS:
                    await rpc.begin(context, initial)
                if path in _STREAMS:
                    patience.reschedule(None)
                response = await call.read()
            while response is not grpc.aio.EOF:
                yield response
                response = await call.read()
        except asyncio.CancelledError:
            if call in self._streams or path not in _STREAMS:
                raise
            raise errors.Unavailable(_STOPPING) from None
        finally:
            self._streams.discard(call)
            call.cancel()
            await tasks.end(uploading)
        trailing = tuple(await call.trailing_metadata())
        await self._catch_up(rpc.revision_in(trailing))
        context.set_trailing_metadata(trailing)

    def end_streams(self) -> None:
        """End what would last for as long as its caller likes, so that it does not hold up the end of the process."""
        streams = list(self._streams)
        self._streams.clear()
        for call in streams:
            call.cancel()

    async def _catch_up(self, revision: int | None) -> None:
        """A write's answer waits until this worker has seen the write, so that its connection reads it back."""
        if revision is not None and self._feed.age() <= self._lease:
            await self._feed.wait_applied(revision, self._write_wait)

    async def _refuse(self, context: Any, path: str, error: Exception, request_id: str) -> None:
        if not isinstance(error, grpc.aio.AioRpcError):
            known = errors.DeadlineExceeded(_SLOW_ADMIN) if isinstance(error, TimeoutError) else error
            await statuses.refuse(context, path, known, request_id)
            return
        if error.code() == grpc.StatusCode.UNAUTHENTICATED and self._authority is not None:
            # To admin, all callers have this worker's address: failed attempts are counted here.
            try:
                self._authority.attempts.failed(rpc.address(context))
            except errors.Throttled as throttled:
                await statuses.refuse(context, path, throttled, request_id)
        await statuses.refuse(context, path, _told(path, error), request_id)


async def _upload(requests: AsyncIterator[bytes], call: Any) -> None:
    """Pass the requests on, for as long as the call wants them."""
    async for request in requests:
        if not await upload.send(call, request):
            return
    await upload.end(call)


def _told(path: str, error: grpc.aio.AioRpcError) -> Exception:
    """What a caller is told of an error of admin: itself, or that there is no admin."""
    # Admin's own errors come with details; without any it is the connection to it that speaks, or an admin that stops.
    if error.code() in _AWAY and statuses.DETAILS not in dict(error.trailing_metadata() or ()):
        _log.warning("admin_unreachable", method=path, details=error.details())
        return errors.Unavailable(_NO_ADMIN)
    return error


def _onward(given: Metadata, request_id: str) -> Metadata:
    """The metadata for admin: the caller's, without those of its connection, and with the request id."""
    own = (tracing.REQUEST_ID, rpc.FORWARDED)
    kept = [(name, value) for name, value in given if name not in _HOP and name not in own]
    return (*kept, (tracing.REQUEST_ID, request_id))
