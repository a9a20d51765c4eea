"""PostgreSQL, Redis and NATS with TLS and passwords, by their URLs."""

import asyncio
import json
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import pytest
import redis.asyncio

from cqar import config
from cqar.dev.embedded import Nats, Postgres, Valkey
from cqar.dev.embedded.home import Lock
from cqar.storage import migrate
from tests.client import Client
from tests.hotpath.stack import Process, changed, eventually, found, listed, process_of
from tests.tls.processes import Authority, Pair, admin_process, fetched, port_of, worker_process
from tests.tls.proxy import tls_proxy

_PASSWORD = "Right-S3cret"  # noqa: S105 - of servers that live as long as the test
_WRONG = "Wrong-S3cret"


class _SecureNats(Nats):
    """NATS with TLS and a password."""

    pair: Pair

    def _prepare(self, held: Lock) -> Sequence[str]:
        words = super()._prepare(held)
        path = Path(words[-1])
        tls = {"cert_file": str(self.pair.certificate), "key_file": str(self.pair.key)}
        more = {"tls": tls, "authorization": {"user": "trader", "password": _PASSWORD}}
        path.write_text(json.dumps(json.loads(path.read_text()) | more))
        return words


class Ports(NamedTuple):
    """The addresses of the servers, all with TLS."""

    postgres: int
    redis: int
    nats: int


@pytest.fixture(scope="module")
async def ports(authority: Authority) -> AsyncIterator[Ports]:
    """The servers, with TLS and a password each, and a migrated database."""
    folder = _folder()
    postgres = Postgres(folder / "postgres", throwaway=True)
    valkey = Valkey(folder / "valkey", throwaway=True)
    nats = _SecureNats(folder / "nats", throwaway=True)
    nats.pair = authority.issue("servers")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*nats.pair)
    try:
        for server in (postgres, valkey, nats):
            await asyncio.to_thread(server.start)
        await _lock_postgres(postgres)
        await _lock_valkey(valkey)
        place = Path(parse_qs(urlsplit(postgres.url).query)["host"][0]) / ".s.PGSQL.5432"
        async with (
            tls_proxy(place, context, postgres=True) as database,
            tls_proxy(Path(unquote(urlsplit(valkey.url).path)), context) as cache,
        ):
            made = Ports(database, cache, port_of(nats.url))
            url = urls(made, authority).database.url
            await asyncio.to_thread(migrate.up, url, report=lambda _line: None)
            yield made
    finally:
        for each in (nats, valkey, postgres):
            each.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="cqar-"))
    folder.chmod(0o755)
    return folder


async def _lock_postgres(server: Postgres) -> None:
    connection = await asyncpg.connect(server.url, timeout=10)
    try:
        await connection.execute(f"CREATE ROLE trader SUPERUSER LOGIN PASSWORD '{_PASSWORD}'")
        (server.data / "pg_hba.conf").write_text("local all all scram-sha-256\n")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


async def _lock_valkey(server: Valkey) -> None:
    async with redis.asyncio.from_url(server.url, socket_timeout=10) as client:
        await client.config_set("requirepass", _PASSWORD)


def urls(ports: Ports, authority: Authority, password: str = _PASSWORD) -> config.Settings:
    """The settings with which processes use the servers."""
    ca = authority.file
    return changed(
        config.Settings(),
        database={
            "url": f"postgresql://trader:{password}@127.0.0.1:{ports.postgres}/cqar?sslmode=verify-full&sslrootcert={ca}",
        },
        redis={"url": f"rediss://default:{password}@127.0.0.1:{ports.redis}/0?ssl_ca_certs={ca}"},
        nats={"url": f"tls://trader:{password}@127.0.0.1:{ports.nats}"},
    )


async def readiness(port: int) -> Any:
    """What /health/ready says."""
    return json.loads((await fetched(f"http://127.0.0.1:{port}/health/ready"))[1])


async def test_processes_work_with_servers_that_ask_for_tls_and_a_password(ports: Ports, authority: Authority) -> None:
    settings = urls(ports, authority)
    # Redis in another process may be slow on a busy machine; then it counts as down for a moment.
    more = {"SSL_CERT_FILE": str(authority.file), "CQAR_REDIS_TIMEOUT": "2"}
    async with admin_process(settings, **more) as admin, worker_process(settings, admin, **more) as worker:
        async with Client(worker.grpc) as client:
            at = await listed(client)
            assert (await found(client, at)).symbol.symbol_id == at.symbol
        for each in (admin, worker):

            async def well(port: int = each.http) -> bool:
                return set((await readiness(port))["components"].values()) == {"ok"}

            await eventually(well, 30)
        assert _leaks(admin.process) == []
        assert _leaks(worker.process) == []


@pytest.mark.parametrize("name", ["admin", "hotpath"])
@pytest.mark.parametrize("what", ["password", "authority"])
async def test_servers_that_do_not_let_it_in_or_are_not_trusted_are_down(
    ports: Ports, authority: Authority, stranger: Authority, name: str, what: str
) -> None:
    trusted, password = (authority, _WRONG) if what == "password" else (stranger, _PASSWORD)
    settings = urls(ports, trusted, password)
    with process_of(name, settings, SSL_CERT_FILE=str(trusted.file)) as process:
        at = await process.says({"admin": "admin_ready", "hotpath": "hotpath_listening"}[name])
        told = await readiness(port_of(at["http"]))
        assert told["status"] == {"admin": "degraded", "hotpath": "unready"}[name]
        down = {each: told["components"][each] for each in ("database", "cache", "event_bus")}
        assert set(down.values()) == {"down"}, down
        await eventually(lambda: any(process.said(each) for each in ("nats_error", "nats_unreachable")), 30)
        assert _leaks(process) == []


def _leaks(process: Process) -> list[Any]:
    """The lines of its log that contain a password."""
    return [line for line in process.log if any(each in str(line) for each in (_PASSWORD, _WRONG))]


async def test_one_server_that_does_not_let_it_in_leaves_the_others(ports: Ports, authority: Authority) -> None:
    right, wrong = urls(ports, authority), urls(ports, authority, _WRONG)
    settings = changed(right, redis={"url": wrong.redis.url}, nats={"url": wrong.nats.url})
    async with (
        worker_process(settings, SSL_CERT_FILE=str(authority.file)) as worker,
        Client(worker.grpc) as client,
    ):
        assert (await client.refused("GetVenue", venue_id="none")).code == "NOT_FOUND"
        told = await readiness(worker.http)
        assert told["status"] == "degraded"
        assert told["components"] == {"database": "ok", "cache": "down", "event_bus": "down", "feed": "ok"}
        assert _leaks(worker.process) == []
