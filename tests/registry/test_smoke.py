"""The main job, by way of admin and the hot path."""

from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from tests.client import Client


async def test_a_listing_made_through_the_hot_paths_port_resolves_there_at_once(feed: Client) -> None:
    btc = (await feed.call("CreateAsset", symbol="BTC", name="Bitcoin", asset_type=assets.ASSET_TYPE_NATIVE)).asset
    usdt = (await feed.call("CreateAsset", symbol="USDT", name="Tether", asset_type=assets.ASSET_TYPE_ERC20)).asset
    symbol = await feed.call(
        "CreateSymbol",
        symbol_type=markets.SYMBOL_TYPE_SPOT,
        base_asset_id=btc.asset_id,
        quote_asset_id=usdt.asset_id,
        tick_size=0.5,
    )
    assert symbol.symbol.symbol == "BTC/USDT"
    await feed.call("CreateVenue", name="Binance", venue_type=venues.VENUE_TYPE_CEX)
    await feed.call(
        "CreateVenueSymbol",
        venue_id="binance",
        symbol_id=symbol.symbol.symbol_id,
        venue_symbol="BTCUSDT",
        tick_size_decimal="0.01",
        taker_fee=0.001,
    )
    found = await feed.call("GetVenueSymbol", venue_id="binance", venue_symbol="BTCUSDT")
    assert found.symbol.symbol_id == symbol.symbol.symbol_id
    assert found.symbol.tick_size_decimal == "0.01"
    assert found.base_asset.symbol == "BTC"
    assert found.quote_asset.symbol == "USDT"
    assert found.venue_symbol.taker_fee_decimal == "0.001"
    assert found.venue_symbol.is_active
    assert not found.trading_blocked
    print(found, feed.trailing)
