"""Run `cqar` as a process, as users do."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cqar.dev.embedded import processes

ROOT = Path(__file__).parents[2]
#: Timeout of every step in seconds, for slow machines.
TIMEOUT = 60.0
FREE_PORTS = {
    f"CQAR_{name}": "0" for name in ("HOTPATH_PORT", "HOTPATH_HTTP_PORT", "ADMIN_PORT", "ADMIN_HTTP_PORT", "METRICS_PORT")
}


def environment(**own: str) -> dict[str, str]:
    """This process's environment without its CQAR_ variables, plus `own`."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CQAR_")} | own


def command(*words: str) -> list[str]:
    """The command line of `cqar` with arguments."""
    return [sys.executable, "-m", "cqar", *words]


def cqar(*words: str, **own: str) -> subprocess.CompletedProcess[str]:
    """Run `cqar` until it exits."""
    return subprocess.run(
        command(*words), env=environment(**own), cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The error message, which must be one line on standard error without a traceback."""
    assert done.returncode != 0
    [line] = done.stderr.splitlines()
    assert line.startswith("cqar: ")
    return line


def until(true: Callable[[], bool], what: str) -> None:
    """Wait until the condition is true."""
    deadline = time.monotonic() + TIMEOUT
    while not true():
        assert time.monotonic() < deadline, f"timeout: {what}"
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


class Up:
    """A running `cqar up` and its output so far."""

    def __init__(self, home: Path, *words: str, line: list[str] | None = None, env: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.said = ""
        self._process = subprocess.Popen(
            line or command("up", *words),
            env=env or environment(CQAR_HOME=str(home), **FREE_PORTS),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said += line

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, text: str, after: int = 0) -> None:
        """Wait until the output contains a text after position `after`."""
        until(lambda: text in self.said[after:] or self._process.poll() is not None, text)
        assert text in self.said[after:] or text in self._all_said()[after:], self.said

    def wait_up(self) -> None:
        """Wait until it is up and has printed its example, if any."""
        self.wait_for("\n  logs ")
        if "\n  sample " in self.said:
            self.wait_for("\nanswered ")

    def address(self, name: str) -> str:
        """The gRPC address of hotpath or admin, from the output."""
        found = re.search(rf"^  {name} +gRPC (\S+),", self.said, re.MULTILINE)
        assert found, self.said
        return found[1]

    def key(self, role: str) -> str:
        """The API key of a role."""
        found: dict[str, str] = json.loads((self.home / "credentials.json").read_text())
        return found[role]

    def cqar(self, *words: str, **own: str) -> subprocess.CompletedProcess[str]:
        """Run `cqar` until it exits, with the keys of this stack."""
        return cqar(*words, CQAR_HOME=str(self.home), **own)

    def server(self, name: str) -> int:
        """The process id of an embedded server, from its lock."""
        return int((self.home / name / "lock").read_text())

    def child(self, name: str) -> int:
        """The process id of admin or hotpath."""
        [found] = [pid for pid in self.tree() if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(f"cqar\0{name}\0".encode())]
        return found

    def tree(self) -> list[int]:
        """The ids of this process and all its descendants."""
        return processes.tree(self.pid)

    def running(self) -> bool:
        return self._process.poll() is None

    def send(self, number: int) -> None:
        """Send a signal and wait briefly."""
        self._process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.1)

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal, wait for the exit, and return the exit code."""
        self.send(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the exit and return the exit code."""
        code = self._process.wait(TIMEOUT)
        self._all_said()
        return code

    def _all_said(self) -> str:
        self._reader.join(TIMEOUT)
        return self.said

    def close(self) -> None:
        """End all processes, whatever the test has done."""
        if self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.terminate()
                self._process.wait(20)
        self._process.kill()
        self._process.wait()
        self._reader.join(TIMEOUT)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that all users may enter, with a short path for sockets."""
    made = Path(tempfile.mkdtemp(prefix="cqar-up-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
