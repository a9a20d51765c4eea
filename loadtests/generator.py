"""The load generator: built where a C compiler is, run against a server, whose processor time it takes down as well."""

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
#: Seconds that a run may take beyond those that it was asked to.
_PATIENCE = 60.0


class GeneratorError(Exception):
    """It cannot be built, or what came back is not what is due: `str()` says what."""


class Run(NamedTuple):
    """What was measured: calls a second, microseconds of the server's processor a call, latency in microseconds."""

    rate: float
    processor: float
    mean: float
    p50: float
    p99: float
    p999: float
    #: answers that were marked stale, which else were right
    stale: int = 0
    #: seconds that the generator had no core, which count for nothing
    lost: float = 0


class Shape(NamedTuple):
    """How to call: `rate` is calls a second in all, 0 for as many as go; `loop` as the generator takes it."""

    connections: int
    streams: int
    seconds: float
    rate: float = 0
    loop: int = 1


def cores() -> tuple[int, int] | None:
    """The cores for the server and for the generator; None where there are not two to choose."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    mine = sorted(os.sched_getaffinity(0))
    return (mine[0], mine[1]) if len(mine) > 1 else None


@contextlib.contextmanager
def pinned(role: int) -> Iterator[None]:
    """What is started here runs on the core of the server (0) or of the generator (1), where the system allows."""
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
    """What runs already keeps off the core of the server, where the system allows, and may go back to it afterwards."""
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
        with contextlib.suppress(OSError):  # it may have ended, or be another user's
            os.sched_setaffinity(task, to)


def build(folder: Path) -> Path:
    """The program. Raises GeneratorError where there is no compiler."""
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
    """The exit code of a compiler. Its temporary files are in the folder; an exception ends it and all its processes."""
    own = {**os.environ, "TMPDIR": str(folder), **variables}
    with subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL, start_new_session=True) as process:  # noqa: S603 - ours
        try:
            return process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def spent(pid: int) -> float:
    """Seconds of the processor that a process and its children have had."""
    total = 0.0
    for each in processes.tree(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def measure(program: Path, port: int, pid: int, scripts: Sequence[Path], shape: Shape) -> Run:
    """Play the scripts against the server at the port, which is the process. Raises GeneratorError for a wrong answer."""
    arguments = (port, shape.connections, shape.streams, shape.seconds, shape.rate, shape.loop, *scripts)
    before = spent(pid)
    with pinned(1):
        done = subprocess.run(  # noqa: S603 - ours
            [str(program), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=shape.seconds + _PATIENCE,
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
