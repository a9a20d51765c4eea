"""Writes: bulk load by Apply, and the delay until workers under read load return a change."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Sequence
from typing import Any

import grpc.aio

from cqar.contract.cqar.v1 import registry_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from loadtests import scripts, symbols
from loadtests.bench.context import CONNECTIONS, GET, Bench, ask
from loadtests.bench.report import Line, Mark
from loadtests.generator import Run, Shape
from loadtests.scripts import Calls
from loadtests.stack import Registry, Worker

_UPDATE = "/cqar.v1.Registry/UpdateVenueSymbol"
_WORKERS = 2
#: Reads per second of each worker while changes arrive.
_READS = 10_000.0
_TIMEOUT = 10.0
_KEYS = 1_000


def apply(bench: Bench) -> None:
    """Rows per second into an empty registry, and for the same rows again."""
    registry = bench.stack.registry("applied")
    wanted = list(symbols.generated(_KEYS if bench.options.quick else 20_000))
    for what in ("new rows", "the same rows again"):
        bench.report.doing(f"bulk apply, {what}")
        with registry.admin() as channel:
            began = time.monotonic()
            loaded = symbols.load(channel, wanted)
            rate = loaded.rows / (time.monotonic() - began)
        if loaded.rejected:
            message = f"{loaded.rejected} of {loaded.rows} rows were rejected"
            raise AssertionError(message)
        marks = [Mark(">= 5,000/s", rate >= 5_000)] if what == "new rows" else []
        name = f"Apply, {what}: {loaded.rows:,} rows of venues, assets, symbols and listings"
        bench.report.add(Line("Bulk apply", name, value=f"{rate:,.0f} rows/s", marks=marks))


def visibility(bench: Bench) -> None:
    """The delay from the acknowledgement of a write to the first response of each worker that contains it."""
    registry = bench.stack.registry("changed")
    wanted = list(symbols.generated(_KEYS))
    with registry.admin() as channel:
        symbols.load(channel, wanted)
    requests = [pb.GetVenueSymbolRequest(venue_id=each.venue, venue_symbol=each.text).SerializeToString() for each in wanted]
    answers = asyncio.run(ask(registry.port, registry.token, GET, requests))
    first, *pairs = [(one, other) for one, other in zip(requests, answers, strict=True) if other]
    listing = pb.GetVenueSymbolResponse.FromString(first[1]).venue_symbol.listing_id
    count = 20 if bench.options.quick else 1_000
    with contextlib.ExitStack() as running:
        workers = [running.enter_context(registry.worker("lane")) for _ in range(_WORKERS)]
        ends = [_reading(bench, worker, Calls(GET, registry.token, pairs)) for worker in workers]
        bench.report.doing(f"visibility of {count} changes")
        try:
            delays = sorted(asyncio.run(_changes(registry, workers, first[0], listing, count)))
        finally:
            reads = [end() for end in ends]
    p50, p99, p999 = (delays[min(len(delays) - 1, int(len(delays) * part))] * 1e6 for part in (0.5, 0.99, 0.999))
    run = Run(0, 0, 0, p50, p99, p999)
    note = f"{len(delays):,} delays; " + ", ".join(f"{each.rate:,.0f} reads/s" for each in reads)
    name = f"a write, from acknowledged to visible in {_WORKERS} workers"
    marks = [Mark("p99.9 <= 50 ms", run.p999 <= 50_000)]
    bench.report.add(Line("Visibility of a change under read load", name, run, value=f"{count} writes", marks=marks, note=note))


def _reading(bench: Bench, worker: Worker, calls: Calls) -> Any:
    """Start read load on a worker in the background. The returned function stops it and returns the measurement."""
    folder = bench.folder / f"reads-{worker.port}"
    folder.mkdir()
    files = scripts.write(folder, "equal", CONNECTIONS, calls)
    at, found, stop = (worker.port, worker.pid), [], threading.Event()
    bench.measure(at, scripts.deal(folder, "equal", CONNECTIONS, calls), Shape(CONNECTIONS, 8, 30, loop=-2))
    files = scripts.write(folder, "equal", CONNECTIONS, calls)

    def read() -> None:
        while not stop.is_set():
            found.append(bench.measure(at, files, Shape(CONNECTIONS, 64, 1, _READS)))

    thread = threading.Thread(target=read, name="reads")
    thread.start()

    def end() -> Run:
        stop.set()
        thread.join()
        if not found:
            message = "the read load failed"
            raise AssertionError(message)
        return max(found, key=lambda run: run.p99)

    return end


async def _changes(registry: Registry, workers: Sequence[Worker], request: bytes, listing: str, count: int) -> list[float]:
    """Write a listing's tick size `count` times, one after the other. Returns the delay of each worker in seconds."""
    writer = (("authorization", f"Bearer {registry.keys['writer']}"),)
    delays: list[float] = []
    async with contextlib.AsyncExitStack() as opened:
        admin = await opened.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{registry.port}"))
        channels = [
            await opened.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{worker.port}")) for worker in workers
        ]
        update: Any = admin.unary_unary(_UPDATE)
        for at in range(count):
            wanted = registry_pb2.UpdateVenueSymbolRequest(listing_id=listing, tick_size_decimal=f"0.{at + 1:06}")
            data = await update(wanted.SerializeToString(), metadata=writer, timeout=_TIMEOUT)
            acknowledged = time.monotonic()
            revision = registry_pb2.UpdateVenueSymbolResponse.FromString(data).venue_symbol.revision
            seen = [_visible(channel, registry.token, request, revision) for channel in channels]
            delays += [each - acknowledged for each in await asyncio.gather(*seen)]
    return delays


async def _visible(channel: grpc.aio.Channel, token: str, request: bytes, revision: int) -> float:
    """The time at which a worker first returned this revision of the listing, or a later one."""
    call: Any = channel.unary_unary(GET)
    async with asyncio.timeout(_TIMEOUT):
        while True:
            data = await call(request, metadata=(("authorization", token),), timeout=_TIMEOUT)
            if pb.GetVenueSymbolResponse.FromString(data).venue_symbol.revision >= revision:
                return time.monotonic()
