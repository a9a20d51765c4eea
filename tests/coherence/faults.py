"""The faults: each disturbs a process, server or link, undoes that, and returns."""

import asyncio
import contextlib
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from cqar.contract.cqar.v1 import registry_pb2 as own
from cqar.dev.embedded.server import Server
from cqar.model.events import CHANGES_STREAM
from tests.coherence.history import History
from tests.coherence.load import Load
from tests.coherence.outbox import Outbox
from tests.coherence.stack import Process, Stack, now
from tests.service import rows


class Scene(NamedTuple):
    """The context of a fault."""

    stack: Stack
    load: Load
    history: History
    outbox: Outbox
    random: random.Random
    #: seconds that something is stopped or unreachable at most
    longest: float
    #: rows of a burst
    burst: int
    quick: bool = False

    def duration(self, least: float = 0.3) -> float:
        """A random duration in seconds."""
        return self.random.uniform(least, self.longest)

    def worker(self) -> Process:
        """One of the workers."""
        return self.random.choice(self.stack.workers)


Fault = Callable[[Scene], Awaitable[None]]


# ---- processes -----------------------------------------------------------------------------------------------------


async def _killed(process: Process, pause: float = 0.2) -> None:
    await process.kill()
    await asyncio.sleep(pause)
    await process.start()


async def _halted(process: Process, seconds: float) -> None:
    process.send(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        process.send(signal.SIGCONT)


async def _other(scene: Scene) -> Process:
    relay = await scene.stack.relaying()
    return next((each for each in scene.stack.admins if each is not relay), relay)


async def worker_killed(scene: Scene) -> None:
    await _killed(scene.worker())


async def worker_stopped(scene: Scene) -> None:
    await _halted(scene.worker(), scene.duration())


async def worker_restarted(scene: Scene) -> None:
    worker = scene.worker()
    worker.send(signal.SIGTERM)
    await asyncio.sleep(0.5)
    await _killed(worker, 0)


async def relay_killed(scene: Scene) -> None:
    await _killed(await scene.stack.relaying())


async def relay_stopped(scene: Scene) -> None:
    await _halted(await scene.stack.relaying(), scene.duration())


async def admin_killed(scene: Scene) -> None:
    await _killed(await _other(scene))


async def admin_stopped(scene: Scene) -> None:
    await _halted(await _other(scene), scene.duration())


async def two_relays(scene: Scene) -> None:
    """The relay is paused and loses its lock; another takes over; then the first resumes without knowing."""
    relay = await scene.stack.relaying()
    relay.send(signal.SIGSTOP)
    try:
        sql = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        await scene.stack.ask(sql)
        await asyncio.sleep(scene.duration(1.0))
    finally:
        relay.send(signal.SIGCONT)


async def killed_before_publishing(scene: Scene) -> None:
    """Changes are committed and reach neither Redis nor NATS; then the relay is killed."""
    relay = await scene.stack.relaying()
    for name in ("redis", "nats"):
        relay.links[name].set("blackhole")
    await asyncio.sleep(0.5)
    await relay.kill()
    for name in ("redis", "nats"):
        relay.links[name].set("pass")
    await relay.start()


async def killed_before_acknowledgement(scene: Scene) -> None:
    """Changes are published, and the relay is killed before it gets the acknowledgement."""
    relay = await scene.stack.relaying()
    relay.links["nats"].set("deaf")
    await asyncio.sleep(0.3)
    await relay.kill()
    relay.links["nats"].set("pass")
    await relay.start()


# ---- servers -------------------------------------------------------------------------------------------------------


async def _server_killed(server: Server, pause: float) -> None:
    await asyncio.to_thread(server.kill)
    await asyncio.sleep(pause)
    await asyncio.to_thread(server.start)


async def _server_stopped(server: Server, seconds: float) -> None:
    server.pause()
    try:
        await asyncio.sleep(seconds)
    finally:
        server.resume()


async def _server_restarted(server: Server) -> None:
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)


async def nats_killed(scene: Scene) -> None:
    await _server_killed(scene.stack.nats, scene.duration())


async def nats_stopped(scene: Scene) -> None:
    await _server_stopped(scene.stack.nats, scene.duration())


async def nats_restarted(scene: Scene) -> None:
    await _server_restarted(scene.stack.nats)


async def redis_killed(scene: Scene) -> None:
    with scene.outbox.flushing():
        await _server_killed(scene.stack.valkey, scene.duration())


async def redis_stopped(scene: Scene) -> None:
    await _server_stopped(scene.stack.valkey, scene.duration())


async def redis_restarted(scene: Scene) -> None:
    with scene.outbox.flushing():
        await _server_restarted(scene.stack.valkey)


async def redis_flushed(scene: Scene) -> None:
    for _ in range(3):
        with scene.outbox.flushing():
            async with scene.stack.redis_client() as client:
                await client.flushall()
        await asyncio.sleep(0.1)


async def postgres_killed(scene: Scene) -> None:
    await _server_killed(scene.stack.postgres, scene.duration(0.1))


async def postgres_stopped(scene: Scene) -> None:
    await _server_stopped(scene.stack.postgres, scene.duration())


async def postgres_restarted(scene: Scene) -> None:
    await _server_restarted(scene.stack.postgres)


async def backends_terminated(scene: Scene) -> None:
    others = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
    sql = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
    for _ in range(3):
        await scene.stack.ask(sql)
        await asyncio.sleep(0.2)


async def postgres_restored(scene: Scene) -> None:
    """The database becomes an older copy, at times so recent that it soon reaches higher revisions than before."""
    stack = scene.stack
    copy = Path(stack.folder / f"copy{now()}")
    async with scene.load.paused():
        await stack.snapshot(copy)
        versions = await scene.outbox.versions()
    await asyncio.sleep(scene.random.choice((0.4, 2.0)) if not scene.quick else 0.4)
    async with scene.load.paused():
        await scene.outbox.collect()
        await stack.restore(copy)
        scene.history.restored(now(), versions)
        scene.outbox.restored()


# ---- streams -------------------------------------------------------------------------------------------------------


async def _with_stream(scene: Scene, act: Callable[[Any], Awaitable[Any]]) -> None:
    async with scene.load.paused():
        await asyncio.sleep(0.2)
        await scene.outbox.follow()
    async with scene.stack.nats_client() as client:
        await act(client.jetstream())
    scene.outbox.purged()


async def stream_purged(scene: Scene) -> None:
    await _with_stream(scene, lambda stream: stream.purge_stream(CHANGES_STREAM))


async def stream_deleted(scene: Scene) -> None:
    await _with_stream(scene, lambda stream: stream.delete_stream(CHANGES_STREAM))


async def stream_recreated(scene: Scene) -> None:
    async def recreate(stream: Any) -> None:
        config = (await stream.stream_info(CHANGES_STREAM)).config
        await stream.delete_stream(CHANGES_STREAM)
        await stream.add_stream(config)

    await _with_stream(scene, recreate)


# ---- links ---------------------------------------------------------------------------------------------------------


def _link(role: str, name: str) -> Fault:
    async def fault(scene: Scene) -> None:
        process = scene.worker() if role == "worker" else scene.random.choice(scene.stack.admins)
        link = process.links[name]
        for mode in ("delay", "blackhole", "cut"):
            link.set(mode, scene.random.uniform(0.02, 0.3))
            await asyncio.sleep(0.3 if scene.quick else scene.duration())
            link.set("pass")
        for _ in range(2 if scene.quick else 5):
            await asyncio.sleep(0.2)
            link.reset()

    return fault


async def late_news(scene: Scene) -> None:
    """A worker is cut off from PostgreSQL and gets changes by NATS that are seconds old, because the relay reads slowly."""
    worker = scene.worker()
    # The other admin is fast: its commits are acknowledged long before the relay reads them.
    slow = (await scene.stack.relaying()).links["postgres"]
    slow.set("delay", 1.2)
    # The worker cannot probe through the other admin either.
    mute = (await _other(scene)).links["nats"]
    mute.set("blackhole")
    worker.links["postgres"].set("blackhole")
    worker.links["redis"].set("cut")
    await asyncio.sleep(2.0 if scene.quick else max(7.0, scene.duration()))
    for link in (slow, mute, *worker.links.values()):
        link.set("pass")


async def slow_reads(scene: Scene) -> None:
    """Reads of PostgreSQL arrive late while messages are fast, and Redis gets no changes."""
    for each in scene.stack.admins:
        each.links["redis"].set("cut")
    for each in scene.stack.workers:
        each.links["postgres"].set("delay", 0.2)
    await asyncio.sleep(1.0 if scene.quick else max(3.0, scene.duration()))
    for each in (*scene.stack.admins, *scene.stack.workers):
        for link in each.links.values():
            link.set("pass")


# ---- changes -------------------------------------------------------------------------------------------------------


async def burst(scene: Scene) -> None:
    """Many changes at once, of assets that no reader requests."""
    client = scene.stack.client(scene.random.choice(scene.stack.admins))
    mark = now()
    for at in range(0, scene.burst, 1_000):
        many = [rows.asset(f"B{mark}N{number}") for number in range(at, min(at + 1_000, scene.burst))]
        request = own.ApplyRequest(rows=many)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await client.raw("/cqar.v1.Registry/Apply", request.SerializeToString(), deadline=30)


async def delisting(scene: Scene) -> None:
    """A listing ends at a time set in advance; no worker serves it as active afterwards."""
    stack, name = scene.stack, f"END{now()}"
    client = stack.client(scene.random.choice(stack.admins))
    symbol = next(each for each in stack.targets if each.kind == "symbol")
    until = datetime.now(UTC) + timedelta(seconds=1.5)
    ends = Timestamp()
    ends.FromDatetime(until)
    await client.call("CreateVenueSymbol", venue_id=stack.venue, symbol_id=symbol.row_id, venue_symbol=name, delisted_at=ends)
    await asyncio.gather(*(_until_over(scene, each, name, until) for each in stack.workers))


async def _until_over(scene: Scene, worker: Process, name: str, until: datetime) -> None:
    """Request the listing until a moment after its end."""
    told = 0
    while datetime.now(UTC) < until + timedelta(seconds=0.5):
        asked = datetime.now(UTC)
        try:
            answer = await scene.stack.client(worker).call("GetVenueSymbol", venue_id=scene.stack.venue, venue_symbol=name)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND and datetime.now(UTC) < until and told:
                scene.history.breach("vanished", f"{worker.name} ended {name} before its time")
        else:
            told += 1
            if asked >= until and answer.venue_symbol.is_active:
                scene.history.breach("time", f"{worker.name} serves {name} as active after its end")
        await asyncio.sleep(0.01)
    if not told:
        scene.history.breach("vanished", f"{worker.name} never served {name}")


#: Every kind of fault, by its name in the table.
KINDS: Mapping[str, Fault] = {
    "worker killed": worker_killed,
    "worker stopped": worker_stopped,
    "worker restarted": worker_restarted,
    "relay killed": relay_killed,
    "relay stopped": relay_stopped,
    "admin killed": admin_killed,
    "admin stopped": admin_stopped,
    "two relays": two_relays,
    "killed before publishing": killed_before_publishing,
    "killed before acknowledgement": killed_before_acknowledgement,
    "NATS killed": nats_killed,
    "NATS stopped": nats_stopped,
    "NATS restarted": nats_restarted,
    "Redis killed": redis_killed,
    "Redis stopped": redis_stopped,
    "Redis restarted": redis_restarted,
    "Redis flushed": redis_flushed,
    "PostgreSQL killed": postgres_killed,
    "PostgreSQL stopped": postgres_stopped,
    "PostgreSQL restarted": postgres_restarted,
    "PostgreSQL backends terminated": backends_terminated,
    "PostgreSQL restored": postgres_restored,
    "stream purged": stream_purged,
    "stream deleted": stream_deleted,
    "stream recreated": stream_recreated,
    "link worker to PostgreSQL": _link("worker", "postgres"),
    "link worker to Redis": _link("worker", "redis"),
    "link worker to NATS": _link("worker", "nats"),
    "link admin to PostgreSQL": _link("admin", "postgres"),
    "link admin to Redis": _link("admin", "redis"),
    "link admin to NATS": _link("admin", "nats"),
    "late news": late_news,
    "slow reads": slow_reads,
    "burst": burst,
    "delisting": delisting,
}
