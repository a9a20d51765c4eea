"""Listening, the clock of all connections, and drain."""

import asyncio
import socket
import ssl
from typing import Final

from cqar.lane.connection import Connection
from cqar.lane.limits import Limits
from cqar.lane.server_state import Shared
from cqar.lane.service import Service

#: Seconds between two looks at all connections.
_LOOK: Final = 1.0
#: The host that is every address.
_EVERY: Final = frozenset(("0.0.0.0", "::"))  # noqa: S104 - where to listen is said by the settings
#: Connections that wait to be accepted.
_BACKLOG: Final = 1_024


class Lane:
    """A server. Belongs to the event loop in which it is made.

    TLS is an `ssl.SSLContext` of the caller's, with ALPN `h2` set; where it asks for certificates, `authorize` sees them.
    `fast=False` has every request take the long way: the answers are the same, which tests make sure of.
    """

    def __init__(self, service: Service, limits: Limits | None = None, *, fast: bool = True) -> None:
        self.shared = Shared(service, limits or Limits(), asyncio.get_running_loop(), fast=fast)
        self.connections: set[Connection] = set()
        #: whether new connections are turned away
        self.closing = False
        self._servers: list[asyncio.Server] = []
        self._clock: asyncio.TimerHandle | None = None
        self._empty: asyncio.Event = asyncio.Event()

    async def listen(
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None, reuse_port: bool = False, backlog: int = _BACKLOG
    ) -> int:
        """Listen on TCP; the port. Raises OSError where it is taken. Every address is every one of IPv6 too, as to grpc."""
        if host in _EVERY and socket.has_dualstack_ipv6():
            at = ("::", port)
            sock = socket.create_server(at, family=socket.AF_INET6, reuse_port=reuse_port, dualstack_ipv6=True)
            await self.listen_on(sock, tls=tls, backlog=backlog)
            return int(sock.getsockname()[1])
        server = await self.shared.loop.create_server(
            lambda: Connection(self),
            host,
            port,
            reuse_port=reuse_port,
            backlog=backlog,
            ssl=tls,
            ssl_handshake_timeout=self._handshake(tls),
        )
        self._started(server)
        return int(server.sockets[0].getsockname()[1])

    async def listen_on(self, sock: socket.socket, *, tls: ssl.SSLContext | None = None, backlog: int = _BACKLOG) -> None:
        """Listen on a socket that is bound, of TCP or of the file system."""
        server = await self.shared.loop.create_server(
            lambda: Connection(self), sock=sock, backlog=backlog, ssl=tls, ssl_handshake_timeout=self._handshake(tls)
        )
        self._started(server)

    def _handshake(self, tls: ssl.SSLContext | None) -> float | None:
        """Seconds for a handshake: as many as for the preface."""
        return None if tls is None else self.shared.limits.preface

    def _started(self, server: asyncio.Server) -> None:
        self._servers.append(server)
        if self._clock is None:
            self._clock = self.shared.loop.call_later(_LOOK, self._look)

    def _look(self) -> None:
        self._clock = self.shared.loop.call_later(_LOOK, self._look)
        self.look()

    def look(self) -> None:
        """Look at all connections: what has taken too long ends. Happens by itself once a second."""
        shared = self.shared
        shared.now = now = shared.loop.time()
        streams = 0
        for connection in list(self.connections):
            streams += len(connection.session.live) + len(connection.session.pending)
            connection.watch.look(now)
        shared.usage.divide(shared.limits, streams)

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    def revoke(self) -> None:
        """Ask `authorize` anew about everybody. Calls that have begun go on."""
        self.shared.epoch += 1

    async def stop(self, grace: float | None = None) -> None:
        """Accept no more, have peers go elsewhere, give calls under way `grace` seconds, then close everything."""
        self.closing = True
        for server in self._servers:
            server.close()
        self._empty.clear()
        for connection in list(self.connections):
            connection.drain()
        if self.connections:
            try:
                async with asyncio.timeout(self.shared.limits.grace if grace is None else grace):
                    await self._empty.wait()
            except TimeoutError:
                await self._cut()
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    async def _cut(self) -> None:
        """End the connections that are left, and the tasks of their calls."""
        tasks = []
        for connection in list(self.connections):
            tasks += [stream.task for stream in connection.session.live.values() if stream.task is not None]
            connection.abort()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        await asyncio.sleep(0)
