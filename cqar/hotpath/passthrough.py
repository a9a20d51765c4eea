"""Passes calls other than lookups on to admin unchanged: bytes, metadata, streams and status. Parses nothing."""

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
from cqar.model.call import Role
from cqar.observability import logs, tracing
from cqar.observability.logs import Calls
from cqar.server import limits, rpc, statuses
from cqar.server.outcome import Outcome
from cqar.server.rpc import Reply
from cqar.server.statuses import Metadata
from cqar.server.tls import Outgoing

_log = logs.logger("passthrough")

#: Metadata that belongs to the connection and not to the call.
_HOP = frozenset({"user-agent", "te", "content-type", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding"})
_OPTIONS = (
    ("grpc.max_receive_message_length", rpc.MAX_REQUEST),
    ("grpc.max_send_message_length", rpc.MAX_REQUEST),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
)
#: Seconds of the longest deadline that is passed on; grpc.aio takes a deadline of centuries as one that has passed.
_MAX_DEADLINE = 86_400.0
_NO_ADMIN = "admin is unreachable; lookups are answered, everything else must wait: retry later"
_SLOW_ADMIN = "admin did not answer in time"
_STOPPING = "this worker stops; go on at another one"
_METHODS = {
    f"/{service.full_name}/{method.name}": method
    for each in (asset_registry_pb2, registry_pb2, access_pb2, resolver_pb2, reviews_pb2)
    for service in each.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
_RESOLVER = resolver_pb2.DESCRIPTOR.services_by_name["Resolver"]
#: Names of the contract's RPCs in metrics, by path; all other paths share one name.
_NAMES = {path: method.name for path, method in _METHODS.items()}
_OTHER = "other"
_NO_ADMIN_CODES = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
_STREAMS = frozenset(path for path, method in _METHODS.items() if method.server_streaming)


def request_bytes(path: str, role: Role | None) -> int:
    """The maximum bytes of a request that is passed on, by its path and the role of its caller; None before that is known.

    What admin refuses to a role, whatever the request is, may only be small: RPCs that the contract does not have, which an
    administrator may call, and writes. Among the reads, only those of the Resolver have large requests.
    """
    method = _METHODS.get(path)
    if method is None:
        return limits.SINGLE if role in {Role.READER, Role.WRITER} else limits.MAX_MESSAGE
    if role is Role.READER and method.containing_service is not _RESOLVER:
        return limits.SINGLE
    return limits.request_bytes(method)


class Passthrough:
    """The channel to admin, and handlers that pass calls on through it."""

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
        self._timeout = hotpath.passthrough_timeout
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
        """The channel. After a change of certificates it is a new one, and the old one closes with its calls."""
        if self._outgoing is not None and self._outgoing.version != self._version:
            self._version = self._outgoing.version
            ending = asyncio.create_task(self._channel.close(self._timeout), name="channel-ends")
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            self._channel = self._connect()
        return self._channel

    def handler(self, path: str) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """A handler for any RPC: on the wire, unary and streaming calls are alike. None for `grpc.*` services."""
        if path.startswith("/grpc."):
            return None

        async def behave(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            metadata = context.invocation_metadata() or ()
            request_id = tracing.request_id(tracing.value(metadata, tracing.REQUEST_ID))
            failed = functools.partial(self._refuse, context, path)
            async with Outcome(self._calls, _NAMES.get(path, _OTHER), metadata, failed, request_id=request_id) as call:
                call.principal = ""
                async for response in self._forwarded(path, requests, context, self._onward(metadata, request_id)):
                    yield response

        return grpc.stream_stream_rpc_method_handler(behave)

    async def forward(self, path: str, data: bytes, metadata: Metadata) -> Reply:
        """Admin's response to a unary call. Raises AioRpcError with admin's status, Unavailable, DeadlineExceeded."""
        request_id = tracing.request_id(tracing.value(metadata, tracing.REQUEST_ID))
        call: Any = self._current().unary_unary(path)
        try:
            async with asyncio.timeout(self._timeout):
                made = call(data, metadata=self._onward(metadata, request_id))
                body = await made
                return Reply(body, tuple(await made.trailing_metadata()))
        except grpc.aio.AioRpcError as error:
            raise _error_for_caller(path, error) from error
        except TimeoutError:
            raise errors.DeadlineExceeded(_SLOW_ADMIN) from None

    async def _forwarded(
        self, path: str, requests: AsyncIterator[bytes], context: Any, metadata: Metadata
    ) -> AsyncIterator[bytes]:
        """Admin's responses, in order. Raises AioRpcError, TimeoutError and errors of `cqar.errors`."""
        if self._authority is not None:
            # Malformed keys are refused here; admin checks all others.
            self._authority.check_form(rpc.authorization(context), rpc.address(context))
        remaining = context.time_remaining()
        seconds = None if remaining is None else min(remaining, _MAX_DEADLINE)
        call: Any = self._current().stream_stream(path)(timeout=seconds, metadata=metadata)
        uploading = asyncio.create_task(_upload(requests, call), name="upload")
        if path in _STREAMS:
            self._streams.add(call)
        try:
            # A stream without a deadline may last indefinitely once it has begun.
            async with asyncio.timeout(self._timeout if seconds is None else None) as timeout:
                initial = tuple(await call.initial_metadata())
                if initial or path in _STREAMS:
                    await rpc.begin(context, initial)
                if path in _STREAMS:
                    timeout.reschedule(None)
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

    def _onward(self, metadata: Metadata, request_id: str) -> Metadata:
        """The metadata for admin: the caller's without those of its connection, with the request id and this worker's mark."""
        own = (tracing.REQUEST_ID, rpc.FORWARDED, rpc.PASSED_ON)
        kept = [(name, value) for name, value in metadata if name not in _HOP and name not in own]
        if self._authority is not None:
            key = tracing.value(metadata, rpc.AUTHORIZATION)
            kept.append((rpc.PASSED_ON, self._authority.mark(key if isinstance(key, str) else "")))
        return (*kept, (tracing.REQUEST_ID, request_id))

    def end_streams(self) -> None:
        """End streams, which otherwise last as long as their callers like and keep the process from stopping."""
        streams = list(self._streams)
        self._streams.clear()
        for call in streams:
            call.cancel()

    async def _catch_up(self, revision: int | None) -> None:
        """Wait until this worker has applied a write, so that the connection reads its own writes."""
        if revision is not None and self._feed.age() <= self._lease:
            await self._feed.wait_applied(revision, self._write_wait)

    async def _refuse(self, context: Any, path: str, error: Exception, request_id: str) -> None:
        if not isinstance(error, grpc.aio.AioRpcError):
            known = errors.DeadlineExceeded(_SLOW_ADMIN) if isinstance(error, TimeoutError) else error
            await statuses.refuse(context, path, known, request_id)
            return
        if error.code() == grpc.StatusCode.UNAUTHENTICATED and self._authority is not None:
            # Failed attempts are counted here, by the address of the client, and not by admin, which sees only this worker's.
            try:
                self._authority.attempts.failed(rpc.address(context), rpc.authorization(context) or "")
            except errors.Throttled as throttled:
                await statuses.refuse(context, path, throttled, request_id)
        await statuses.refuse(context, path, _error_for_caller(path, error), request_id)


async def _upload(requests: AsyncIterator[bytes], call: Any) -> None:
    """Pass requests on until the call ends."""
    async for request in requests:
        if not await upload.send(call, request):
            return
    await upload.end(call)


def _error_for_caller(path: str, error: grpc.aio.AioRpcError) -> Exception:
    """Admin's own error unchanged, or Unavailable if admin could not be reached."""
    # Admin's own errors carry details. Without them, the connection has failed or admin is stopping.
    if error.code() in _NO_ADMIN_CODES and statuses.DETAILS not in dict(error.trailing_metadata() or ()):
        _log.warning("admin_unreachable", method=path, details=error.details())
        return errors.Unavailable(_NO_ADMIN)
    return error
