"""admin and hotpath as child processes: start, health, log and stop."""

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from cqar.server import launch

#: Bytes from which a log is rotated at the next start.
_LOG_BYTES = 8 * 1024 * 1024
#: Lines of a log in an error.
_LOG_LINES = 12
#: Fields of a log line that every event has, or that are shown differently.
_USUAL = frozenset({"event", "level", "timestamp", "part", "exception"})


def program(*arguments: str) -> Sequence[str]:
    """Return the command line of `cqar` with the arguments."""
    # -P: the child must import the same package, not one in the current folder.
    path = () if Path.cwd() == Path(__file__).parents[2] else ("-P",)
    return (sys.executable, *path, "-m", "cqar", *arguments)


class Health(NamedTuple):
    """The health that a process reports: whether it answers calls, and which dependencies are down."""

    ready: bool
    down: Sequence[str]


class Child:
    """`cqar admin` or `cqar hotpath` in its own session. On Linux it ends when this process ends.

    Start it from the main thread. Its log is a file of JSON lines.
    """

    def __init__(self, name: str, *, environment: Mapping[str, str], log: Path, http_port: int) -> None:
        self.title = name
        self.log = log
        self._environment = environment
        self._http_port = http_port
        self._process: subprocess.Popen[bytes] | None = None
        self._read = 0

    def start(self) -> None:
        """Start the process without waiting for it to be ready."""
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self._read = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                launch.line(program(self.title), death=signal.SIGKILL, uid=0, gid=0, capability=0),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment},
                start_new_session=True,
            )

    def poll(self) -> int | None:
        """Return the exit code of the latest start, negative for a signal; None while it runs."""
        return self._started().poll()

    def stop(self, timeout: float = 10.0) -> None:
        """Terminate the process, and kill it after `timeout` seconds. Does nothing if it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def health(self) -> Health:
        """Return the health it reports; not ready if it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._http_port, timeout=3)
        try:
            connection.request("GET", "/health/ready")
            response = connection.getresponse()
            health = orjson.loads(response.read())
            down = [name for name, state in health["components"].items() if state != "ok"]
        except (OSError, http.client.HTTPException, orjson.JSONDecodeError, LookupError):
            return Health(ready=False, down=())
        finally:
            connection.close()
        return Health(ready=response.status == http.HTTPStatus.OK, down=down)

    def warnings(self) -> Iterator[tuple[str, str]]:
        """Yield warnings and errors in the log since the last call, as (event, line)."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            news = log.read()
        whole = news[: news.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            event = _event(line)
            if event is None:
                yield line.decode(errors="replace"), line.decode(errors="replace")
            elif event["level"] not in {"debug", "info"}:
                yield event["event"], _summary(event)

    def tail(self) -> list[str]:
        """Return the last lines of the log, shortened."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 32 * 1024))
            lines = log.read().splitlines()[-_LOG_LINES:]
        return [line.decode(errors="replace") if (event := _event(line)) is None else _summary(event) for line in lines]

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            message = f"{self.title} was not started"
            raise RuntimeError(message)
        return self._process


def _event(line: bytes) -> dict[str, Any] | None:
    """Return the event in a line of the log; None for other lines, such as Python tracebacks."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) and {"event", "level"} <= event.keys() else None


def _summary(event: Mapping[str, Any]) -> str:
    facts = [f"{name}={value}" for name, value in event.items() if name not in _USUAL]
    raised = [each for each in event.get("exception") or () if isinstance(each, dict)]
    causes = [f"{each.get('exc_type')}: {each.get('exc_value')}" for each in raised]
    return " ".join([event["level"], event["event"], *facts, *causes[-1:]])
