"""Accepted connections: the network of their peers, and TLS handshakes, which are bounded in number and time."""

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol, cast

#: The share of all connections that may be in a handshake.
_SHARE: Final = 4


def network_of(peername: object) -> str:
    """Return the address of a peer, of an IPv6 address the /64, or nothing for a Unix socket."""
    if not isinstance(peername, tuple):
        return ""
    address = ipaddress.ip_address(peername[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))


class Places(Protocol):
    """Counts the connections whose handshake is under way."""

    def take(self, network: str) -> bool:
        """Count a connection from a network. Returns whether it may go on; if not, it is released at once."""

    def release(self, network: str) -> None:
        """Stop counting a connection: it is closed, or established."""

    def crowded_out(self) -> None:
        """Note that a handshake was ended to make room for another one."""


class Handshakes:
    """The TLS handshakes of one or more ports.

    At most a quarter of `connections` are under way. Beyond it, the oldest one ends, of the network that has the most of
    them. `seconds` is the timeout of each. `make` returns the protocol of a connection, which is used once it is established.
    """

    def __init__(self, connections: int, seconds: float, make: Callable[[], asyncio.Protocol], places: Places) -> None:
        self._most = max(1, connections // _SHARE)
        self._seconds = seconds
        self._make = make
        self._places = places
        #: by age
        self.running: dict[_Handshake, None] = {}
        self._networks = Counter[str]()

    def accept(self, tls: ssl.SSLContext) -> asyncio.Protocol:
        """Return the protocol of a new connection, which begins with a handshake."""
        return _Handshake(self, tls)

    def stop(self) -> None:
        """Close all connections whose handshake is not complete."""
        for each in list(self.running):
            each.abort()

    def begin(self, handshake: "_Handshake") -> None:
        """Count a handshake and start it, or close its connection."""
        self.running[handshake] = None
        self._networks[handshake.network] += 1
        if not self._places.take(handshake.network):
            handshake.abort()
            return
        if len(self.running) > self._most:
            self._places.crowded_out()
            self._oldest().abort()
        handshake.start(self._seconds, self._make)

    def _oldest(self) -> "_Handshake":
        """The oldest handshake of the network that has the most of them."""
        [(crowd, _)] = self._networks.most_common(1)
        return next(each for each in self.running if each.network == crowd)

    def end(self, handshake: "_Handshake") -> None:
        """Stop counting a handshake."""
        if handshake not in self.running:
            return
        del self.running[handshake]
        network = handshake.network
        self._networks[network] -= 1
        if not self._networks[network]:
            del self._networks[network]
        self._places.release(network)


class _Handshake(asyncio.Protocol):
    """A connection until its handshake is complete.

    The event loop has no handle for a handshake of `create_server`, and `start_tls` of uvloop loses what arrives before it.
    So the socket is taken from the first transport and given to `connect_accepted_socket`, before anything is read.
    """

    def __init__(self, owner: Handshakes, tls: ssl.SSLContext) -> None:
        self._owner = owner
        self._tls = tls
        self.network = ""
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the handshake."""
        accepted: socket.socket = transport.get_extra_info("socket")
        self.network = network_of(transport.get_extra_info("peername"))
        with contextlib.suppress(OSError):  # without a free descriptor, the connection ends here
            self._socket = socket.socket(accepted.family, accepted.type, fileno=os.dup(accepted.fileno()))
            self._socket.setblocking(False)  # noqa: FBT003 - the API of sockets
        cast("asyncio.Transport", transport).abort()
        if self._socket is not None:
            self._owner.begin(self)

    def start(self, seconds: float, make: Callable[[], asyncio.Protocol]) -> None:
        """Shake hands in a task, unless the connection is closed already."""
        if self._socket is not None:
            self._task = asyncio.get_running_loop().create_task(self._run(seconds, make))

    async def _run(self, seconds: float, make: Callable[[], asyncio.Protocol]) -> None:
        accepted, self._socket = self._socket, None
        if accepted is None:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(make, accepted, ssl=self._tls, ssl_handshake_timeout=seconds)
        except Exception:  # noqa: BLE001 - whatever the peer sent, the loop has closed its connection
            return
        finally:
            self._owner.end(self)

    def abort(self) -> None:
        """Close the connection."""
        self._owner.end(self)
        if self._task is not None:
            self._task.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
