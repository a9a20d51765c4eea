"""Two registries on one NATS: apart with a prefix; without one a reported mistake that empties no cache."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import asyncpg
import nats
import pytest
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError
from structlog.testing import capture_logs

from cqar import config
from cqar.admin.app import Admin
from cqar.hotpath.app import Hotpath
from cqar.model import events
from tests.client import Client
from tests.conftest import Servers, execute, url_of
from tests.hotpath.stack import Listed, admin_of, changed, eventually, found, listed, ticked, worker_of
from tests.signals.scrape import of, scrape


class Registry(NamedTuple):
    """A running registry: admin, a worker, a client of each, and one listing."""

    admin: Admin
    worker: Hotpath
    writer: Client
    reader: Client
    at: Listed
    database: str

    async def epoch(self) -> str:
        """The epoch in its database."""
        connection = await asyncpg.connect(self.database)
        try:
            return str(await connection.fetchval("SELECT epoch FROM head"))
        finally:
            await connection.close()


@pytest.fixture
async def other_settings(mortal: Servers, mortal_settings: config.Settings) -> config.Settings:
    """Settings of a second registry: another database, with its own identity, and the same Valkey and NATS."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    await execute(mortal.postgres.url, f"CREATE DATABASE {name} TEMPLATE template_cqar")
    url = url_of(mortal.postgres.url, name)
    await execute(url, "UPDATE head SET epoch = gen_random_uuid()")
    await execute(url, "UPDATE registry_identity SET registry_id = gen_random_uuid()")
    return changed(mortal_settings, database={"url": url})


@pytest.fixture
async def empty(mortal: Servers) -> AsyncIterator[NatsClient]:
    """A client of NATS, which has no streams."""
    client = await nats.connect(mortal.nats.url)
    stream = client.jetstream()
    for info in await stream.streams_info():
        await stream.delete_stream(info.config.name or "")
    yield client
    await client.close()


@asynccontextmanager
async def _running(settings: config.Settings) -> AsyncIterator[Registry]:
    async with (
        admin_of(settings) as admin,
        worker_of(settings, admin.port) as worker,
        Client(admin.port) as writer,
        Client(worker.port) as reader,
    ):
        at = await listed(writer)
        assert await worker.feed.wait_applied(5, 15)
        yield Registry(admin, worker, writer, reader, at, settings.database.url)


async def _written_in_turns(one: Registry, two: Registry) -> None:
    for number in range(1, 6):
        for each in (one, two):
            revision = await ticked(each.writer, each.at, f"0.{number}5")
            assert await each.worker.feed.wait_applied(revision, 15)
            await eventually(lambda each=each, revision=revision: _cursor_at(each, revision))  # type: ignore[misc]
            assert (await found(each.reader, each.at)).symbol.tick_size == float(f"0.{number}5")


async def _cursor_at(registry: Registry, revision: int) -> bool:
    connection = await asyncpg.connect(registry.database)
    try:
        at = await connection.fetchval("SELECT revision FROM relay_cursors WHERE relay = 'changes'")
    finally:
        await connection.close()
    return bool(at == revision)


@pytest.mark.usefixtures("empty")
async def test_two_registries_without_a_prefix_are_reported_and_empty_no_cache(
    mortal_settings: config.Settings, other_settings: config.Settings
) -> None:
    with capture_logs() as logs:
        async with _running(mortal_settings) as one, _running(other_settings) as two:
            epochs = [await each.epoch() for each in (one, two)]
            await _written_in_turns(one, two)
            assert [await each.epoch() for each in (one, two)] == epochs
            assert [each.worker.feed.resyncs for each in (one, two)] == [0, 0]
            samples = [await scrape(each.admin.http_port) for each in (one, two)]
    assert all(of(each, "cqar_relay_foreign_changes_total") > 0 for each in samples)
    reports = [each for each in logs if each["event"] == "stream_shared"]
    assert {each["log_level"] for each in reports} == {"error"}
    assert {each["epoch"] for each in reports} == set(epochs)
    # Once a minute per process, not with each write.
    assert len(reports) == 2
    assert not [each for each in logs if each["event"] in {"head_went_back", "resync"}]


async def test_two_registries_with_prefixes_of_their_own_do_not_meet(
    mortal_settings: config.Settings, other_settings: config.Settings, empty: NatsClient
) -> None:
    heard: list[str] = []

    async def received(message: Msg) -> None:
        heard.append(message.subject)

    await empty.subscribe("*.cqar.>", cb=received)
    await empty.subscribe("*.cqc.>", cb=received)
    # The server of the tests has no room for the defaults twice.
    for name, subjects in (
        (events.CHANGES_STREAM, ["us.cqar.changes.v1.>"]),
        (events.EVENTS_STREAM, ["us.cqc.>", "us.cqar.events.>"]),
    ):
        await empty.jetstream().add_stream(name=f"us_{name}", subjects=subjects, max_bytes=2**20)
    ours, theirs = (changed(each, nats={"prefix": name}) for each, name in ((mortal_settings, "eu"), (other_settings, "us")))
    async with _running(ours) as one, _running(theirs) as two:
        await _written_in_turns(one, two)
        assert [each.worker.feed.resyncs for each in (one, two)] == [0, 0]
        assert [each.worker.feed.gaps for each in (one, two)] == [0, 0]
        samples = [await scrape(each.admin.http_port) for each in (one, two)]
        await eventually(lambda: len({each for each in heard if each.endswith("cqc.events.v1.venue_symbol_listed")}) == 2)
    assert all(of(each, "cqar_relay_foreign_changes_total") == 0 for each in samples)
    stream = empty.jetstream()
    names = {info.config.name for info in await stream.streams_info()}
    assert names == {f"{prefix}_{name}" for prefix in ("eu", "us") for name in (events.CHANGES_STREAM, events.EVENTS_STREAM)}
    assert (await stream.stream_info("eu_CQAR_CHANGES")).config.subjects == ["eu.cqar.changes.v1.>"]
    assert {each.partition(".")[0] for each in heard} == {"eu", "us"}
    with pytest.raises(NotFoundError):
        await stream.stream_info(events.CHANGES_STREAM)


async def test_a_restored_registry_on_a_stream_that_others_share_still_gets_a_new_epoch(
    mortal_settings: config.Settings, empty: NatsClient
) -> None:
    async with _running(mortal_settings) as one:
        await ticked(one.writer, one.at, "0.25")
        await eventually(lambda: _cursor_at(one, 6))
        old = await one.epoch()
    # An older copy from before a change of the epoch: its own registry's changes are the last in the stream.
    await execute(mortal_settings.database.url, "DELETE FROM outbox WHERE revision > 5")
    await execute(mortal_settings.database.url, "UPDATE head SET seq = 5, epoch = gen_random_uuid()")
    restored = await one.epoch()
    with capture_logs() as logs:
        async with admin_of(mortal_settings) as admin:
            await eventually(lambda: admin._relay.active)
    assert await one.epoch() not in {old, restored}
    assert [each for each in logs if each["event"] == "head_went_back"]
    assert empty.is_connected
