"""The base of the embedded servers: a child process with its folder, log and signals."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import ClassVar, NoReturn, Self

from cqar.dev.embedded import processes
from cqar.dev.embedded.account import Account
from cqar.dev.embedded.home import EmbeddedError, Lock, lock
from cqar.server import launch

#: Seconds until a server must be ready. PostgreSQL may have to recover first.
_READY_SECONDS = 60.0
#: Seconds until the processes of a killed server must be gone.
_GONE_SECONDS = 10.0
#: Bytes from which a log is rotated at the next start.
_LOG_BYTES = 8 * 1024 * 1024
#: Lines of a log in an error.
_LOG_LINES = 12


class Server(ABC):
    """A server with its data in a folder and the same address at every start.

    It runs in its own session, so that Ctrl-C reaches only its parent; on Linux it ends when its parent ends. The methods
    may be called from any thread, one at a time. Every failure is an EmbeddedError.
    """

    #: The short name, used for its folder and its log.
    name: ClassVar[str]
    #: The name in messages.
    title: ClassVar[str]
    #: The signal for a clean shutdown.
    _end: ClassVar[signal.Signals] = signal.SIGTERM
    #: The signal from the kernel when its parent has ended.
    _death: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, folder: Path, *, throwaway: bool = False) -> None:
        """Take the folder for the data, which start() creates.

        throwaway: a server for tests that starts fast and need not keep its data
        """
        self.folder = folder.absolute()
        self.throwaway = throwaway
        self.log = self.folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    @abstractmethod
    def url(self) -> str:
        """Return the address for clients, the same at every start."""

    @property
    def pid(self) -> int:
        """Return the id of the main process of the latest start."""
        return self._started().pid

    def start(self) -> None:
        """Start on the data in the folder, and return when the server answers.

        Raises EmbeddedError if it is not installed, exits while starting (with the end of its log), or if another process
        uses the folder.
        """
        if self._process is not None and self._process.poll() is None:
            message = f"{self.title} is already running"
            raise EmbeddedError(message)
        # Only the children keep the lock: if it is free, no process of the server is alive.
        with lock(self.folder, wait=_GONE_SECONDS) as held:
            try:
                self._rotate()
                program = self._prepare(held)
                self._process = self._spawn(program, held, self._account(), self._death)
                held.sign(self._process.pid)
                self._await_ready(self._process)
            except OSError as error:
                self._abandon()
                message = f"{self.title} cannot start in {self.folder}: {error}"
                raise EmbeddedError(message) from error
            except BaseException:
                self._abandon()
                raise

    def poll(self) -> int | None:
        """Return the exit code of the latest start, negative for a signal; None while the server runs."""
        return self._started().poll()

    def stop(self, timeout: float = 10.0) -> None:
        """Shut down, and kill after `timeout` seconds. Does nothing if the server does not run."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self.resume()
            self._process.send_signal(self._end)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
        self.kill()
        self._tidy()

    def kill(self) -> None:
        """Kill all processes at once, so that nothing is completed, and return when they are gone."""
        process = self._started()
        _signal(process, signal.SIGSTOP, signal.SIGKILL)
        process.wait()
        if self.folder.exists():
            lock(self.folder, wait=_GONE_SECONDS).release()

    def pause(self) -> None:
        """Suspend all processes, as an overloaded machine would: connections stay open and nothing answers."""
        _signal(self._started(), signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the processes after pause()."""
        _signal(self._started(), signal.SIGCONT)

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the server."""
        self.stop()

    @abstractmethod
    def _prepare(self, held: Lock) -> Sequence[str]:
        """Create the files that the server needs, and return its command line."""

    @abstractmethod
    def _ready(self, pid: int) -> bool:
        """Return whether the process answers."""

    def _account(self) -> Account:
        return Account()

    def _tidy(self) -> None:  # noqa: B027 - NATS has nothing to remove
        """Remove files that only a running server needs."""

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            message = f"{self.title} was not started"
            raise EmbeddedError(message)
        return self._process

    def _abandon(self) -> None:
        if self._process is not None:
            _signal(self._process, signal.SIGSTOP, signal.SIGKILL)
            self._process.wait()
        self._tidy()

    def _spawn(
        self, program: Sequence[str], held: Lock, account: Account, death: int, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Start a program that holds the lock and writes to our log."""

        def start() -> subprocess.Popen[bytes]:
            with self.log.open("ab") as log:
                return subprocess.Popen(  # noqa: S603 - a program of the wheel, or that the operator named
                    launch.line(program, death=death, uid=account.uid, gid=account.gid, capability=account.capability),
                    stdin=stdin,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                    pass_fds=(held.fileno(),),
                    start_new_session=True,
                    umask=0o077,
                )

        return start() if threading.current_thread() is threading.main_thread() else _in_keeper(start)

    def _run(self, program: Sequence[str], held: Lock, account: Account, text: bytes = b"") -> None:
        """Run a program with a text as its input. Raises EmbeddedError with the end of the log if it fails."""
        with self._spawn(program, held, account, signal.SIGKILL, subprocess.PIPE) as process:
            try:
                process.communicate(text, _READY_SECONDS)
            except subprocess.TimeoutExpired:
                self._fail(f"{Path(program[0]).name} took more than {_READY_SECONDS:.0f} s")
            finally:
                _signal(process, signal.SIGSTOP, signal.SIGKILL)  # with its children, which would continue to write
                process.wait()
        if process.returncode != 0:
            self._fail(f"{Path(program[0]).name} failed with code {process.returncode}")

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not self._ready(process.pid):
            code = process.poll()
            if code is not None:
                self._fail(f"{self.title} exited with code {code} at its start")
            if time.monotonic() > deadline:
                self._fail(f"{self.title} did not answer within {_READY_SECONDS:.0f} s")
            time.sleep(0.005)

    def _rotate(self) -> None:
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        if self._log_start > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
            self._log_start = 0

    def _fail(self, message: str) -> NoReturn:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            rows = log.read().decode(errors="replace").splitlines()[-_LOG_LINES:]
        message = "\n  ".join([f"{message}; the end of {self.log}:", *rows])
        raise EmbeddedError(message)


def _signal(process: subprocess.Popen[bytes], first: signal.Signals, *more: signal.Signals) -> None:
    """Send signals to a process and its descendants, parents first, so that a stopped parent starts no more children."""
    if process.poll() is not None:
        return
    process.send_signal(first)
    for number in (first, *more):
        for each in processes.tree(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, number)


def _in_keeper(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Start a process in a thread that lives as long as it: for the kernel, the end of that thread is the end of the parent."""
    started: Future[subprocess.Popen[bytes]] = Future()

    def keep() -> None:
        try:
            process = start()
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that asked
            started.set_exception(error)
            return
        started.set_result(process)
        process.wait()

    threading.Thread(target=keep, name="embedded-keeper", daemon=True).start()
    return started.result()
