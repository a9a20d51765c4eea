"""Apply: many rows by their natural keys."""

from typing import Any

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from tests.client import Client

APPLY = "/cqar.v1.Registry/Apply"


async def apply(client: Client, rows: list[pb.ApplyRow], **fields: Any) -> pb.ApplyResponse:
    request = pb.ApplyRequest(rows=rows, **fields)
    data, _ = await client.raw(APPLY, request.SerializeToString(), deadline=60)
    return pb.ApplyResponse.FromString(data)


def outcomes(response: pb.ApplyResponse) -> list[str]:
    return [pb.ApplyOutcome.Name(each.outcome) for each in response.results]


def ticker(symbol: str, coingecko: str) -> pb.ApplyRow:
    return pb.ApplyRow(
        ref=symbol,
        asset=assets.Asset(symbol=symbol, name=symbol.title(), asset_type=assets.ASSET_TYPE_NATIVE),
        identifiers=[assets.AssetIdentifier(source=assets.DATA_SOURCE_COINGECKO, external_id=coingecko, is_primary=True)],
    )


def market() -> list[pb.ApplyRow]:
    """A whole market in one call, its rows in any order of dependency."""
    return [
        pb.ApplyRow(venue=venues.Venue(venue_id="binance", name="Binance", venue_type=venues.VENUE_TYPE_CEX)),
        ticker("BTC", "bitcoin"),
        ticker("USDT", "tether"),
        pb.ApplyRow(
            ref="btcusdt",
            symbol=markets.Symbol(
                symbol_type=markets.SYMBOL_TYPE_SPOT, base_asset_id="ref:BTC", quote_asset_id="ref:USDT", tick_size=0.01
            ),
        ),
        pb.ApplyRow(
            venue_asset=venues.VenueAsset(venue_id="binance", asset_id="ref:BTC", venue_asset_symbol="BTC", trading_enabled=True)
        ),
        pb.ApplyRow(
            venue_symbol=venues.VenueSymbol(
                venue_id="binance", symbol_id="ref:btcusdt", venue_symbol="BTCUSDT", tick_size_decimal="0.01", taker_fee=0.001
            )
        ),
    ]


async def test_a_market_comes_in_by_one_call_and_again_changes_nothing(registry: Client) -> None:
    first = await apply(registry, market())
    assert outcomes(first) == ["CREATED"] * 6, first
    again = await apply(registry, market())
    assert outcomes(again) == ["UNCHANGED"] * 6, again
    assert again.revision == 0
    assert [each.id for each in again.results] == [each.id for each in first.results]
    found = await registry.call("GetVenueSymbol", venue_id="binance", venue_symbol="BTCUSDT")
    assert found.symbol.symbol == "BTC/USDT"
    assert found.venue_symbol.taker_fee_decimal == "0.001"


async def test_a_dry_run_tells_the_same_and_leaves_nothing(registry: Client) -> None:
    dry = await apply(registry, market(), dry_run=True)
    assert outcomes(dry) == ["CREATED"] * 6, dry
    assert dry.revision == 0
    assert not (await registry.call("ListAssets")).assets
    assert outcomes(await apply(registry, market())) == ["CREATED"] * 6


async def test_a_rejected_row_rejects_only_what_refers_to_it(registry: Client) -> None:
    rows = market()
    rows[1].asset.asset_type = 99  # type: ignore[assignment]
    response = await apply(registry, rows)
    assert outcomes(response) == ["CREATED", "REJECTED", "CREATED", "REJECTED", "REJECTED", "REJECTED"]
    assert (response.results[1].code, response.results[1].field) == ("INVALID_ARGUMENT", "asset_type")
    assert response.results[3].code == "FAILED_PRECONDITION"
    assert "BTC" in response.results[3].reason


async def test_modes_say_what_happens_to_a_row_that_exists(registry: Client) -> None:
    await apply(registry, market())
    changed = market()[-1:]
    changed[0].venue_symbol.symbol_id = (await registry.call("GetVenueSymbol", venue_id="binance", venue_symbol="BTCUSDT")).symbol.symbol_id
    changed[0].venue_symbol.tick_size_decimal = "0.1"
    changed[0].venue_symbol.lot_size_decimal = "0.001"
    kept = await apply(registry, changed, mode=pb.CREATE_ONLY)
    assert outcomes(kept) == ["UNCHANGED"]
    filled = await apply(registry, changed, mode=pb.FILL_UNSET)
    assert outcomes(filled) == ["UPDATED"]
    assert list(filled.results[0].changed_fields) == ["lot_size"]
    written = await apply(registry, changed)
    assert list(written.results[0].changed_fields) == ["tick_size"]
    assert written.results[0].revision == written.revision > filled.revision
