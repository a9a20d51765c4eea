"""Calls that wait: one task each, up to a limit, until their deadline."""

import asyncio
from typing import Final

from cqar.lane import grpc
from cqar.lane.grpc import RpcError
from cqar.lane.routing import unknown_method
from cqar.lane.server_state import ServerState
from cqar.lane.stream import Stream, StreamState, TaskState
from cqar.lane.streams import Streams, unread_responses

#: Deadlines are capped at this many seconds.
_MAX_TIMEOUT: Final = 86_400.0
_TIMEOUT: Final = b"grpc-timeout"

# Globals, since looking up a member of an Enum class costs much more.
_CLOSED: Final = StreamState.CLOSED
_SCHEDULED: Final = TaskState.SCHEDULED
_RUNNING: Final = TaskState.RUNNING


class CallTasks:
    """The tasks and deadlines of a connection's calls."""

    __slots__ = ("_sender", "_server", "_streams")

    def __init__(self, server: ServerState, streams: Streams) -> None:
        self._server = server
        self._streams = streams
        self._sender = streams.sender

    def start(self, stream: Stream, message: bytes) -> None:
        """Have a unary method handle a request."""
        try:
            deadline = self.admit(stream)
        except RpcError as error:
            self._streams.fail(stream, error)
            return
        stream.task = self._server.loop.create_task(self._run(stream, message, deadline))

    def admit(self, stream: Stream) -> float:
        """Reserve a place for a call with a task. Returns its deadline. Raises RpcError.

        `Streams.task_done` releases the place.
        """
        server, streams = self._server, self._streams
        if streams.calls >= server.limits.calls or server.usage.calls >= server.limits.all_calls:
            raise RpcError(grpc.RESOURCE_EXHAUSTED, "too many concurrent calls; retry later")
        if stream.timer is None:
            self._start_timer(stream)
        streams.calls += 1
        server.usage.calls += 1
        stream.task_state = _SCHEDULED
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

    async def _run(self, stream: Stream, message: bytes, deadline: float) -> None:
        stream.task_state = _RUNNING
        route, server, streams, sender = stream.route, self._server, self._streams, self._sender
        context = streams.context(stream, deadline)
        try:
            if route.method is None:
                raise unknown_method(route.path)  # noqa: TRY301 - handled like errors of methods
            # A peer that does not read its responses gets no more of them computed.
            if sender.queued:
                await sender.wait_below(server.limits.queued)
            reply = await route.method.handle(message, context)
            size = grpc.PREFIX + len(reply.body)
            if not sender.fits(size, server.limits.queued):
                if server.usage.queued + size > server.limits.all_queued:
                    raise unread_responses()  # noqa: TRY301 - the same
                await sender.wait_for_room(size, server.limits.queued)
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


def cancelled() -> RpcError:
    """Return the status of a call whose task was cancelled."""
    return RpcError(grpc.CANCELLED, "the call was cancelled")
