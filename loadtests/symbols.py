"""Venue symbols to load into a registry: real ones if the shared data are present, else generated."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import orjson

from cqar import exact
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues

_DATA = Path(__file__).parents[2] / "shared" / "data"
_APPLY = "/cqar.v1.Registry/Apply"
#: Rows of one Apply.
CHUNK = 2_000
#: Timeout of one Apply in seconds.
_TIMEOUT = 120.0
_TYPES = {"spot": markets.SYMBOL_TYPE_SPOT, "swap": markets.SYMBOL_TYPE_PERPETUAL}
#: Path and key in a market -> field of a listing.
_FIELDS = (
    ("precision", "price", "tick_size_decimal"),
    ("precision", "amount", "lot_size_decimal"),
    ("limits amount", "min", "min_order_size_decimal"),
    ("limits cost", "min", "min_notional_decimal"),
    ("", "maker", "maker_fee_decimal"),
    ("", "taker", "taker_fee_decimal"),
)


class Market(NamedTuple):
    """A market of a venue, by tickers."""

    venue: str
    text: str
    symbol_type: markets.SymbolType
    base: str
    quote: str
    settle: str | None
    margin_kind: str | None
    specs: Mapping[str, str]


def real() -> Iterator[Market]:
    """Spot and perpetual markets published by exchanges; none without the shared data."""
    for path in sorted(_DATA.glob("markets_*.json.gz")):
        venue = path.name.removeprefix("markets_").removesuffix(".json.gz")
        found = orjson.loads(gzip.decompress(path.read_bytes()))
        for row in found.values() if isinstance(found, dict) else found:
            if row["type"] in _TYPES and row["base"] and row["quote"]:
                yield _market(venue, row)


def _market(venue: str, row: Mapping[str, Any]) -> Market:
    derivative = row["type"] == "swap"
    kind = ("inverse" if row["inverse"] else "linear") if derivative else None
    return Market(
        venue,
        row["id"],
        _TYPES[row["type"]],
        row["base"],
        row["quote"],
        row["settle"] if derivative else None,
        kind,
        _specs(row),
    )


def _specs(row: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for path, key, field in _FIELDS:
        at: Any = row
        for name in path.split():
            at = at.get(name) or {}
        value = at.get(key)
        if value is not None and (value > 0 or "fee" in field):
            found[field] = exact.plain(Decimal(str(value)))
    return found


def generated(count: int, venue: str = "generated") -> Iterator[Market]:
    """`count` spot markets of one venue."""
    specs = {
        "tick_size_decimal": "0.01",
        "lot_size_decimal": "0.0001",
        "maker_fee_decimal": "0.0002",
        "taker_fee_decimal": "0.001",
    }
    for number in range(count):
        base, quote = f"G{number // 4}", f"Q{number % 4}"
        yield Market(venue, f"{base}{quote}", markets.SYMBOL_TYPE_SPOT, base, quote, None, None, specs)


class Loaded(NamedTuple):
    """The rows written and rejected by a load."""

    rows: int
    rejected: int


def load(channel: grpc.Channel, wanted: Sequence[Market]) -> Loaded:
    """Write the markets with their venues, assets and symbols by Apply, over a channel with the role writer."""
    apply = channel.unary_unary(_APPLY, pb.ApplyRequest.SerializeToString, pb.ApplyResponse.FromString)
    tally = [0, 0]

    def write(rows: Sequence[pb.ApplyRow]) -> list[str]:
        ids = []
        for at in range(0, len(rows), CHUNK):
            response = apply(pb.ApplyRequest(rows=rows[at : at + CHUNK], source="loadtests"), timeout=_TIMEOUT)
            ids += [each.id for each in response.results]
            tally[0] += len(response.results)
            tally[1] += sum(each.outcome == pb.REJECTED for each in response.results)
        return ids

    write([_venue(each) for each in sorted({market.venue for market in wanted})])
    tickers = sorted({ticker for each in wanted for ticker in (each.base, each.quote, each.settle) if ticker})
    asset_ids = dict(zip(tickers, write([_asset(each) for each in tickers]), strict=True))
    terms = list(dict.fromkeys(_terms(each) for each in wanted))
    symbols = dict(zip(terms, write([_symbol(each, asset_ids) for each in terms]), strict=True))
    write([_listing(each, symbols[_terms(each)]) for each in wanted if symbols[_terms(each)]])
    return Loaded(*tally)


#: The fields that identify a canonical symbol.
_Terms = tuple[markets.SymbolType, str, str, str | None, str | None]


def _terms(market: Market) -> _Terms:
    return market.symbol_type, market.base, market.quote, market.settle, market.margin_kind


def _venue(name: str) -> pb.ApplyRow:
    venue = venues.Venue(
        venue_id=name, name=name, venue_type=venues.VENUE_TYPE_CEX, default_symbol_type=markets.SYMBOL_TYPE_SPOT
    )
    return pb.ApplyRow(venue=venue)


def _asset(ticker: str) -> pb.ApplyRow:
    key = assets.AssetIdentifier(source=assets.DATA_SOURCE_INTERNAL, external_id=f"loadtests:{ticker}", is_primary=True)
    return pb.ApplyRow(asset=assets.Asset(symbol=ticker, name=ticker, asset_type=assets.ASSET_TYPE_NATIVE), identifiers=[key])


def _symbol(terms: _Terms, asset_ids: Mapping[str, str]) -> pb.ApplyRow:
    symbol_type, base, quote, settle, margin_kind = terms
    symbol = markets.Symbol(symbol_type=symbol_type, base_asset_id=asset_ids[base], quote_asset_id=asset_ids[quote])
    if settle is not None:
        symbol.settlement_asset_id = asset_ids[settle]
    if margin_kind is not None:
        symbol.margin_kind = margin_kind
    return pb.ApplyRow(symbol=symbol)


def _listing(market: Market, symbol_id: str) -> pb.ApplyRow:
    listing = venues.VenueSymbol(
        venue_id=market.venue, venue_symbol=market.text, symbol_id=symbol_id, symbol_type=market.symbol_type
    )
    for name, value in market.specs.items():
        setattr(listing, name, value)
    return pb.ApplyRow(venue_symbol=listing)
