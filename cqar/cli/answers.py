"""`cqar resolve`: what a venue means by a symbol, as aligned lines or as JSON."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from cqar.client.resolve import Answer, Question, kind, level_name
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.shared import enums_pb2

_UNKNOWN = "not known"
_COLUMN = 14
#: Where the numbers are not the listing's own.
_SOURCES = {
    enums_pb2.SPECS_SOURCE_SYMBOL: "those of the canonical symbol; the listing has none",
    enums_pb2.SPECS_SOURCE_MIXED: "those that the listing lacks are those of the canonical symbol",
    enums_pb2.SPECS_SOURCE_NOT_KNOWN_THEN: "not known before {}",
}
#: Types whose sizes are always in the base asset; the sizes of others may be in contracts.
_IN_BASE = frozenset({markets_pb2.SYMBOL_TYPE_SPOT, markets_pb2.SYMBOL_TYPE_MARGIN})


def text(question: Question, answer: Answer) -> str:
    """Return the answer as aligned lines."""
    return "\n".join(f"{name:<{_COLUMN}}{value}" for name, value in _lines(question, answer))


def data(answer: Answer) -> dict[str, Any]:
    """Return the response with the contract's field names and exact numbers as text, with `source` and `elapsed_us`."""
    fields = json_format.MessageToDict(answer.response, preserving_proto_field_name=True, unquote_int64_if_possible=True)
    return _only_exact(fields) | {"source": answer.source, "elapsed_us": answer.elapsed // 1_000}


def _lines(question: Question, answer: Answer) -> Iterator[tuple[str, str]]:
    found = answer.response
    symbol, listing = found.symbol, found.venue_symbol
    base, quote = found.base_asset.symbol, found.quote_asset.symbol
    sizes = base if symbol.symbol_type in _IN_BASE else ""
    yield "listing", f"{question.venue}  {listing.venue_symbol}"
    yield "symbol", f"{symbol.symbol}  {kind(markets_pb2.SymbolType.Name(symbol.symbol_type))}  {symbol.symbol_id}"
    yield "base asset", _asset(found.base_asset)
    yield "quote asset", _asset(found.quote_asset)
    levels = {"base": found.base_level, "quote": found.quote_level, "settlement": found.settlement_level}
    if any(levels.values()):
        yield "identity", ", ".join(f"{side} {level_name(level)}" for side, level in levels.items() if level)
    yield "tick size", _number(symbol, "tick_size", quote)
    yield "lot size", _number(symbol, "lot_size", sizes)
    yield "order size", f"min {_number(symbol, 'min_order_size', sizes)}, max {_number(symbol, 'max_order_size', sizes)}"
    yield "min notional", _number(listing if listing.HasField("min_notional_decimal") else symbol, "min_notional", quote)
    yield "fees", f"maker {_number(listing, 'maker_fee')}, taker {_number(listing, 'taker_fee')}"
    if found.specs_source in _SOURCES:
        yield "numbers", _SOURCES[found.specs_source].format(_time(listing.specs_since))
    if listing.HasField("quantity_multiplier_decimal"):
        yield "multiplier", f"1 unit of the listing is {listing.quantity_multiplier_decimal} {base}"
    yield from _derivative(answer)
    yield "active", _activity(listing)
    yield "trading", _trading(found)
    yield "revision", str(found.revision)
    if found.stale:
        yield "stale", f"the worker was last up to date {found.age_ms} ms ago"
    yield "answered", f"from {answer.source} in {_duration(answer.elapsed)}"


def _derivative(answer: Answer) -> Iterator[tuple[str, str]]:
    found = answer.response
    symbol = found.symbol
    if symbol.HasField("settlement_asset_id"):
        yield "settlement", _settlement(answer)
    if symbol.HasField("margin_kind"):
        yield "margin", symbol.margin_kind
    if symbol.HasField("contract_size_decimal"):
        inverse = symbol.margin_kind == "inverse" and symbol.symbol_type != markets_pb2.SYMBOL_TYPE_OPTION
        yield "contract size", _number(symbol, "contract_size", (found.quote_asset if inverse else found.base_asset).symbol)
    if symbol.HasField("expiry"):
        yield "expiry", _time(symbol.expiry)
    if symbol.HasField("strike_price_decimal"):
        yield "strike", _number(symbol, "strike_price", found.quote_asset.symbol)
    if symbol.option_type:
        yield "option", markets_pb2.OptionType.Name(symbol.option_type).removeprefix("OPTION_TYPE_").lower()


def _settlement(answer: Answer) -> str:
    found = answer.response
    asset_id = found.symbol.settlement_asset_id
    for asset in (found.base_asset, found.quote_asset, answer.settlement):
        if asset is not None and asset.asset_id == asset_id:
            return _asset(asset)
    return asset_id


def _asset(asset: assets_pb2.Asset) -> str:
    return f"{asset.symbol}  {asset.name}  {asset.asset_id}"


def _number(message: Any, field: str, unit: str = "") -> str:
    if not message.HasField(f"{field}_decimal"):
        return _UNKNOWN
    return f"{getattr(message, f'{field}_decimal')} {unit}".rstrip()


def _time(stamp: Timestamp) -> str:
    """Return the time in UTC; midnight is the date alone."""
    at = stamp.ToDatetime(tzinfo=UTC)
    return f"{at:%Y-%m-%d}" if at == at.replace(hour=0, minute=0, second=0, microsecond=0) else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _activity(listing: Any) -> str:
    listed = f"listed {_time(listing.listed_at)}" if listing.HasField("listed_at") else ""
    ending = listing.delisted_at if listing.HasField("delisted_at") else None
    if ending is None:
        words = ["yes" if listing.is_active else "no", listed]
    elif ending.ToDatetime(tzinfo=UTC) > datetime.now(UTC):
        words = ["yes" if listing.is_active else "no", listed, f"ends {_time(ending)}"]
    else:
        words = ["no", listed, f"ended {_time(ending)}"]
    return ", ".join(filter(None, words))


def _trading(found: contract.GetVenueSymbolResponse) -> str:
    if not found.trading_blocked:
        return "not blocked"
    reasons = [*map(_flag, found.blocking_flags), *([found.blocked_reason] if found.blocked_reason else [])]
    return f"BLOCKED by {', '.join(reasons) or 'a flag'}"


def _flag(flag: assets_pb2.AssetQualityFlag) -> str:
    name = assets_pb2.FlagType.Name(flag.flag_type).removeprefix("FLAG_TYPE_")
    return f"{name} ({flag.reason})" if flag.reason else name


def _duration(nanoseconds: int) -> str:
    microseconds = nanoseconds / 1_000
    return f"{microseconds:.0f} us" if microseconds < 1_000 else f"{microseconds / 1_000:.1f} ms"  # noqa: PLR2004


def _only_exact(fields: dict[str, Any]) -> dict[str, Any]:
    """Drop the doubles that have an exact text beside them, at every depth."""
    return {
        name: _only_exact(value) if isinstance(value, dict) and name != "metadata" else value
        for name, value in fields.items()
        if f"{name}_decimal" not in fields
    }
