"""From the outbox to the streams: nothing is lost, duplicated or out of order, whichever process dies."""

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import asyncpg
import nats
import pytest
from nats.aio.client import Client as NatsClient
from nats.js.errors import NotFoundError

from cqar import config
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.events.v1 import events_pb2
from cqar.model import events
from tests.client import Client
from tests.conftest import Servers
from tests.hotpath.stack import Listed, admin_of, eventually, listed, own_call, process_of, ticked


class Message(NamedTuple):
    """A message of a stream."""

    subject: str
    message_id: str
    data: bytes


class Streams:
    """The content of the streams, as any NATS client sees it."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def all(self, subject: str) -> list[Message]:
        """All messages under a subject, in the stream's order."""
        stream = self._client.jetstream()
        try:
            subscription = await stream.subscribe(subject, ordered_consumer=True)
        except NotFoundError:
            return []
        messages = []
        info = await subscription.consumer_info()
        for _ in range(info.num_pending + info.delivered.consumer_seq):
            message = await subscription.next_msg(timeout=5)
            messages.append(Message(message.subject, message.headers["Nats-Msg-Id"], message.data))
        await subscription.unsubscribe()
        return messages

    async def changes(self, epoch: str) -> list[int]:
        """The revisions of an epoch in the stream of changes."""
        found = [each.message_id.rpartition(":") for each in await self.all("cqar.changes.v1.>")]
        return [int(number) for of, _, number in found if of == epoch]


@pytest.fixture
async def streams(mortal: Servers) -> AsyncIterator[Streams]:
    """The streams, empty."""
    client = await nats.connect(mortal.nats.url)
    for name in (events.CHANGES_STREAM, events.EVENTS_STREAM):
        try:
            await client.jetstream().delete_stream(name)
        except NotFoundError:
            continue
    yield Streams(client)
    await client.close()


@pytest.fixture
async def outbox(mortal_settings: config.Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(mortal_settings.database.url)
    yield connection
    await connection.close()


async def _epoch(outbox: asyncpg.Connection) -> str:
    return str(await outbox.fetchval("SELECT epoch::text FROM head"))


async def _all_there(streams: Streams, outbox: asyncpg.Connection) -> bool:
    head = await outbox.fetchval("SELECT seq FROM head")
    return bool((await streams.changes(await _epoch(outbox)))[-1:] == [head])


async def test_every_change_is_in_the_stream_once_and_in_order(
    mortal_settings: config.Settings, streams: Streams, outbox: asyncpg.Connection
) -> None:
    async with admin_of(mortal_settings) as admin, Client(admin.port) as one, Client(admin.port) as other:
        btc, eth = await listed(one), await listed(other, "ETH", "kraken")

        async def write(client: Client, at: Listed) -> None:
            for number in range(1, 101):
                await ticked(client, at, f"0.{number:03}1")

        await asyncio.gather(write(one, btc), write(other, eth))
        await eventually(lambda: _all_there(streams, outbox))
    assert await streams.changes(await _epoch(outbox)) == list(range(1, 211))
    for message in await streams.all("cqar.changes.v1.>"):
        change = events.decode(message.data)
        stored = await outbox.fetchrow("SELECT event_id::text, entity, row_id FROM outbox WHERE revision = $1", change.revision)
        assert stored is not None
        assert tuple(stored) == (change.event_id, change.entity, change.row_id)
        assert message.subject == f"cqar.changes.v1.{change.entity}"


async def test_another_admin_takes_over_from_a_killed_one_and_loses_nothing(
    mortal_settings: config.Settings, streams: Streams, outbox: asyncpg.Connection
) -> None:
    with process_of("admin", mortal_settings) as first:
        port = int((await first.says("admin_ready"))["grpc"].rpartition(":")[2])
        await first.says("relaying")
        async with admin_of(mortal_settings) as second, Client(port) as one, Client(second.port) as other:
            btc = await listed(one)
            assert not second._relay.active

            async def write() -> None:
                for number in range(1, 101):
                    await ticked(other, btc, f"0.{number:03}1")
                    if number == 50:
                        first.send(signal.SIGKILL)
                        await first.ended()

            await write()
            await eventually(lambda: second._relay.active)
            await eventually(lambda: _all_there(streams, outbox))
    assert await streams.changes(await _epoch(outbox)) == list(range(1, 106))


async def test_a_relay_killed_between_publication_and_acknowledgement_repeats_nothing(
    mortal_settings: config.Settings, streams: Streams, outbox: asyncpg.Connection
) -> None:
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        await listed(registry)
        await eventually(lambda: _all_there(streams, outbox))
        told = await outbox.fetchval("SELECT count(*) FROM outbox WHERE event_type IS NOT NULL")
        await eventually(lambda: _grown(streams, told - 1))
    before = await streams.all("cqc.events.v1.>")
    await outbox.execute("UPDATE relay_cursors SET revision = 0")
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        await registry.call("CreateAsset", symbol="DOGE", name="Dogecoin", asset_type=assets.ASSET_TYPE_NATIVE)
        await eventually(lambda: _all_there(streams, outbox))
        await eventually(lambda: _grown(streams, len(before)))
    assert await streams.changes(await _epoch(outbox)) == [1, 2, 3, 4, 5, 6]
    assert (await streams.all("cqc.events.v1.>"))[:-1] == before


async def _grown(streams: Streams, beyond: int) -> bool:
    return len(await streams.all("cqc.events.v1.>")) > beyond


@pytest.mark.parametrize("loss", ["purged", "deleted", "recreated"])
async def test_a_purged_stream_continues_where_it_was(
    mortal_settings: config.Settings, streams: Streams, outbox: asyncpg.Connection, loss: str
) -> None:
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        btc = await listed(registry)
        await eventually(lambda: _all_there(streams, outbox))
        await eventually(lambda: _noted(outbox, 5))
        stream = streams._client.jetstream()
        limits = (await stream.stream_info(events.CHANGES_STREAM)).config
        await (stream.purge_stream if loss == "purged" else stream.delete_stream)(events.CHANGES_STREAM)
        if loss == "recreated":
            await stream.add_stream(limits)
        await ticked(registry, btc, "0.125")
        await eventually(lambda: _all_there(streams, outbox))
    assert await streams.changes(await _epoch(outbox)) == [6]


async def _noted(outbox: asyncpg.Connection, revision: int) -> bool:
    return bool(await outbox.fetchval("SELECT count(*) = 2 AND bool_and(revision >= $1) FROM relay_cursors", revision))


async def test_a_foreign_message_in_the_stream_delays_changes_and_does_not_stop_them(
    mortal_settings: config.Settings, streams: Streams, outbox: asyncpg.Connection
) -> None:
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        btc = await listed(registry)
        await eventually(lambda: _all_there(streams, outbox))
        await eventually(lambda: _noted(outbox, 5))
        await streams._client.jetstream().publish("cqar.changes.v1.symbol", b"?", headers={"Nats-Msg-Id": "x"})
        await ticked(registry, btc, "0.125")
        await eventually(lambda: _all_there(streams, outbox))
    assert await streams.changes(await _epoch(outbox)) == [1, 2, 3, 4, 5, 6]


async def test_messages_behind_a_lost_one_are_published_again(
    mortal_settings: config.Settings, streams: Streams, outbox: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        await listed(registry)
        await eventually(lambda: _all_there(streams, outbox))
    publish = NatsClient.publish
    seen: list[str] = []

    async def losing(client: NatsClient, subject: str, payload: bytes = b"", reply: str = "", headers: Any = None) -> None:
        message_id = (headers or {}).get("Nats-Msg-Id", "")
        seen.append(message_id)
        if message_id.endswith(":7") and seen.count(message_id) == 1:
            return  # lost in transit
        await publish(client, subject, payload, reply, headers)

    monkeypatch.setattr(NatsClient, "publish", losing)
    # In one transaction, so that all are in one batch.
    await outbox.execute(
        "WITH o AS (INSERT INTO outbox (revision, event_id, entity, row_id, op, keys, left_keys, actor)"
        " SELECT n, gen_random_uuid(), 'symbol', 's', 'update', '{}', '{}', 'test' FROM generate_series(6, 9) n)"
        " UPDATE head SET seq = 9"
    )
    async with admin_of(mortal_settings):
        await eventually(lambda: _all_there(streams, outbox))
    assert len([each for each in seen if each.endswith(":7")]) == 2
    assert await streams.changes(await _epoch(outbox)) == list(range(1, 10))


async def test_a_database_restored_from_an_older_copy_gets_a_new_epoch(
    mortal_settings: config.Settings, streams: Streams, outbox: asyncpg.Connection
) -> None:
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        btc = await listed(registry)
        for tick in ("0.1", "0.2"):
            await ticked(registry, btc, tick)
        await eventually(lambda: _all_there(streams, outbox))
    old = await _epoch(outbox)
    # The copy is from before the last two changes.
    await outbox.execute("DELETE FROM outbox WHERE revision > 5")
    await outbox.execute("UPDATE head SET seq = 5")
    await outbox.execute("UPDATE relay_cursors SET revision = 5")
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        await ticked(registry, btc, "0.3")
        await eventually(lambda: _all_there(streams, outbox))
    assert await _epoch(outbox) != old
    assert await streams.changes(await _epoch(outbox)) == [6]
    assert await streams.changes(old) == [1, 2, 3, 4, 5, 6, 7]


async def test_only_delivered_and_old_rows_of_the_outbox_are_pruned(
    mortal_settings: config.Settings, mortal: Servers, streams: Streams, outbox: asyncpg.Connection
) -> None:
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        btc = await listed(registry)
        await eventually(lambda: _all_there(streams, outbox))
        await eventually(lambda: _noted(outbox, 5))
        assert await admin._relay.outbox.prune() == 0
        mortal.nats.kill()
        for tick in ("0.1", "0.2"):
            await ticked(registry, btc, tick)
        await outbox.execute("UPDATE outbox SET created_at = now() - interval '25 hours'")
        assert await admin._relay.outbox.prune() == 5
        assert [row["revision"] for row in await outbox.fetch("SELECT revision FROM outbox ORDER BY 1")] == [6, 7]
        mortal.nats.start()
        await eventually(lambda: _all_there(streams, outbox))
    assert await streams.changes(await _epoch(outbox)) == list(range(1, 8))


# ---- the contract's events -----------------------------------------------------------------------------------------


async def test_other_services_receive_contract_events(
    mortal_settings: config.Settings, streams: Streams, outbox: asyncpg.Connection
) -> None:
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        await admin._relay.stop()
        btc = await listed(registry)
        await registry.call(
            "RaiseQualityFlag",
            asset_id=btc.base,
            flag_type=assets.FLAG_TYPE_EXPLOITED,
            severity=assets.FLAG_SEVERITY_CRITICAL,
            description="drained",
            raised_by="test",
        )
        listing = (await registry.call("GetVenueSymbol", venue_id=btc.venue, venue_symbol=btc.text)).venue_symbol.listing_id
        await own_call(registry, "DelistVenueSymbol", listing_id=listing)
    async with admin_of(mortal_settings):
        await eventually(lambda: _grown(streams, 5))
    messages = await streams.all("cqc.events.v1.>")
    assert [each.subject.removeprefix("cqc.events.v1.") for each in messages] == [
        "asset_created",
        "asset_created",
        "symbol_created",
        "venue_symbol_listed",
        "quality_flag_raised",
        "venue_symbol_delisted",
    ]
    raised = events_pb2.QualityFlagRaised.FromString(messages[4].data)
    assert raised.suspend_trading
    assert raised.asset_id == btc.base
    ids = {str(row["event_id"]) for row in await outbox.fetch("SELECT event_id FROM outbox WHERE event IS NOT NULL")}
    assert {each.message_id for each in messages} == ids
    assert all(events.EVENTS[each.subject].FromString(each.data).event_id == each.message_id for each in messages)  # type: ignore[attr-defined]


async def test_events_use_an_existing_stream_that_covers_them_or_our_own(
    mortal_settings: config.Settings, streams: Streams, outbox: asyncpg.Connection
) -> None:
    stream = streams._client.jetstream()
    await stream.add_stream(name="PLATFORM", subjects=["cqc.>"])
    try:
        async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
            await listed(registry)
            await registry.call("CreateChain", name="Base", chain_type="EVM")
            await listed(registry, "ETH", "kraken")
            await eventually(lambda: _grown(streams, 7))
            await eventually(lambda: _noted(outbox, 11))
        assert (await stream.stream_info("PLATFORM")).state.messages == 8
        assert [each.subject for each in await streams.all("cqar.events.v1.>")] == ["cqar.events.v1.chain_registered"]
    finally:
        await stream.delete_stream("PLATFORM")
    # No other stream covers them any more, so ours takes them.
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        await listed(registry, "SOL", "deribit")
        await eventually(lambda: _noted(outbox, 16))
    assert len(await streams.all("cqc.events.v1.>")) == 4
