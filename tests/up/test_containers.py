"""What docker-compose.yml starts, without containers: the same command lines, environment and user, against real servers."""

import asyncio
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest

from cqar.dev.embedded import account
from cqar.server import launch
from tests.client import Client
from tests.coherence.links import Link
from tests.config.test_containers import COMPOSE, PEPPER, ROOT, image_environment, interpolated
from tests.conftest import Servers
from tests.hotpath.stack import eventually

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
USER = int(re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)[0])


class Machine(NamedTuple):
    """Where the containers' names and paths lead to in a test."""

    #: URL or `host:port` in the file -> that of the test
    addresses: Mapping[str, str]
    #: the file of settings in the image -> its copy
    settings: Path


class Service:
    """A service of the file as a process: its command line, environment and user; only addresses and ports differ."""

    def __init__(self, name: str, machine: Machine, *command: str, **ports: str) -> None:
        self.file = COMPOSE["services"][name]
        self._command = command or tuple(self.file["command"])
        stated = {key: interpolated(text, {"CQAR_PEPPER": PEPPER}) for key, text in self.file["environment"].items() if text}
        stated = image_environment() | stated
        assert stated["CQAR_CONFIG"] == "/etc/cqar/config.yaml"
        stated["CQAR_CONFIG"] = str(machine.settings)
        stated = {key: machine.addresses.get(text, text) for key, text in stated.items()}
        self._environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **stated, **ports}
        self.log: list[dict[str, Any]] = []
        self.output = b""
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start it as the numeric user of the image; as the current user if that is not root."""
        [entry] = json.loads(re.findall(r"^ENTRYPOINT (\[.*\])$", DOCKERFILE, re.MULTILINE)[0])
        line = [str(Path(sys.executable).with_name(entry)), *self._command]
        if os.geteuid() == 0:
            # Only to read the interpreter, which may be in root's home; in the image it is not.
            line = launch.line(line, death=9, uid=USER, gid=USER, capability=account.capability())
        self._process = await asyncio.create_subprocess_exec(
            *line, env=self._environment, cwd="/", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        self._tasks = [asyncio.create_task(self._read_log()), asyncio.create_task(self._read_output())]

    async def _read_log(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.log.append(json.loads(line) if line.startswith(b"{") else {"event": line.decode()})

    async def _read_output(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self.output = await self._process.stdout.read()

    def process_user(self) -> int:
        """The user that it runs as."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}").stat().st_uid

    async def says(self, event: str) -> dict[str, Any]:
        """Wait for the event in its log."""
        assert self._process is not None
        process = self._process
        await eventually(lambda: any(each["event"] == event for each in self.log) or process.returncode is not None, 60)
        found = [each for each in self.log if each["event"] == event]
        assert found, self.log
        return found[0]

    async def ended(self) -> int:
        """Wait for its end; its exit code."""
        assert self._process is not None
        code = await self._process.wait()
        await asyncio.gather(*self._tasks)
        return code

    async def stop(self) -> int:
        """Stop it as an engine does; its exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        return await self.ended()

    async def healthy(self, port: int) -> bool:
        """Whether the file's health check passes, on this port instead of the published one."""
        kind, program, option, code = self.file["healthcheck"]["test"]
        assert (kind, program, option) == ("CMD", "python", "-c")
        moved, times = re.subn(r"(?<=127\.0\.0\.1:)\d+", str(port), code)
        assert times == 1
        check = await asyncio.create_subprocess_exec(sys.executable, option, moved, stderr=asyncio.subprocess.DEVNULL)
        return await check.wait() == 0


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o644)


@pytest.fixture
async def machine(servers: Servers, database: str) -> AsyncIterator[Machine]:
    """The servers of the file, at TCP ports: a container has no access to sockets of others."""
    name = re.findall(r"@/(\w+)\?", database)[0]
    # Beside the servers: the user of the containers cannot enter pytest's folders.
    settings = servers.nats.folder.parent / f"{name}.yaml"
    await asyncio.to_thread(_copy, ROOT / "config.prod.yaml", settings)
    stated = COMPOSE["x-cqar"]["environment"]
    async with AsyncExitStack() as links:

        async def tcp(path: str) -> int:
            link = Link(lambda: asyncio.open_unix_connection(path))
            await link.listen()
            links.push_async_callback(link.close)
            return link.port

        postgres = await tcp(str(servers.postgres._sockets / ".s.PGSQL.5432"))
        valkey = await tcp(str(servers.valkey._socket))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            admin = probe.getsockname()[1]
        yield Machine(
            {
                interpolated(stated["CQAR_DATABASE_URL"], {}): f"postgresql://cqar:cqar@127.0.0.1:{postgres}/{name}",
                stated["CQAR_REDIS_URL"]: f"redis://127.0.0.1:{valkey}/0",
                stated["CQAR_NATS_URL"]: servers.nats.url,
                stated["CQAR_HOTPATH_ADMIN_ADDRESS"]: f"127.0.0.1:{admin}",
            },
            settings,
        )


@asynccontextmanager
async def running(name: str, machine: Machine, *command: str, **ports: str) -> AsyncIterator[Service]:
    """A service of the file, stopped at the end."""
    service = Service(name, machine, *command, **ports)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def test_the_services_of_the_compose_file_start_and_serve_callers_with_a_key(machine: Machine) -> None:
    assert "config.prod.yaml /etc/cqar/config.yaml" in DOCKERFILE
    async with running("migrate", machine) as migrate:
        assert await migrate.ended() == 0
    # As the head of the file says.
    async with running("migrate", machine, "keys", "create", "ops", "--role", "admin", "--database") as creation:
        assert await creation.ended() == 0
    key = creation.output.decode().strip()
    admin_port = machine.addresses[COMPOSE["x-cqar"]["environment"]["CQAR_HOTPATH_ADMIN_ADDRESS"]].rpartition(":")[2]
    hotpath_ports = {f"CQAR_{each}PORT": "0" for each in ("HOTPATH_", "HOTPATH_HTTP_", "METRICS_")}
    async with (
        running("admin", machine, CQAR_ADMIN_PORT=admin_port, CQAR_ADMIN_HTTP_PORT="0") as admin,
        running("hotpath", machine, **hotpath_ports) as hotpath,
    ):
        admin_http = _port((await admin.says("admin_ready"))["http"])
        # One worker is no fleet.
        listening = await hotpath.says("hotpath_listening" if os.cpu_count() == 1 else "fleet_started")
        for each in (admin, hotpath):
            assert each.process_user() == (USER if os.geteuid() == 0 else os.geteuid())
        assert await admin.healthy(admin_http)
        await eventually(lambda: hotpath.healthy(_port(listening["http"])), 60)
        async with Client(_port(listening["grpc"])) as caller:
            headers = (("authorization", f"Bearer {key}"),)
            created = await caller.call("CreateAsset", headers=headers, symbol="BTC", name="Bitcoin", asset_type=1)
            found = await caller.call("GetAsset", headers=headers, asset_id=created.asset.asset_id)
            assert found.asset.symbol == "BTC"
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await caller.call("GetAsset", asset_id=created.asset.asset_id)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert [await hotpath.stop(), await admin.stop()] == [0, 0]


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_the_compose_file_refuses_to_start_without_a_pepper() -> None:
    with pytest.raises(ValueError, match=r"\.env"):
        interpolated(COMPOSE["x-cqar"]["environment"]["CQAR_PEPPER"], {})
