"""`python -m tests.coherence`: the long run. Exits with 1 where an invariant is broken."""

import argparse
import sys

import uvloop

from tests.coherence.campaign import Plan, run, table
from tests.coherence.faults import KINDS
from tests.coherence.mutant import MUTANTS
from tests.coherence.mutants import PLANS, hunted


async def _hunt() -> int:
    """Hunt each mutant, then the protocol itself under each plan; how many came out otherwise than they should."""
    wrong = 0
    for name, alive in [*((each, True) for each in PLANS), ("no-floor", False), ("lease-at-reception", False)]:
        outcome = await hunted(name, alive=alive)
        wrong += bool(outcome.broken) != alive
        what = f"{name}:" if alive else f"the protocol under the plan of {name}:"
        print(what, dict(outcome.history.breaks) or "sound", f"in {outcome.seconds:.1f} s", flush=True)  # noqa: T201 - its output
    return wrong


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
    parser.add_argument("--mutant", choices=MUTANTS, default="", help="break the protocol so, under the other options")
    parser.add_argument("--mutants", action="store_true", help="only see that each mutant is caught, and the protocol is not")
    parser.add_argument("--tight", action="store_true", help="workers with hardly any memory")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    given = parser.parse_args()
    if given.mutants:
        return uvloop.run(_hunt())
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
