"""Every port of both processes accepts only TLS, and requires a client certificate if configured."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import aiohttp
import pytest

from cqar import config
from tests.client import Client
from tests.hotpath.stack import found, listed
from tests.tls.processes import At, Authority, Secure, admin_process, fetched, variables, worker_process


def pages(*processes: At) -> list[tuple[int, str]]:
    """The port and path of each HTTP endpoint."""
    told = [(each.http, path) for each in processes for path in ("/health/live", "/health/ready", "/metrics")]
    return told + [(each.metrics, "/metrics") for each in processes if each.metrics]


async def refused_by(make: Callable[[int], Client], *processes: At) -> None:
    """No process serves such a client."""
    for each in processes:
        async with make(each.grpc) as client:
            told = await client.refused("ListVenues", deadline=10)
        assert told.code == "UNAVAILABLE", told


@pytest.mark.parametrize("transport", ["grpcio", "lane"])
async def test_every_port_speaks_tls_and_nothing_else(
    settings: config.Settings, authority: Authority, stranger: Authority, transport: str
) -> None:
    tls = variables(authority.issue("server")) | {"CQAR_TLS_SERVER_CA": str(authority.file)}
    async with (
        admin_process(settings, **tls) as admin,
        worker_process(settings, admin, CQAR_HOTPATH_TRANSPORT=transport, **tls) as worker,
    ):
        trusting, doubting = authority.credentials(), stranger.credentials()
        async with Secure(admin.grpc, trusting) as direct, Secure(worker.grpc, trusting) as client:
            at = await listed(client)  # A worker passes writes on to admin.
            assert (await found(client, at)).symbol.symbol_id == at.symbol
            assert (await found(direct, at)).symbol.symbol_id == at.symbol
            assert at.venue in {each.venue_id for each in (await direct.call("ListVenues")).venues}
        await refused_by(Client, admin, worker)
        await refused_by(lambda port: Secure(port, doubting), admin, worker)
        for port, path in pages(admin, worker):
            status, text = await fetched(f"https://127.0.0.1:{port}{path}", authority.context())
            assert status == 200, text
            with pytest.raises(aiohttp.ClientError):
                await fetched(f"http://127.0.0.1:{port}{path}")
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await fetched(f"https://127.0.0.1:{port}{path}", stranger.context())


@pytest.mark.parametrize("transport", ["grpcio", "lane"])
async def test_clients_need_a_certificate_of_the_authority_that_is_named(
    settings: config.Settings, authority: Authority, stranger: Authority, transport: str
) -> None:
    tls = variables(authority.issue("server"), authority.file) | {"CQAR_TLS_SERVER_CA": str(authority.file)}
    known, unknown = authority.issue("feed"), stranger.issue("feed")
    async with (
        admin_process(settings, **tls) as admin,
        worker_process(settings, admin, CQAR_HOTPATH_TRANSPORT=transport, **tls) as worker,
    ):
        async with Secure(admin.grpc, authority.credentials(known)) as direct:
            at = await listed(direct)
        async with Secure(worker.grpc, authority.credentials(known)) as client:
            assert (await found(client, at)).symbol.symbol_id == at.symbol
            await client.call("ListVenues")  # A worker shows its own certificate to admin.
        await refused_by(lambda port: Secure(port, authority.credentials()), admin, worker)
        await refused_by(lambda port: Secure(port, authority.credentials(unknown)), admin, worker)
        for port, path in pages(admin, worker):
            assert (await fetched(f"https://127.0.0.1:{port}{path}", authority.context(known)))[0] == 200
            for context in (authority.context(), authority.context(unknown)):
                with pytest.raises((aiohttp.ClientError, OSError)):
                    await fetched(f"https://127.0.0.1:{port}{path}", context)


async def test_a_worker_does_not_write_to_an_admin_that_it_does_not_trust(
    settings: config.Settings, authority: Authority, stranger: Authority
) -> None:
    own, other = variables(authority.issue("server")), variables(stranger.issue("server"))
    async with (
        admin_process(settings, **other) as admin,
        worker_process(settings, admin, CQAR_TLS_SERVER_CA=str(authority.file), **own) as worker,
        Secure(worker.grpc, authority.credentials()) as client,
    ):
        assert (await client.refused("CreateVenue", name="binance", venue_type=1)).code == "UNAVAILABLE"


def cqar(*arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    """What the command says."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CQAR_")}
    command = [sys.executable, "-m", "cqar", *arguments]
    return subprocess.run(command, env=kept | given, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ["admin", "hotpath"])
async def test_plaintext_beyond_this_machine_is_refused(name: str) -> None:
    done = cqar(name, **{f"CQAR_{name.upper()}_HOST": "0.0.0.0"})  # noqa: S104 - that is refused
    assert done.returncode == 1
    assert "plaintext on 0.0.0.0 is refused" in done.stderr
    assert "CQAR_TLS_PLAINTEXT_ALLOWED=true" in done.stderr
    assert "Traceback" not in done.stderr


async def test_plaintext_beyond_this_machine_can_be_allowed(settings: config.Settings) -> None:
    given = {"CQAR_ADMIN_HOST": "0.0.0.0", "CQAR_TLS_PLAINTEXT_ALLOWED": "true"}  # noqa: S104 - for a moment
    async with admin_process(settings, **given) as admin, Client(admin.grpc) as client:
        await client.call("ListVenues")


async def test_the_command_line_speaks_tls(settings: config.Settings, authority: Authority, stranger: Authority) -> None:
    tls = variables(authority.issue("server"), authority.file)
    known = variables(authority.issue("feed"))
    async with admin_process(settings, **tls) as admin:
        async with Secure(admin.grpc, authority.credentials(authority.issue("feed"))) as client:
            at = await listed(client)
        asked = ("resolve", at.venue, at.text, "--address", f"127.0.0.1:{admin.grpc}", "--json")
        done = cqar(*asked, CQAR_TLS_SERVER_CA=str(authority.file), **known)
        assert (done.returncode, done.stderr) == (0, "")
        assert at.symbol in json.dumps(json.loads(done.stdout))
        for given in ({}, {"CQAR_TLS_SERVER_CA": str(stranger.file)}, {"CQAR_TLS_SERVER_CA": str(authority.file)}):
            done = cqar(*asked, **given)
            assert done.returncode != 0
            assert "Traceback" not in done.stderr
