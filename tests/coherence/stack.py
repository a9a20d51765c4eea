"""The stack of the checker: servers, processes and links between them, a small registry, and access past all links."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import asyncpg
import grpc.aio
import nats
import orjson
import redis.asyncio

from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from cqar.dev.embedded import Nats, Postgres, Valkey
from cqar.dev.embedded.server import Server
from cqar.storage import migrate
from loadtests.servers import free_port
from tests.client import Client
from tests.coherence.links import Link

_READY = 60.0


class Target(NamedTuple):
    """A key of the history, and the row that holds its version."""

    key: str
    kind: str
    #: the row's id
    row_id: str
    #: the text that finds a listing
    text: str = ""


class Process:
    """`cqar admin` or `cqar hotpath`, on the same port at every start, with a link to each server."""

    def __init__(self, name: str, role: str, folder: Path, mutants: str) -> None:
        self.name, self.role = name, role
        self.port = free_port()
        self.links: dict[str, Link] = {}
        self.log = folder / f"{name}.log"
        #: counts the starts
        self.life = 0
        self.variables: dict[str, str] = {}
        self._mutants = mutants
        self._child: subprocess.Popen[bytes] | None = None
        self._from = 0

    async def start(self) -> None:
        """Start it and wait until it reports ready."""
        own = {
            "CQAR_LOG_FORMAT": "json",
            f"CQAR_{self.role.upper()}_PORT": str(self.port),
            **{f"CQAR_{each}PORT": "0" for each in ("ADMIN_HTTP_", "HOTPATH_HTTP_", "METRICS_")},
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith("CQAR_")}
        module = ["tests.coherence.mutant", self._mutants] if self._mutants else ["cqar"]
        self._from = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: ASYNC220 - killed and waited for by hand
                [sys.executable, "-m", *module, self.role], env=kept | own | self.variables, stderr=log, stdout=log
            )
        self.life += 1
        await self.says(f"{self.role}_ready")

    async def says(self, event: str) -> None:
        """Wait until it has logged the event since its start."""
        word = f'"{event}"'.encode()
        async with asyncio.timeout(_READY):
            while True:
                with self.log.open("rb") as log:
                    log.seek(self._from)
                    if word in log.read():
                        return
                assert self._child is not None
                assert self._child.poll() is None, f"{self.name} ended: {self.log.read_text()[-2000:]}"
                await asyncio.sleep(0.01)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._child is not None
        self._child.send_signal(number)

    async def kill(self) -> None:
        """Kill it; returns when it is gone."""
        self.send(signal.SIGKILL)
        assert self._child is not None
        await asyncio.to_thread(self._child.wait)

    def close(self) -> None:
        """Kill it and release everything."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def events(self) -> list[dict[str, Any]]:
        """All lines of its log, of all its lives."""
        lines = self.log.read_bytes().splitlines() if self.log.exists() else []
        return [orjson.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]


class Stack:
    """Everything that the checker starts."""

    def __init__(self, folder: Path, *, workers: int, admins: int, targets: int, mutants: str, tight: bool) -> None:
        self.folder = folder
        self.postgres = Postgres(folder / "p", throwaway=True, durable=True)
        self.valkey = Valkey(folder / "v", throwaway=True)
        self.nats = Nats(folder / "n", throwaway=True)
        self.workers = [Process(f"w{at}", "hotpath", folder, mutants) for at in range(workers)]
        self.admins = [Process(f"a{at}", "admin", folder, mutants) for at in range(admins)]
        self.targets: list[Target] = []
        self.venue = "checked"
        self._count = targets
        self._tight = tight
        self._clients: dict[str, Client] = {}

    @property
    def servers(self) -> tuple[Server, Server, Server]:
        """PostgreSQL, Valkey, NATS."""
        return self.postgres, self.valkey, self.nats

    def client(self, process: Process) -> Client:
        """The client of a process, which survives it."""
        return self._clients[process.name]

    # ---- begin and end ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the servers, then all processes through their links, and populate the registry."""
        await asyncio.gather(*(asyncio.to_thread(each.start) for each in self.servers))
        await asyncio.to_thread(migrate.up, self.postgres.url, report=lambda _line: None)
        for process in (*self.admins, *self.workers):
            process.variables = await self._linked(process)
            options = [("grpc.max_reconnect_backoff_ms", 200), ("grpc.initial_reconnect_backoff_ms", 50)]
            options.append(("grpc.min_reconnect_backoff_ms", 100))
            client = Client(process.port)
            await client.channel.close()
            client.channel = grpc.aio.insecure_channel(f"127.0.0.1:{process.port}", options=options)
            self._clients[process.name] = client
        await asyncio.gather(*(each.start() for each in self.admins))
        await self._populate()
        await asyncio.gather(*(each.start() for each in self.workers))

    async def close(self) -> None:
        """Leave nothing."""
        for client in self._clients.values():
            await client.channel.close()
        for process in (*self.workers, *self.admins):
            process.close()
            for link in process.links.values():
                await link.close()
        for server in reversed(self.servers):
            server.resume()
            await asyncio.to_thread(server.stop)

    async def _linked(self, process: Process) -> dict[str, str]:
        folder = self.folder / process.name
        folder.mkdir()
        socket_of_postgres = Path(unquote(self.postgres.url.partition("host=")[2])) / ".s.PGSQL.5432"
        socket_of_valkey = Path(unquote(self.valkey.url.removeprefix("unix://")))
        port = int(self.nats.url.rpartition(":")[2])
        process.links = {
            "postgres": Link(lambda: asyncio.open_unix_connection(str(socket_of_postgres))),
            "redis": Link(lambda: asyncio.open_unix_connection(str(socket_of_valkey))),
            "nats": Link(lambda: asyncio.open_connection("127.0.0.1", port)),
        }
        await process.links["postgres"].listen(folder / ".s.PGSQL.5432")
        await process.links["redis"].listen(folder / "r.sock")
        await process.links["nats"].listen()
        variables = {
            "CQAR_DATABASE_URL": f"postgresql://cqar@/cqar?host={quote(str(folder))}",
            "CQAR_REDIS_URL": f"unix://{quote(str(folder / 'r.sock'))}",
            "CQAR_NATS_URL": f"nats://127.0.0.1:{process.links['nats'].port}",
        }
        if process.role == "hotpath":
            variables["CQAR_HOTPATH_ADMIN_ADDRESS"] = f"127.0.0.1:{self.admins[0].port}"
            variables["CQAR_HOTPATH_WORKERS"] = "1"
        if self._tight:
            # Little memory, so that parts are evicted and loaded all the time and changes are forgotten at once.
            tight = {"CACHE_ENTRIES": self._count, "RECENT_CHANGES": 4, "PRELOAD": "false"}
            variables |= {f"CQAR_HOTPATH_{name}": str(value) for name, value in tight.items()}
        return variables

    async def _populate(self) -> None:
        admin = self.client(self.admins[0])
        quoted = await admin.call("CreateAsset", symbol="USDT", name="Tether", asset_type=assets.ASSET_TYPE_ERC20)
        await admin.call("CreateVenue", name=self.venue, venue_type=venues.VENUE_TYPE_CEX)
        for at in range(self._count):
            based = await admin.call("CreateAsset", symbol=f"A{at}", name=f"A{at}", asset_type=assets.ASSET_TYPE_NATIVE)
            made = await admin.call(
                "CreateSymbol",
                symbol_type=markets.SYMBOL_TYPE_SPOT,
                base_asset_id=based.asset.asset_id,
                quote_asset_id=quoted.asset.asset_id,
            )
            await admin.call(
                "CreateVenueSymbol", venue_id=self.venue, symbol_id=made.symbol.symbol_id, venue_symbol=f"A{at}USDT"
            )
            self.targets += [
                Target(f"asset:{at}", "asset", based.asset.asset_id),
                Target(f"symbol:{at}", "symbol", made.symbol.symbol_id),
            ]
        rows = await self.ask("SELECT listing_id, venue_symbol FROM venue_symbols")
        for row in rows:
            at = row["venue_symbol"][1:-4]
            self.targets.append(Target(f"listing:{at}", "listing", row["listing_id"], row["venue_symbol"]))

    # ---- the truth -------------------------------------------------------------------------------------------------

    async def ask(self, sql: str, *values: Any) -> list[Any]:
        """Rows of PostgreSQL, past all links."""
        connection = await asyncpg.connect(self.postgres.url, timeout=10, command_timeout=10)
        try:
            return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()

    @asynccontextmanager
    async def nats_client(self) -> AsyncIterator[Any]:
        """A client of NATS, past all links."""
        client = await nats.connect(self.nats.url, connect_timeout=5, allow_reconnect=False)
        try:
            yield client
        finally:
            with contextlib.suppress(Exception):
                await client.close()

    @asynccontextmanager
    async def redis_client(self) -> AsyncIterator[Any]:
        """A client of Redis, past all links."""
        client = redis.asyncio.Redis.from_url(self.valkey.url, socket_timeout=2)
        try:
            yield client
        finally:
            await client.aclose()

    async def relaying(self) -> Process:
        """The admin that relays: by its log, the last one that became the relay."""
        found = {each.name: _last_time(each, "relaying") for each in self.admins}
        return max(self.admins, key=lambda each: found[each.name])

    async def snapshot(self, to: Path) -> None:
        """Copy the database's files while it is stopped."""
        await asyncio.to_thread(self.postgres.stop)
        await asyncio.to_thread(_copy, self.postgres.data, to)
        await asyncio.to_thread(self.postgres.start)

    async def restore(self, copy: Path) -> None:
        """Kill the database and start it from the copy."""
        await asyncio.to_thread(self.postgres.kill)
        await asyncio.to_thread(shutil.rmtree, self.postgres.data)
        await asyncio.to_thread(_copy, copy, self.postgres.data)
        await asyncio.to_thread(self.postgres.start)


def _copy(source: Path, to: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(to)], check=True)  # noqa: S607 - keeps owners


def _last_time(process: Process, event: str) -> str:
    return max((line["timestamp"] for line in process.events() if line["event"] == event), default="")


@asynccontextmanager
async def running_stack(
    *, workers: int = 2, admins: int = 2, targets: int = 8, mutants: str = "", tight: bool = False, keep: bool = False
) -> AsyncIterator[Stack]:
    """A running stack, with nothing left of it afterwards; `keep`: but the logs."""
    folder = Path(tempfile.mkdtemp(prefix="cq-"))
    folder.chmod(0o755)  # noqa: ASYNC240 - of a moment
    stack = Stack(folder, workers=workers, admins=admins, targets=targets, mutants=mutants, tight=tight)
    try:
        await stack.start()
        yield stack
    finally:
        await stack.close()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def now() -> int:
    """Monotonic nanoseconds."""
    return time.monotonic_ns()
