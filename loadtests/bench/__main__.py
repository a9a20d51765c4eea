"""`python -m loadtests.bench`: all benchmarks of cqar in one run, compared with a bare grpc.aio server.

The bench starts its own servers on free ports in a temporary folder, and stops them. If the system supports CPU affinity,
server and generator each have a core. See docs/performance.md.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

from cqar.dev.embedded import EmbeddedError
from loadtests.bench import batches, capacity, changes, fairness, hits, misses, rivals
from loadtests.bench.context import Bench, Options
from loadtests.bench.report import Report
from loadtests.generator import GeneratorError
from loadtests.servers import ServerError
from loadtests.stack import Stack

_SECTIONS: Mapping[str, Callable[[Bench], None]] = {
    "hits": hits.hits,
    "latency": hits.latency,
    "tls": hits.tls,
    "misses": misses.misses,
    "batches": batches.batches,
    "workers": fairness.fairness,
    "sizes": capacity.sizes,
    "apply": changes.apply,
    "visibility": changes.visibility,
    "rivals": rivals.rivals,
}
_QUICK = Options(seconds=0.2, rounds=1, keys=200, sizes=(1_000,), quick=True)


def main() -> None:
    """Run the requested sections."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench", description=__doc__)
    parser.add_argument("--only", default=",".join(_SECTIONS), help=f"sections, of {', '.join(_SECTIONS)}", metavar="NAMES")
    parser.add_argument("--seconds", type=float, help="duration of each measurement (3)")
    parser.add_argument("--rounds", type=int, help="runs per measurement; the best one counts (2)")
    parser.add_argument("--keys", type=int, help="number of venue symbols (10000)")
    parser.add_argument("--sizes", type=_numbers, help="numbers of venue symbols in one worker (1000,10000,100000,1000000)")
    parser.add_argument("--quick", action="store_true", help="a short test run; its figures are not meaningful")
    parser.add_argument("--json", type=Path, help="file for the results")
    parser.add_argument("--markdown", type=Path, help="file for the table; replaces the text between its markers, if present")
    options = parser.parse_args()
    names = options.only.split(",")
    unknown = [name for name in names if name not in _SECTIONS]
    if unknown:
        parser.error(f"unknown section {unknown[0]}; use {', '.join(_SECTIONS)}")
    overrides = {
        name: value for name in ("seconds", "rounds", "keys", "sizes") if (value := getattr(options, name)) is not None
    }
    report = Report()
    try:
        _end_on_signals(report)
        with Stack() as stack:
            bench = Bench(stack, report, (_QUICK if options.quick else Options())._replace(**overrides))
            for name in names:
                _SECTIONS[name](bench)
            report.doing("")
    except (GeneratorError, ServerError, EmbeddedError) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    if options.json:
        options.json.write_bytes(report.json())
    if options.markdown:
        report.write_markdown(options.markdown)
    if report.missed and not options.quick:
        sys.stdout.write("\ntargets missed:\n" + "".join(f"  {each}\n" for each in report.missed))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _end_on_signals(report: Report) -> None:
    """Raise KeyboardInterrupt on SIGINT and SIGTERM, and again at the next step if a callback suppressed it."""

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        report.interrupted = True
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


if __name__ == "__main__":
    main()
