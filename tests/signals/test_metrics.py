"""`/metrics` reports what happened."""

import re
import sys
import time

import aiohttp
import pytest
from hyperframe.frame import PingFrame
from prometheus_client import CollectorRegistry

from cqar import config
from cqar.admin.app import Admin
from cqar.hotpath.app import Hotpath
from cqar.observability.metrics import Durations, Metrics
from tests.client import Client
from tests.hotpath.stack import changed, eventually, found, listed, ticked, worker_of
from tests.lane.peer import connected
from tests.signals.policy import PAGE
from tests.signals.scrape import of, scrape

CALLS, TOOK = "cqar_grpc_calls_total", "cqar_grpc_call_duration_seconds_count"


async def test_calls_are_counted_and_timed_by_method_and_status(hotpath: Hotpath, registry: Client, feed: Client) -> None:
    at = await listed(registry)
    await eventually(lambda: hotpath.cache.applied >= 5)
    for _ in range(3):
        await found(feed, at)
    await feed.refused("GetVenueSymbol", venue_id=at.venue, venue_symbol="nothing")
    await feed.call("ListVenues")
    samples = await scrape(hotpath.metrics_port)
    for name in (CALLS, TOOK):
        assert of(samples, name, method="GetVenueSymbol", status_code="OK") == 3
        assert of(samples, name, method="GetVenueSymbol", status_code="NOT_FOUND") == 1
        assert of(samples, name, method="ListVenues", status_code="OK") == 1


async def test_unknown_methods_share_one_series(hotpath: Hotpath, feed: Client) -> None:
    for path in ("/made.up/One", "/made.up/Two"):
        with pytest.raises(Exception, match="UNIMPLEMENTED"):
            await feed.raw(path, b"")
    samples = await scrape(hotpath.metrics_port)
    assert of(samples, CALLS, status_code="UNIMPLEMENTED") == of(samples, CALLS, method="other") == 2


async def test_both_ports_of_a_worker_expose_the_metrics(hotpath: Hotpath) -> None:
    assert set(await scrape(hotpath.metrics_port)) == set(await scrape(hotpath.http_port))


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
async def test_both_processes_report_their_file_descriptors(hotpath: Hotpath, admin: Admin) -> None:
    for port in (hotpath.metrics_port, admin.http_port):
        samples = await scrape(port)
        assert 0 < of(samples, "process_open_fds") < of(samples, "process_max_fds")


async def exposed(port: int) -> set[str]:
    """The names of the metrics of a process."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
        return set(re.findall(r"^# TYPE ((?:cqar|process)_\w+) ", await response.text(), re.MULTILINE))


def documented(process: str) -> set[str]:
    """The names that docs/operations.md lists for `worker` or `admin`."""
    rows = re.findall(r"^\| (`(?:cqar|process)_.*`) \| [^|]*\| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name for names, where in rows if where.startswith((process, "both")) for name in re.findall(r"`(\w+)`", names)}


@pytest.mark.skipif(sys.platform != "linux", reason="the metrics of a process are those of Linux")
async def test_the_metrics_of_each_process_are_those_that_the_page_lists(hotpath: Hotpath, admin: Admin) -> None:
    usual = {"process_virtual_memory_bytes", "process_resident_memory_bytes"}
    usual |= {"process_start_time_seconds", "process_cpu_seconds_total"}
    assert await exposed(hotpath.metrics_port) - usual == documented("worker")
    assert await exposed(admin.http_port) - usual == documented("admin")


async def test_attackers_are_counted_by_kind(hotpath: Hotpath) -> None:
    async with connected(hotpath.port) as peer:
        await peer.send(*(PingFrame(0, b"attacker") for _ in range(5_000)))
        assert await peer.ending() == 11
    samples = await scrape(hotpath.metrics_port)
    assert of(samples, "cqar_grpc_attackers_closed_total") == of(samples, "cqar_grpc_attackers_closed_total", kind="pings") == 1


async def test_refusals_because_of_a_limit_are_counted_by_reason(
    settings: config.Settings, admin: Admin, registry: Client
) -> None:
    at = await listed(registry)
    tight = changed(settings, hotpath={"connection_request_memory": 100, "response_memory": 0})
    async with worker_of(tight, admin.port) as worker, Client(worker.port) as client:
        for method, fields in (("GetVenueSymbol", {"venue_id": at.venue, "venue_symbol": at.text}), ("ListVenues", {})):
            assert (await client.refused(method, **fields)).code == "RESOURCE_EXHAUSTED"
        samples = await scrape(worker.metrics_port)
    for reason in ("request_memory", "response_memory"):
        assert of(samples, "cqar_grpc_refused_total", reason=reason) == 1


async def test_workers_in_one_process_have_numbers_of_their_own(
    hotpath: Hotpath, admin: Admin, settings: config.Settings, registry: Client, feed: Client
) -> None:
    at = await listed(registry)
    async with worker_of(settings, admin.port) as other:
        await eventually(lambda: min(hotpath.cache.applied, other.cache.applied) >= 5)
        await found(feed, at)
        one, two = await scrape(hotpath.metrics_port), await scrape(other.metrics_port)
    assert (of(one, CALLS, method="GetVenueSymbol"), of(two, CALLS, method="GetVenueSymbol")) == (1, 0)


async def test_caches_tell_which_tier_had_what(admin: Admin, settings: config.Settings, registry: Client) -> None:
    at = await listed(registry)
    async with worker_of(settings, admin.port) as worker, Client(worker.port) as client:
        await eventually(lambda: worker.cache.applied >= 5)
        await found(client, at)
        before = await scrape(worker.metrics_port)
        await found(client, at)
        after = await scrape(worker.metrics_port)
        worker.cache.follow(())  # it looks for what it does not know to be absent
        await client.refused("GetAsset", asset_id="0195c3b0-0000-7000-8000-000000000000")
        last = await scrape(worker.metrics_port)
    hit, miss = "cqar_cache_hit_total", "cqar_cache_miss_total"
    assert of(after, hit, entity="venue_symbol", tier="answer") - of(before, hit, entity="venue_symbol", tier="answer") == 1
    assert of(after, miss, entity="venue_symbol", tier="answer") == of(before, miss, entity="venue_symbol", tier="answer") == 1
    assert of(before, hit, entity="listings", tier="memory") == 1
    assert of(last, miss, entity="asset", tier="memory") == 1
    assert of(last, miss, entity="asset", tier="redis") == 1
    assert of(last, "cqar_db_query_duration_seconds_count", query="fill_asset") == 1
    assert of(last, "cqar_grpc_connections") == 1


async def test_metrics_show_how_closely_a_worker_follows(hotpath: Hotpath, registry: Client) -> None:
    at = await listed(registry)
    revision = await ticked(registry, at, "0.25")
    await eventually(lambda: hotpath.cache.applied >= revision)
    samples = await scrape(hotpath.metrics_port)
    assert of(samples, "cqar_coherence_applied_revision") == revision
    assert of(samples, "cqar_coherence_lag_revisions") == 0
    assert of(samples, "cqar_coherence_mode") == of(samples, "cqar_coherence_mode", mode="warm") == 1
    assert of(samples, "cqar_coherence_lease_age_seconds") < 60
    for name in ("floor_revision", "gaps_repaired_total", "resyncs_total"):
        assert (f"cqar_coherence_{name}", frozenset()) in samples
    assert ("cqar_fills_in_flight", frozenset()) in samples
    hotpath.feed._interval = 3600

    async def detached() -> bool:
        # A probe that is still running makes the worker fresh once more.
        hotpath.feed.fresh_as_of = time.monotonic() - 3600
        return of(await scrape(hotpath.metrics_port), "cqar_coherence_mode", mode="detached") == 1

    await eventually(detached)


async def test_admin_tells_what_was_published_and_what_waits(admin: Admin, registry: Client) -> None:
    at = await listed(registry)
    await ticked(registry, at, "0.25")

    async def all_sent() -> bool:
        admin._relay.outbox._counted = 0
        samples = await scrape(admin.http_port)
        sent = of(samples, "cqar_event_published_total", event_type="changes.venue_symbol")
        return bool(sent) and of(samples, "cqar_outbox_depth") == of(samples, "cqar_outbox_age_seconds") == 0

    await eventually(all_sent)
    samples = await scrape(admin.http_port)
    assert of(samples, "cqar_event_published_total", event_type="cqc.events.v1.asset_created") == 2
    assert of(samples, CALLS, method="CreateAsset", status_code="OK") == 2
    assert of(samples, "cqar_relay_active") == 1
    assert of(samples, "cqar_db_query_duration_seconds_count", query="insert_asset") == 2
    assert of(samples, "cqar_db_pool_connections", pool="cqar-relay", state="used") >= 2
    assert of(samples, "cqar_db_pool_limit", pool="cqar-admin") == 10


async def test_what_waits_in_the_outbox_is_counted_with_its_age(admin: Admin, registry: Client) -> None:
    await eventually(lambda: admin._relay.active)
    await admin._relay.stop()
    await listed(registry)
    admin._relay.outbox._counted = 0
    samples = await scrape(admin.http_port)
    assert of(samples, "cqar_outbox_depth", relay="changes") == 5
    assert of(samples, "cqar_outbox_age_seconds", relay="changes") > 0


def test_durations_fall_into_buckets_from_fifty_microseconds_on() -> None:
    durations = Durations()
    for seconds in (0.00004, 0.00006, 0.3, 100.0):
        durations.observe(("a", "OK"), seconds)
    family = durations.histogram("took", "How long", ("method", "code"))
    buckets = {each.labels["le"]: each.value for each in family.samples if each.name == "took_bucket"}
    assert (buckets["5e-05"], buckets["0.0001"], buckets["0.5"], buckets["30.0"], buckets["+Inf"]) == (1, 2, 3, 3, 4)


async def test_nothing_is_kept_in_the_registry_of_the_interpreter() -> None:
    one, two = Metrics(), Metrics()
    assert one._registry is not two._registry
    assert isinstance(one._registry, CollectorRegistry)
    one.calls.observe(("a", "OK"), 1.0)
    assert b'method="a"' in (await one.exposed()).body
    assert b'method="a"' not in (await two.exposed()).body
