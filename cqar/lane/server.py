"""The server: listening sockets, the tick of all connections, graceful shutdown."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Final

from cqar.lane.accepting import Handshakes
from cqar.lane.connection import Connection
from cqar.lane.limits import Limits
from cqar.lane.server_state import ServerState
from cqar.lane.service import Service

#: Seconds between two ticks.
_TICK: Final = 1.0
#: Hosts that mean all addresses.
_ALL_ADDRESSES: Final = frozenset(("0.0.0.0", "::"))  # noqa: S104 - the caller chooses where to listen
#: Length of the accept queue.
_BACKLOG: Final = 1_024


class Lane:
    """An HTTP/2 and gRPC server. Belongs to the event loop in which it is created.

    For TLS, pass an `ssl.SSLContext` with ALPN `h2`. If it requests client certificates, `Service.authorize` gets them.
    `fast_path=False` sends every request through the slow path; tests verify that the responses are the same.

    Example:
        lane = Lane(Service(methods={"/pkg.Service/Method": method}))
        port = await lane.listen("127.0.0.1", 0)
        ...
        await lane.stop()

    """

    def __init__(self, service: Service, limits: Limits | None = None, *, fast_path: bool = True) -> None:
        self.state = ServerState(service, limits or Limits(), asyncio.get_running_loop(), fast_path=fast_path)
        #: by age
        self.connections: dict[Connection, None] = {}
        limit = self.state.limits
        self.handshakes = Handshakes(limit.connections, limit.preface_timeout, lambda: Connection(self), _Places(self))
        #: whether new connections are refused
        self.closing = False
        self._servers: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._empty: asyncio.Event = asyncio.Event()

    async def listen(
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None, reuse_port: bool = False, backlog: int = _BACKLOG
    ) -> int:
        """Listen on TCP. Returns the port. Raises OSError if it is taken. As in gRPC, 0.0.0.0 includes all of IPv6."""
        if host in _ALL_ADDRESSES and socket.has_dualstack_ipv6():
            address = ("::", port)
            sock = socket.create_server(address, family=socket.AF_INET6, reuse_port=reuse_port, dualstack_ipv6=True)
            await self.listen_on(sock, tls=tls, backlog=backlog)
            return int(sock.getsockname()[1])
        server = await self.state.loop.create_server(self._factory(tls), host, port, reuse_port=reuse_port, backlog=backlog)
        self._started(server)
        return int(server.sockets[0].getsockname()[1])

    async def listen_on(self, sock: socket.socket, *, tls: ssl.SSLContext | None = None, backlog: int = _BACKLOG) -> None:
        """Listen on a bound socket, TCP or Unix."""
        server = await self.state.loop.create_server(self._factory(tls), sock=sock, backlog=backlog)
        self._started(server)

    def _factory(self, tls: ssl.SSLContext | None) -> Callable[[], asyncio.Protocol]:
        return (lambda: Connection(self)) if tls is None else (lambda: self.handshakes.accept(tls))

    def _started(self, server: asyncio.Server) -> None:
        self._servers.append(server)
        if self._timer is None:
            self._timer = self.state.loop.call_later(_TICK, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = self.state.loop.call_later(_TICK, self._on_timer)
        self.tick()

    def tick(self) -> None:
        """Check the timeouts of all connections. Runs once a second."""
        state = self.state
        state.now = now = state.loop.time()
        streams = 0
        for connection in list(self.connections):
            streams += len(connection.streams.live) + len(connection.streams.pending)
            connection.timeouts.check(now)
        state.usage.share_streams(state.limits, streams)
        self._close_slow_readers()

    def _close_slow_readers(self) -> None:
        """Close connections whose output is in the transport's buffer, if it is too much together with queued responses.

        Those of the network with the most of it are closed first.
        """
        usage = self.state.usage
        sizes = {connection: connection.unwritten for connection in self.connections}
        excess = usage.queued + sum(sizes.values()) - self.state.limits.all_queued
        if excess <= 0:
            return
        networks = Counter[str]()
        for connection, size in sizes.items():
            networks[connection.network] += size
        for connection in sorted(sizes, key=lambda each: (-networks[each.network], -sizes[each])):
            if excess <= 0 or not sizes[connection]:
                return
            excess -= sizes[connection]
            connection.abort("too many unread responses")

    def connection_opened(self, connection: Connection) -> None:
        """Add a connection."""
        self.connections[connection] = None

    def connection_closed(self, connection: Connection) -> None:
        """Remove a connection."""
        self.connections.pop(connection, None)
        if not self.connections:
            self._empty.set()

    def close_stranger(self, but: Connection | None = None) -> bool:
        """Close the oldest connection, other than `but`, whose peer has not proven who it is. Returns whether there was one.

        One whose proof is being checked is closed only if there is no other.
        """
        if self.state.service.gate is None:
            return False
        oldest = None
        for connection in self.connections:
            if connection is but or connection.streams.proven:
                continue
            if not connection.streams.stranger_calls:
                oldest = connection
                break
            oldest = oldest or connection
        if oldest is None:
            return False
        self.state.strangers.refused["connections"] += 1
        del self.connections[oldest]
        oldest.abort("too many connections")
        return True

    def revoke(self) -> None:
        """Discard all results of `Service.authorize`. Calls that have started go on."""
        self.state.auth_version += 1

    async def stop(self, grace: float | None = None) -> None:
        """Shut down: stop listening, drain connections for at most `grace` seconds, then close them."""
        self.closing = True
        for server in self._servers:
            server.close()
        self.handshakes.stop()
        self._empty.clear()
        for connection in list(self.connections):
            connection.drain()
        if self.connections:
            try:
                async with asyncio.timeout(self.state.limits.grace if grace is None else grace):
                    await self._empty.wait()
            except TimeoutError:
                await self._abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.state.unpacker.close()

    async def _abort(self) -> None:
        """Abort the remaining connections, and wait for the tasks of their calls."""
        tasks = []
        for connection in list(self.connections):
            tasks += [stream.task for stream in connection.streams.live.values() if stream.task is not None]
            connection.abort()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        await asyncio.sleep(0)


class _Places:
    """Counts connections in a handshake with all others, so that the limits of connections hold for them, too."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    def take(self, network: str) -> bool:
        """Count a connection. At the limit of all, the connection of a stranger makes room."""
        state = self._lane.state
        usage, limit = state.usage, state.limits
        usage.connect(network, 1)
        if self._lane.closing:
            return False
        of_address = usage.addresses[network] if network else 0
        fits = of_address <= limit.address_connections and (
            usage.connections <= limit.connections or self._lane.close_stranger()
        )
        if not fits:
            state.strangers.refused["connections"] += 1
        return fits

    def release(self, network: str) -> None:
        """Stop counting a connection."""
        self._lane.state.usage.connect(network, -1)

    def crowded_out(self) -> None:
        """Count a handshake that had to make room."""
        self._lane.state.strangers.refused["handshakes"] += 1
