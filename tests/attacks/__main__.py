"""`python -m tests.attacks`: attack a worker on both transports, and admin. Exits with 1 if a mark is missed."""

import argparse
import sys

from tests.attacks.bench import PLACES, Bench, Result
from tests.attacks.table import ATTACKS

_ROW = "| {} | {} | {} | {} | {} | {} | {} | {} | {} |"
_HEAD = ("attack", "on", "calm ms", "attacked ms", "failed calls", "RSS MB", "opened", "closed", "missed")


def _row(name: str, place: str, result: Result, missed: list[str]) -> str:
    waits = (f"{result.calm * 1e3:.1f}", f"{result.wait * 1e3:.1f}")
    growth = f"{result.growth / (1 << 20):.1f}"
    return _ROW.format(name, place, *waits, result.failed, growth, result.opened, result.closed, ", ".join(missed) or "-")


def main() -> int:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each of the three runs with and without an attack")
    parser.add_argument("--on", choices=PLACES, action="append", help="the process to attack; may be repeated")
    parser.add_argument(
        "--only", action="append", choices=[*ATTACKS], metavar="NAME", help=f"may be repeated: {', '.join(ATTACKS)}"
    )
    given = parser.parse_args()
    failed = 0
    print(_ROW.format(*_HEAD), _ROW.format(*["---"] * len(_HEAD)), sep="\n", flush=True)  # noqa: T201 - its output
    with Bench(given.seconds) as bench:
        for place in given.on or PLACES:
            for name in given.only or ATTACKS:
                if place in ATTACKS[name].places:
                    result = bench.measure(name, place)
                    missed = result.missed(ATTACKS[name], place)
                    failed += bool(missed)
                    print(_row(name, place, result, missed), flush=True)  # noqa: T201 - the same
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
