"""Compare the lane with a grpc.aio echo server in one run: calls per second, and the server's processor time per call.

`python -m loadtests.bench` measures a whole worker; this benchmark is for work on the lane. On a busy machine, compare
processor times. Prints a table; `--json FILE` writes the results to a file.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from loadtests import echo, generator, scripts, servers
from loadtests.generator import Run, Shape
from loadtests.lane.serve import STALE, answer, calls
from loadtests.scripts import Calls

#: Measurements: name, server, client, connections, streams, and the target as a multiple of the echo server's rate at 8x32.
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


@contextlib.contextmanager
def server(kind: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Run a lane. Yields its port and process id."""
    port = servers.free_port()
    with servers.module("loadtests.lane.serve", port, kind, str(port), log=folder / "server.log") as at:
        yield at


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="duration of a measurement")
    parser.add_argument("--rounds", type=int, default=2, help="number of rounds; the best one counts")
    parser.add_argument("--only", default="", help="only measurements whose name contains this")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            results = _all(options, folder, generator.build(folder))
        except generator.GeneratorError as error:
            sys.exit(str(error))
    if options.json:
        options.json.write_text(json.dumps({name: run._asdict() for name, run in results.items()}, indent=1))


def _all(options: argparse.Namespace, folder: Path, program: Path) -> dict[str, Run]:
    """Measure and print. Returns the results by name."""
    results: dict[str, Run] = {}
    yard: Run | None = None
    size = len(answer(0))
    files = scripts.write(folder, "equal", 8, Calls(calls().path, "", [(pair[0], echo.answer(size)) for pair in calls().pairs]))
    for _ in range(options.rounds):
        port = servers.free_port()
        with servers.module("loadtests.echo", port, str(port), str(size), log=folder / "server.log") as at:
            yard = _better(yard, generator.measure(program, *at, files, Shape(8, 32, options.seconds)))
    assert yard is not None  # noqa: S101 - there is a round
    _show("yardstick 8x32", yard, yard, None)
    results["yardstick 8x32"] = yard
    for name, kind, client, connections, streams, mark in WORK:
        if options.only not in name:
            continue
        files = scripts.write(folder, client, connections, calls(STALE if kind == "lane-stale" else b""))
        best: Run | None = None
        for _ in range(options.rounds):
            with server(kind, folder) as at:
                shape = Shape(connections, streams, options.seconds, loop=scripts.loops(client))
                best = _better(best, generator.measure(program, *at, files, shape))
        assert best is not None  # noqa: S101 - there is a round
        _show(name, best, yard, mark)
        results[name] = best
    return results


def _better(one: Run | None, other: Run) -> Run:
    return other if one is None or other.processor < one.processor else one


def _show(name: str, run: Run, yard: Run, mark: float | None) -> None:
    by_rate, by_processor = run.rate / yard.rate, yard.processor / run.processor
    line = f"{name:36} {run.rate:9,.0f}/s {run.processor:7.2f} us  x{by_rate:6.1f}  x{by_processor:6.1f} by processor"
    sys.stdout.write(f"{line}  p50 {run.p50:5.0f}  p99 {run.p99:6.0f}  {'' if mark is None else f'mark {mark}'}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
