"""The output of `cqar resolve` for cases that the sample lacks, and the source that it names."""

import asyncio
from datetime import UTC, datetime

import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.cli import answers
from cqar.client import connect, resolve
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.contract.shared import enums_pb2
from tests.client import Client
from tests.hotpath.stack import changed, eventually, listed, worker_of


def told(answer: pb.GetVenueSymbolResponse) -> dict[str, str]:
    """The lines of the output by name."""
    lines = answers.text(resolve.Question("deribit", "BTC-31DEC27-60000-C"), resolve.Answer(answer, "redis", 1_250_000))
    return {line[:14].strip(): line[14:] for line in lines.splitlines()}


def option() -> pb.GetVenueSymbolResponse:
    """An option that is delisted and whose quote asset is blocked."""
    answer = pb.GetVenueSymbolResponse(
        venue_symbol=venues_pb2.VenueSymbol(venue_symbol="BTC-31DEC27-60000-C", is_active=False, maker_fee_decimal="-0.0001"),
        symbol=markets_pb2.Symbol(
            symbol="BTC/USD:BTC-271231-60000-C",
            symbol_type=markets_pb2.SYMBOL_TYPE_OPTION,
            base_asset_id="1",
            quote_asset_id="2",
            settlement_asset_id="1",
            margin_kind="inverse",
            strike_price_decimal="60000",
            option_type=markets_pb2.OPTION_TYPE_CALL,
        ),
        base_asset=assets_pb2.Asset(asset_id="1", symbol="BTC", name="Bitcoin"),
        quote_asset=assets_pb2.Asset(asset_id="2", symbol="USD", name="US Dollar"),
        trading_blocked=True,
        blocking_flags=[assets_pb2.AssetQualityFlag(flag_type=assets_pb2.FLAG_TYPE_SCAM, reason="a drill")],
        revision=7,
        stale=True,
        age_ms=2_500,
    )
    answer.symbol.expiry.FromDatetime(datetime(2027, 12, 31, 8, tzinfo=UTC))
    answer.venue_symbol.delisted_at.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC))
    return answer


def test_a_derivative_is_shown_with_settlement_margin_expiry_and_strike() -> None:
    said = told(option())
    assert said["symbol"].startswith("BTC/USD:BTC-271231-60000-C  option")
    assert said["settlement"] == "BTC  Bitcoin  1"
    assert said["margin"] == "inverse"
    assert said["expiry"] == "2027-12-31 08:00:00 UTC"
    assert said["strike"] == "60000 USD"
    assert said["option"] == "call"
    assert said["answered"] == "from redis in 1.2 ms"


def test_unknown_values_are_not_shown_as_zero() -> None:
    said = told(option())
    assert said["fees"] == "maker -0.0001, taker not known"
    assert said["tick size"] == said["lot size"] == said["min notional"] == "not known"


def test_a_blocked_delisted_or_stale_result_is_marked() -> None:
    said = told(option())
    assert said["trading"] == "BLOCKED by SCAM (a drill)"
    assert said["active"] == "no, ended 2026-01-01"
    assert said["stale"] == "the worker was last up to date 2500 ms ago"


async def test_a_result_names_its_source_memory_redis_or_database(feed: Client, settings: config.Settings) -> None:
    asset = (await feed.call("CreateAsset", symbol="BTC", name="Bitcoin", asset_type=assets_pb2.ASSET_TYPE_NATIVE)).asset
    # One more write: what PostgreSQL says of the first is then newer than what the change itself left in Redis.
    await feed.call("CreateVenue", name="Binance", venue_type=venues_pb2.VENUE_TYPE_CEX)
    await feed.call("GetAsset", asset_id=asset.asset_id)
    sources = [feed.trailing.get("cqar-source", "memory")]
    empty = changed(settings, hotpath={"preload": False})
    for _ in range(2):
        async with worker_of(empty) as other, Client(other.port) as client:
            await eventually(lambda worker=other: worker.feed.age() <= settings.coherence.lease)  # type: ignore[misc]  # it is bound
            await client.call("GetAsset", asset_id=asset.asset_id)
            sources.append(client.trailing.get("cqar-source", "memory"))
            await eventually(lambda worker=other: not worker.engine.loader._offers)  # type: ignore[misc]  # the same
    assert sources == ["memory", "database", "redis"]


def test_the_levels_of_the_assets_and_the_reason_of_a_block_are_shown() -> None:
    answer = option()
    answer.base_level, answer.settlement_level = enums_pb2.IDENTITY_LEVEL_CONTESTED, enums_pb2.IDENTITY_LEVEL_VERIFIED
    answer.blocked_reason = "another address"
    said = told(answer)
    assert said["identity"] == "base CONTESTED, settlement VERIFIED"
    assert said["trading"] == "BLOCKED by SCAM (a drill), another address"


async def test_an_answer_below_the_least_level_is_refused(admin: Admin, registry: Client) -> None:
    btc = await listed(registry)
    record = {"venue_id": btc.venue, "asset_id": btc.quote, "venue_asset_symbol": "USDT"}
    await registry.call("CreateVenueAsset", **record, identity_level=enums_pb2.IDENTITY_LEVEL_SUGGESTED)

    def ask(least: str | None) -> resolve.Answer:
        with connect.connected(f"127.0.0.1:{admin.port}") as channel:
            return resolve.ask(channel, resolve.Question(btc.venue, btc.text, min_level=least))

    for enough in (None, "SUGGESTED", "UNKNOWN"):
        assert (await asyncio.to_thread(ask, enough)).response.quote_level == enums_pb2.IDENTITY_LEVEL_SUGGESTED
    with pytest.raises(resolve.ResolveError, match="the quote asset is SUGGESTED, below CORROBORATED; see cqar explain"):
        await asyncio.to_thread(ask, "CORROBORATED")


def test_hand_written_assets_pass_every_least_level() -> None:
    resolve._refuse_below(resolve.Question("v", "S", min_level="VERIFIED"), pb.GetVenueSymbolResponse())
