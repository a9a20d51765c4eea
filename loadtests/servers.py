"""Servers of a benchmark: processes on the server's core that end with this process."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from cqar.server import launch
from loadtests.generator import pinned

#: Timeout of a server's start in seconds.
READY = 600.0
#: Timeout of an orderly shutdown in seconds.
_END = 10.0
_LOG_LINES = 12
_PORTS = range(15_000, 30_000)


class ServerError(Exception):
    """A server did not start; `str()` has the end of its log."""


def free_port(count: int = 1) -> int:
    """The first of `count` consecutive ports on which nothing listens.

    They are outside the range from which the system picks ports, so no client takes one before the server that it is for.
    """
    while True:
        first = random.choice(_PORTS)  # noqa: S311 - not a secret
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def listens(port: int) -> bool:
    """Whether the port accepts connections."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process: this process's without CQAR_ variables, plus `own`."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CQAR_")} | dict(own)


class Server:
    """A running program and its log."""

    def __init__(self, program: list[str], log: Path, variables: Mapping[str, str], *, role: int | None) -> None:
        self._log = log
        with log.open("ab") as file, contextlib.nullcontext() if role is None else pinned(role):
            self._process = subprocess.Popen(  # noqa: S603 - ours
                launch.line(program, death=signal.SIGKILL, uid=0, gid=0, capability=0),
                env=environment(variables),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,  # Ctrl-C goes to the parent only, which stops the server in order
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise ServerError if the server has ended."""
        code = self._process.poll()
        if code is not None:
            lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            message = "\n  ".join([f"a server ended with code {code}:", *lines])
            raise ServerError(message)

    def wait(self, port: int) -> None:
        """Wait until the server listens. Raises ServerError."""
        deadline = time.monotonic() + READY
        while not listens(port):
            self.check()
            if time.monotonic() > deadline:
                message = f"a server did not listen within {READY:.0f} s: see {self._log}"
                raise ServerError(message)
            time.sleep(0.02)

    def end(self) -> None:
        """Stop the server in order; kill it after the timeout."""
        self._process.terminate()
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def module(name: str, port: int, *arguments: str, log: Path) -> Iterator[tuple[int, int]]:
    """Run `python -m NAME` on the server's core. Yields (port, process id)."""
    made = Server([sys.executable, "-m", name, *arguments], log, {}, role=0)
    try:
        made.wait(port)
        yield port, made.pid
    finally:
        made.end()
