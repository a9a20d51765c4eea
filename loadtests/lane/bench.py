"""The lane against a bare echo of grpc.aio, in one run: calls a second, and the server's processor time a call.

The processor time is what to compare on a machine that is busy with other things. Server and generator are pinned to a
core each where the system allows. TLS is measured with h2load where it is there. Prints a table; `--json FILE` keeps it.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from loadtests.lane.scripts import CLIENTS, framed, write
from loadtests.lane.serve import PATH, STALE, TOKEN, answer, request

_HERE = Path(__file__).parent
_TICKS = os.sysconf("SC_CLK_TCK")


class Run(NamedTuple):
    """One measurement: answered calls a second, microseconds of the server's processor a call, latency in microseconds."""

    rate: float
    processor: float
    mean: float
    p50: float
    p99: float


#: Measurements: name, server, client, connections, streams, and the mark as a multiple of the yardstick's rate at 8x32.
WORK = (
    ("hit 8x1", "lane", "equal", 8, 1, None),
    ("hit 8x4", "lane", "equal", 8, 4, None),
    ("hit 8x32", "lane", "equal", 8, 32, 70),
    ("hit 8x32, stale", "lane-stale", "equal", 8, 32, None),
    ("as grpcio", "lane", "grpcio", 8, 32, 22),
    ("as grpc-go with a deadline", "lane", "grpc-go", 8, 32, 22),
    ("as Envoy", "lane", "envoy", 8, 32, 17),
    ("as grpc-go with deadline and trace", "lane", "grpc-go-traced", 8, 32, 13),
    ("miss without I/O", "lane-miss", "equal", 8, 32, 18),
)


def _pinned(core: int) -> list[str]:
    return ["taskset", "-c", str(core)] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else []


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def server(kind: str, *files: str) -> Iterator[tuple[int, int]]:
    """A running server: its port and process."""
    port = _free_port()
    command = [*_pinned(0), sys.executable, "-m", "loadtests.lane.serve", kind, str(port), *files]
    with subprocess.Popen(command) as process:  # noqa: S603 - ours
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.05)
            yield port, process.pid
        finally:
            process.terminate()


def _processor(pid: int) -> float:
    """Seconds of the processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _measure(generator: Path, at: tuple[int, int], scripts: list[Path], shape: tuple[int, int, float, float, int]) -> Run:
    connections, streams, seconds, rate, loop = shape
    port, pid = at
    arguments = [str(each) for each in (port, connections, streams, seconds, rate, loop, *scripts)]
    before = _processor(pid)
    done = subprocess.run(  # noqa: S603 - ours
        [*_pinned(1), str(generator), *arguments], capture_output=True, text=True, check=True
    )
    spent = _processor(pid) - before
    found: dict[str, Any] = json.loads(done.stdout)
    if found["wrong"] or found["broken"] or not found["answered"]:
        sys.exit(f"answers were wrong or missing: {found}")
    return Run(found["answered"] / found["seconds"], spent / found["answered"] * 1e6, found["mean"], found["p50"], found["p99"])


def _over_tls(folder: Path, at: tuple[int, int], streams: int, seconds: float) -> Run:
    """The same over TLS, by h2load, one key."""
    port, pid = at
    body = folder / "body"
    body.write_bytes(framed(request(7)))
    fields = (f"authorization: {TOKEN}", "te: trailers", "content-type: application/grpc")
    headers = [part for field in fields for part in ("-H", field)]
    url = f"https://127.0.0.1:{port}{PATH}"
    before = _processor(pid)
    command = ["h2load", "-c", "8", "-m", str(streams), "-D", str(max(1, round(seconds))), "-d", str(body), *headers, url]
    text = subprocess.run([*_pinned(1), *command], capture_output=True, text=True, check=True).stdout  # noqa: S603 - ours
    spent = _processor(pid) - before
    answered = int(re.findall(r"(\d+) succeeded", text)[0])
    return Run(answered / max(1, round(seconds)), spent / max(1, answered) * 1e6, 0, 0, 0)


def _certificate(folder: Path) -> tuple[str, str]:
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    subject = ["-subj", "/CN=localhost", "-days", "2", "-nodes", "-newkey", "rsa:2048"]
    subprocess.run(  # noqa: S603 - ours
        ["openssl", "req", "-x509", *subject, "-keyout", key, "-out", certificate],  # noqa: S607 - where it is
        capture_output=True,
        check=True,
    )
    return certificate, key


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=2, help="the best of so many counts")
    parser.add_argument("--only", default="", help="measurements whose name holds this")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    compiler = shutil.which("cc")
    if compiler is None:
        sys.exit("no C compiler (cc): the generator cannot be built")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generator = folder / "generator"
        subprocess.run([compiler, "-O2", "-o", str(generator), str(_HERE / "generator.c")], check=True)  # noqa: S603
        results = _all(options, folder, generator)
    if options.json:
        options.json.write_text(json.dumps({name: run._asdict() for name, run in results.items()}, indent=1))


def _all(options: argparse.Namespace, folder: Path, generator: Path) -> dict[str, Run]:
    """Measure and print."""
    seconds = options.seconds
    results: dict[str, Run] = {}
    yard: Run | None = None
    scripts = write(folder, "equal", 8, lambda _number: answer(0))
    for _ in range(options.rounds):
        with server("yardstick") as at:
            yard = _better(yard, _measure(generator, at, scripts, (8, 32, seconds, 0, 1)))
    assert yard is not None  # noqa: S101 - there is a round
    _show("yardstick 8x32", yard, yard, None)
    results["yardstick 8x32"] = yard
    for name, kind, client, connections, streams, mark in WORK:
        if options.only not in name:
            continue
        scripts = write(folder, client, connections, _stale if kind == "lane-stale" else answer)
        best: Run | None = None
        for _ in range(options.rounds):
            with server(kind) as at:
                loop = 1 if CLIENTS[client][1] else -1
                best = _better(best, _measure(generator, at, scripts, (connections, streams, seconds, 0, loop)))
        assert best is not None  # noqa: S101 - there is a round
        _show(name, best, yard, mark)
        results[name] = best
    if shutil.which("h2load") and shutil.which("openssl") and options.only in "TLS":
        with server("lane", *_certificate(folder)) as at:
            for streams, mark in ((1, None), (32, 60)):
                found = _over_tls(folder, at, streams, seconds)
                _show(f"TLS 8x{streams}", found, yard, mark)
                results[f"TLS 8x{streams}"] = found
    return results


def _stale(number: int) -> bytes:
    return answer(number) + STALE


def _better(one: Run | None, other: Run) -> Run:
    return other if one is None or other.processor < one.processor else one


def _show(name: str, run: Run, yard: Run, mark: float | None) -> None:
    by_rate, by_processor = run.rate / yard.rate, yard.processor / run.processor
    line = f"{name:36} {run.rate:9,.0f}/s {run.processor:7.2f} us  x{by_rate:6.1f}  x{by_processor:6.1f} by processor"
    sys.stdout.write(f"{line}  p50 {run.p50:5.0f}  p99 {run.p99:6.0f}  {'' if mark is None else f'mark {mark}'}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
