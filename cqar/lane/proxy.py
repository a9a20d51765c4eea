"""Calls that upstream serves: messages, metadata, status and cancellation pass through as raw bytes, without parsing."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import grpc as library
import grpc.aio as library_aio

from cqar.lane import grpc, upload
from cqar.lane.call_tasks import CallTasks, cancelled, too_much_buffered
from cqar.lane.grpc import RpcError, TooLarge
from cqar.lane.routing import unknown_method
from cqar.lane.server_state import ServerState
from cqar.lane.service import Outcome, Upstream
from cqar.lane.strangers import Account
from cqar.lane.stream import Inbox, Stream, StreamState, TaskState
from cqar.lane.streams import Streams

#: Metadata about the connection to the client, which do not pass through.
_HOP_BY_HOP: Final = frozenset(("user-agent",))
#: Bytes that a waiting message counts beside its own.
_MESSAGE_OVERHEAD: Final = 128
_CLOSED: Final = StreamState.CLOSED


class Proxy:
    """The proxied calls of a connection."""

    __slots__ = ("_calls", "_schedule_flush", "_server", "_streams")

    def __init__(self, server: ServerState, streams: Streams, calls: CallTasks, schedule_flush: Callable[[], None]) -> None:
        self._server = server
        self._streams = streams
        self._calls = calls
        self._schedule_flush = schedule_flush

    def start(self, stream: Stream) -> None:
        """Start to pass a call through."""
        upstream = self._server.service.upstream
        try:
            if upstream is None:
                raise unknown_method(stream.route.path)
            deadline = self._calls.admit(stream)
        except RpcError as error:
            self._streams.fail(stream, error)
            return
        stream.inbox = Inbox()
        stream.task = self._server.loop.create_task(self._run(stream, upstream, deadline))

    def receive(self, stream: Stream, inbox: Inbox, payload: bytes) -> None:
        """Take more of a request."""
        limit = stream.route.limit
        partial = inbox.partial
        partial += payload
        self._count(stream, len(payload))
        at = 0
        while len(partial) - at >= grpc.PREFIX:
            try:
                grpc.check_size(partial[at : at + grpc.PREFIX], limit)
            except TooLarge as error:
                self._abort(stream, self._server.service.explain(self._streams.context(stream), error))
                return
            length = int.from_bytes(partial[at + 1 : at + grpc.PREFIX], "big")
            end = at + grpc.PREFIX + length
            if len(partial) < end:
                break
            inbox.messages.append((partial[at], bytes(partial[at + grpc.PREFIX : end])))
            inbox.size += length
            self._count(stream, _MESSAGE_OVERHEAD)
            at = end
        del partial[:at]
        if self._streams.overfull(stream):
            self._abort(stream, too_much_buffered())
            return
        inbox.wake.set()
        self._replenish(stream, inbox)

    def receive_end(self, stream: Stream, inbox: Inbox) -> None:
        """Take the end of a request."""
        inbox.ended = True
        inbox.wake.set()
        if inbox.partial:
            self._abort(stream, RpcError(grpc.INTERNAL, "truncated message"))

    def _abort(self, stream: Stream, error: RpcError) -> None:
        """End a call with a status, and cancel it upstream."""
        self._streams.fail(stream, error)
        self._streams.cancel(stream)

    def _count(self, stream: Stream, size: int) -> None:
        if stream.state is not _CLOSED:
            self._streams.count(stream, size)

    def _replenish(self, stream: Stream, inbox: Inbox) -> None:
        """Let the peer send more, unless many messages wait for upstream."""
        if inbox.size < self._server.limits.stream_window >> 1 and stream.state is not _CLOSED:
            self._streams.replenish(stream)

    async def _run(self, stream: Stream, upstream: Upstream, deadline: float) -> None:
        stream.task_state = TaskState.RUNNING
        server, streams, path = self._server, self._streams, stream.route.path
        context = streams.context(stream, deadline)
        call: Any = None
        try:
            seconds = deadline - server.loop.time() if stream.timer is not None else None
            metadata = [pair for pair in context.metadata if pair[0] not in _HOP_BY_HOP]
            metadata += upstream.extra_metadata(context)
            channel = upstream.channel(path)
            if channel is None:
                raise unknown_method(path)  # noqa: TRY301 - handled like other statuses
            call = channel.stream_stream(path)(timeout=seconds, metadata=metadata)
            uploading = server.loop.create_task(self._upload(stream, call))
            try:
                await self._download(stream, call, upstream, upstream.timeout if seconds is None else None)
            finally:
                uploading.cancel()
            code, message, trailing = await call.code(), await call.details(), await call.trailing_metadata()
            outcome = await upstream.map_outcome(Outcome(path, code.value[0], message or "", tuple(trailing or ())))
            if stream.state is not _CLOSED:
                streams.finish(stream, RpcError(outcome.code, outcome.message, trailing=outcome.trailing))
        except RpcError as error:
            streams.fail(stream, error)
        except asyncio.CancelledError:
            streams.fail(stream, cancelled())
            raise
        except Exception as error:  # noqa: BLE001 - the application maps it to a status and logs it
            streams.fail(stream, server.service.explain(context, error))
        finally:
            if call is not None:
                call.cancel()
            streams.task_done(stream)

    async def _download(self, stream: Stream, call: Any, upstream: Upstream, seconds: float | None) -> None:
        """Pass the response on, one message at a time. Raises TimeoutError.

        `seconds` is the timeout of the first message; without a deadline the call may last any time after it.
        """
        try:
            async with asyncio.timeout(seconds):
                initial = tuple(await call.initial_metadata() or ())
                if initial:
                    self._send_headers(stream, [pair for pair in initial if pair[0] != upstream.start_marker])
                message = await call.read()
            while message is not library_aio.EOF:
                if not stream.headers_sent:
                    self._send_headers(stream, ())
                await self._send(stream, grpc.framed(message))
                message = await call.read()
        except library.RpcError:
            return  # `call` has the status

    def _send_headers(self, stream: Stream, initial: grpc.Metadata) -> None:
        if stream.state is not _CLOSED:
            self._streams.send_headers(stream, grpc.RESPONSE_HEADERS + grpc.header_block(initial))
            self._schedule_flush()

    async def _send(self, stream: Stream, data: bytes) -> None:
        """Send a message, and wait until the stream's queue is empty."""
        if stream.state is not _CLOSED:
            await self._streams.wait_for_room(stream, len(data))
        if stream.state is _CLOSED:
            return
        self._streams.sender.queue(stream, data, self._server.now)
        self._schedule_flush()
        if stream.unsent:
            stream.drain_waiter = self._server.loop.create_future()
            try:
                await stream.drain_waiter
            finally:
                stream.drain_waiter = None

    async def _upload(self, stream: Stream, call: Any) -> None:
        """Pass the request on."""
        inbox = stream.inbox
        if inbox is None:
            return
        sent = 0
        try:
            while stream.state is not _CLOSED:
                if not inbox.messages:
                    if inbox.ended:
                        await upload.end(call)
                        return
                    inbox.wake.clear()
                    await inbox.wake.wait()
                    continue
                flag, data = inbox.messages.popleft()
                message = await self._unpacked(stream, flag, data)
                extra = len(message) if flag else 0
                self._count(stream, extra)
                if self._streams.overfull(stream):
                    raise too_much_buffered()
                if not await upload.send(call, message):
                    return
                inbox.size -= len(data)
                # What was sent counts until the next message: it is still in the buffers of this connection to upstream.
                self._count(stream, -sent)
                sent = len(data) + extra + grpc.PREFIX + _MESSAGE_OVERHEAD
                self._replenish(stream, inbox)
                self._schedule_flush()
        except TooLarge as error:
            self._abort(stream, self._server.service.explain(self._streams.context(stream), error))
        except RpcError as error:
            self._abort(stream, error)

    async def _unpacked(self, stream: Stream, flag: int, data: bytes) -> bytes:
        """Return a message without compression. Raises TooLarge, RpcError."""
        limit = stream.route.limit
        if flag and stream.account is Account.UNPROVEN:
            raise RpcError(grpc.UNAVAILABLE, "this key cannot be verified now; retry later, or without compression")
        if flag and stream.account is Account.PUBLIC:
            limit = min(limit, self._server.limits.public_unpacked)
        return await self._server.unpacker.unpack(flag, data, stream.route.encoding, limit)
