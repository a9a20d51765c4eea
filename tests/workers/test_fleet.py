"""Several workers on one port: one address for clients and one status for operators, even while workers fail."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc.aio
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from loadtests.servers import free_port
from tests.client import SERVICE, Client
from tests.hotpath.stack import Process, eventually, process_of
from tests.signals.policy import Load
from tests.signals.scrape import health, of, scrape

_WORKERS = 3
#: A connection per channel; by default a process shares connections between channels.
_ALONE = (("grpc.use_local_subchannel_pool", 1),)


class Fleet(NamedTuple):
    """A supervisor with its workers, and its ports."""

    process: Process
    port: int
    http_port: int

    def pids(self) -> dict[int, int]:
        """The process id of each worker, as last started."""
        found: dict[int, int] = {}
        for line in list(self.process.log):
            if line["event"] in {"worker_started", "worker_rolled"}:
                found[line["worker"]] = line["pid"]
        return found

    async def whole(self) -> bool:
        """Whether all workers are ready."""
        return bool((await health(self.http_port))[1]["status"] == "ready")

    async def targets(self, count: int) -> list[dict[str, Any]]:
        """What Prometheus is to scrape, once all workers are among it: one that is slow to answer is left out meanwhile."""
        async with asyncio.timeout(60):
            while True:
                found: list[dict[str, Any]] = (await health(self.http_port, "/metrics/targets"))[1]
                if len(found) == count:
                    return found
                await asyncio.sleep(0.05)

    async def state(self) -> Any:
        """The status that the supervisor reports."""
        return (await health(self.http_port))[1]

    def said(self, event: str) -> list[dict[str, Any]]:
        """All log lines of an event."""
        return [line for line in list(self.process.log) if line["event"] == event]


@asynccontextmanager
async def fleet_of(
    settings: config.Settings, admin: Admin, workers: int = _WORKERS, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Fleet]:
    """A running fleet, ready."""
    own = {"CQAR_HOTPATH_WORKERS": str(workers), "CQAR_HOTPATH_ADMIN_ADDRESS": f"127.0.0.1:{admin.port}"}
    with process_of("hotpath", settings, **own, **(variables or {})) as process:
        at = await process.says("fleet_started")
        port, http_port = (int(at[name].rpartition(":")[2]) for name in ("grpc", "http"))
        fleet = Fleet(process, port, http_port)
        await eventually(fleet.whole, 60)
        yield fleet


@pytest.fixture
async def fleet(settings: config.Settings, admin: Admin, registry: Client) -> AsyncIterator[Fleet]:
    await registry.call("CreateVenue", name="binance", venue_type=1)
    async with fleet_of(settings, admin, variables={"CQAR_HOTPATH_SILENCE": "2"}) as running:
        yield running


async def _asked(port: int, connections: int, times: int) -> None:
    """Request a venue a number of times over each of several connections."""
    request = pb.GetVenueRequest(venue_id="binance").SerializeToString()
    for _ in range(connections):
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=_ALONE) as channel:
            get: Any = channel.unary_unary(f"{SERVICE}GetVenue")
            for _ in range(times):
                await get(request, timeout=30)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_connections_are_spread_and_counters_add_up(fleet: Fleet) -> None:
    await _asked(fleet.port, connections=16, times=5)
    targets = await fleet.targets(3)
    assert [each["labels"]["worker"] for each in targets] == ["0", "1", "2"]
    own = [await scrape(int(each["targets"][0].rpartition(":")[2])) for each in targets]
    calls = [of(each, "cqar_grpc_calls_total", method="GetVenue", status_code="OK") for each in own]
    assert sum(calls) == 80
    assert sum(map(bool, calls)) > 1, "one worker got all connections"
    sums = await scrape(fleet.http_port)
    assert of(sums, "cqar_grpc_calls_total", method="GetVenue", status_code="OK") == 80
    assert of(sums, "cqar_grpc_call_duration_seconds_count", method="GetVenue", status_code="OK") == 80
    # Metrics that cannot be summed are reported per worker.
    for number in range(_WORKERS):
        assert of(sums, "cqar_coherence_mode", worker=str(number), mode="warm") == 1
    for which in (*map(str, range(_WORKERS)), "supervisor"):
        assert 0 < of(sums, "process_open_fds", worker=which) < of(sums, "process_max_fds", worker=which)


async def test_the_health_of_a_fleet_has_the_shape_of_a_workers(fleet: Fleet) -> None:
    status, told = await health(fleet.http_port)
    assert status == 200
    assert told["components"] == dict.fromkeys(("database", "cache", "event_bus", "feed"), "ok")
    assert told["latencies_ms"].keys() == told["components"].keys()
    assert told["workers"] == {"0": "ready", "1": "ready", "2": "ready"}
    assert await health(fleet.http_port, "/health/live") == (200, {"status": "ok"})


async def test_a_killed_worker_is_restarted_and_clients_with_the_documented_policy_see_no_error(fleet: Fleet) -> None:
    await _asked(fleet.port, connections=6, times=5)
    before = of(await scrape(fleet.http_port), "cqar_grpc_calls_total", method="GetVenue")
    load = Load(f"127.0.0.1:{fleet.port}")
    running = asyncio.create_task(load.run(4))
    await eventually(lambda: load.done > 50, 60)
    pids = fleet.pids()
    os.kill(pids[1], signal.SIGKILL)
    await eventually(lambda: fleet.pids()[1] != pids[1], 60)
    await eventually(fleet.whole, 60)
    done = load.done
    await eventually(lambda: load.done > done + 50, 60)
    load.stop()
    await running
    assert load.failed == []
    assert fleet.pids()[0] == pids[0], "another worker was restarted"
    assert of(await scrape(fleet.http_port), "cqar_grpc_calls_total", method="GetVenue") >= before, "a counter went back"


async def test_restarts_of_a_failing_worker_back_off(fleet: Fleet) -> None:
    for times in (1, 2, 3):
        pid = fleet.pids()[0]
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda many=times: len(fleet.said("worker_died")) == many, 60)  # type: ignore[misc]  # it is bound
        await eventually(lambda gone=pid: fleet.pids()[0] != gone, 60)  # type: ignore[misc]  # the same
    pauses = [each["again_in"] for each in fleet.said("worker_died")]
    assert pauses == [0.25, 0.5, 1.0]
    await eventually(fleet.whole, 60)


async def test_while_a_worker_is_down_the_others_are_reported_and_a_roll_replaces_it(fleet: Fleet) -> None:
    for many in range(1, 6):
        pid = fleet.pids()[0]
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda died=many: len(fleet.said("worker_died")) == died, 60)  # type: ignore[misc]  # it is bound
        if many < 5:
            await eventually(lambda gone=pid: fleet.pids()[0] != gone, 60)  # type: ignore[misc]  # the same
    assert fleet.said("worker_died")[-1]["again_in"] == 4.0
    told = await fleet.state()
    assert (told["status"], told["workers"]["0"]) == ("degraded", "silent")
    assert of(await scrape(fleet.http_port), "cqar_coherence_mode", worker="1", mode="warm") == 1
    fleet.process.send(signal.SIGHUP)
    await fleet.process.says("roll_ends")
    await eventually(fleet.whole, 60)


async def test_a_stop_during_a_roll_leaves_no_process(fleet: Fleet) -> None:
    before = set(fleet.pids().values())
    children = _children(fleet.process)
    fleet.process.send(signal.SIGHUP)
    await eventually(lambda: bool(_children(fleet.process) - children), 60)
    every = _children(fleet.process)
    assert every > before
    fleet.process.send(signal.SIGTERM)
    assert await fleet.process.ended() == 0
    assert not any(_lives(pid) for pid in every)


def _children(process: Process) -> set[int]:
    """Its child processes."""
    tasks = Path(f"/proc/{process._process.pid}/task")
    return {int(pid) for each in tasks.glob("*/children") for pid in each.read_text().split()}


async def test_a_silent_worker_is_reported_and_then_replaced(fleet: Fleet) -> None:
    pids = fleet.pids()
    os.kill(pids[2], signal.SIGSTOP)
    try:
        told = await fleet.state()
        assert told["workers"]["2"] == "silent"
        assert told["status"] == "degraded"
        await eventually(lambda: fleet.pids()[2] != pids[2], 60)
        await eventually(fleet.whole, 60)
        assert not _lives(pids[2])
    finally:
        if _lives(pids[2]):
            os.kill(pids[2], signal.SIGCONT)


async def test_a_roll_replaces_every_worker_and_no_call_fails(
    settings: config.Settings, admin: Admin, registry: Client
) -> None:
    await registry.call("CreateVenue", name="binance", venue_type=1)
    async with fleet_of(settings, admin, 2, {"CQAR_HOTPATH_TRANSPORT": "lane"}) as fleet:
        load = Load(f"127.0.0.1:{fleet.port}")
        running = asyncio.create_task(load.run(4))
        await eventually(lambda: load.done > 50, 60)
        before = fleet.pids()
        fleet.process.send(signal.SIGHUP)
        while not fleet.said("roll_ends"):
            assert (await fleet.state())["status"] != "unready"
            await asyncio.sleep(0.05)
        after = fleet.pids()
        assert not set(before.values()) & set(after.values())
        assert not any(_lives(pid) for pid in before.values())
        done = load.done
        await eventually(lambda: load.done > done + 50, 60)
        load.stop()
        await running
        assert load.failed == []
        assert not fleet.said("worker_died")
        # The last counters of an ended worker are kept.
        assert of(await scrape(fleet.http_port), "cqar_grpc_calls_total", method="GetVenue", status_code="OK") > done / 2


async def test_all_workers_stop_cleanly(fleet: Fleet) -> None:
    pids = fleet.pids()
    fleet.process.send(signal.SIGTERM)
    assert await fleet.process.ended() == 0
    assert not any(_lives(pid) for pid in pids.values())
    assert len(fleet.said("hotpath_stopped")) == _WORKERS
    assert fleet.process.log[-1]["event"] == "fleet_stopped"
    assert {line["worker"] for line in fleet.said("hotpath_stopped")} == {0, 1, 2}


async def test_a_second_signal_kills_all_workers(fleet: Fleet) -> None:
    pids = fleet.pids()
    for pid in pids.values():
        os.kill(pid, signal.SIGSTOP)  # none of them stops cleanly
    fleet.process.send(signal.SIGINT)
    await fleet.process.says("stopping")
    await asyncio.sleep(0.6)
    fleet.process.send(signal.SIGINT)
    assert await fleet.process.ended() == 128 + signal.SIGINT
    await eventually(lambda: not any(_lives(pid) for pid in pids.values()), 30)


async def test_workers_do_not_outlive_their_supervisor(fleet: Fleet) -> None:
    pids = fleet.pids()
    fleet.process.send(signal.SIGKILL)
    await eventually(lambda: not any(_lives(pid) for pid in pids.values()), 60)


async def test_each_worker_may_have_a_port_of_its_own(settings: config.Settings, admin: Admin, registry: Client) -> None:
    await registry.call("CreateVenue", name="binance", venue_type=1)
    first = free_port(2)
    async with fleet_of(settings, admin, 2, {"CQAR_HOTPATH_OWN_PORTS": str(first)}) as fleet:
        await _asked(first, connections=1, times=3)
        await _asked(first + 1, connections=1, times=5)
        targets = await fleet.targets(2)
        own = [await scrape(int(each["targets"][0].rpartition(":")[2])) for each in targets]
        assert [of(each, "cqar_grpc_calls_total", method="GetVenue") for each in own] == [3, 5]


async def test_a_failure_of_all_workers_to_start_ends_the_supervisor_with_a_message(settings: config.Settings) -> None:
    first = free_port(2)
    taken = [await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", first + at) for at in range(2)]
    own = {"CQAR_HOTPATH_WORKERS": "2", "CQAR_HOTPATH_OWN_PORTS": str(first)}
    with process_of("hotpath", settings, **own) as process:
        assert await process.ended() == 1
    for each in taken:
        each.close()
    said = [line["event"] for line in process.log]
    assert any("the port is in use" in line for line in said), "the message of the worker is missing"
    assert any("ended with 1 before it served" in line for line in said)


async def test_a_port_in_use_by_another_process_is_not_shared(settings: config.Settings, admin: Admin) -> None:
    async with fleet_of(settings, admin, 2) as fleet:
        own = {"CQAR_HOTPATH_WORKERS": "2", "CQAR_HOTPATH_PORT": str(fleet.port)}
        with process_of("hotpath", settings, **own) as second:
            assert await second.ended() == 1
            assert any("the port is in use" in line["event"] for line in second.log)
        assert await fleet.whole()
