"""An embedded Valkey: a cache on a Unix socket, for clients of Redis."""

import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from cqar.dev.embedded import binaries, home, login
from cqar.dev.embedded.home import Lock
from cqar.dev.embedded.server import Server

_SOCKET = "valkey.sock"
_MEMORY = "256mb"


class Valkey(Server):
    """Valkey on a socket in its folder. It keeps 256 MB and evicts the least recently used keys.

    It writes each change to a file that is synced every second; a throwaway server writes nothing.
    """

    name = "valkey"
    title = "Valkey"

    def __init__(self, folder: Path, *, throwaway: bool = False) -> None:
        """Take the folder of the server."""
        super().__init__(folder, throwaway=throwaway)
        self._socket = home.sockets(self.folder, _SOCKET) / _SOCKET

    @property
    def url(self) -> str:
        """Return `unix://:PASSWORD@` with the percent-encoded path of the socket. Raises EmbeddedError before the first start.

        A throwaway server takes no login.
        """
        user = "" if self.throwaway else f":{login.password(self.folder)}@"
        return f"unix://{user}{quote(str(self._socket))}"

    def _prepare(self, held: Lock) -> Sequence[str]:
        del held
        program = binaries.valkey()
        data = self.folder / "data"
        home.private(data)
        home.make(self._socket.parent, self.folder)
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(data),
            "save": "",
            "appendonly": "no" if self.throwaway else "yes",
            "appendfsync": "everysec",
            "maxmemory": _MEMORY,
            "maxmemory-policy": "allkeys-lru",
        }
        # In a file: everyone on this machine can read command lines.
        settings = self.folder / "valkey.conf"
        login.write(settings, "" if self.throwaway else f"requirepass {login.ensure(self.folder)}\n")
        return [str(program), str(settings), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def _ready(self, pid: int) -> bool:
        del pid
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            try:
                probe.connect(str(self._socket))
                probe.sendall(b"" if self.throwaway else f"AUTH {login.password(self.folder)}\r\n".encode())
                probe.sendall(b"PING\r\n")
                # The reply to AUTH comes first, maybe alone: then it asks again.
                return probe.recv(64).endswith(b"+PONG\r\n")
            except OSError:
                return False

    def _tidy(self) -> None:
        home.remove(self._socket.parent, self.folder)
