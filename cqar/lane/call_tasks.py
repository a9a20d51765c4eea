"""Calls that wait: one task each, up to a limit, until their deadline."""

import asyncio
from time import monotonic
from typing import Final

from cqar.lane import grpc
from cqar.lane.grpc import MalformedRequest, Reply, RpcError, TooLarge
from cqar.lane.routing import unknown_method
from cqar.lane.server_state import ServerState
from cqar.lane.service import Context
from cqar.lane.stream import Stream, StreamState, TaskState
from cqar.lane.streams import Streams

#: Deadlines are capped at this many seconds.
_MAX_TIMEOUT: Final = 86_400.0
_TIMEOUT: Final = b"grpc-timeout"

# Globals, since looking up a member of an Enum class costs much more.
_CLOSED: Final = StreamState.CLOSED
_RUNNING: Final = TaskState.RUNNING


class CallTasks:
    """The tasks and deadlines of a connection's calls."""

    __slots__ = ("_sender", "_server", "_streams")

    def __init__(self, server: ServerState, streams: Streams) -> None:
        self._server = server
        self._streams = streams
        self._sender = streams.sender

    def start(self, stream: Stream, data: bytes) -> None:
        """Have a unary method handle a request, which is not unpacked yet if it is compressed."""
        try:
            deadline = self.admit(stream)
        except RpcError as error:
            self._streams.fail(stream, error)
            return
        stream.task = self._server.loop.create_task(self._run(stream, data, deadline))

    def admit(self, stream: Stream) -> float:
        """Reserve a place for a call with a task. Returns its deadline. Raises RpcError.

        `Streams.task_done` releases the place.
        """
        server = self._server
        if stream.timer is None:
            self._start_timer(stream)
        self._streams.admit(stream)
        return server.loop.time() + server.limits.call_timeout if stream.timer is None else stream.timer.when()

    def start_deadline(self, stream: Stream) -> None:
        """Start the client's deadline while the rest of the request is still arriving."""
        try:
            self._start_timer(stream)
        except RpcError as error:
            self._streams.fail(stream, error)

    def _start_timer(self, stream: Stream) -> None:
        """End the call at the client's deadline, if there is one. Raises RpcError."""
        seconds = self._timeout(stream)
        if seconds is not None:
            stream.timer = self._server.loop.call_later(seconds, self.expire, stream)

    def _timeout(self, stream: Stream) -> float | None:
        """Return `grpc-timeout` in seconds, or None without one. Raises RpcError."""
        others = [other for other in stream.others if other[0] == _TIMEOUT]
        for _, value in self._server.header_cache.decoded(others):
            return min(_MAX_TIMEOUT, grpc.timeout(value))
        return None

    def expire(self, stream: Stream) -> None:
        """End a call whose deadline has passed."""
        if stream.state is _CLOSED:
            return
        self._streams.fail(stream, self._server.service.explain(self._streams.context(stream), TimeoutError()))
        self._streams.cancel(stream)

    async def _run(self, stream: Stream, data: bytes, deadline: float) -> None:
        stream.task_state = _RUNNING
        server, streams, sender = self._server, self._streams, self._sender
        context = streams.context(stream, deadline)
        try:
            # A peer that does not read its responses gets no more of them computed.
            if sender.queued:
                await sender.wait_below(server.limits.queued)
            reply = await self._handle(stream, data, context)
            await streams.wait_for_room(stream, grpc.PREFIX + len(reply.body))
        except (MalformedRequest, TooLarge) as error:
            streams.fail(stream, server.service.explain(context, error))
        except RpcError as error:
            streams.fail(stream, error)
        except asyncio.CancelledError:
            streams.fail(stream, cancelled())
            raise
        except Exception as error:  # noqa: BLE001 - the application maps it to a status and logs it
            streams.fail(stream, server.service.explain(context, error))
        else:
            if stream.state is not _CLOSED:
                streams.reply(stream, reply)
        finally:
            streams.task_done(stream)

    async def _handle(self, stream: Stream, data: bytes, context: Context) -> Reply:
        """Return the response to a request. A compressed one is unpacked here, and may have a cached response."""
        route, streams = stream.route, self._streams
        if route.method is None:
            raise unknown_method(route.path)
        message = data[grpc.PREFIX :]
        if data[0]:
            message = await self._server.unpacker.unpack(data[0], message, route.encoding, route.limit)
            if stream.state is not _CLOSED:
                streams.count(stream, len(message))
            if streams.overfull(stream):
                raise too_much_buffered()
            cached = route.lookup(grpc.framed(message))
            if cached is not None:
                return self._cached(stream, cached)
        return await route.method.handle(message, context)

    def _cached(self, stream: Stream, cached: bytes) -> Reply:
        """Return a cached response, which counts as a hit and not as a call with a task."""
        stream.route.count_hits(1, 0.0)
        stream.task_state = TaskState.NONE
        body = cached[grpc.PREFIX : -grpc.PREFIX]
        marks = self._server.service.stale_marks(monotonic())
        return Reply(body) if marks is None else Reply(body + marks.message, marks.trailing)


def too_much_buffered() -> RpcError:
    """Return the status of a request that arrives while too many bytes of requests are held."""
    return RpcError(grpc.RESOURCE_EXHAUSTED, "too many incomplete requests; retry later")


def cancelled() -> RpcError:
    """Return the status of a call whose task was cancelled."""
    return RpcError(grpc.CANCELLED, "the call was cancelled")
