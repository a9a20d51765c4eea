"""What holds for each of the three servers."""

import asyncio
import os
import signal
import socket
import threading
from pathlib import Path

import asyncpg
import pytest

from cqar.embedded import EmbeddedError, Nats, Postgres, Server, Valkey, processes
from . import clients

KINDS: list[type[Server]] = [Postgres, Valkey, Nats]
each_server = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)


@each_server
def test_data_and_address_outlast_a_stop_a_crash_and_the_object(kind: type[Server], folder: Path) -> None:
    server = kind(folder / "server")
    server.start()
    url = server.url
    clients.write(server)
    assert server.poll() is None

    server.stop()
    assert server.poll() is not None
    server.start()
    assert (server.url, clients.read(server)) == (url, "kept")

    server.kill()
    assert server.poll() == -signal.SIGKILL
    with kind(folder / "server") as other:
        assert (other.url, clients.read(other)) == (url, "kept")


@each_server
def test_a_throwaway_server_serves(kind: type[Server], folder: Path) -> None:
    with kind(folder / "server", throwaway=True) as server:
        clients.write(server)
        assert clients.read(server) == "kept"


@each_server
def test_a_terminal_interrupt_does_not_reach_it(kind: type[Server], folder: Path) -> None:
    with kind(folder / "server", throwaway=True) as server:
        assert os.getpgid(server.pid) == server.pid != os.getpgid(0)
        assert os.getsid(server.pid) == server.pid


@each_server
def test_a_second_server_on_the_same_folder_is_refused_with_the_process_that_holds_it(
    kind: type[Server], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cqar.embedded.server._GONE_SECONDS", 0.1)
    with kind(folder / "server", throwaway=True) as server:
        second = kind(folder / "server", throwaway=True)
        with pytest.raises(EmbeddedError, match=rf"/server is in use by process {server.pid};"):
            second.start()
        with pytest.raises(EmbeddedError, match="runs already"):
            server.start()
        assert server.poll() is None


@each_server
def test_it_outlives_the_thread_that_started_it(kind: type[Server], folder: Path) -> None:
    server = kind(folder / "server", throwaway=True)
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    try:
        clients.write(server)
        assert clients.read(server) == "kept"
    finally:
        server.stop()
    assert server.poll() is not None


@each_server
def test_a_paused_server_can_be_stopped(kind: type[Server], folder: Path) -> None:
    server = kind(folder / "server", throwaway=True)
    server.start()
    server.pause()
    server.stop()
    assert server.poll() not in {None, -signal.SIGKILL}


@each_server
def test_an_external_kill_shows_in_poll_and_the_next_start_is_clean(kind: type[Server], folder: Path) -> None:
    with kind(folder / "server") as server:
        clients.write(server)
        os.kill(server.pid, signal.SIGKILL)
        while server.poll() is None:
            pass
        assert server.poll() == -signal.SIGKILL
        server.start()
        assert clients.read(server) == "kept"


@pytest.mark.parametrize(("kind", "hello"), [(Valkey, b""), (Nats, b"CONNECT {}\r\n")], ids=["Valkey", "NATS"])
def test_a_paused_server_is_silent_and_answers_when_it_resumes(kind: type[Server], hello: bytes, folder: Path) -> None:
    with kind(folder / "server", throwaway=True) as server, _connect(server.url) as client:
        client.sendall(hello + b"PING\r\n")
        _until(client, b"PONG\r\n")
        server.pause()
        client.sendall(b"PING\r\n")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        server.resume()
        client.settimeout(10)
        _until(client, b"PONG\r\n")


def test_a_paused_postgresql_is_silent_on_all_connections_and_answers_when_it_resumes(folder: Path) -> None:
    with Postgres(folder / "server", throwaway=True) as server:

        async def scenario() -> None:
            connection = await asyncpg.connect(server.url)
            server.pause()
            asked = [
                asyncio.create_task(connection.fetchval("SELECT 1")),
                asyncio.create_task(asyncpg.connect(server.url)),
            ]
            done, _ = await asyncio.wait(asked, timeout=0.2)
            assert not done
            server.resume()
            one, other = await asyncio.gather(*asked)
            assert one == await other.fetchval("SELECT 1")
            await connection.close()
            await other.close()

        asyncio.run(scenario())


def test_a_kill_takes_the_busy_children_of_postgresql_too(folder: Path) -> None:
    with Postgres(folder / "server", throwaway=True) as server:

        async def scenario() -> None:
            connection = await asyncpg.connect(server.url)
            loop = "DO $$ DECLARE n bigint := 0; BEGIN LOOP n := n + 1; END LOOP; END $$"
            busy = asyncio.create_task(connection.execute(loop))
            await asyncio.sleep(0.05)
            pids = processes.tree(server.pid)
            assert connection.get_server_pid() in pids
            server.kill()
            assert not [each for each in pids if each in processes.tree(1)]
            with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
                await busy

        asyncio.run(scenario())


def _connect(url: str) -> socket.socket:
    if url.startswith("unix://"):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(10)
        client.connect(url.removeprefix("unix://"))
        return client
    host, _, port = url.removeprefix("nats://").partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def _until(client: socket.socket, end: bytes) -> None:
    received = b""
    while not received.endswith(end):
        part = client.recv(4096)
        assert part
        received += part
