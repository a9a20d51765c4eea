"""Tests of all three servers."""

import os
import signal
import socket
import subprocess
import threading
from pathlib import Path
from urllib.parse import unquote

import pytest

from cqar.dev.embedded import EmbeddedError, Nats, Postgres, Server, Valkey
from cqar.dev.embedded.account import Account
from cqar.dev.embedded.home import lock
from tests.up.running import runs, until

from . import clients


@pytest.mark.parametrize("kind", [Postgres, Valkey, Nats], ids=lambda kind: kind.title)
def test_data_and_address_survive_a_stop_a_kill_and_a_new_object(kind: type[Server], postgres: Postgres, folder: Path) -> None:
    postgres.stop()
    place = postgres.folder if kind is Postgres else folder / "server"
    server = kind(place, throwaway=kind is Postgres)
    server.start()
    url = server.url
    clients.write(server, "kept")
    assert server.poll() is None

    server.stop()
    assert server.poll() is not None
    server.start()
    assert (server.url, clients.read(server)) == (url, "kept")

    clients.write(server, "kept too")
    server.kill()
    assert server.poll() == -signal.SIGKILL
    with kind(place, throwaway=kind is Postgres) as other:
        assert (other.url, clients.read(other)) == (url, "kept too")


def test_a_terminal_interrupt_does_not_reach_a_server(server: Server) -> None:
    assert os.getpgid(server.pid) == server.pid
    assert os.getsid(server.pid) == server.pid


def test_a_server_stops_in_order_whatever_signals_the_parent_blocks_or_ignores(server: Server) -> None:
    server.stop()
    ends = {signal.SIGINT, signal.SIGTERM}
    ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        server.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGINT, ignored)
    server.stop(timeout=5)
    assert server.poll() not in {None, -signal.SIGKILL}


def test_a_second_server_on_a_folder_is_refused_and_the_first_one_named(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cqar.dev.embedded.server._GONE_SECONDS", 0.05)
    second = type(server)(server.folder)
    with pytest.raises(EmbeddedError, match=rf"ö is in use by process {server.pid};"):
        second.start()
    with pytest.raises(EmbeddedError, match="is already running"):
        server.start()
    clients.write(server, "still here")
    assert clients.read(server) == "still here"


def test_a_server_outlives_the_thread_that_started_it(server: Server) -> None:
    server.stop()
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    clients.write(server, "still here")
    assert clients.read(server) == "still here"
    server.stop()
    assert server.poll() not in {None, -signal.SIGKILL}


def test_a_failure_reaches_the_thread_that_started_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.stop()
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    failures: list[EmbeddedError] = []

    def start() -> None:
        try:
            server.start()
        except EmbeddedError as error:
            failures.append(error)

    starter = threading.Thread(target=start)
    starter.start()
    starter.join()
    assert "No such file or directory: '/nonexistent/python'" in str(failures[0])


def test_a_paused_server_can_be_stopped_in_order(server: Server) -> None:
    server.pause()
    server.stop()
    assert server.poll() not in {None, -signal.SIGKILL}


def test_a_server_that_does_not_stop_in_order_is_killed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_end", signal.SIGCONT)
    server.stop(timeout=0.05)
    assert server.poll() == -signal.SIGKILL


def test_poll_reports_a_dead_server_and_it_can_start_again(server: Server) -> None:
    url = server.url
    os.kill(server.pid, signal.SIGKILL)
    while server.poll() is None:
        pass
    assert server.poll() == -signal.SIGKILL
    server.pause()  # of a dead server: nothing to do
    server.start()
    assert server.url == url
    clients.write(server, "back")
    assert clients.read(server) == "back"


@pytest.mark.parametrize("kind", [Postgres, Valkey, Nats], ids=lambda kind: kind.title)
def test_a_server_that_was_not_started_has_no_process_and_stops_silently(kind: type[Server], folder: Path) -> None:
    server = kind(folder / "server")
    server.stop()
    with pytest.raises(EmbeddedError, match="was not started"):
        server.poll()
    with pytest.raises(EmbeddedError, match="was not started"):
        _ = server.pid


@pytest.mark.parametrize("server", [Valkey, Nats], ids=lambda kind: kind.title, indirect=True)
def test_a_paused_server_does_not_answer_until_it_resumes(server: Server) -> None:
    with _connect(server.url) as client:
        client.sendall(b"PING\r\n")
        _until(client, b"PONG\r\n")
        server.pause()
        client.sendall(b"PING\r\n")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        server.resume()
        client.settimeout(10)
        _until(client, b"PONG\r\n")


def _connect(url: str) -> socket.socket:
    if url.startswith("unix://"):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(10)
        client.connect(unquote(url.removeprefix("unix://")))
        return client
    host, _, port = url.removeprefix("nats://").partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def _until(client: socket.socket, end: bytes) -> None:
    received = b""
    while not received.endswith(end):
        part = client.recv(4096)
        assert part
        received += part


def test_an_interrupted_program_ends_with_all_its_processes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like initdb's children, which would continue to write into a folder that is being removed."""
    found = folder / "child"

    def interrupted(*_: object) -> None:
        until(found.exists, "the program runs")
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    program = ["/bin/sh", "-c", f"sleep 600 & echo $! > {folder}/new && mv {folder}/new {found}; wait"]
    with lock(folder, wait=0) as locked, pytest.raises(KeyboardInterrupt):
        Nats(folder, throwaway=True)._run(program, locked, Account())
    child = int(found.read_text())
    until(lambda: not runs(child), "nothing runs")
