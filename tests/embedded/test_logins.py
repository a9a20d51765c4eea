"""Every server of `cqar up` takes a login, which only the user who started it can read."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import nats.errors
import pytest
import redis
import redis.exceptions
from nats.aio.client import Client

from cqar.dev.embedded import EmbeddedError, Nats, Postgres, Server, Valkey, processes
from tests.conftest import Servers

from . import clients


@pytest.fixture(scope="module")
def secured() -> Iterator[Servers]:
    """Servers as `cqar up` starts them."""
    folder = Path(tempfile.mkdtemp(prefix="cqar-"))
    servers = Servers(Postgres(folder / "postgres"), Valkey(folder / "valkey"), Nats(folder / "nats"))
    try:
        for each in servers:
            each.start()
        yield servers
    finally:
        for each in servers:
            each.stop()
        shutil.rmtree(folder, ignore_errors=True)


def without_login(server: Server) -> str:
    """The server's URL without the login."""
    return re.sub(r"&passfile=.*|(?<=//)[^/?]*@(?!/cqar)", "", server.url)


def test_a_server_refuses_callers_without_its_login(secured: Servers) -> None:
    for each in secured:
        assert without_login(each) != each.url
    with pytest.raises(asyncpg.InvalidPasswordError):
        clients.query(without_login(secured.postgres), "SELECT 1")
    with redis.Redis.from_url(without_login(secured.valkey)) as client, pytest.raises(redis.exceptions.AuthenticationError):
        client.ping()
    assert asyncio.run(_publishes(without_login(secured.nats))) == "refused"


def test_the_url_of_a_server_carries_its_login(secured: Servers) -> None:
    for each in secured:
        clients.write(each, "kept")
        assert clients.read(each) == "kept"
    assert asyncio.run(_publishes(secured.nats.url)) == "published"


async def _publishes(url: str) -> str:
    async def failed(_: Exception) -> None:
        """Write no log."""

    client = Client()
    try:
        await client.connect(url, allow_reconnect=False, max_reconnect_attempts=0, error_cb=failed)
        await client.publish("cqar.changes.v1.asset", b"forged")
        await client.flush()
    except (nats.errors.Error, OSError):
        return "refused"
    finally:
        transport = client._transport
        await client.close()
        if transport is not None:
            # A refused client leaves its connection open.
            transport.close()  # type: ignore[no-untyped-call]
    return "published"


def test_logins_are_in_files_of_the_owner_and_in_no_command_line_or_log(secured: Servers) -> None:
    for server, names in (
        (secured.postgres, {"password", "pgpass"}),
        (secured.valkey, {"password", "valkey.conf"}),
        (secured.nats, {"password", "nats.conf"}),
    ):
        secret = (server.folder / "password").read_text().strip()
        assert len(secret) == 32
        holding = {path for path in server.folder.glob("*") if path.is_file() and secret in path.read_text(errors="replace")}
        assert {each.name for each in holding} == names
        assert {each.stat().st_mode & 0o777 for each in holding} == {0o600}
        for pid in processes.tree(server.pid):
            for name in ("cmdline", "environ"):
                assert secret.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_this_machine_cannot_publish_or_read_the_logins(secured: Servers) -> None:
    # A folder that others may enter, which CQAR_HOME need not be: the modes of the files must do.
    for each in (secured.nats.folder.parent, *(server.folder for server in secured)):
        each.chmod(0o755)
    port = int(secured.nats.url.rpartition(":")[2])
    script = f"""
import encodings.idna, os, socket
os.setgroups([]); os.setgid(65533); os.setuid(65533)
for path in {[str(each.folder / "password") for each in secured] + [str(secured.nats.folder / "nats.conf")]}:
    try:
        open(path).read()
    except PermissionError:
        continue
    raise SystemExit(path)
for path in {[str(secured.valkey._socket), str(secured.postgres._sockets / ".s.PGSQL.5432")]}:
    client = socket.socket(socket.AF_UNIX)
    try:
        client.connect(path)
    except PermissionError:
        continue
    raise SystemExit(path)
client = socket.create_connection(("127.0.0.1", {port}))
client.sendall(b"CONNECT {{\\"verbose\\":true}}\\r\\nPUB cqar.changes.v1.asset 1\\r\\nx\\r\\nPING\\r\\n")
said = b""
while chunk := client.recv(4096):
    said += chunk
print(said.decode())
"""
    # The other user cannot write what `make coverage` would measure.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Authorization Violation" in done.stdout
    assert "PONG" not in done.stdout


@pytest.mark.parametrize("kind", [Postgres, Nats])
def test_a_folder_of_an_earlier_version_gets_a_login_and_keeps_its_data(kind: type[Server], folder: Path) -> None:
    # As a throwaway server, earlier versions took no login.
    with kind(folder / "server", throwaway=True) as server:
        clients.write(server, "kept")
        before = server.url
    assert not (folder / "server" / "password").exists()
    for _ in range(2):
        with kind(folder / "server") as server:
            assert clients.read(server) == "kept"
            assert server.url != before
            url = server.url
    assert kind is Nats or url == Postgres(folder / "server").url


def test_a_lost_file_of_a_login_is_created_again(folder: Path) -> None:
    with Postgres(folder / "server") as server:
        clients.write(server, "kept")
    for name in ("password", "pgpass"):
        (folder / "server" / name).unlink()
    with Postgres(folder / "server") as server:
        assert clients.read(server) == "kept"


def test_an_unreadable_login_is_a_one_line_error(folder: Path) -> None:
    (folder / "server").mkdir()
    (folder / "server" / "password").write_text("?\n")
    with pytest.raises(EmbeddedError, match=r"server/password: remove the file"):
        Nats(folder / "server").start()
    with pytest.raises(EmbeddedError, match="no password before its first start"):
        _ = Valkey(folder / "other").url
