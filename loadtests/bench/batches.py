"""Many keys per call: `cqar.v1.Resolver`."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc.aio

from cqar.contract.cqar.v1 import resolver_pb2 as pb
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.services import resolver
from loadtests.bench.context import TRANSPORTS, Bench
from loadtests.bench.report import Line, Mark
from loadtests.generator import Run, spent
from loadtests.scripts import Calls

_SECTION = "Batches"
_PATH = "/cqar.v1.Resolver/ResolveVenueSymbols"
_STREAM = "/cqar.v1.Resolver/StreamVenueSymbols"
#: Keys per call, calls per script, streams per connection, and the target multiple of the yardstick on the lane.
_SIZES = ((1, 10_000, 32, None), (100, 400, 4, 290), (1_000, 60, 2, 285))
_STREAMED = 100
#: Requests sent ahead of their responses on a stream.
_AHEAD = 8


def batches(bench: Bench) -> None:
    """Batches of several sizes on both transports, and a stream."""
    if "ResolveVenueSymbols" not in resolver.BY_NAME:
        bench.report.skip(_SECTION, "batches", "this cqar has no ResolveVenueSymbols")
        return
    for transport in TRANSPORTS:
        for keys, count, streams, least in _SIZES:
            bench.report.doing(f"batches of {keys} on {transport}")
            found = bench.best(lambda at=transport: bench.worker(at), _calls(bench, keys, count), "equal", streams)  # type: ignore[misc]
            times = found.rate * keys / bench.yard().rate
            marks = [Mark(f">= {least} x", times >= least)] if least and transport == "lane" else []
            name = f"{transport}: {keys} keys a call, 8x{streams}"
            bench.report.add(Line(_SECTION, name, found, keys, times=times, marks=marks))
        bench.report.doing(f"a stream on {transport}")
        found = _streamed(bench, transport)
        times = found.rate * _STREAMED / bench.yard().rate
        name = f"{transport}: one stream of grpc.aio, {_STREAMED} keys a message"
        bench.report.add(Line(_SECTION, name, found, _STREAMED, times=times))


def _calls(bench: Bench, keys: int, count: int) -> Calls:
    """`count` calls with random keys, and the responses expected from those of GetVenueSymbol."""
    pairs = bench.calls.pairs
    chance = random.Random(keys)  # noqa: S311 - the same in every run
    resolved = [_resolution(answer) for _, answer in pairs]
    revision = max(contract.GetVenueSymbolResponse.FromString(answer).revision for _, answer in pairs)
    made = []
    for _ in range(count):
        numbers = [chance.randrange(len(pairs)) for _ in range(keys)]
        request = pb.ResolveVenueSymbolsRequest(keys=[_key(pairs[number][0]) for number in numbers])
        response = pb.ResolveVenueSymbolsResponse(results=[resolved[number] for number in numbers], revision=revision)
        made.append((request.SerializeToString(), response.SerializeToString()))
    return Calls(_PATH, bench.calls.token, made)


def _key(data: bytes) -> pb.VenueSymbolKey:
    request = contract.GetVenueSymbolRequest.FromString(data)
    return pb.VenueSymbolKey(venue_id=request.venue_id, venue_symbol=request.venue_symbol)


def _resolution(data: bytes) -> pb.VenueSymbolResolution:
    """The resolution that equals a response of GetVenueSymbol."""
    found = contract.GetVenueSymbolResponse.FromString(data)
    return pb.VenueSymbolResolution(
        status=pb.RESOLVED,
        symbol_id=found.venue_symbol.symbol_id,
        symbol_type=found.venue_symbol.symbol_type,
        tick_size_decimal=found.symbol.tick_size_decimal,
        lot_size_decimal=found.symbol.lot_size_decimal,
        quantity_multiplier_decimal=found.venue_symbol.quantity_multiplier_decimal,
        is_active=found.venue_symbol.is_active,
        trading_blocked=found.trading_blocked,
    )


def _streamed(bench: Bench, transport: str) -> Run:
    calls = _calls(bench, _STREAMED, 200)
    with bench.worker(transport) as (port, pid):
        asyncio.run(_stream(port, calls, 0.5))
        before = spent(pid)
        done, seconds = asyncio.run(_stream(port, calls, bench.options.seconds))
        processor = spent(pid) - before
    return Run(done / seconds, processor / done * 1e6, 0, 0, 0, 0)


async def _stream(port: int, calls: Calls, seconds: float) -> tuple[int, float]:
    """Run one stream, compare its responses, and return (number of responses, seconds)."""
    room = asyncio.Semaphore(_AHEAD)
    began, done = time.monotonic(), 0

    async def requests(pairs: Sequence[tuple[bytes, bytes]]) -> AsyncIterator[bytes]:
        at = 0
        while time.monotonic() - began < seconds:
            await room.acquire()
            yield pairs[at % len(pairs)][0]
            at += 1

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", (("grpc.max_receive_message_length", -1),)) as channel:
        method: Any = channel.stream_stream(_STREAM)
        metadata = (("authorization", calls.token),)
        async for answer in method(requests(calls.pairs), metadata=metadata, timeout=seconds + 60):
            if answer != calls.pairs[done % len(calls.pairs)][1]:
                message = "a response on the stream was wrong"
                raise AssertionError(message)
            done += 1
            room.release()
    return done, time.monotonic() - began
