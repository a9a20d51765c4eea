"""`python -m tests.coherence`: the long run. Exits with 1 where an invariant is broken."""

import argparse
import sys

import uvloop

from tests.coherence.campaign import Plan, run, table
from tests.coherence.faults import KINDS


def main() -> int:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.coherence", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long; each kind of fault comes at least once")
    parser.add_argument("--calm", type=float, default=30.0, help="seconds of it without faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=15.0, help="seconds that something is stopped, at most")
    parser.add_argument("--burst", type=int, default=20_000, help="changes of a burst")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kind", action="append", choices=[*KINDS], help="only this kind; may be repeated")
    parser.add_argument("--mutant", default="", help="break the protocol so: see tests/coherence/mutant.py")
    parser.add_argument("--tight", action="store_true", help="workers with hardly any memory")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    given = parser.parse_args()
    plan = Plan(
        seed=given.seed,
        seconds=given.seconds,
        calm=given.calm,
        longest=given.longest,
        burst=given.burst,
        workers=given.workers,
        kinds=tuple(given.kind or KINDS),
        mutants=given.mutant,
        tight=given.tight,
        keep=given.keep,
    )
    outcome = uvloop.run(run(plan, lambda line: print(line, flush=True)))  # noqa: T201 - what is it for
    print(table(outcome))  # noqa: T201 - the same
    if given.keep:
        print(outcome.folder)  # noqa: T201 - the same
    return 1 if outcome.broken else 0


if __name__ == "__main__":
    sys.exit(main())
