"""An embedded nats-server with JetStream, on a port of the loopback interface."""

import json
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from cqar.dev.embedded import binaries, login
from cqar.dev.embedded.home import EmbeddedError, Lock, private
from cqar.dev.embedded.server import Server

_HOST = "127.0.0.1"
_MEGABYTE = 1024 * 1024


class Nats(Server):
    """NATS on a free port. The port is stored in the folder and used again at every start.

    JetStream may use 1 GB of disk and 64 MB of memory, of which a throwaway server has half.
    """

    name = "nats"
    title = "NATS"

    def __init__(self, folder: Path, *, throwaway: bool = False) -> None:
        """Take the folder of the server. Its address is known after the first start."""
        super().__init__(folder, throwaway=throwaway)
        self._port = 0

    @property
    def url(self) -> str:
        """Return `nats://cqar:PASSWORD@127.0.0.1:PORT`. Raises EmbeddedError before the first start.

        A throwaway server takes no login.
        """
        if not self._port:
            message = "NATS has no address before its first start"
            raise EmbeddedError(message)
        user = "" if self.throwaway else f"{login.USER}:{login.password(self.folder)}@"
        return f"nats://{user}{_HOST}:{self._port}"

    @property
    def _memory(self) -> Path:
        return self.folder / "port"

    @property
    def _ports(self) -> Path:
        return self.folder / "ports"

    def _prepare(self, held: Lock) -> Sequence[str]:
        del held
        program = binaries.nats()
        shutil.rmtree(self._ports, ignore_errors=True)
        private(self._ports)
        memory = 32 if self.throwaway else 64
        settings: dict[str, object] = {
            "host": _HOST,
            "port": self._choose() or -1,
            "server_name": "cqar",
            "ports_file_dir": str(self._ports),
            "jetstream": {
                "store_dir": str(self.folder / "data"),
                "max_mem": memory * _MEGABYTE,
                "max_file": 1024 * _MEGABYTE,
            },
        }
        if not self.throwaway:
            settings["authorization"] = {"user": login.USER, "password": login.ensure(self.folder)}
        path = self.folder / "nats.conf"
        login.write(path, json.dumps(settings, indent=2, ensure_ascii=False))
        return [str(program), "--config", str(path)]

    def _choose(self) -> int:
        """Return the port of the previous start, 0 for a new one. Clients of this object know the port, so it cannot change."""
        if self._port:
            if not _free(self._port):
                message = f"NATS cannot restart: another process uses its port {self._port}"
                raise EmbeddedError(message)
            return self._port
        try:
            former = int(self._memory.read_text())
        except (FileNotFoundError, ValueError):
            return 0
        return former if _free(former) else 0

    def _ready(self, pid: int) -> bool:
        for path in self._ports.glob(f"*_{pid}.ports"):
            try:
                (url,) = json.loads(path.read_text())["nats"]
            except ValueError:  # not completely written yet
                return False
            self._port = int(url.rpartition(":")[2])
            self._memory.write_text(f"{self._port}\n")
            return True
        return False


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except (OSError, OverflowError):
            return False
        return True
