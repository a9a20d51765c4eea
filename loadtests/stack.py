"""A complete cqar for a benchmark: embedded servers, admin and hot path workers as processes, with API keys."""

import asyncio
import contextlib
import json
import shutil
import ssl
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import asyncpg
import grpc
import msgspec

from cqar import config
from cqar.client import credentials
from cqar.client.connect import connected
from cqar.dev import keys
from cqar.dev.embedded import Nats, Postgres, Valkey, processes
from cqar.dev.embedded.server import Server as Embedded
from cqar.storage import migrate
from loadtests import servers
from loadtests.servers import Server, ServerError, free_port

_PEPPER = "of-a-benchmark-only"
_NAMES = {each.variable for each in config.declared()}
_PAGE = 4_096
_UNVERIFIED = ssl.create_default_context()
_UNVERIFIED.check_hostname = False
_UNVERIFIED.verify_mode = ssl.CERT_NONE


class Worker(NamedTuple):
    """A running `cqar hotpath`, or `cqar admin`."""

    port: int
    pid: int
    http_port: int
    #: seconds from start to ready
    started: float

    def memory(self) -> int:
        """Resident bytes of its largest process; the others only supervise."""
        return max(int(Path(f"/proc/{each}/statm").read_text().split()[1]) * _PAGE for each in processes.tree(self.pid))

    def counted(self, family: str, **labels: str) -> float:
        """The sum of a counter over all series with these labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/metrics", timeout=10) as response:
            lines = response.read().decode().splitlines()
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        named = (line for line in lines if line.startswith((f"{family}{{", f"{family} ")))
        return sum(float(line.rpartition(" ")[2]) for line in named if all(each in line for each in wanted))


class Registry:
    """A database with its admin process and API keys. `port` is the gRPC port of admin."""

    def __init__(self, stack: "Stack", name: str, *, url: str) -> None:
        self._stack = stack
        self.url = url
        self.folder = stack.folder / name
        self.folder.mkdir()
        self.port, self._http_port = free_port(), free_port()
        settings = msgspec.structs.replace(config.Settings(), pepper=_PEPPER, database=config.Database(url=url))
        asyncio.run(keys.ensure(settings, self.folder))
        self.keys = credentials.read(self.folder)
        self._admin: Server | None = None

    @property
    def process(self) -> Worker:
        """The running admin."""
        if self._admin is None:
            message = "admin is not running"
            raise ServerError(message)
        return Worker(self.port, self._admin.pid, self._http_port, 0.0)

    @property
    def token(self) -> str:
        """The `authorization` value of a reader."""
        return f"Bearer {self.keys['reader']}"

    def start(self) -> None:
        """Start admin. Raises ServerError."""
        own = {
            "CQAR_ADMIN_PORT": str(self.port),
            "CQAR_ADMIN_HTTP_PORT": str(self._http_port),
            "CQAR_METRICS_PORT": str(free_port()),
        }
        self._admin = self._run("admin", own, role=None)
        _wait(self._admin, self._http_port)

    def stop(self) -> None:
        """Stop admin."""
        if self._admin is not None:
            self._admin.end()

    @contextlib.contextmanager
    def admin(self, role: str = "writer") -> Iterator[grpc.Channel]:
        """A channel to admin with the key of a role."""
        with connected(f"127.0.0.1:{self.port}", self.keys[role]) as channel:
            yield channel

    @contextlib.contextmanager
    def worker(self, transport: str, **variables: str) -> Iterator[Worker]:
        """Run a worker on the server's core, and wait until it is ready."""
        port, http_port = free_port(), free_port()
        own = {
            "CQAR_HOTPATH_TRANSPORT": transport,
            "CQAR_HOTPATH_PORT": str(port),
            "CQAR_HOTPATH_HTTP_PORT": str(http_port),
            "CQAR_METRICS_PORT": str(free_port()),
            "CQAR_HOTPATH_ADMIN_ADDRESS": f"127.0.0.1:{self.port}",
            **({"CQAR_HOTPATH_WORKERS": "1"} if "CQAR_HOTPATH_WORKERS" in _NAMES else {}),
            **variables,
        }
        began = time.monotonic()
        made = self._run("hotpath", own, role=0)
        try:
            _wait(made, http_port, "https" if "CQAR_TLS_CERTIFICATE" in variables else "http")
            yield Worker(port, made.pid, http_port, time.monotonic() - began)
        finally:
            made.end()

    def _run(self, name: str, own: dict[str, str], *, role: int | None) -> Server:
        shared = {
            "CQAR_DATABASE_URL": self.url,
            "CQAR_REDIS_URL": self._stack.valkey.url,
            "CQAR_NATS_URL": self._stack.nats.url,
            "CQAR_AUTH": "keys",
            "CQAR_PEPPER": _PEPPER,
            "CQAR_LOG_FORMAT": "json",
        }
        program = [sys.executable, "-m", "cqar", name]
        return Server(program, self.folder / f"{name}.log", shared | own, role=role)


def _wait(server: Server, http_port: int, scheme: str = "http") -> None:
    """Wait until a process is ready. Raises ServerError."""
    deadline = time.monotonic() + servers.READY
    while True:
        server.check()
        with contextlib.suppress(OSError, json.JSONDecodeError):
            url = f"{scheme}://127.0.0.1:{http_port}/health/ready"
            with urllib.request.urlopen(url, timeout=3, context=_UNVERIFIED) as response:  # noqa: S310 - ours
                response.read()
                return
        if time.monotonic() > deadline:
            message = f"a process was not ready within {servers.READY:.0f} s"
            raise ServerError(message)
        time.sleep(0.02)


class Stack:
    """PostgreSQL, Valkey and NATS in a temporary folder, and their registries. A context manager."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cqar-bench-"))
        self.folder.chmod(0o755)
        self.postgres = Postgres(self.folder / "postgres", throwaway=True, durable=True)
        self.valkey = Valkey(self.folder / "valkey", throwaway=True)
        self.nats = Nats(self.folder / "nats", throwaway=True)
        self._ends = contextlib.ExitStack()
        self._ends.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            each: Embedded
            for each in (self.postgres, self.valkey, self.nats):
                self._ends.callback(each.stop)
                each.start()
        except BaseException:
            self._ends.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def registry(self, name: str) -> Registry:
        """Create an empty registry; its admin runs until the stack ends."""
        asyncio.run(_execute(self.postgres.url, f"CREATE DATABASE {name} TEMPLATE template0"))
        url = self.postgres.url.replace("/cqar?", f"/{name}?")
        migrate.up(url, report=lambda _line: None)
        made = Registry(self, name, url=url)
        self._ends.callback(made.stop)
        made.start()
        return made


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
