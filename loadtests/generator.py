"""Compile the load generator, run it against a server, and measure the server's CPU time."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cqar.dev.embedded import processes

_SOURCE = Path(__file__).with_name("generator.c")
_TICKS = os.sysconf("SC_CLK_TCK")
#: Seconds that a run may take in addition to its duration.
_GRACE = 60.0


class GeneratorError(Exception):
    """The generator cannot be built, or a response was wrong or missing; `str()` is the message."""


class Run(NamedTuple):
    """A measurement: calls per second, server CPU time per call in microseconds, latency in microseconds."""

    rate: float
    processor: float
    mean: float
    p50: float
    p99: float
    p999: float
    #: correct responses that were marked stale
    stale: int = 0
    #: seconds without a core for the generator, excluded from the measurement
    lost: float = 0


class Shape(NamedTuple):
    """The load: `rate` is calls per second in total, 0 for the maximum; `loop` is the LOOP argument of generator.c."""

    connections: int
    streams: int
    seconds: float
    rate: float = 0
    loop: int = 1


def cores() -> tuple[int, int] | None:
    """The cores for the server and the generator; None with fewer than two cores or without CPU affinity."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    mine = sorted(os.sched_getaffinity(0))
    return (mine[0], mine[1]) if len(mine) > 1 else None


@contextlib.contextmanager
def pinned(role: int) -> Iterator[None]:
    """Start processes on the core of the server (0) or of the generator (1), if the system supports CPU affinity."""
    chosen = cores()
    if chosen is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {chosen[role]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def aside(pids: Iterable[int]) -> Iterator[None]:
    """Move running processes off the server's core, if the system supports CPU affinity, and allow all cores afterwards."""
    chosen = cores()
    if chosen is None:
        yield
        return
    tasks = [int(task.name) for pid in pids for task in Path(f"/proc/{pid}/task").glob("*")]
    _move(tasks, {chosen[1]})
    try:
        yield
    finally:
        _move(tasks, os.sched_getaffinity(0))


def _move(tasks: Iterable[int], to: set[int]) -> None:
    for task in tasks:
        with contextlib.suppress(OSError):  # it may have ended or belong to another user
            os.sched_setaffinity(task, to)


def build(folder: Path) -> Path:
    """Compile the generator and return its path. Raises GeneratorError without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        message = "no C compiler (cc): the generator cannot be built"
        raise GeneratorError(message)
    program = folder / "generator"
    if compiled([compiler, "-O2", "-o", str(program), str(_SOURCE)], folder):
        message = f"{compiler} cannot compile {_SOURCE}"
        raise GeneratorError(message)
    return program


def compiled(command: Sequence[str], folder: Path, **variables: str) -> int:
    """Run a compiler and return its exit code. Temporary files go to `folder`; an exception kills its process group."""
    own = {**os.environ, "TMPDIR": str(folder), **variables}
    with subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL, start_new_session=True) as process:  # noqa: S603 - ours
        try:
            return process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def spent(pid: int) -> float:
    """The CPU time of a process and its children in seconds."""
    total = 0.0
    for each in processes.tree(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def measure(program: Path, port: int, pid: int, scripts: Sequence[Path], shape: Shape) -> Run:
    """Play the scripts against the server `pid` on `port`. Raises GeneratorError for a wrong response."""
    arguments = (port, shape.connections, shape.streams, shape.seconds, shape.rate, shape.loop, *scripts)
    before = spent(pid)
    with pinned(1):
        done = subprocess.run(  # noqa: S603 - ours
            [str(program), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=shape.seconds + _GRACE,
        )
    processor = spent(pid) - before
    if done.returncode:
        message = f"the generator ended with code {done.returncode}: {done.stderr.strip()}"
        raise GeneratorError(message)
    found: dict[str, Any] = json.loads(done.stdout)
    if found["wrong"] or found["broken"] or not found["answered"]:
        message = f"answers were wrong or missing: {found}"
        raise GeneratorError(message)
    return Run(
        rate=found["answered"] / found["seconds"],
        processor=processor / found["answered"] * 1e6,
        mean=found["mean"],
        p50=found["p50"],
        p99=found["p99"],
        p999=found["p999"],
        stale=found["stale"],
        lost=found["lost"],
    )
