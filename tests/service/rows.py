"""Rows of an Apply."""

from typing import Any

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues

COINGECKO, CMC = assets.DATA_SOURCE_COINGECKO, assets.DATA_SOURCE_COINMARKETCAP
#: What belongs to the row, not to its entity.
_ROW = frozenset({"ref", "mode", "expected_revision", "identifiers", "deployments"})


def row(field: str, **fields: Any) -> pb.ApplyRow:
    """A row of the kind."""
    own, given = _split(fields)
    made: dict[str, Any] = {field: given, **own}
    return pb.ApplyRow(**made)


def _split(fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return {k: v for k, v in fields.items() if k in _ROW}, {k: v for k, v in fields.items() if k not in _ROW}


def identifier(external_id: str, source: Any = COINGECKO, **fields: Any) -> assets.AssetIdentifier:
    """A key of an asset row."""
    return assets.AssetIdentifier(source=source, external_id=external_id, **fields)


def deployment(chain: str, address: str, **fields: Any) -> assets.AssetDeployment:
    """A key of an asset row."""
    return assets.AssetDeployment(chain_id=chain, address=address, **fields)


def asset(ticker: str, *keys: Any, **fields: Any) -> pb.ApplyRow:
    """An asset row with these keys; without any, found by its ticker in lower case as CoinGecko id. Its ref is the ticker."""
    own, given = _split(fields)
    if not keys and "asset_id" not in given:
        keys = (identifier(ticker.lower()),)
    entity = assets.Asset(**{"symbol": ticker, "name": ticker, "asset_type": assets.ASSET_TYPE_NATIVE, **given})
    made = pb.ApplyRow(asset=entity, **{"ref": ticker, **own})
    for key in keys:
        (made.identifiers if isinstance(key, assets.AssetIdentifier) else made.deployments).append(key)
    return made


def chain(chain_id: str, chain_type: str = "EVM", **fields: Any) -> pb.ApplyRow:
    """A chain row."""
    own, given = _split(fields)
    return pb.ApplyRow(
        chain=assets.Chain(**{"chain_id": chain_id, "chain_name": chain_id.title(), "chain_type": chain_type, **given}), **own
    )


def venue(venue_id: str = "binance", **fields: Any) -> pb.ApplyRow:
    """A venue row."""
    own, given = _split(fields)
    given = {"venue_id": venue_id, "name": venue_id.title(), "venue_type": venues.VENUE_TYPE_CEX, **given}
    return pb.ApplyRow(venue=venues.Venue(**given), **own)


def symbol(base: str, quote: str, symbol_type: int = markets.SYMBOL_TYPE_SPOT, **fields: Any) -> pb.ApplyRow:
    """A symbol row."""
    own, given = _split(fields)
    given = {"symbol_type": symbol_type, "base_asset_id": base, "quote_asset_id": quote, **given}
    return pb.ApplyRow(symbol=markets.Symbol(**given), **own)


def venue_asset(asset_id: str, code: str, venue_id: str = "binance", **fields: Any) -> pb.ApplyRow:
    """A venue asset row."""
    own, given = _split(fields)
    given = {"venue_id": venue_id, "asset_id": asset_id, "venue_asset_symbol": code, **given}
    return pb.ApplyRow(venue_asset=venues.VenueAsset(**given), **own)


def listing(symbol_id: str, text: str, venue_id: str = "binance", **fields: Any) -> pb.ApplyRow:
    """A venue symbol row."""
    own, given = _split(fields)
    given = {"venue_id": venue_id, "symbol_id": symbol_id, "venue_symbol": text, **given}
    return pb.ApplyRow(venue_symbol=venues.VenueSymbol(**given), **own)


def related(source: str, target: str, kind: int = assets.RELATIONSHIP_TYPE_WRAPS, **fields: Any) -> pb.ApplyRow:
    """A relationship row."""
    own, given = _split(fields)
    given = {"from_asset_id": source, "to_asset_id": target, "relationship_type": kind, **given}
    return pb.ApplyRow(asset_relationship=assets.AssetRelationship(**given), **own)


def everything() -> list[pb.ApplyRow]:
    """A row of each kind, in dependency order."""
    return [
        listing("ref:BTC/USDT", "BTCUSDT", tick_size_decimal="0.01", taker_fee=0.001, metadata={"status": "TRADING", "n": 1}),
        venue_asset("ref:BTC", "XBT", venue_asset_aliases=["BTC"], min_deposit=0.1, trading_enabled=True),
        row(
            "symbol_identifier",
            symbol_id="ref:BTC/USDT",
            data_source=markets.DATA_SOURCE_COINGECKO,
            external_id="btc-usdt",
        ),
        symbol("ref:BTC", "ref:USDT", tick_size=0.1, ref="BTC/USDT", metadata={"x": [1, None]}),
        row("asset_group_member", group_id="ref:majors", asset_id="ref:BTC", weight=0.5),
        row("asset_group", name="majors", group_type="index", ref="majors"),
        related("ref:USDT", "ref:BTC", assets.RELATIONSHIP_TYPE_FORKS_FROM, conversion_rate="0.5"),
        row("asset_identifier", asset_id="ref:BTC", source=CMC, external_id="1", is_primary=True),
        row(
            "asset_deployment",
            asset_id="ref:USDT",
            chain_id="ethereum",
            address="0xdac17f958d2ee523a2206206994597c13d831ec7",
        ),
        asset("USDT"),
        asset("BTC", category="coin", metadata={"rank": 1}),
        venue(),
        chain("ethereum", "evm", caip2="eip155:1", rpc_urls=["https://a.org"], max_decimals=255),
    ]
