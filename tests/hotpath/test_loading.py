"""Preloading: parts are whole for any page size and any limit, and none is lost while the database is slow."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import pytest

from cqar import config
from cqar.hotpath.cache import Cache
from cqar.model.parts import Stored
from cqar.replication import probe
from cqar.storage import parts
from cqar.storage.postgres import Pool
from tests.client import Client
from tests.hotpath.crowd import crowd
from tests.hotpath.stack import Listed, eventually, worker_of

YEARS = (2020, 2021, 2022, 2023, 2024)


Rows = dict[str, set[tuple[str, str, bytes]]]


async def loaded(settings: config.Settings, limit: int, at_once: int) -> tuple[Rows, bool]:
    """The rows of each part, as a set, and whether nothing was cut off."""
    pool = Pool(settings.database, statement_timeout=10, name="test")
    await pool.open()
    try:
        async with pool.snapshot() as session:
            everything = await parts.read_all(session, limit, at_once)
    finally:
        await pool.close()
    taken = everything.take(list(everything.found))
    assert not everything.found
    found = {key: {(each.entity, each.row_id, each.value) for each in part_rows} for key, part_rows in taken.items()}
    assert all(len(found[key]) == len(part_rows) for key, part_rows in taken.items())
    return found, everything.whole


@pytest.fixture
async def relisted(registry: Client, btc: Listed) -> Listed:
    """A text with many successive listings, before and between others."""
    for text in ("AAA", "ZZZ"):
        await registry.call("CreateVenueSymbol", venue_id=btc.venue, symbol_id=btc.symbol, venue_symbol=text)
    for year in YEARS:
        interval = {"listed_at": {"seconds": year * 31_557_600}, "delisted_at": {"seconds": year * 31_557_600 + 1}}
        await registry.call("CreateVenueSymbol", venue_id=btc.venue, symbol_id=btc.symbol, venue_symbol="OLD", **interval)
    return btc


@pytest.mark.usefixtures("relisted")
async def test_pages_of_any_size_give_the_same_parts(settings: config.Settings) -> None:
    everything, whole = await loaded(settings, 1_000, 1_000)
    assert whole
    assert max(map(len, everything.values())) >= len(YEARS)
    for at_once in (1, 2, 3, 7):
        assert await loaded(settings, 1_000, at_once) == (everything, True)


@pytest.mark.usefixtures("relisted")
async def test_no_part_is_cut_off(settings: config.Settings) -> None:
    everything, _ = await loaded(settings, 1_000, 1_000)
    rows = len(set().union(*everything.values()))
    for limit in range(rows + 2):
        for at_once in (1, 3, 1_000):
            found, whole = await loaded(settings, limit, at_once)
            assert whole == (limit > rows)
            assert not whole or found == everything
            assert all(part_rows == everything[key] for key, part_rows in found.items())


#: A commit that the worker learns of by a probe.
_CHANGE = """
INSERT INTO outbox (revision, event_id, entity, row_id, op, keys, left_keys, actor)
 SELECT seq + 1, gen_random_uuid(), 'asset', 'a1', 'update', ARRAY['asset:a1'], ARRAY[]::text[], 'x' FROM head;
UPDATE head SET seq = seq + 1;
"""


async def test_a_preload_ahead_of_a_slow_database_loses_no_part(
    settings: config.Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts are read at a revision that the worker does not get to apply before it has read many more than can wait."""
    names = await crowd(connection)
    gate, applied = asyncio.Event(), []
    read, read_all, admit = probe.read, parts.read_all, Cache.admit
    gate.set()

    async def slow(*args: Any) -> Any:
        result = await read(*args)
        await gate.wait()
        return result

    async def read_ahead(*args: Any) -> Any:
        gate.clear()
        await connection.execute(_CHANGE)
        return await read_all(*args)

    def admitted(self: Cache, snap: int, found: Mapping[str, Sequence[Stored]], now: float) -> None:
        applied.append(self.applied)
        if len(applied) == 1_000:
            gate.set()
        admit(self, snap, found, now)

    for owner, name, value in ((probe, "read", slow), (parts, "read_all", read_ahead), (Cache, "admit", admitted)):
        monkeypatch.setattr(owner, name, value)
    monkeypatch.setattr("cqar.hotpath.feed._APPLY_TIMEOUT", 0.1)
    monkeypatch.setattr("cqar.hotpath.feed._AT_ONCE", 1)
    async with worker_of(settings, loaded=False) as worker:
        await worker.feed.ready.wait()  # it answers while it waits, from what lookups load
        gate.set()
        await eventually(lambda: bool(worker.cache.complete))
        assert worker.cache.applied == 2
        assert set(applied) == {2}
        missing = [name for name in names if worker.cache.peek("listings:{}:{}".format(*name)) is None]
        assert missing == []
