"""One HTTP/2 connection by all rules of RFC 9113, a frame at a time: the long way, and the reference for the short one.

Bytes come in as frames through `frame`; what is to be sent stands in `sender.out`. The transport is `connection`'s.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from cqar.hotpath.lane import calls, decisions, frames, grpc, limits, proxy
from cqar.hotpath.lane.decisions import Decider, Decision
from cqar.hotpath.lane.flow import Sender
from cqar.hotpath.lane.frames import Fault
from cqar.hotpath.lane.grpc import Failure, Reply
from cqar.hotpath.lane.hpack import Decoder, Field, Other
from cqar.hotpath.lane.limits import Bucket
from cqar.hotpath.lane.service import Hit, Peer
from cqar.hotpath.lane.shared import Shared
from cqar.hotpath.lane.stream import Stream

#: A unary request that waits for its DATA: how to find its answer, what it is, its other fields, and where the peer has
#: widened the stream already, by how much.
Request: TypeAlias = tuple[Hit, Decision, list[Other]] | tuple[Hit, Decision, list[Other], int]

#: Blocks and decisions that a connection remembers; bytes of a block that is remembered, or kept by a waiting request.
_BLOCKS = 32
_DECISIONS = 100
SMALL_BLOCK = 1_024
#: Of so many blocks that are not remembered in a row, only the first few are tried: a peer whose blocks are unique.
_TRIALS = 64
_TRIAL_PERIOD = 1_024
_LAST_WORD = b"cqardrai"


class _OpenBlock:
    """A header block whose end has not come."""

    __slots__ = ("block", "count", "end", "number")

    def __init__(self, number: int, block: bytes, *, end: bool) -> None:
        self.number = number
        self.block = bytearray(block)
        self.end = end
        self.count = 0


class Session:
    """The state of a connection. Whoever feeds frames writes what stands in `sender.out` afterwards."""

    __slots__ = (
        "_decided",
        "_decider",
        "_decoder",
        "_forgotten",
        "_unseen",
        "blocks",
        "bucket",
        "calls",
        "credit",
        "draining",
        "epoch",
        "last",
        "later",
        "live",
        "open_block",
        "pending",
        "sender",
        "shared",
        "short",
    )

    def __init__(self, shared: Shared, peer: Peer, later: Callable[[], None]) -> None:
        self.shared = shared
        #: has what stands in `sender.out` written soon
        self.later = later
        self.sender = Sender(shared.usage, self._ended)
        self.bucket = Bucket(shared.limits.flood, shared.limits.flood_rate, shared.now)
        #: requests that wait for their DATA, and streams that take the long way
        self.pending: dict[int, Request] = {}
        self.live: dict[int, Stream] = {}
        #: the peer's last stream
        self.last = 0
        #: bytes that the peer may still send
        self.credit = shared.limits.connection_window
        #: longest row that fits into one frame and the window of a new stream
        self.short = min(grpc.SHORT_ROW, frames.DEFAULT_WINDOW)
        self.open_block: _OpenBlock | None = None
        #: calls with a task
        self.calls = 0
        #: whether new streams are refused
        self.draining = False
        #: header blocks whose meaning is known as long as the table of HPACK stays
        self.blocks: dict[bytes, Request] = {}
        self._unseen = 0
        self._decided: dict[tuple[Field, ...], Decision] = {}
        self._decider = Decider(shared.service, peer)
        self._decoder = Decoder(shared.memory)
        self.epoch = shared.epoch
        #: streams that the lane ended while the peer was still sending
        self._forgotten: dict[int, None] = {}

    def greet(self) -> None:
        """Send the server's part of the preface."""
        limit = self.shared.limits
        values = {
            frames.MAX_CONCURRENT_STREAMS: limit.streams,
            frames.INITIAL_WINDOW_SIZE: limit.stream_window,
            frames.MAX_HEADER_LIST_SIZE: limits.HEADER_LIST,
        }
        if limit.header_table != frames.DEFAULT_WINDOW:
            values[frames.HEADER_TABLE_SIZE] = limit.header_table
        self.sender.out.append(frames.settings(values))
        self.sender.out.append(frames.window_update(0, limit.connection_window - frames.DEFAULT_WINDOW))

    def flood(self, weight: int) -> None:
        """Count what only floods have much of. Raises Fault."""
        if self.bucket.add(weight, self.shared.loop.time()):
            raise Fault(frames.ENHANCE_YOUR_CALM, "too much that is of no use")

    # ---- frames ----------------------------------------------------------------------------------------------------

    def frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """Take a frame. Raises Fault where the connection is over."""
        if self.open_block is not None:
            self._continuation(self.open_block, kind, flags, number, payload)
        elif kind < len(_FRAMES):
            _FRAMES[kind](self, flags, number, payload)
        else:
            self.flood(limits.SMALL)

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        if not number & 1:
            raise Fault(frames.PROTOCOL_ERROR, "HEADERS on a stream that no client opens")
        payload = frames.unpadded(flags, payload)
        if flags & frames.PRIORITISED:
            if len(payload) < frames.PRIORITY_SIZE:
                raise Fault(frames.FRAME_SIZE_ERROR, "HEADERS too short for their priority")
            payload = payload[frames.PRIORITY_SIZE :]
        end = bool(flags & frames.END_STREAM)
        if flags & frames.END_HEADERS:
            self._block(number, payload, end=end)
        else:
            self.open_block = _OpenBlock(number, payload, end=end)

    def _continuation(self, part: _OpenBlock, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind != frames.CONTINUATION or number != part.number:
            raise Fault(frames.PROTOCOL_ERROR, "another frame within a header block")
        part.block += payload
        part.count += 1
        if part.count > limits.CONTINUATIONS or len(part.block) > limits.BLOCK_BYTES:
            raise Fault(frames.ENHANCE_YOUR_CALM, "a header block without end")
        if flags & frames.END_HEADERS:
            self.open_block = None
            self._block(number, bytes(part.block), end=part.end)

    def _stray(self, _flags: int, _number: int, _payload: bytes) -> None:
        raise Fault(frames.PROTOCOL_ERROR, "CONTINUATION without HEADERS")

    def _push_promise(self, _flags: int, _number: int, _payload: bytes) -> None:
        raise Fault(frames.PROTOCOL_ERROR, "PUSH_PROMISE of a client")

    def _priority(self, _flags: int, number: int, payload: bytes) -> None:
        if not number:
            raise Fault(frames.PROTOCOL_ERROR, "PRIORITY of the connection")
        if len(payload) != frames.PRIORITY_SIZE:
            raise Fault(frames.FRAME_SIZE_ERROR, "PRIORITY is not five bytes")
        self.flood(limits.SMALL)

    def _rst_stream(self, _flags: int, number: int, payload: bytes) -> None:
        if len(payload) != frames.WORD:
            raise Fault(frames.FRAME_SIZE_ERROR, "RST_STREAM is not four bytes")
        self._check_begun(number)
        self.flood(limits.RESET)
        stream = self.live.get(number)
        if stream is not None:
            self.drop(stream, grpc.CANCELLED)
        else:
            self.pending.pop(number, None)

    def _check_begun(self, number: int) -> None:
        """Raise Fault where a stream has not begun."""
        if not number or not number & 1 or number > self.last:
            raise Fault(frames.PROTOCOL_ERROR, "a frame on a stream that has not begun")

    def _ping(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise Fault(frames.PROTOCOL_ERROR, "PING of a stream")
        if len(payload) != frames.PING_SIZE:
            raise Fault(frames.FRAME_SIZE_ERROR, "PING is not eight bytes")
        if not flags & frames.ACK:
            self.flood(limits.SMALL)
            self.sender.out.append(frames.ping(payload, frames.ACK))
        elif payload == _LAST_WORD and self.draining:
            self.refuse_new()

    def _goaway(self, _flags: int, number: int, payload: bytes) -> None:
        if number:
            raise Fault(frames.PROTOCOL_ERROR, "GOAWAY of a stream")
        if len(payload) < 2 * frames.WORD:
            raise Fault(frames.FRAME_SIZE_ERROR, "GOAWAY is shorter than eight bytes")
        self.flood(limits.SMALL)

    def _settings(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise Fault(frames.PROTOCOL_ERROR, "SETTINGS of a stream")
        if flags & frames.ACK:
            if payload:
                raise Fault(frames.FRAME_SIZE_ERROR, "an acknowledgement with settings")
            self._decoder.limit(self.shared.limits.header_table)
            return
        if len(payload) % frames.SETTING_SIZE:
            raise Fault(frames.FRAME_SIZE_ERROR, "SETTINGS are not of six bytes each")
        self.flood(limits.SETTING)
        for key, value in frames.read_settings(payload):
            if key == frames.INITIAL_WINDOW_SIZE:
                self._initial_window(value)
            elif key == frames.MAX_FRAME_SIZE:
                if not frames.MAX_FRAME <= value < 1 << 24:
                    raise Fault(frames.PROTOCOL_ERROR, "a frame size out of bounds")
                self.sender.frame_limit(value)
            elif key == frames.ENABLE_PUSH and value > 1:
                raise Fault(frames.PROTOCOL_ERROR, "ENABLE_PUSH is neither 0 nor 1")
        self.sender.out.append(frames.settings_ack())
        self.sender.pump(self.shared.now)

    def _initial_window(self, size: int) -> None:
        if size > frames.MAX_WINDOW:
            raise Fault(frames.FLOW_CONTROL_ERROR, "a window over 2^31-1")
        sender = self.sender
        change = size - sender.initial
        sender.initial = size
        self.short = min(grpc.SHORT_ROW, size)
        for stream in self.live.values():
            if not sender.widen(stream, change):
                raise Fault(frames.FLOW_CONTROL_ERROR, "settings widen a window over 2^31-1")

    def _window_update(self, _flags: int, number: int, payload: bytes) -> None:
        if len(payload) != frames.WORD:
            raise Fault(frames.FRAME_SIZE_ERROR, "WINDOW_UPDATE is not four bytes")
        size = frames.word(payload)
        sender = self.sender
        if not number:
            sender.window += size
            if not size or sender.window > frames.MAX_WINDOW:
                raise Fault(frames.FLOW_CONTROL_ERROR if size else frames.PROTOCOL_ERROR, "a window by 0 or over 2^31-1")
            sender.pump(self.shared.now)
            return
        self._check_begun(number)
        if not size:
            self.flood(limits.NOTHING)
        stream = self.stream(number)
        if stream is None:
            return
        if not size:
            self.reset(stream, frames.PROTOCOL_ERROR)
        elif not sender.widen(stream, size):
            self.reset(stream, frames.FLOW_CONTROL_ERROR)
        else:
            sender.pump(self.shared.now)

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        self._check_begun(number)
        self.credit -= len(payload)
        stream = self.stream(number)
        if stream is None:
            if number not in self._forgotten:
                self.flood(limits.REFUSED)
                self.sender.out.append(frames.rst_stream(number, frames.STREAM_CLOSED))
            elif not payload:
                self.flood(limits.NOTHING)
            return
        if stream.ended:
            self.reset(stream, frames.STREAM_CLOSED)
            return
        stream.credit -= len(payload)
        if stream.credit < 0:
            self.reset(stream, frames.FLOW_CONTROL_ERROR)
            return
        payload = frames.unpadded(flags, payload)
        end = bool(flags & frames.END_STREAM)
        if not payload and not end:
            self.flood(limits.NOTHING)
        if stream.inbox is not None:
            proxy.feed(self, stream, payload)
        else:
            self._gather(stream, payload)
        if end and not stream.closed:
            self._complete(stream)

    # ---- requests --------------------------------------------------------------------------------------------------

    def request(self, block: bytes) -> Request:
        """What a block asks for. Raises Fault."""
        decoder = self._decoder
        fields, others, lead = decoder.decode(block)
        decision = self._decided.get(fields)
        if decision is None:
            decision = self._decide(fields)
        if decision.pseudo > lead:
            decision = Decision(decisions.MALFORMED, fields)
        found = (decision.hit, decision, others)
        if decoder.changed:
            decoder.changed = False
            self.blocks.clear()
        elif decision.kind == decisions.UNARY and decision.lasting:
            self._remember(block, found)
        return found

    def _remember(self, block: bytes, request: Request) -> None:
        self._unseen += 1
        if self._unseen <= _TRIALS:
            if len(self.blocks) >= _BLOCKS:
                self.blocks.clear()
            self.blocks[block] = request
        elif self._unseen > _TRIAL_PERIOD:
            self._unseen = 0

    def _decide(self, fields: tuple[Field, ...]) -> Decision:
        decision = self._decider.decide(fields)
        if decision.lasting:
            if len(self._decided) >= _DECISIONS:
                self._decided.clear()
            self._decided[fields] = decision
        return decision

    def forget_decisions(self) -> None:
        """A new epoch: decide anew."""
        self.epoch = self.shared.epoch
        self.blocks.clear()
        self._decided.clear()

    def _block(self, number: int, block: bytes, *, end: bool) -> None:
        """A whole header block: a request, or the trailers of one."""
        if number <= self.last:
            self._trailers(number, block, end=end)
            return
        self.last = number
        request = self.request(block)
        if self.draining or len(self.pending) + len(self.live) >= self.room():
            self.flood(limits.REFUSED)
            self.refuse(number, frames.REFUSED_STREAM, end=end)
            return
        self.begin(number, request, end=end, size=len(block))

    def room(self) -> int:
        """Streams that the connection may have."""
        return 0 if self.draining else self.shared.usage.share

    def _trailers(self, number: int, block: bytes, *, end: bool) -> None:
        stream = self.stream(number)
        self._decoder.decode(block)
        if self._decoder.changed:
            self._decoder.changed = False
            self.blocks.clear()
        if stream is None:
            if number not in self._forgotten:
                raise Fault(frames.STREAM_CLOSED, "HEADERS on a stream that is over")
        elif not end or stream.ended:
            self.reset(stream, frames.STREAM_CLOSED if stream.ended else frames.PROTOCOL_ERROR)
        else:
            self._complete(stream)

    def refuse(self, number: int, code: int, *, end: bool) -> None:
        """End a stream that has not become one."""
        self.sender.out.append(frames.rst_stream(number, code))
        if not end:
            self._forget(number)

    def begin(self, number: int, request: Request, *, end: bool, size: int = 0) -> None:
        """A stream begins. A unary one waits for its DATA as a request as long as nothing else comes for it."""
        decision = request[1]
        self.last = number
        if decision.kind == decisions.UNARY and not end and size <= SMALL_BLOCK:
            self.pending[number] = request
        elif decision.kind == decisions.MALFORMED:
            self.flood(limits.REFUSED)
            self.refuse(number, frames.PROTOCOL_ERROR, end=end)
        elif decision.block:
            self._turn_away(number, decision, end=end)
        else:
            stream = self._open(number, request)
            stream.held = size
            self.shared.usage.buffered += size
            if decision.kind == decisions.PROXIED:
                proxy.begin(self, stream)
            if end and not stream.closed:
                self._complete(stream)

    def _turn_away(self, number: int, decision: Decision, *, end: bool) -> None:
        """Answer with nothing but a status."""
        self.sender.out.append(frames.headers(number, decision.block, end=True))
        self.flood(limits.SMALL)
        if not end:
            self.refuse(number, frames.NO_ERROR, end=False)
        if decision.kind == decisions.REFUSED:
            self.shared.service.observer.call(decision.path, decision.principal, decision.status, 0.0)

    def _open(self, number: int, request: Request) -> Stream:
        shared = self.shared
        window = self.sender.initial + (request[3] if len(request) > 3 else 0)  # noqa: PLR2004 - widened already
        stream = Stream(number, request[1], request[2], window, shared.limits.stream_window, shared.loop.time())
        self.live[number] = stream
        return stream

    def stream(self, number: int) -> Stream | None:
        """A stream that is not over, from now on the long way."""
        stream = self.live.get(number)
        if stream is None:
            request = self.pending.pop(number, None)
            if request is not None:
                return self._open(number, request)
        return stream

    def _gather(self, stream: Stream, payload: bytes) -> None:
        """More of a unary request."""
        usage, limit = self.shared.usage, self.shared.limits
        if stream.buffer is None:
            stream.buffer = bytearray()
        buffer = stream.buffer
        buffer += payload
        stream.held += len(payload)
        usage.buffered += len(payload)
        if len(buffer) >= grpc.PREFIX and int.from_bytes(buffer[1 : grpc.PREFIX], "big") > limit.request:
            self.fail(stream, grpc.too_large(limit.request))
        elif len(buffer) > limit.request + grpc.PREFIX:
            self.fail(stream, Failure(grpc.UNIMPLEMENTED, "one message is due, and there are more"))
        elif usage.buffered > limit.buffered:
            self.fail(stream, Failure(grpc.RESOURCE_EXHAUSTED, "too much of other requests is waiting; retry in a moment"))
        else:
            self.replenish(stream)

    def replenish(self, stream: Stream) -> None:
        """Let the peer send more of a stream."""
        whole = self.shared.limits.stream_window
        if stream.credit < whole >> 1 and not stream.ended:
            self.sender.out.append(frames.window_update(stream.number, whole - stream.credit))
            stream.credit = whole

    def _complete(self, stream: Stream) -> None:
        """The peer has sent all of a request."""
        stream.ended = True
        if stream.inbox is not None:
            proxy.end(self, stream)
            return
        data = bytes(stream.buffer or b"")
        stream.buffer = None
        self.unary(stream, data, stream.decision.hit(data))

    def whole(self, number: int, request: Request, data: bytes, row: bytes | None) -> None:
        """A unary request that came in one frame takes the long way from here on."""
        stream = self._open(number, request)
        stream.ended = True
        self.unary(stream, data, row)

    def unary(self, stream: Stream, data: bytes, row: bytes | None) -> None:
        """Answer a unary request, by the row that stands ready if there is one."""
        decision, limit = stream.decision, self.shared.limits
        if row is None:
            try:
                message = grpc.one_message(data, decision.encoding, limit.request)
            except Failure as failure:
                self.fail(stream, failure)
                return
            if data[0]:
                row = decision.hit(grpc.framed(message))
            if row is None:
                calls.begin(self, stream, message)
                return
        observer = self.shared.service.observer
        observer.hits(((decision.path, decision.principal, 1),), 0.0)
        tail = self.shared.service.tail()
        if tail is None:
            self._answer(stream, row, memoryview(row)[: -grpc.PREFIX], grpc.TRAILERS)
        else:
            message = row[grpc.PREFIX : -grpc.PREFIX] + tail.message
            self._answer(stream, None, grpc.framed(message), grpc.TRAILERS + tail.trailers)

    # ---- answers ---------------------------------------------------------------------------------------------------

    def reply(self, stream: Stream, reply: Reply) -> None:
        """Answer a call."""
        self._answer(stream, None, grpc.framed(reply.body), grpc.TRAILERS + grpc.block(reply.trailing))

    def _answer(self, stream: Stream, row: bytes | None, message: bytes | memoryview, trailers: bytes) -> None:
        sender, size = self.sender, len(message)
        stream.begun = True
        if row is not None and len(row) <= self.short and size <= stream.window and size <= sender.allowance():
            sender.spend(size)
            number = stream.number.to_bytes(4, "big")
            sender.out.append(number.join((grpc.HEAD, grpc.BODY_HEADS[len(row)], row, grpc.TRAILERS)))
            self._ended(stream)
            return
        if not self._may_queue(message):
            self.flood(limits.REFUSED)
            self.fail(stream, Failure(grpc.RESOURCE_EXHAUSTED, "earlier answers wait to be read; read them and retry"))
            return
        sender.out.append(frames.headers(stream.number, grpc.ANSWER, end=False))
        sender.push(stream, message, self.shared.now)
        if not stream.closed:
            sender.finish(stream, trailers)

    def _may_queue(self, chunk: Any) -> bool:
        """Whether there is room for an answer behind those that the peer has not taken."""
        sender, usage, limit = self.sender, self.shared.usage, self.shared.limits
        if not isinstance(chunk, bytes) or not sender.queued:
            return usage.queued <= limit.all_queued
        return sender.queued + len(chunk) <= limit.queued and usage.queued + len(chunk) <= limit.all_queued

    def fail(self, stream: Stream, failure: Failure) -> None:
        """End a call with a status; what waits of its answer is dropped."""
        if stream.closed:
            return
        self.sender.drop(stream)
        block = failure.block()
        self.close(stream, block if stream.begun else grpc.ANSWER + block, failure.code)

    def close(self, stream: Stream, trailers: bytes, code: int) -> None:
        """End a stream with these fields after what waits of it."""
        stream.status = code
        self.sender.finish(stream, trailers)
        self.later()

    def _ended(self, stream: Stream) -> None:
        """The last frame of a stream stands in the output."""
        self.bucket.relieve(limits.ANSWERED)
        if not stream.ended:
            self.refuse(stream.number, frames.NO_ERROR, end=False)
        self._remove(stream, stream.status)

    def reset(self, stream: Stream, code: int) -> None:
        """End a stream by RST_STREAM."""
        self.refuse(stream.number, code, end=stream.ended)
        self.drop(stream, grpc.INTERNAL)

    def drop(self, stream: Stream, status: int) -> None:
        """Forget a stream and end its call."""
        self.sender.drop(stream)
        self._remove(stream, status)
        if stream.task is not None:
            stream.task.cancel()

    def _remove(self, stream: Stream, status: int) -> None:
        """Nothing of the stream stays, but a task that has yet to end."""
        if stream.closed:
            return
        stream.closed = True
        self.live.pop(stream.number, None)
        self.shared.usage.buffered -= stream.held
        stream.held = 0
        stream.buffer = None
        if stream.timer is not None:
            stream.timer.cancel()
        if stream.slow:
            decision = stream.decision
            seconds = self.shared.loop.time() - stream.started
            self.shared.service.observer.call(decision.path, decision.principal, status, seconds)

    def _forget(self, number: int) -> None:
        if len(self._forgotten) >= self.shared.limits.streams:
            self._forgotten.clear()
        self._forgotten[number] = None

    # ---- the end ---------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Ask the peer to open no more streams; those that are on their way are served still."""
        if not self.draining:
            self.sender.out.append(frames.goaway(frames.MAX_WINDOW, frames.NO_ERROR))
            self.sender.out.append(frames.ping(_LAST_WORD, 0))

    def refuse_new(self) -> None:
        """Refuse new streams."""

    def end(self) -> None:
        """The connection is over: end all calls."""
        for stream in list(self.live.values()):
            self.drop(stream, grpc.CANCELLED)
        self.pending.clear()
        self.blocks.clear()


_Handler: TypeAlias = Callable[[Session, int, int, bytes], None]

#: By type of frame.
_FRAMES: tuple[_Handler, ...] = (
    Session._data,  # noqa: SLF001 - its own
    Session._headers,  # noqa: SLF001
    Session._priority,  # noqa: SLF001
    Session._rst_stream,  # noqa: SLF001
    Session._settings,  # noqa: SLF001
    Session._push_promise,  # noqa: SLF001
    Session._ping,  # noqa: SLF001
    Session._goaway,  # noqa: SLF001
    Session._window_update,  # noqa: SLF001
    Session._stray,  # noqa: SLF001
)
