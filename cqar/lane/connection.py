"""The bytes of one connection, and the short way: requests whose answers stand ready, many in one read, with one write.

`_hurry` is the loop that everything else exists for. It knows three frames: HEADERS of a new request, WINDOW_UPDATE and
DATA that holds a whole request. Whatever it does not know, or not like, goes to `Session.frame`, which knows all of
HTTP/2; `_walk` sends everything there, and the answers are the same bytes.
"""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from cqar.lane import frames, grpc, routing
from cqar.lane.frame_reader import Session
from cqar.lane.frames import MAX_WINDOW, Fault
from cqar.lane.limits import ANSWERED, BURST
from cqar.lane.service import Peer, Tally
from cqar.lane.streams import SMALL_BLOCK
from cqar.lane.timeouts import Watch

if TYPE_CHECKING:
    from cqar.lane.server import Lane

# Type and flags of the frames of the short way, as one number.
_REQUEST: Final = frames.HEADERS << 8 | frames.END_HEADERS
_MESSAGE: Final = frames.DATA << 8 | frames.END_STREAM
_WINDOW: Final = frames.WINDOW_UPDATE << 8

_HTTP1: Final = b"HTTP/1.1 505 HTTP Version Not Supported\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
#: Bytes among which HTTP/1 shows itself.
_FIRST_LINE: Final = 2_048

# What the loop reads for every frame or answer.
_unpack: Final = frames.unpack_header
_HEAD: Final = grpc.HEAD
_BODY_HEADS: Final = grpc.BODY_HEADS
_TRAILERS: Final = grpc.TRAILERS

# Stages of a connection.
_PREFACE: Final = 0
_SETTINGS: Final = 1
_OPEN: Final = 2
_OVER: Final = 3


class Connection(asyncio.Protocol):
    """A connection, from its first byte to its last."""

    __slots__ = ("_buffer", "_flushing", "_lane", "_stage", "session", "transport", "watch")

    session: Session
    transport: asyncio.Transport
    watch: Watch

    def __init__(self, lane: "Lane") -> None:
        self._lane = lane
        self._buffer = b""
        self._stage = _PREFACE
        self._flushing = False

    @property
    def greeted(self) -> bool:
        """Whether the peer has shown that it speaks HTTP/2, or all is over."""
        return self._stage >= _OPEN

    # ---- transport -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; too many connections, and TLS that has not agreed on HTTP/2, end at once."""
        self.transport = cast("asyncio.Transport", transport)
        shared = self._lane.shared
        self.session = Session(shared, _peer(self.transport), self.later)
        self.watch = Watch(self, self.session, shared.loop.time())
        self.transport.set_write_buffer_limits(BURST)
        self._lane.connections.add(self)
        shared.usage.connections += 1
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._close()
        elif shared.usage.connections > shared.limits.connections or self._lane.closing:
            self.session.greet()
            self.end(frames.ENHANCE_YOUR_CALM, "too many connections")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it ended does not matter
        """Forget everything."""
        self._stage = _OVER
        self.session.end()
        self._buffer = b""
        self._lane.shared.usage.connections -= 1
        self._lane.left(self)

    def pause_writing(self) -> None:
        """The peer does not read: neither do we."""
        self.session.sender.paused = True
        self.watch.paused = self._lane.shared.loop.time()
        if self._stage != _OVER:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self.session.sender.paused = False
        self.watch.paused = 0.0
        if self._stage != _OVER:
            self.transport.resume_reading()
            self._go_on()

    def data_received(self, data: bytes) -> None:
        """Take what has come, and answer what can be answered."""
        if self._stage == _OVER:
            return
        self._flushing = True
        try:
            self._read(data)
        except Fault as fault:
            self.end(fault.code, fault.reason)
        except Exception as error:  # noqa: BLE001 - a bug of the lane or of a hit ends one connection, not the process
            self._lane.shared.service.observer.error("", error)
            self.end(frames.INTERNAL_ERROR, "internal error")
        else:
            self._flush()

    # ---- in --------------------------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        session, shared = self.session, self._lane.shared
        buffer = self._buffer + data if self._buffer else data
        at = 0
        if self._stage != _OPEN:
            at = self._greet(buffer)
        if self._stage == _OPEN:
            if session.epoch != shared.epoch:
                session.forget_decisions()
            began = monotonic()
            session.tail = shared.service.tail(began)
            at = self._hurry(buffer, at, began) if shared.fast and session.open_block is None else self._walk(buffer, at)
            if session.credit < session.low:
                session.receive()
        watch = self.watch
        if at != len(buffer) or watch.half or session.open_block is not None:
            self._buffer = buffer[at:]
            if at == len(buffer) and session.open_block is None:
                watch.half = 0.0
            elif not watch.half or (at and session.open_block is None):
                watch.half = shared.now

    def _greet(self, buffer: bytes) -> int:
        """Take the preface, whose last part is SETTINGS; where the frames after it begin. Raises Fault."""
        size = len(frames.PREFACE)
        if self._stage == _PREFACE:
            if buffer[:size] != frames.PREFACE[: len(buffer)]:
                if b" HTTP/1." in buffer[:_FIRST_LINE]:
                    self.transport.write(_HTTP1)
                self._close()
                return len(buffer)
            if len(buffer) < size:
                return 0
            self.session.greet()
            self._stage = _SETTINGS
        else:
            size = 0
        if len(buffer) >= size + frames.HEADER:
            if buffer[size + 3] != frames.SETTINGS or buffer[size + 4] & frames.ACK:
                raise Fault(frames.PROTOCOL_ERROR, "the preface does not end with SETTINGS")
            self._stage = _OPEN
        return size

    def _walk(self, buffer: bytes, at: int) -> int:
        """Take all frames the long way; where the first begins that is not complete. Raises Fault."""
        end = len(buffer)
        frame = self.session.frame
        while at + frames.HEADER <= end:
            high, length, kind, number = frames.unpack_header(buffer, at)
            after = at + frames.HEADER + length
            if high or length > frames.MAX_FRAME:
                raise Fault(frames.FRAME_SIZE_ERROR, "a frame larger than was agreed")
            if after > end:
                break
            frame(kind >> 8, kind & 0xFF, number & MAX_WINDOW, buffer[at + frames.HEADER : after])
            at = after
        return at

    def _hurry(self, buffer: bytes, at: int, began: float) -> int:  # noqa: C901, PLR0912, PLR0915 - a call would cost more than a step
        """Take all frames, the short way where they allow it; where the first begins that is not complete. Raises Fault."""
        session = self.session
        sender = session.sender
        pending = session.pending
        pop, known = pending.pop, session.blocks.get
        append = sender.out.append
        tail = session.tail
        more_bytes = 0 if tail is None else len(tail.message)
        end = len(buffer)
        full = end - frames.HEADER
        # Kept in step with the session wherever that is called: its last stream, and room for more of them; the longest row;
        # bytes of DATA that may go out, and those that had come; runs of hits by decision.
        last, short = session.last, session.short
        room = session.room() - len(session.live)
        left = allowance = sender.allowance()
        received = run = 0
        counts: list[tuple[Tally, int]] = []
        latest: routing.Decision | None = None
        try:
            while at <= full:
                high, length, kind, number = _unpack(buffer, at)
                after = at + 9 + length
                if after > end or high:
                    if high or length > frames.MAX_FRAME:
                        raise Fault(frames.FRAME_SIZE_ERROR, "a frame larger than was agreed")
                    break
                row = None
                request = None
                if kind == _REQUEST:
                    if number > last and number & 1 and len(pending) < room and length <= SMALL_BLOCK:
                        block = buffer[at + 9 : after]
                        request = known(block)
                        if request is None:
                            last = session.last = number
                            request = session.request(block)
                            if request[1].kind != routing.UNARY:
                                sender.spend(allowance - left)
                                session.begin(number, request, end=False)
                                short = session.short
                                room = session.room() - len(session.live)
                                left = allowance = sender.allowance()
                                at = after
                                continue
                        last = number
                        at = after
                        # Mostly its message follows at once; else the request waits for it.
                        if at <= full:
                            high, length, kind, follower = _unpack(buffer, at)
                            after = at + 9 + length
                        if at > full or kind != _MESSAGE or follower != number or after > end or high:
                            pending[number] = request
                            continue
                elif kind == _MESSAGE:
                    request = pop(number, None)
                elif kind == _WINDOW and length == 4:  # noqa: PLR2004 - a u32
                    more = int.from_bytes(buffer[at + 9 : after], "big")
                    if number:
                        widened = pending.get(number)
                        if widened is not None and len(widened) == 3 and 0 < more <= MAX_WINDOW - sender.initial:  # noqa: PLR2004
                            pending[number] = (*widened, more)
                            at = after
                            continue
                    elif 0 < more <= MAX_WINDOW - sender.window and not sender.ready:
                        sender.window += more
                        at = after
                        continue
                if request is not None:
                    row = request[0](buffer[at + 9 : after])
                    if row is not None:
                        size = len(row) + more_bytes
                        if size <= short and size <= left:
                            if tail is None:
                                append(buffer[at + 5 : at + 9].join((_HEAD, _BODY_HEADS[size], row, _TRAILERS)))
                            else:
                                append(tail.joined(buffer[at + 5 : at + 9], row))
                            left -= size - 5
                            received += length
                            decision = request[1]
                            if decision is latest:
                                run += 1
                            else:
                                if latest is not None:
                                    counts.append((latest.tally, run))
                                latest = decision
                                run = 1
                            at = after
                            continue
                # The long way.
                if length > frames.MAX_FRAME:
                    raise Fault(frames.FRAME_SIZE_ERROR, "a frame larger than was agreed")
                session.last = max(session.last, last)
                sender.spend(allowance - left)
                left = allowance
                payload = buffer[at + 9 : after]
                if request is None:
                    session.frame(kind >> 8, kind & 0xFF, number & MAX_WINDOW, payload)
                else:
                    received += length
                    session.whole(number, request, payload, row)
                at = after
                if session.open_block is not None:
                    return self._walk(buffer, at)
                last, short = session.last, session.short
                room = session.room() - len(session.live)
                left = allowance = sender.allowance()
        finally:
            session.last = max(session.last, last)
            if received:
                session.credit -= received
            if latest is not None:
                sender.spend(allowance - left)
                seconds = monotonic() - began
                hits = run
                for tally, many in counts:
                    tally(many, seconds)
                    hits += many
                latest.tally(run, seconds)
                if session.bucket.level:
                    session.bucket.relieve(ANSWERED * hits)
        return at

    # ---- out -------------------------------------------------------------------------------------------------------

    def later(self) -> None:
        """Have written what stands in the output, once for all that happens until then."""
        if not self._flushing:
            self._flushing = True
            self._lane.shared.loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write what stands in the output."""
        self._flushing = False
        sender = self.session.sender
        out = sender.out
        if out and self._stage != _OVER:
            data = b"".join(out)
            out.clear()
            sender.budget = BURST
            self.transport.write(data)
        if sender.ready and sender.window > 0 and not sender.paused:
            self._flushing = True
            self._lane.shared.loop.call_soon(self._go_on)
        if self.session.leaving and not self.session.live and not self.session.pending:
            self._close()

    def _go_on(self) -> None:
        """Send more of what waits."""
        if self._stage != _OVER:
            self.session.sender.pump(self._lane.shared.now)
            self._flush()

    # ---- the end ---------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Ask the peer to go elsewhere for new calls."""
        if self._stage == _OVER or self.watch.drained:
            return
        self.watch.drained = self._lane.shared.loop.time()
        if self._stage == _PREFACE:
            self._close()
        else:
            self.session.drain()
            self._flush()

    def ask(self) -> None:
        """Ask the peer for a sign of life."""
        self.session.ask()
        self._flush()

    def leave(self) -> None:
        """Refuse new calls; the connection closes with the last of those that are under way."""
        self.session.leave()
        self._flush()

    def end(self, code: int, reason: str) -> None:
        """End the connection with an error code."""
        if self._stage == _OVER:
            return
        self.session.end()
        self.session.sender.out.append(frames.goaway(self.session.last, code, reason))
        self._flush()
        self._lane.shared.service.observer.closed(code, reason)
        self._close()

    def _close(self) -> None:
        """Close; what the peer still sends is read for a moment, so that it reads what it was sent."""
        if self._stage == _OVER:
            return
        self._stage = _OVER
        self.watch.over = self._lane.shared.loop.time()
        self.session.end()
        if self.session.sender.paused or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()

    def abort(self, reason: str = "") -> None:
        """Close at once; the reason is for the metrics."""
        if reason and self._stage != _OVER:
            self._lane.shared.service.observer.closed(frames.NO_ERROR, reason)
        self._stage = _OVER
        self.transport.abort()


def _peer(transport: asyncio.Transport) -> Peer:
    """Who is at the other end."""
    name = transport.get_extra_info("peername")
    tls = transport.get_extra_info("ssl_object")
    address = f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name or "")
    return Peer(address, (tls.getpeercert() or None) if tls is not None else None)
