"""Lookups without a cached response: without I/O, from Redis, from PostgreSQL."""

import asyncio
import contextlib
from collections.abc import Iterator

import redis

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from loadtests import scripts, servers
from loadtests.bench.context import CONNECTIONS, TRANSPORTS, At, Bench, ask
from loadtests.bench.report import Line, Mark
from loadtests.generator import Shape
from loadtests.lane import serve as lane

_SECTION = "Misses"
#: Calls per second of a cold worker, few enough to measure the slow path without queueing.
_RATE = 300.0


def misses(bench: Bench) -> None:
    """The lane alone; responses derived from parts in memory; cold workers."""
    bench.report.doing("misses of the lane alone")
    found = bench.best(lambda: _alone(bench), lane.calls(), "equal", 32)
    bench.add(_SECTION, "lane alone: a call handed to a task, no I/O, 8x32", found, least=18)
    registry = bench.registry
    requests = []
    for data, _ in bench.calls.pairs:
        request = pb.GetVenueSymbolRequest.FromString(data)
        request.min_revision = 1  # such a response is never cached
        requests.append(request.SerializeToString())
    answers = asyncio.run(ask(registry.port, registry.token, bench.calls.path, requests))
    derived = bench.calls._replace(pairs=[(one, other) for one, other in zip(requests, answers, strict=True) if other])
    for transport in TRANSPORTS:
        bench.report.doing(f"misses on {transport}")
        files = scripts.write(bench.folder, "equal", CONNECTIONS, derived)
        with bench.worker(transport) as at:
            found = bench.measure(at, files, bench.shape(32))
        bench.add(_SECTION, f"{transport}: derived from memory, 8x32", found)
    for tier in ("database", "redis"):
        _cold(bench, tier)


@contextlib.contextmanager
def _alone(bench: Bench) -> Iterator[At]:
    port = servers.free_port()
    with servers.module("loadtests.lane.serve", port, "lane-miss", str(port), log=bench.folder / "lane.log") as at:
        yield at


def _cold(bench: Bench, tier: str) -> None:
    """Look up each key once on a worker with an empty cache. The first run fills Redis for the second."""
    calls = bench.calls
    seconds = min(4 * bench.options.seconds, len(calls.pairs) / _RATE)
    files = scripts.deal(bench.folder, "equal", CONNECTIONS, calls)
    bench.report.doing(f"cold misses, {tier}")
    if tier == "database":
        with redis.Redis.from_url(bench.stack.valkey.url) as client:
            client.flushall()
    with bench.registry.worker("lane", CQAR_HOTPATH_PRELOAD="false") as worker, bench.apart(worker.pid):
        run = bench.measure((worker.port, worker.pid), files, Shape(CONNECTIONS, 256, seconds, _RATE, -2))
        adopted = worker.counted("cqar_cache_hit_total", tier="redis")
        lookups = adopted + worker.counted("cqar_cache_miss_total", tier="redis")
    note = f"{adopted / max(1, lookups):.0%} of the parts from Redis"
    marks = [Mark("p99 <= 20 ms", run.p99 <= 20_000)]
    name = f"lane: cold, through {'Redis' if tier == 'redis' else 'PostgreSQL'}, {_RATE:.0f}/s"
    bench.report.add(Line(_SECTION, name, run, marks=marks, note=note))
