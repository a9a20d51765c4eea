"""The calls of one HTTP/2 connection: header blocks become requests, requests get answers. Frames are `session`'s."""

from collections.abc import Callable
from typing import Final, TypeAlias

from cqar.lane import call_tasks, frames, grpc, limits, proxy, routing
from cqar.lane.frames import Fault
from cqar.lane.grpc import Failure, Reply, Tail
from cqar.lane.hpack import Decoder, Field, Other
from cqar.lane.limits import Bucket
from cqar.lane.routing import Decider, Decision
from cqar.lane.sender import Sender
from cqar.lane.server_state import Shared
from cqar.lane.service import Hit, Peer
from cqar.lane.stream import Chunk, Stream

#: A unary request that waits for its DATA: how to find its answer, what it is, its other fields, and where the peer has
#: widened the stream already, by how much.
Request: TypeAlias = tuple[Hit, Decision, list[Other]] | tuple[Hit, Decision, list[Other], int]

#: Bytes of a block that is remembered, or kept by a waiting request.
SMALL_BLOCK: Final = 1_024
#: Blocks and decisions that a connection remembers.
_BLOCKS: Final = 32
_DECISIONS: Final = 100
#: Of so many blocks that are not remembered in a row, only the first few are tried: a peer whose blocks are unique.
_TRIALS: Final = 64
_TRIAL_PERIOD: Final = 1_024


class Exchange:
    """Requests and answers of a connection."""

    __slots__ = (
        "_decided",
        "_decider",
        "_forgotten",
        "_unseen",
        "blocks",
        "bucket",
        "calls",
        "decoder",
        "epoch",
        "last",
        "later",
        "leaving",
        "live",
        "pending",
        "sender",
        "shared",
        "tail",
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
        #: calls with a task
        self.calls = 0
        #: whether new streams are refused
        self.leaving = False
        #: header blocks whose meaning is known as long as the table of HPACK stays
        self.blocks: dict[bytes, Request] = {}
        self._unseen = 0
        self._decided: dict[tuple[Field, ...], Decision] = {}
        self._decider = Decider(shared.service, peer)
        self.decoder = Decoder(shared.memory)
        self.epoch = shared.epoch
        #: what ready answers get for the read at hand
        self.tail: Tail | None = None
        #: streams that the lane ended while the peer was still sending
        self._forgotten: dict[int, None] = {}

    def flood(self, weight: int) -> None:
        """Count what only floods have much of. Raises Fault."""
        if self.bucket.add(weight, self.shared.loop.time()):
            raise Fault(frames.ENHANCE_YOUR_CALM, "too much that is of no use")

    @property
    def peer(self) -> Peer:
        """Who is at the other end."""
        return self._decider.peer

    def forgot(self, number: int, *, end: bool) -> bool:
        """Whether what comes for this stream was sent before the peer knew that it was over."""
        if number not in self._forgotten:
            return False
        if end:
            del self._forgotten[number]
        return True

    # ---- requests --------------------------------------------------------------------------------------------------

    def request(self, block: bytes) -> Request:
        """What a block asks for. Raises Fault."""
        decoder = self.decoder
        fields, others, lead = decoder.decode(block)
        decision = self._decided.get(fields)
        if decision is None:
            decision = self._decide(fields)
        if decision.pseudo > lead:
            decision = Decision(routing.MALFORMED, fields)
        found = (decision.hit, decision, others)
        if decoder.changed:
            decoder.changed = False
            self.blocks.clear()
        elif decision.kind == routing.UNARY and decision.lasting:
            self._unseen += 1
            if self._unseen <= _TRIALS:
                if len(self.blocks) >= _BLOCKS:
                    self.blocks.clear()
                self.blocks[block] = found
            elif self._unseen > _TRIAL_PERIOD:
                self._unseen = 0
        return found

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

    def block(self, number: int, block: bytes, *, end: bool) -> None:
        """A whole header block: a request, or the trailers of one."""
        if number <= self.last:
            self._trailers(number, block, end=end)
            return
        self.last = number
        request = self.request(block)
        if len(self.pending) + len(self.live) >= self.room():
            self.flood(limits.REFUSED)
            self.refuse(number, frames.REFUSED_STREAM, end=end)
            return
        self.begin(number, request, end=end, size=len(block))

    def room(self) -> int:
        """Streams that the connection may have."""
        return 0 if self.leaving else self.shared.usage.share

    def _trailers(self, number: int, block: bytes, *, end: bool) -> None:
        stream = self.stream(number)
        self.decoder.decode(block)
        if self.decoder.changed:
            self.decoder.changed = False
            self.blocks.clear()
        if stream is None:
            if not self.forgot(number, end=end):
                raise Fault(frames.STREAM_CLOSED, "HEADERS on a stream that is over")
        elif not end or stream.ended:
            self.reset(stream, frames.STREAM_CLOSED if stream.ended else frames.PROTOCOL_ERROR)
        else:
            self.complete(stream)

    def refuse(self, number: int, code: int, *, end: bool) -> None:
        """End a stream that has not become one."""
        self.sender.out.append(frames.rst_stream(number, code))
        if not end:
            self._forget(number)

    def begin(self, number: int, request: Request, *, end: bool, size: int = 0) -> None:
        """A stream begins. A unary one waits for its DATA as a request as long as nothing else comes for it."""
        decision = request[1]
        self.last = number
        if decision.kind == routing.UNARY and not end and size <= SMALL_BLOCK:
            self.pending[number] = request
        elif decision.kind == routing.MALFORMED:
            self.flood(limits.REFUSED)
            self.refuse(number, frames.PROTOCOL_ERROR, end=end)
        elif decision.block:
            self._turn_away(number, decision, request[2], end=end)
        else:
            stream = self._open(number, request)
            stream.held = size
            self.shared.usage.buffered += size
            if size > SMALL_BLOCK and not call_tasks.bearable(self, stream):
                return
            if decision.kind == routing.PROXIED:
                proxy.begin(self, stream)
            if end and not stream.closed:
                self.complete(stream)

    def _turn_away(self, number: int, decision: Decision, others: list[Other], *, end: bool) -> None:
        """Answer with nothing but a status."""
        self.sender.out.append(frames.headers(number, decision.block, end=True))
        self.flood(limits.SMALL)
        if not end:
            self.refuse(number, frames.NO_ERROR, end=False)
        if decision.kind == routing.REFUSED:
            self.shared.service.observer.call(call_tasks.new_context(self, decision, others), decision.status, 0.0)

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

    def gather(self, stream: Stream, payload: bytes) -> None:
        """More of a unary request."""
        usage, limit = self.shared.usage, self.shared.limits
        if stream.buffer is None:
            stream.buffer = bytearray()
            call_tasks.hurry(self, stream)
            if stream.closed:
                return
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

    def complete(self, stream: Stream) -> None:
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
        if row is None or self._has_to_wait(decision, row):
            try:
                message = grpc.one_message(data, decision.encoding, limit.request)
            except grpc.Unreadable as unreadable:
                self.fail(stream, self.shared.service.explain(call_tasks.context_of(self, stream), unreadable))
                return
            except Failure as failure:
                self.fail(stream, failure)
                return
            if data[0] and row is None:
                row = decision.hit(grpc.framed(message))
            if row is None or self._has_to_wait(decision, row):
                call_tasks.begin(self, stream, message)
                return
        decision.tally(1, 0.0)
        tail = self.tail
        if tail is None:
            if not self._answer_at_once(stream, row):
                self._answer(stream, (memoryview(row) if decision.kept else row)[: -grpc.PREFIX], grpc.TRAILERS)
        else:
            self._answer(stream, grpc.framed(row[grpc.PREFIX : -grpc.PREFIX] + tail.message), tail.trailers)

    # ---- answers ---------------------------------------------------------------------------------------------------

    def reply(self, stream: Stream, reply: Reply) -> None:
        """Answer a call."""
        body, trailing = reply
        if trailing or len(body) > grpc.SHORT_ROW - grpc.ROW or not self._answer_at_once(stream, grpc.row(body)):
            self._answer(stream, grpc.framed(body), grpc.TRAILERS + grpc.block(trailing))
        self.later()

    def _answer_at_once(self, stream: Stream, row: bytes) -> bool:
        """Answer with a row if it fits into one frame and all windows; whether it does."""
        sender = self.sender
        length = len(row)
        size = length - grpc.PREFIX
        if length > grpc.SHORT_ROW or size > stream.window or size > sender.allowance():
            return False
        sender.spend(size)
        number = stream.number.to_bytes(4, "big")
        sender.out.append(number.join((grpc.HEAD, grpc.BODY_HEADS[length], row, grpc.TRAILERS)))
        self._ended(stream)
        return True

    def _answer(self, stream: Stream, message: Chunk, trailers: bytes) -> None:
        """Answer with a message that has its prefix, as soon as it may go."""
        if not self._may_queue(message):
            self.flood(limits.REFUSED)
            self.fail(stream, call_tasks.unread())
            return
        stream.begun = True
        self.sender.out.append(frames.headers(stream.number, grpc.ANSWER, end=False))
        self.sender.push(stream, message, self.shared.now)
        self.sender.finish(stream, trailers)

    def _has_to_wait(self, decision: Decision, row: bytes) -> bool:
        """Whether an answer by the row and the tail has no room yet. A row that is kept is only referred to, without a tail."""
        tail = self.tail
        if tail is None and decision.kept:
            return False
        more = 0 if tail is None else len(tail.message)
        return not self.sender.fits(len(row) + more, self.shared.limits.queued)

    def _may_queue(self, chunk: Chunk) -> bool:
        """Whether there is room for an answer behind those that the peer has not taken."""
        sender, usage, limit = self.sender, self.shared.usage, self.shared.limits
        if not isinstance(chunk, bytes) or not sender.queued:
            return usage.queued <= limit.all_queued
        return sender.fits(len(chunk), limit.queued) and usage.queued + len(chunk) <= limit.all_queued

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
        call_tasks.cancel(self, stream)

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
        if stream.slow or status:
            seconds = self.shared.loop.time() - stream.started
            self.shared.service.observer.call(call_tasks.context_of(self, stream), status, seconds)

    def _forget(self, number: int) -> None:
        if len(self._forgotten) >= self.shared.limits.streams:
            self._forgotten.clear()
        self._forgotten[number] = None

    def end(self) -> None:
        """The connection is over: end all calls."""
        for stream in list(self.live.values()):
            self.drop(stream, grpc.CANCELLED)
        self.pending.clear()
        self.blocks.clear()
