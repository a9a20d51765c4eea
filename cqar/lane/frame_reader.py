"""One HTTP/2 connection by all rules of RFC 9113, a frame at a time: the long way, and the reference for the short one.

Bytes come in as frames through `frame`; what is to be sent stands in `sender.out`. The transport is `connection`'s.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from cqar.lane import frames, grpc, limits, proxy
from cqar.lane.frames import Fault
from cqar.lane.hpack import DEFAULT_TABLE
from cqar.lane.server_state import Shared
from cqar.lane.service import Peer
from cqar.lane.streams import Exchange

#: The PING whose answer says that the peer has read GOAWAY.
_LAST_PING: Final = b"cqar bye"
#: The PING whose answer is a sign of life.
_KEEPALIVE: Final = b"cqar? ok"


class _OpenBlock:
    """A header block whose end has not come."""

    __slots__ = ("block", "count", "end", "number")

    def __init__(self, number: int, block: bytes, *, end: bool) -> None:
        self.number = number
        self.block = bytearray(block)
        self.end = end
        self.count = 0


class Session(Exchange):
    """The state of a connection. Whoever feeds frames writes what stands in `sender.out` afterwards."""

    __slots__ = ("_hasty", "_pinged", "_seen", "credit", "low", "open_block", "pongs", "short")

    def __init__(self, shared: Shared, peer: Peer, later: Callable[[], None]) -> None:
        super().__init__(shared, peer, later)
        #: bytes that the peer may still send, and how few call for more
        self.credit = shared.limits.connection_window
        self.low = self.credit >> 1
        #: longest row that fits into one frame and the window of a new stream
        self.short = min(grpc.SHORT_ROW, self.sender.initial)
        self.open_block: _OpenBlock | None = None
        # PINGs: how many came too soon, when the last came, and what had been called and sent until then.
        self._hasty = 0
        self._pinged = 0.0
        self._seen = (0, 0)
        #: PINGs that the peer has answered
        self.pongs = 0

    def greet(self) -> None:
        """Send the server's part of the preface."""
        limit = self.shared.limits
        values = {
            frames.MAX_CONCURRENT_STREAMS: limit.streams,
            frames.INITIAL_WINDOW_SIZE: limit.stream_window,
            frames.MAX_HEADER_LIST_SIZE: limits.HEADER_LIST,
        }
        if limit.header_table != DEFAULT_TABLE:
            values[frames.HEADER_TABLE_SIZE] = limit.header_table
        self.sender.out.append(frames.settings(values))
        self.sender.out.append(frames.window_update(0, limit.connection_window - frames.DEFAULT_WINDOW))

    def receive(self) -> None:
        """Let the peer send more, now that half of what it might send has come. Raises Fault where it sent more."""
        if self.credit < 0:
            raise Fault(frames.FLOW_CONTROL_ERROR, "more than the connection's window")
        whole = self.shared.limits.connection_window
        self.sender.out.append(frames.window_update(0, whole - self.credit))
        self.credit = whole

    def drain(self) -> None:
        """Ask the peer to open no more streams; those that are on their way are served still."""
        self.sender.out.append(frames.goaway(frames.MAX_WINDOW, frames.NO_ERROR))
        self.sender.out.append(frames.ping(_LAST_PING, 0))

    def ask(self) -> None:
        """Ask for a sign of life."""
        self.sender.out.append(frames.ping(_KEEPALIVE, 0))

    def leave(self) -> None:
        """Refuse streams from now on, and say so."""
        if not self.leaving:
            self.leaving = True
            self.sender.out.append(frames.goaway(self.last, frames.NO_ERROR))

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
            self.block(number, payload, end=end)
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
            self.block(number, bytes(part.block), end=part.end)

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
        self.flood(limits.SMALL)
        if not flags & frames.ACK:
            self._count_ping()
            self.sender.out.append(frames.ping(payload, frames.ACK))
            return
        self.pongs += 1
        if payload == _LAST_PING:
            self.leave()

    def _count_ping(self) -> None:
        """Let a peer go that does nothing but ping. Raises Fault."""
        now, seen = self.shared.loop.time(), (self.last, self.sender.sent)
        if seen != self._seen:
            self._hasty = 0
        elif now - self._pinged < self.shared.limits.ping:
            self._hasty += 1
            if self._hasty > limits.HASTY_PINGS:
                # By these words clients of gRPC know to ping less often from now on.
                raise Fault(frames.ENHANCE_YOUR_CALM, "too_many_pings")
        self._seen, self._pinged = seen, now

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
            self.flood(limits.SMALL)
            self.decoder.limit(self.shared.limits.header_table)
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
        if any(len(request) > 3 and size + request[3] > frames.MAX_WINDOW for request in self.pending.values()):  # noqa: PLR2004
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
            if not self.forgot(number, end=bool(flags & frames.END_STREAM)):
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
            self.gather(stream, payload)
        if end and not stream.closed:
            self.complete(stream)


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
