"""Preloading: parts are whole for any page size and any limit."""

import pytest

from cqar import config
from cqar.storage import parts
from cqar.storage.postgres import Pool
from tests.client import Client
from tests.hotpath.stack import Listed

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
    found = {key: {(each.entity, each.row_id, each.value) for each in held} for key, held in taken.items()}
    assert all(len(found[key]) == len(held) for key, held in taken.items())
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
            assert all(held == everything[key] for key, held in found.items())
