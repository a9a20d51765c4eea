"""`python -m tests.attacks`: run attacks on a worker. Exits with 1 if a mark is missed."""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import uvloop

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from loadtests.stack import Registry, Stack, Worker
from tests.attacks.caller import longest_wait
from tests.attacks.table import ATTACKS
from tests.attacks.target import Target
from tests.client import SERVICE

_VENUE = "binance"
_RUNS = 3
#: Marks: seconds that the longest wait may grow, and bytes that the worker may grow.
_STALL = 0.1
_GROWTH = 64 << 20
_LOOKUP = pb.GetVenueRequest(venue_id=_VENUE).SerializeToString()


class Result(NamedTuple):
    """What an attack did. Waits in seconds, growth in bytes."""

    name: str
    calm: float
    wait: float
    growth: int
    opened: int
    closed: int

    @property
    def missed(self) -> str:
        """The marks that were missed."""
        missed = ["stall"] if self.wait - self.calm > _STALL else []
        missed += ["memory"] if self.growth > _GROWTH else []
        missed += ["not closed"] if ATTACKS[self.name].closes and not self.closed else []
        return ", ".join(missed)


def _attack(name: str, port: int, http_port: int, seconds: float) -> tuple[int, int]:
    """Attack, in a process of its own with low priority. Returns how many connections it opened, and how many were closed."""
    os.nice(10)
    target = Target(port, http_port, seconds)

    async def run() -> None:
        await ATTACKS[name].run(target)

    uvloop.run(run())
    return target.opened, target.closed


def _measure(pool: ProcessPoolExecutor, registry: Registry, worker: Worker, name: str, seconds: float) -> Result:
    calm, waits, opened, closed = [], [], 0, 0
    before = highest = worker.memory()
    for _ in range(_RUNS):
        calm.append(pool.submit(longest_wait, worker.port, registry.token, _LOOKUP, seconds).result())
        attacking = pool.submit(_attack, name, worker.port, worker.http_port, seconds + 0.5)
        calling = pool.submit(longest_wait, worker.port, registry.token, _LOOKUP, seconds)
        while not (attacking.done() and calling.done()):
            highest = max(highest, worker.memory())
            time.sleep(0.05)
        waits.append(calling.result())
        opened, closed = opened + attacking.result()[0], closed + attacking.result()[1]
    return Result(name, statistics.median(calm), statistics.median(waits), highest - before, opened, closed)


def _serialized(request: pb.CreateVenueRequest) -> bytes:
    return request.SerializeToString()


def _create_venue(registry: Registry) -> None:
    with registry.admin() as channel:
        create: Any = channel.unary_unary(f"{SERVICE}CreateVenue", _serialized)
        request = pb.CreateVenueRequest(name=_VENUE, venue_type=venues.VENUE_TYPE_CEX)
        create(request, timeout=30, metadata=(("idempotency-key", "attacks"),))


def main() -> int:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run; there are three with and three without attack")
    parser.add_argument(
        "--only", action="append", choices=[*ATTACKS], metavar="NAME", help=f"may be repeated: {', '.join(ATTACKS)}"
    )
    given = parser.parse_args()
    missed = 0
    row = "{:18}{:>10}{:>10}{:>10}{:>9}{:>9}  {}"
    context = multiprocessing.get_context("spawn")
    with Stack() as stack, ProcessPoolExecutor(3, mp_context=context) as pool:
        registry = stack.registry("attacks")
        _create_venue(registry)
        print(row.format("attack", "calm ms", "wait ms", "RSS MB", "opened", "closed", "missed"), flush=True)  # noqa: T201 - its output
        for name in given.only or ATTACKS:
            with registry.worker("lane") as worker:
                result = _measure(pool, registry, worker, name, given.seconds)
            missed += bool(result.missed)
            numbers = (f"{result.calm * 1e3:.1f}", f"{result.wait * 1e3:.1f}", f"{result.growth / (1 << 20):.1f}")
            print(row.format(name, *numbers, result.opened, result.closed, result.missed or "-"), flush=True)  # noqa: T201
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
