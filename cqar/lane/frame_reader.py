"""The slow path: one frame at a time, by all rules of RFC 9113. The fast path has to behave exactly like it.

Frames enter through `read`; whatever is to be sent is appended to `Sender.out`, which the caller writes.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from cqar.lane import frames, grpc, limits
from cqar.lane.frames import ProtocolError
from cqar.lane.hpack import DEFAULT_TABLE
from cqar.lane.requests import Requests
from cqar.lane.server_state import ServerState
from cqar.lane.stream import StreamState
from cqar.lane.streams import Streams

#: The PING whose acknowledgement proves that the peer has seen GOAWAY.
_SHUTDOWN_PING: Final = b"cqar bye"
_KEEPALIVE_PING: Final = b"cqar? ok"

# Globals, since looking up a member of an Enum class costs much more.
_IDLE: Final = StreamState.IDLE
_HALF_CLOSED_REMOTE: Final = StreamState.HALF_CLOSED_REMOTE


class _OpenBlock:
    """A header block without END_HEADERS so far."""

    __slots__ = ("block", "count", "end", "number")

    def __init__(self, number: int, block: bytes, *, end: bool) -> None:
        self.number = number
        self.block = bytearray(block)
        self.end = end
        self.count = 0


class FrameReader:
    """The receiving side of a connection."""

    __slots__ = (
        "_last_ping",
        "_ping_strikes",
        "_requests",
        "_seen",
        "_sender",
        "_server",
        "_streams",
        "low_window",
        "open_block",
        "pongs",
        "receive_window",
    )

    def __init__(self, server: ServerState, streams: Streams, requests: Requests) -> None:
        self._server = server
        self._streams = streams
        self._sender = streams.sender
        self._requests = requests
        #: bytes of DATA that the peer may still send, and the level below which the window is opened again
        self.receive_window = server.limits.connection_window
        self.low_window = self.receive_window >> 1
        self.open_block: _OpenBlock | None = None
        # PINGs: strikes, the time of the last one, and what the connection had received and sent at that time.
        self._ping_strikes = 0
        self._last_ping = 0.0
        self._seen = (0, 0)
        #: acknowledged PINGs
        self.pongs = 0

    def send_preface(self) -> None:
        """Send the server's connection preface."""
        limit = self._server.limits
        values = {
            frames.MAX_CONCURRENT_STREAMS: limit.streams,
            frames.INITIAL_WINDOW_SIZE: limit.stream_window,
            frames.MAX_HEADER_LIST_SIZE: limits.HEADER_LIST,
        }
        if limit.header_table != DEFAULT_TABLE:
            values[frames.HEADER_TABLE_SIZE] = limit.header_table
        self._sender.out.append(frames.settings(values))
        self._sender.out.append(frames.window_update(0, limit.connection_window - frames.DEFAULT_WINDOW))

    def replenish(self) -> None:
        """Open the connection's receive window again. Raises ProtocolError if the peer exceeded it."""
        if self.receive_window < 0:
            raise ProtocolError(frames.FLOW_CONTROL_ERROR, "connection window exceeded")
        size = self._server.limits.connection_window
        self._sender.out.append(frames.window_update(0, size - self.receive_window))
        self.receive_window = size

    def send_shutdown_notice(self) -> None:
        """Ask the peer to open no more streams. Those that are in flight are still served (RFC 9113, 6.8)."""
        self._sender.out.append(frames.goaway(frames.MAX_WINDOW, frames.NO_ERROR))
        self._sender.out.append(frames.ping(_SHUTDOWN_PING, 0))

    def send_keepalive(self) -> None:
        """Send a keepalive PING."""
        self._sender.out.append(frames.ping(_KEEPALIVE_PING, 0))

    def refuse_streams(self) -> None:
        """Refuse new streams, and send the final GOAWAY."""
        if not self._streams.refusing:
            self._streams.refusing = True
            self._sender.out.append(frames.goaway(self._streams.last, frames.NO_ERROR))

    # ---- frames ----------------------------------------------------------------------------------------------------

    def read(self, buffer: bytes, at: int) -> int:
        """Process the frames from offset `at` on. Returns the offset of the first incomplete one. Raises ProtocolError."""
        end = len(buffer)
        frame = self.frame
        while at + frames.HEADER <= end:
            high, length, type_flags, number = frames.unpack_header(buffer, at)
            after = at + frames.HEADER + length
            if high or length > frames.MAX_FRAME:
                raise ProtocolError(frames.FRAME_SIZE_ERROR, "frame over SETTINGS_MAX_FRAME_SIZE")
            if after > end:
                break
            frame(type_flags >> 8, type_flags & 0xFF, number & frames.MAX_WINDOW, buffer[at + frames.HEADER : after])
            at = after
        return at

    def frame(self, frame_type: int, flags: int, number: int, payload: bytes) -> None:
        """Process a frame. Raises ProtocolError on a connection error."""
        if self.open_block is not None:
            self._continuation(self.open_block, frame_type, flags, number, payload)
        elif frame_type < len(_HANDLERS):
            _HANDLERS[frame_type](self, flags, number, payload)
        else:
            self._streams.flood(limits.CONTROL)

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        if not number & 1:
            raise ProtocolError(frames.PROTOCOL_ERROR, "HEADERS on a stream that clients cannot open")
        payload = frames.strip_padding(flags, payload)
        if flags & frames.HAS_PRIORITY:
            if len(payload) < frames.PRIORITY_SIZE:
                raise ProtocolError(frames.FRAME_SIZE_ERROR, "HEADERS without complete priority")
            payload = payload[frames.PRIORITY_SIZE :]
        end = bool(flags & frames.END_STREAM)
        if flags & frames.END_HEADERS:
            self._requests.headers(number, payload, end=end)
        else:
            self.open_block = _OpenBlock(number, payload, end=end)

    def _continuation(self, part: _OpenBlock, frame_type: int, flags: int, number: int, payload: bytes) -> None:
        if frame_type != frames.CONTINUATION or number != part.number:
            raise ProtocolError(frames.PROTOCOL_ERROR, "expected CONTINUATION")
        if not payload:
            self._streams.flood(limits.EMPTY)
        part.block += payload
        part.count += 1
        if part.count > limits.CONTINUATIONS or len(part.block) > limits.BLOCK_BYTES:
            raise ProtocolError(frames.ENHANCE_YOUR_CALM, "header block too large", "header_blocks")
        if flags & frames.END_HEADERS:
            self.open_block = None
            self._requests.headers(number, bytes(part.block), end=part.end)

    def _unexpected_continuation(self, _flags: int, _number: int, _payload: bytes) -> None:
        raise ProtocolError(frames.PROTOCOL_ERROR, "CONTINUATION without HEADERS")

    def _push_promise(self, _flags: int, _number: int, _payload: bytes) -> None:
        raise ProtocolError(frames.PROTOCOL_ERROR, "PUSH_PROMISE from a client")

    def _priority(self, _flags: int, number: int, payload: bytes) -> None:
        if not number:
            raise ProtocolError(frames.PROTOCOL_ERROR, "PRIORITY on stream 0")
        if len(payload) != frames.PRIORITY_SIZE:
            raise ProtocolError(frames.FRAME_SIZE_ERROR, "PRIORITY must have 5 bytes")
        self._streams.flood(limits.PRIORITY)

    def _rst_stream(self, _flags: int, number: int, payload: bytes) -> None:
        if len(payload) != frames.U32_SIZE:
            raise ProtocolError(frames.FRAME_SIZE_ERROR, "RST_STREAM must have 4 bytes")
        self._check_not_idle(number)
        streams = self._streams
        streams.flood(limits.RESET)
        stream = streams.live.get(number)
        if stream is not None:
            streams.drop(stream, grpc.CANCELLED)
        else:
            streams.pending.pop(number, None)

    def _check_not_idle(self, number: int) -> None:
        """Raise ProtocolError if a stream is idle. The connection, stream 0, counts as idle too."""
        if self._streams.state(number) is _IDLE:
            raise ProtocolError(frames.PROTOCOL_ERROR, "frame on an idle stream")

    def _ping(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise ProtocolError(frames.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != frames.PING_SIZE:
            raise ProtocolError(frames.FRAME_SIZE_ERROR, "PING must have 8 bytes")
        self._streams.flood(limits.PING)
        if not flags & frames.ACK:
            self._count_ping()
            self._sender.out.append(frames.ping(payload, frames.ACK))
            return
        self.pongs += 1
        if payload == _SHUTDOWN_PING:
            self.refuse_streams()

    def _count_ping(self) -> None:
        """Count a strike against a peer that pings too often. Raises ProtocolError after too many."""
        now, seen = self._server.loop.time(), (self._streams.last, self._sender.frames_sent)
        if seen != self._seen:
            self._ping_strikes = 0
        elif now - self._last_ping < self._server.limits.min_ping_interval:
            self._ping_strikes += 1
            if self._ping_strikes > limits.PING_STRIKES:
                # gRPC clients recognise this text, and ping less often afterwards.
                raise ProtocolError(frames.ENHANCE_YOUR_CALM, "too_many_pings", limits.PING.kind)
        self._seen, self._last_ping = seen, now

    def _goaway(self, _flags: int, number: int, payload: bytes) -> None:
        if number:
            raise ProtocolError(frames.PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(payload) < 2 * frames.U32_SIZE:
            raise ProtocolError(frames.FRAME_SIZE_ERROR, "GOAWAY must have at least 8 bytes")
        self._streams.flood(limits.CONTROL)

    def _settings(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise ProtocolError(frames.PROTOCOL_ERROR, "SETTINGS on a stream")
        if flags & frames.ACK:
            if payload:
                raise ProtocolError(frames.FRAME_SIZE_ERROR, "SETTINGS acknowledgement with a payload")
            self._streams.flood(limits.SETTINGS_ACK)
            self._requests.decoder.set_limit(self._server.limits.header_table)
            return
        if len(payload) % frames.SETTING_SIZE:
            raise ProtocolError(frames.FRAME_SIZE_ERROR, "SETTINGS must have a multiple of 6 bytes")
        self._streams.flood(limits.SETTINGS, len(payload) // frames.SETTING_SIZE * limits.SETTING)
        entries = frames.read_settings(payload)
        for key, value in entries:
            _check_setting(key, value)
        # Only the last value of a setting lasts, and a window change visits all streams: earlier values are not applied.
        values = dict(entries)
        if frames.MAX_FRAME_SIZE in values:
            self._sender.set_max_frame(values[frames.MAX_FRAME_SIZE])
        self._initial_window(values.get(frames.INITIAL_WINDOW_SIZE, self._sender.initial_window))
        self._sender.out.append(frames.settings_ack())
        self._sender.pump(self._server.now)

    def _initial_window(self, size: int) -> None:
        """Apply SETTINGS_INITIAL_WINDOW_SIZE to all streams. Raises ProtocolError if a window becomes too large."""
        streams, sender = self._streams, self._sender
        if size == sender.initial_window:
            return
        streams.flood(limits.SETTINGS, (len(streams.live) + len(streams.pending)) // limits.STREAMS_PER_TOKEN)
        change = sender.set_initial_window(size)
        updated = all(sender.update_window(stream, change) for stream in streams.live.values())
        pending = streams.pending.values()
        if not updated or any(len(request) > 3 and size + request[3] > frames.MAX_WINDOW for request in pending):  # noqa: PLR2004
            raise ProtocolError(frames.FLOW_CONTROL_ERROR, "SETTINGS raise a stream window over 2^31-1")

    def _window_update(self, _flags: int, number: int, payload: bytes) -> None:
        if len(payload) != frames.U32_SIZE:
            raise ProtocolError(frames.FRAME_SIZE_ERROR, "WINDOW_UPDATE must have 4 bytes")
        size = frames.read_u31(payload)
        if number:
            self._widen_stream(number, size)
        else:
            self._widen_connection(size)

    def _widen_connection(self, size: int) -> None:
        sender = self._sender
        sender.window += size
        if not size:
            raise ProtocolError(frames.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
        if sender.window > frames.MAX_WINDOW:
            raise ProtocolError(frames.FLOW_CONTROL_ERROR, "connection window over 2^31-1")
        if sender.sendable and size < limits.SMALL_WINDOW:
            self._streams.flood(limits.SMALL_UPDATE)
        sender.pump(self._server.now)

    def _widen_stream(self, number: int, size: int) -> None:
        streams, sender = self._streams, self._sender
        stream = streams.get(number)
        if stream is None:
            self._check_not_idle(number)
        if not size:
            streams.flood(limits.EMPTY)
        if stream is None:
            return
        if not size:
            streams.stream_error(stream, frames.PROTOCOL_ERROR)
        elif not sender.update_window(stream, size):
            streams.stream_error(stream, frames.FLOW_CONTROL_ERROR)
        else:
            if stream.chunks and size < limits.SMALL_WINDOW:
                streams.flood(limits.SMALL_UPDATE)
            sender.pump(self._server.now)

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        self.receive_window -= len(payload)
        streams, end = self._streams, bool(flags & frames.END_STREAM)
        stream = streams.get(number)
        if stream is None:
            self._check_not_idle(number)
            if not streams.recently_reset(number, ended=end):
                streams.flood(limits.REFUSED)
                self._sender.out.append(frames.rst_stream(number, frames.STREAM_CLOSED))
            else:
                self._check_size(payload, end=end)
            return
        if stream.state is _HALF_CLOSED_REMOTE:
            streams.stream_error(stream, frames.STREAM_CLOSED)
            return
        stream.receive_window -= len(payload)
        if stream.receive_window < 0:
            streams.stream_error(stream, frames.FLOW_CONTROL_ERROR)
            return
        payload = frames.strip_padding(flags, payload)
        self._check_size(payload, end=end)
        self._requests.data(stream, payload, end=end)

    def _check_size(self, payload: bytes, *, end: bool) -> None:
        """Count DATA that carries little. Raises ProtocolError if there is too much of it."""
        if len(payload) < limits.SMALL_DATA and not end:
            self._streams.flood(limits.PIECE if payload else limits.EMPTY)


def _check_setting(key: int, value: int) -> None:
    """Raise ProtocolError if the value of a setting is invalid."""
    if key == frames.INITIAL_WINDOW_SIZE and value > frames.MAX_WINDOW:
        raise ProtocolError(frames.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE over 2^31-1")
    if key == frames.MAX_FRAME_SIZE and not frames.MAX_FRAME <= value < 1 << 24:
        raise ProtocolError(frames.PROTOCOL_ERROR, "MAX_FRAME_SIZE out of range")
    if key == frames.ENABLE_PUSH and value > 1:
        raise ProtocolError(frames.PROTOCOL_ERROR, "ENABLE_PUSH must be 0 or 1")


_Handler: TypeAlias = Callable[[FrameReader, int, int, bytes], None]

#: Handlers by frame type.
_HANDLERS: tuple[_Handler, ...] = (
    FrameReader._data,  # noqa: SLF001 - its own
    FrameReader._headers,  # noqa: SLF001
    FrameReader._priority,  # noqa: SLF001
    FrameReader._rst_stream,  # noqa: SLF001
    FrameReader._settings,  # noqa: SLF001
    FrameReader._push_promise,  # noqa: SLF001
    FrameReader._ping,  # noqa: SLF001
    FrameReader._goaway,  # noqa: SLF001
    FrameReader._window_update,  # noqa: SLF001
    FrameReader._unexpected_continuation,  # noqa: SLF001
)
