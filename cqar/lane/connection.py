"""One connection: its transport, its stages from the preface to the end, and when output is written."""

import asyncio
from time import monotonic
from typing import Final, Protocol, cast

from cqar.lane import frames
from cqar.lane.accepting import network_of
from cqar.lane.call_tasks import CallTasks
from cqar.lane.fast_path import FastPath
from cqar.lane.frame_reader import FrameReader
from cqar.lane.frames import ProtocolError
from cqar.lane.limits import BURST
from cqar.lane.proxy import Proxy
from cqar.lane.requests import Requests
from cqar.lane.sender import Sender
from cqar.lane.server_state import ServerState
from cqar.lane.service import Peer
from cqar.lane.streams import Streams
from cqar.lane.timeouts import Timeouts

_HTTP1_RESPONSE: Final = b"HTTP/1.1 505 HTTP Version Not Supported\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
#: Bytes in which HTTP/1 is detected.
_HTTP1_PREFIX: Final = 2_048

#: Connections over a limit that get GOAWAY. All others are closed at once, to release their file descriptors.
_POLITE: Final = 16

# Stages of a connection.
_PREFACE: Final = 0
_SETTINGS: Final = 1
_OPEN: Final = 2
_CLOSED: Final = 3


class Owner(Protocol):
    """The server that a connection belongs to."""

    state: ServerState
    #: whether new connections are refused
    closing: bool

    def connection_opened(self, connection: "Connection") -> None:
        """Add a connection."""

    def connection_closed(self, connection: "Connection") -> None:
        """Remove a connection."""

    def close_stranger(self, but: "Connection") -> bool:
        """Close the oldest connection, other than `but`, whose peer has not proven who it is. Returns whether there was one."""


class Connection(asyncio.Protocol):
    """A connection, from accept to close."""

    __slots__ = (
        "_buffer",
        "_flushing",
        "_owner",
        "_server",
        "_stage",
        "fast_path",
        "network",
        "reader",
        "requests",
        "sender",
        "streams",
        "timeouts",
        "transport",
    )

    fast_path: FastPath
    reader: FrameReader
    requests: Requests
    sender: Sender
    streams: Streams
    timeouts: Timeouts
    transport: asyncio.Transport

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._server = owner.state
        self._buffer = b""
        self._stage = _PREFACE
        self._flushing = False
        #: see `network_of`
        self.network = ""

    @property
    def preface_received(self) -> bool:
        """Whether the peer's preface is complete, or the connection is closed."""
        return self._stage >= _OPEN

    @property
    def unwritten(self) -> int:
        """The bytes of output that the kernel has not taken yet."""
        return self.transport.get_write_buffer_size()

    # ---- transport -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start. A connection over the limit, or with TLS but without ALPN `h2`, closes at once."""
        self.transport = cast("asyncio.Transport", transport)
        server = self._server
        self._compose(server)
        self.transport.set_write_buffer_limits(BURST)
        self._owner.connection_opened(self)
        self.network = network_of(transport.get_extra_info("peername"))
        server.usage.connect(self.network, 1)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._close()
            return
        excess = self._excess(server)
        if excess > 0 or self._owner.closing:
            self._refuse(at_once=excess > _POLITE)

    def _excess(self, server: ServerState) -> int:
        """Return the number of connections over a limit. At the limit of all, the connection of a stranger makes room."""
        usage, limit = server.usage, server.limits
        of_address = usage.addresses[self.network] - limit.address_connections if self.network else 0
        of_all = usage.connections - limit.connections
        if of_address <= 0 < of_all and self._owner.close_stranger(self):
            return 0
        return max(of_address, of_all)

    def _refuse(self, *, at_once: bool) -> None:
        """Close the connection, since there are too many. `at_once`: without GOAWAY, and without reading on for a moment."""
        reason = "too many connections"
        if at_once:
            self.abort(reason)
            return
        self.reader.send_preface()
        self.terminate(frames.ENHANCE_YOUR_CALM, reason)

    def _compose(self, server: ServerState) -> None:
        self.streams = streams = Streams(server, _peer(self.transport), self.schedule_flush, self.fail)
        self.sender = streams.sender
        calls = CallTasks(server, streams)
        proxy = Proxy(server, streams, calls, self.schedule_flush)
        self.requests = Requests(server, streams, calls, proxy, self.schedule_flush)
        self.reader = FrameReader(server, streams, self.requests)
        self.fast_path = FastPath(streams, self.requests, self.reader)
        self.timeouts = Timeouts(self, server, streams, self.reader, calls, server.loop.time())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason does not matter
        """Release everything."""
        self._stage = _CLOSED
        self._close_streams()
        self._buffer = b""
        self._server.usage.connect(self.network, -1)
        self._owner.connection_closed(self)

    def pause_writing(self) -> None:
        """Stop reading while the peer does not read."""
        self.sender.write_paused = True
        self.timeouts.paused_since = self._server.loop.time()
        if self._stage != _CLOSED:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read and write again."""
        self.sender.write_paused = False
        self.timeouts.paused_since = 0.0
        if self._stage != _CLOSED:
            self.transport.resume_reading()
            self._resume()

    def data_received(self, data: bytes) -> None:
        """Process a read, and write the responses that are available."""
        if self._stage == _CLOSED:
            return
        self._flushing = True
        try:
            self._read(data)
        except ProtocolError as error:
            self.fail(error)
        except Exception as error:  # noqa: BLE001 - a bug ends one connection, not the process
            self._server.service.observer.error("", error)
            self.terminate(frames.INTERNAL_ERROR, "internal error")
        else:
            self._flush()

    # ---- in --------------------------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        reader, server = self.reader, self._server
        buffer = self._buffer + data if self._buffer else data
        at = 0
        if self._stage != _OPEN:
            at = self._read_preface(buffer)
        if self._stage == _OPEN:
            requests = self.requests
            if requests.auth_version != server.auth_version:
                requests.clear_routes()
            started = monotonic()
            requests.stale_marks = server.service.stale_marks(started)
            if server.fast_path and reader.open_block is None:
                at = self.fast_path.read(buffer, at, started)
            else:
                at = reader.read(buffer, at)
            if reader.receive_window < reader.low_window:
                reader.replenish()
        timeouts = self.timeouts
        if at != len(buffer) or timeouts.incomplete_since or reader.open_block is not None:
            self._buffer = buffer[at:]
            if at == len(buffer) and reader.open_block is None:
                timeouts.incomplete_since = 0.0
            elif not timeouts.incomplete_since or (at and reader.open_block is None):
                timeouts.incomplete_since = server.now

    def _read_preface(self, buffer: bytes) -> int:
        """Read the preface, which ends with SETTINGS. Returns the offset of the first frame. Raises ProtocolError."""
        size = len(frames.PREFACE)
        if self._stage == _PREFACE:
            if buffer[:size] != frames.PREFACE[: len(buffer)]:
                if b" HTTP/1." in buffer[:_HTTP1_PREFIX]:
                    self.transport.write(_HTTP1_RESPONSE)
                self._close()
                return len(buffer)
            if len(buffer) < size:
                return 0
            self.reader.send_preface()
            self._stage = _SETTINGS
        else:
            size = 0
        if len(buffer) >= size + frames.HEADER:
            if buffer[size + 3] != frames.SETTINGS or buffer[size + 4] & frames.ACK:
                raise ProtocolError(frames.PROTOCOL_ERROR, "preface without SETTINGS")
            self._stage = _OPEN
        return size

    # ---- out -------------------------------------------------------------------------------------------------------

    def schedule_flush(self) -> None:
        """Write the output once, after everything that happens in this iteration of the event loop."""
        if not self._flushing:
            self._flushing = True
            self._server.loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write the output."""
        self._flushing = False
        sender, streams = self.sender, self.streams
        out = sender.out
        if out and self._stage != _CLOSED:
            data = b"".join(out)
            out.clear()
            sender.budget = BURST
            self.transport.write(data)
        if sender.sendable and sender.window > 0 and not sender.write_paused:
            self._flushing = True
            self._server.loop.call_soon(self._resume)
        if streams.refusing and not streams.live and not streams.pending:
            self._close()

    def _resume(self) -> None:
        """Send more of what is queued."""
        if self._stage != _CLOSED:
            self.sender.pump(self._server.now)
            self._flush()

    # ---- the end ---------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Ask the peer to open no more streams."""
        if self._stage == _CLOSED or self.timeouts.draining_since:
            return
        self.timeouts.draining_since = self._server.loop.time()
        if self._stage == _PREFACE:
            self._close()
        else:
            self.reader.send_shutdown_notice()
            self._flush()

    def send_keepalive(self) -> None:
        """Send a keepalive PING."""
        self.reader.send_keepalive()
        self._flush()

    def refuse_streams(self) -> None:
        """Refuse new streams. The connection closes after its last call."""
        self.reader.refuse_streams()
        self._flush()

    def fail(self, error: ProtocolError) -> None:
        """Close with GOAWAY because of a connection error."""
        self.terminate(error.code, error.reason, error.kind)

    def terminate(self, code: int, reason: str, attack: str = "") -> None:
        """Close with GOAWAY. `code` is an HTTP/2 error code, `attack` the kind of attack that the connection looks like."""
        if self._stage == _CLOSED:
            return
        if attack:
            self._server.service.observer.attacker_closed(attack)
        self._close_streams()
        self.sender.out.append(frames.goaway(self.streams.last, code, reason))
        self._flush()
        self._server.service.observer.connection_closed(code, reason)
        self._close()

    def _close(self) -> None:
        """Close the sending side. Reading goes on for a moment, so that the peer gets to read what was sent."""
        if self._stage == _CLOSED:
            return
        self._stage = _CLOSED
        self.timeouts.closed_since = self._server.loop.time()
        self._close_streams()
        if self.sender.write_paused or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()

    def _close_streams(self) -> None:
        self.streams.close_all()
        self.requests.cache.clear()

    def abort(self, reason: str = "", attack: str = "") -> None:
        """Close at once. `reason` and `attack` are for the observer; without them, nothing is reported."""
        if reason and self._stage != _CLOSED:
            self._server.service.observer.connection_closed(frames.NO_ERROR, reason)
        if attack and self._stage != _CLOSED:
            self._server.service.observer.attacker_closed(attack)
        self._stage = _CLOSED
        self.transport.abort()


def _peer(transport: asyncio.Transport) -> Peer:
    name = transport.get_extra_info("peername")
    tls = transport.get_extra_info("ssl_object")
    address = f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name or "")
    return Peer(address, (tls.getpeercert() or None) if tls is not None else None)
