"""The streams of a connection: their life cycle, and the responses on them."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from cqar.lane import frames, grpc, limits
from cqar.lane.frames import ProtocolError
from cqar.lane.grpc import Reply, RpcError
from cqar.lane.hpack import OVERHEAD, OtherField
from cqar.lane.limits import Flood, LeakyBucket
from cqar.lane.routing import Route, valid_value
from cqar.lane.sender import Sender
from cqar.lane.server_state import ServerState
from cqar.lane.service import CacheLookup, Context, Peer
from cqar.lane.strangers import Account
from cqar.lane.stream import Chunk, Stream, StreamState, TaskState

#: A unary request that waits for its DATA: its cache lookup, route and other fields, and the sum of WINDOW_UPDATEs for its
#: stream if there were any.
Request: TypeAlias = tuple[CacheLookup, Route, list[OtherField]] | tuple[CacheLookup, Route, list[OtherField], int]

# Globals, since looking up a member of an Enum class costs much more.
_IDLE: Final = StreamState.IDLE
_OPEN: Final = StreamState.OPEN
_HALF_CLOSED_LOCAL: Final = StreamState.HALF_CLOSED_LOCAL
_HALF_CLOSED_REMOTE: Final = StreamState.HALF_CLOSED_REMOTE
_CLOSED: Final = StreamState.CLOSED
_NO_TASK: Final = TaskState.NONE
_SCHEDULED: Final = TaskState.SCHEDULED
_DONE: Final = TaskState.DONE
_PROVEN: Final = Account.PROVEN
_UNPROVEN: Final = Account.UNPROVEN


class Streams:
    """The streams of a connection.

    A unary request that waits for its DATA is an entry of `pending`, which is cheap. Any other open stream is a `Stream` in
    `live`; `get` turns the former into the latter.
    """

    __slots__ = (
        "_on_error",
        "_recently_reset",
        "_schedule_flush",
        "_server",
        "bucket",
        "buffered",
        "calls",
        "last",
        "live",
        "peer",
        "pending",
        "proven",
        "public_calls",
        "refusing",
        "sender",
        "stranger_bytes",
        "stranger_calls",
    )

    def __init__(
        self,
        server: ServerState,
        peer: Peer,
        schedule_flush: Callable[[], None],
        on_error: Callable[[ProtocolError], None],
    ) -> None:
        """`on_error` is called with connection errors that occur while nothing is read."""
        self._server = server
        self._on_error = on_error
        self._schedule_flush = schedule_flush
        self.peer = peer
        self.sender = Sender(server.usage, self._end_stream_sent)
        limit = server.limits
        size = limit.flood if server.service.gate is None else limit.stranger_flood
        self.bucket = LeakyBucket(size, limit.flood_rate, server.now)
        self.pending: dict[int, Request] = {}
        self.live: dict[int, Stream] = {}
        #: the highest stream id that the peer has used
        self.last = 0
        #: calls with a task, and bytes of requests, of proven callers
        self.calls = 0
        self.buffered = 0
        #: the same of strangers; public calls
        self.stranger_calls = 0
        self.stranger_bytes = 0
        self.public_calls = 0
        #: whether a caller on this connection has proven who it is
        self.proven = False
        #: whether new streams are refused
        self.refusing = False
        #: streams that the lane reset before the peer had ended them: frames for them may still be in flight
        self._recently_reset: dict[int, None] = {}

    def flood(self, event: Flood, more: int = 0) -> None:
        """Count an event, whose weight is higher by `more`, while reading. Raises ProtocolError if there are too many."""
        if self.bucket.add(event.weight + more, self._server.loop.time()):
            raise _flooded(event)

    def flood_later(self, event: Flood) -> None:
        """Count an event, and close the connection soon if there are too many. For code that must not raise."""
        if self.bucket.add(event.weight, self._server.loop.time()):
            self._server.loop.call_soon(self._on_error, _flooded(event))

    def prove(self) -> None:
        """Note that a caller on this connection has proven who it is."""
        self.proven = True
        self.bucket.size = self._server.limits.flood

    # ---- life cycle ------------------------------------------------------------------------------------------------

    def capacity(self) -> int:
        """Return how many streams the connection may have."""
        return 0 if self.refusing else self._server.usage.stream_share

    def state(self, number: int) -> StreamState:
        """Return the state of a stream."""
        if number > self.last or not number & 1:  # clients have odd ids
            return _IDLE
        stream = self.live.get(number)
        if stream is not None:
            return stream.state
        return _OPEN if number in self.pending else _CLOSED

    def open(self, number: int, request: Request, state: StreamState = _OPEN) -> Stream:
        """Create the stream of a request."""
        server = self._server
        window = self.sender.initial_window + (request[3] if len(request) > 3 else 0)  # noqa: PLR2004 - WINDOW_UPDATEs
        stream = Stream(number, request[1], request[2], state, window, server.limits.stream_window, server.loop.time())
        self.live[number] = stream
        return stream

    def get(self, number: int) -> Stream | None:
        """Return a stream unless it is idle or closed."""
        stream = self.live.get(number)
        if stream is None:
            request = self.pending.pop(number, None)
            if request is not None:
                return self.open(number, request)
        return stream

    def refuse(self, number: int, code: int, *, ended: bool) -> None:
        """Send RST_STREAM. `ended`: whether the peer has ended the stream."""
        self.sender.out.append(frames.rst_stream(number, code))
        if not ended:
            if len(self._recently_reset) >= self._server.limits.streams:
                self._recently_reset.clear()
            self._recently_reset[number] = None

    def recently_reset(self, number: int, *, ended: bool) -> bool:
        """Return whether the peer may have sent a frame before it saw RST_STREAM. `ended`: the frame has END_STREAM."""
        if number not in self._recently_reset:
            return False
        if ended:
            del self._recently_reset[number]
        return True

    def reset(self, stream: Stream, code: int) -> None:
        """End a stream with RST_STREAM."""
        self.refuse(stream.number, code, ended=stream.state is _HALF_CLOSED_REMOTE)
        self.drop(stream, grpc.INTERNAL)

    def stream_error(self, stream: Stream, code: int) -> None:
        """End a stream whose peer violated the protocol. Raises ProtocolError if that happens too often."""
        self.reset(stream, code)
        self.flood(limits.STREAM_ERROR)

    def drop(self, stream: Stream, status: int) -> None:
        """Remove a stream and cancel its call. `status` is for the observer."""
        self.sender.discard(stream)
        self._remove(stream, status)
        self.cancel(stream)

    def close_all(self) -> None:
        """Remove all streams, since the connection is closed."""
        for stream in list(self.live.values()):
            self.drop(stream, grpc.CANCELLED)
        self.pending.clear()

    def replenish(self, stream: Stream) -> None:
        """Open the receive window of a stream again once half of it is used."""
        size = self._server.limits.stream_window
        if stream.receive_window < size >> 1 and stream.state is _OPEN:
            self.sender.out.append(frames.window_update(stream.number, size - stream.receive_window))
            stream.receive_window = size

    # ---- budgets ---------------------------------------------------------------------------------------------------

    def count(self, stream: Stream, size: int) -> None:
        """Count bytes of a request as held, or with a negative size as released."""
        stream.buffered += size
        if stream.account is _PROVEN:
            self.buffered += size
            self._server.usage.buffered += size
        else:
            self.stranger_bytes += size
            self._server.strangers.bytes += size

    def overfull(self, stream: Stream) -> bool:
        """Return whether too many bytes of requests are held, by this connection or by all of the same budget."""
        limit = self._server.limits
        if stream.account is not _PROVEN:
            return self._server.strangers.over(self.stranger_bytes)
        usage = self._server.usage
        over = usage.buffered > limit.buffered or self.buffered > limit.connection_buffered
        if over:
            usage.refused["request_memory"] += 1
        return over

    def admit(self, stream: Stream) -> None:
        """Reserve a place for a call with a task, which `task_done` releases. Raises RpcError."""
        server, limit = self._server, self._server.limits
        if stream.account is _PROVEN:
            if self.calls >= limit.calls or server.usage.calls >= limit.all_calls:
                server.usage.refused["calls"] += 1
                raise RpcError(grpc.RESOURCE_EXHAUSTED, "too many concurrent calls; retry later")
            self.calls += 1
            server.usage.calls += 1
        elif stream.account is _UNPROVEN:
            server.strangers.admit(stream.account, self.stranger_calls)
            self.stranger_calls += 1
        else:
            server.strangers.admit(stream.account, self.public_calls)
            self.public_calls += 1
        stream.task_state = _SCHEDULED

    def transfer(self, stream: Stream, account: Account) -> None:
        """Move a stream without a task to another budget."""
        size = stream.buffered
        self.count(stream, -size)
        stream.account = account
        self.count(stream, size)

    def _end_stream_sent(self, stream: Stream) -> None:
        """Remove a stream whose END_STREAM is in the output."""
        good = stream.status in limits.GOOD
        if good:
            self.bucket.drain(limits.ANSWERED)
        if stream.state is _OPEN:
            if not good:
                self.flood_later(limits.STREAM_ERROR)
            # RFC 9113, 8.1: the response is complete, so the client can stop sending the request.
            stream.state = _HALF_CLOSED_LOCAL
            self.refuse(stream.number, frames.NO_ERROR, ended=False)
        self._remove(stream, stream.status)

    def _remove(self, stream: Stream, status: int) -> None:
        """Remove a stream. Its task may still have to end."""
        if self.live.pop(stream.number, None) is None:
            return
        stream.state = _CLOSED
        self.count(stream, -stream.buffered)
        stream.buffer = None
        if stream.timer is not None:
            stream.timer.cancel()
        if stream.task_state is not _NO_TASK or status:
            seconds = self._server.loop.time() - stream.started
            self._server.service.observer.call_ended(self.context(stream), status, seconds)

    # ---- tasks -----------------------------------------------------------------------------------------------------

    def task_done(self, stream: Stream) -> None:
        """Release the place that the call of a stream took."""
        stream.task = None
        stream.task_state = _DONE
        if stream.account is _PROVEN:
            self.calls -= 1
            self._server.usage.calls -= 1
            return
        self._server.strangers.release(stream.account)
        if stream.account is _UNPROVEN:
            self.stranger_calls -= 1
        else:
            self.public_calls -= 1

    def cancel(self, stream: Stream) -> None:
        """Cancel the task of a stream, if any."""
        task = stream.task
        if task is not None:
            task.cancel()
            if stream.task_state is _SCHEDULED:  # ends without having run
                self.task_done(stream)

    def context(self, stream: Stream, deadline: float = 0.0) -> Context:
        """Return the call context of a stream. `deadline` counts the first time."""
        if stream.context is None:
            stream.context = self.new_context(stream.route, stream.others, deadline)
        return stream.context

    def new_context(self, route: Route, others: list[OtherField], deadline: float = 0.0) -> Context:
        """Return the context of a call."""
        return Context(route.path, route.principal, self.peer, deadline, lambda: self.fields(route, others))

    def fields(self, route: Route, others: list[OtherField]) -> Sequence[tuple[bytes, bytes]]:
        """Return all header fields of a request. Raises RpcError if they are too large or invalid."""
        fields = [(field.name, field.value) for field in route.fields]
        fields += self._server.header_cache.decoded(others)
        if sum(OVERHEAD + len(name) + len(value) for name, value in fields) > limits.HEADER_LIST:
            msg = f"the request headers are larger than {limits.HEADER_LIST} bytes"
            raise RpcError(grpc.RESOURCE_EXHAUSTED, msg)
        if not all(valid_value(value) for _, value in fields):
            raise RpcError(grpc.INTERNAL, "invalid character in a header field")
        return fields

    # ---- responses -------------------------------------------------------------------------------------------------

    def reply(self, stream: Stream, reply: Reply) -> None:
        """Send the response of a call."""
        body, trailing = reply
        short = not trailing and len(body) <= grpc.SHORT_RESPONSE - grpc.CACHED_OVERHEAD
        if not short or not self.respond_at_once(stream, grpc.cached_response(body)):
            self.respond(stream, grpc.framed(body), grpc.TRAILERS + grpc.header_block(trailing))
        self._schedule_flush()

    def respond_at_once(self, stream: Stream, cached: bytes) -> bool:
        """Send a cached response if it fits into one frame and all windows. Returns whether it does."""
        sender = self.sender
        length = len(cached)
        size = length - grpc.PREFIX
        if length > grpc.SHORT_RESPONSE or size > stream.send_window or size > sender.allowance():
            return False
        sender.consume(size)
        number = stream.number.to_bytes(4, "big")
        sender.out.append(number.join((grpc.HEADERS_PREFIX, grpc.DATA_PREFIXES[length], cached, grpc.TRAILERS)))
        self._end_stream_sent(stream)
        return True

    def respond(self, stream: Stream, message: Chunk, trailers: bytes) -> None:
        """Queue a response: a message with its prefix, and trailers."""
        if not self._may_queue(stream, message):
            self.flood_later(limits.UNREAD)
            self.fail(stream, self._unread_responses())
            return
        self.send_headers(stream, grpc.RESPONSE_HEADERS)
        self.sender.queue(stream, message, self._server.now)
        self.sender.end_stream(stream, trailers)

    def send_headers(self, stream: Stream, block: bytes) -> None:
        """Send the response headers."""
        stream.headers_sent = True
        self.sender.out.append(frames.headers(stream.number, block, end=False))

    def _may_queue(self, stream: Stream, chunk: Chunk) -> bool:
        """Return whether a response may be queued behind unread ones."""
        limit = self._server.limits
        if not isinstance(chunk, bytes):
            return self._server.usage.queued <= limit.all_queued
        return self.sender.fits(len(chunk), limit.queued) and self._may_hold(stream, len(chunk))

    def _may_hold(self, stream: Stream, size: int) -> bool:
        """Return whether the holder of a response may hold `size` more bytes.

        No holder gets more than is left for all others, so the largest is refused first.
        """
        usage = self._server.usage
        return usage.held.get(stream.route.holder, 0) + size <= self._server.limits.all_queued - usage.queued

    def _unread_responses(self) -> RpcError:
        """Count a call whose response does not fit beside those that peers have not read, and return its status."""
        self._server.usage.refused["response_memory"] += 1
        return RpcError(grpc.RESOURCE_EXHAUSTED, "too many unread responses; read them and retry")

    async def wait_for_room(self, stream: Stream, size: int) -> None:
        """Wait until a response fits into the queue. Raises RpcError if its holder has too many unread responses."""
        if not self._may_hold(stream, size):
            raise self._unread_responses()
        limit = self._server.limits.queued
        if not self.sender.fits(size, limit):
            await self.sender.wait_for_room(stream, size, limit)

    def fail(self, stream: Stream, error: RpcError) -> None:
        """End a call with a status. Queued data of its response is discarded."""
        if stream.state is _CLOSED:
            return
        self.sender.discard(stream)
        self.finish(stream, error)

    def finish(self, stream: Stream, error: RpcError) -> None:
        """End a call with a status, after the queued data of its response."""
        trailers = error.trailers()
        stream.status = error.code
        self.sender.end_stream(stream, trailers if stream.headers_sent else grpc.RESPONSE_HEADERS + trailers)
        self._schedule_flush()


def _flooded(event: Flood) -> ProtocolError:
    return ProtocolError(frames.ENHANCE_YOUR_CALM, "too many control frames", event.kind)
