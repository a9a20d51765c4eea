"""Attacks on real processes, and their cost to a client with a key."""

import asyncio
import contextlib
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Self

import trustme
import uvloop

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from loadtests.generator import cores
from loadtests.stack import Registry, Stack, Worker
from tests.attacks.caller import Waits, call_for
from tests.attacks.table import ATTACKS
from tests.attacks.target import Attack, Target
from tests.client import SERVICE

PLACES = ("lane", "grpcio", "admin")
_RUNS = 3
#: Marks: seconds that the longest wait may grow.
_STALL = 0.1
#: Seconds between two readings of the memory.
_SAMPLE = 0.05
#: Bytes of metadata of the venue that is looked up, which make its responses large.
_METADATA = 6_000


class Result(NamedTuple):
    """What an attack did. Waits in seconds, growth in bytes."""

    calm: float
    wait: float
    failed: int
    growth: int
    opened: int
    closed: int

    def missed(self, attack: Attack, place: str) -> list[str]:
        """The marks that were missed. grpcio decides itself which connections it closes."""
        missed = {
            "stall": self.wait - self.calm > _STALL,
            "memory": self.growth > attack.growth,
            "refused": self.failed > 0,
            "not closed": attack.closes and place != "grpcio" and not self.closed,
            "not opened": not self.opened,
        }
        return [name for name, true in missed.items() if true]


def _attack(name: str, target: Target, seconds: float, core: int | None) -> tuple[int, int]:
    """Attack, in a process of its own with low priority. Returns how many connections it opened, and how many were closed."""
    os.nice(10)
    if core is not None:
        os.sched_setaffinity(0, {core})

    async def run() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ATTACKS[name].run(target)

    uvloop.run(run())
    return target.opened, target.closed


class Bench:
    """A stack with a registry, and processes that call and attack."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = contextlib.ExitStack()
        chosen = cores()
        self._core = None if chosen is None else chosen[1]

    def __enter__(self) -> Self:
        stack = self._ends.enter_context(Stack())
        context = multiprocessing.get_context("spawn")
        self._pool = self._ends.enter_context(ProcessPoolExecutor(2, mp_context=context, max_tasks_per_child=1))
        self._registry = stack.registry("attacks")
        _create_venue(self._registry)
        self._certificate = _certificate(stack.folder)
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def measure(self, name: str, place: str) -> Result:
        """Run an attack: three times without it, then three times meanwhile."""
        attack, keys = ATTACKS[name], [f"Bearer {self._registry.keys[role]}" for role in ("reader", "writer", "admin")]
        with self._process(place, self._certificate if attack.tls else {}) as process:
            calm = [self._call(process, keys[0], attack).result().longest for _ in keys]
            target = Target(process.port, process.http_port, key=keys[0], tls=attack.tls)
            before = highest = process.memory()
            seconds = max(_RUNS * (self._seconds + 1.0), attack.lasts)
            attacking = self._pool.submit(_attack, name, target, seconds, self._core)
            waits = []
            for key in (*keys[1:], keys[0]):  # a key that this process has not seen before is verified during the attack
                calling = self._call(process, key, attack)
                highest = max(highest, _highest(process, calling.done))
                waits.append(calling.result())
            highest = max(highest, _highest(process, attacking.done))
            longest = statistics.median(each.longest for each in waits)
            failed = sum(each.failed for each in waits)
            return Result(statistics.median(calm), longest, failed, highest - before, *attacking.result())

    def _call(self, process: Worker, key: str, attack: Attack) -> "Future[Waits]":
        return self._pool.submit(call_for, process.port, key, self._seconds, self._core, tls=attack.tls)

    @contextlib.contextmanager
    def _process(self, place: str, certificate: Mapping[str, str]) -> Iterator[Worker]:
        if place == "admin":
            yield self._registry.process
        else:
            with self._registry.worker(place, **certificate) as worker:
                yield worker


def _highest(process: Worker, done: Callable[[], bool]) -> int:
    """The most memory until something is done."""
    highest = process.memory()
    while not done():
        time.sleep(_SAMPLE)
        highest = max(highest, process.memory())
    return highest


def _certificate(folder: Path) -> dict[str, str]:
    made = trustme.CA().issue_cert("localhost", "127.0.0.1")
    certificate, key = folder / "attacks.pem", folder / "attacks.key"
    made.private_key_pem.write_to_path(key)
    certificate.write_bytes(b"".join(each.bytes() for each in made.cert_chain_pems))
    return {"CQAR_TLS_CERTIFICATE": str(certificate), "CQAR_TLS_KEY": str(key)}


def _serialized(request: pb.CreateVenueRequest) -> bytes:
    return request.SerializeToString()


def _create_venue(registry: Registry) -> None:
    with registry.admin() as channel:
        create: Any = channel.unary_unary(f"{SERVICE}CreateVenue", _serialized)
        request = pb.CreateVenueRequest(name="binance", venue_type=venues.VENUE_TYPE_CEX)
        request.metadata.update({"note": "x" * _METADATA})
        create(request, timeout=30, metadata=(("idempotency-key", "attacks"),))
