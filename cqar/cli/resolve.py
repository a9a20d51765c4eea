"""`cqar resolve`: asks a hotpath worker what a venue's text means, and says it for people or for programs.

`ask` makes the one call, `text` and `json` tell its answer. Whatever is not answered is a ResolveError.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import grpc
import orjson
from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract

_SERVICE = "/cqc.services.v1.AssetRegistry/"
#: Seconds to be answered.
_PATIENCE = 10.0
_NOT_KNOWN = "not known"
_COLUMN = 14
#: Types whose sizes are in the base asset for certain; others may be in contracts.
_IN_BASE = frozenset({markets_pb2.SYMBOL_TYPE_SPOT, markets_pb2.SYMBOL_TYPE_MARGIN})


class ResolveError(Exception):
    """There is no answer, or not one: `str()` says why and what to do."""

    def __init__(self, message: str, code: grpc.StatusCode) -> None:
        super().__init__(message)
        self.code = code


class Question(NamedTuple):
    """What is asked: a venue's text, and what narrows it."""

    venue: str
    symbol: str
    #: SPOT, PERPETUAL, FUTURE, OPTION or MARGIN
    type: str | None = None
    as_of: datetime | None = None

    def request(self) -> contract.GetVenueSymbolRequest:
        """The contract's request."""
        request = contract.GetVenueSymbolRequest(venue_id=self.venue, venue_symbol=self.symbol)
        if self.type is not None:
            request.symbol_type = markets_pb2.SymbolType.Value(f"SYMBOL_TYPE_{self.type}")  # type: ignore[assignment]  # an int
        if self.as_of is not None:
            request.as_of.FromDatetime(self.as_of)
        return request


class Answer(NamedTuple):
    """An answer, where the worker had it from (memory, redis or database), and the nanoseconds that the call took."""

    response: contract.GetVenueSymbolResponse
    source: str
    elapsed: int


def instant(text: str) -> datetime:
    """The time of an ISO 8601 text, which is in UTC where it names no zone. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def ask(channel: grpc.Channel, question: Question) -> Answer:
    """The worker's answer, over a channel that stands already: connecting is not timed. Raises ResolveError."""
    call = _method(channel, "GetVenueSymbol", contract.GetVenueSymbolRequest, contract.GetVenueSymbolResponse)
    request = question.request()
    began = time.perf_counter_ns()
    try:
        response, made = call.with_call(request, timeout=_PATIENCE)
    except grpc.RpcError as error:
        raise ResolveError(_refusal(channel, question, error), error.code()) from error
    elapsed = time.perf_counter_ns() - began
    source = next((str(value) for name, value in made.trailing_metadata() or () if name == "cqar-source"), "memory")
    return Answer(response, source, elapsed)


def text(question: Question, answer: Answer) -> str:
    """The answer as aligned lines."""
    return "".join(f"{name:<{_COLUMN}}{value}\n" for name, value in _lines(question, answer))


def json(answer: Answer) -> str:
    """The response as one JSON object with the contract's names, numbers as exact text; `source` and `elapsed_us` beside."""
    fields = json_format.MessageToDict(answer.response, preserving_proto_field_name=True, unquote_int64_if_possible=True)
    return orjson.dumps(_only_exact(fields) | {"source": answer.source, "elapsed_us": answer.elapsed // 1_000}).decode()


def _method(channel: grpc.Channel, name: str, request: type[Message], response: type[Message]) -> Any:
    return channel.unary_unary(
        _SERVICE + name, request_serializer=request.SerializeToString, response_deserializer=response.FromString
    )


# ---- no answer -----------------------------------------------------------------------------------------------------


def _refusal(channel: grpc.Channel, question: Question, error: Any) -> str:
    code, details = error.code(), error.details()
    if code is grpc.StatusCode.NOT_FOUND:
        when = f" at {question.as_of.isoformat()}" if question.as_of else ""
        kind = f" as {question.type.lower()}" if question.type else ""
        return f"{question.venue} {question.symbol} not found{kind}{when}: {details}"
    candidates = _candidates(error)
    if candidates:
        named = "".join(f"\n  {kind:<10} {_label(channel, symbol)}  {symbol}" for symbol, kind in candidates)
        return f"{question.venue} {question.symbol} is ambiguous, choose with --type:{named}"
    return f"{code.name}: {details}"


def _candidates(error: Any) -> list[tuple[str, str]]:
    """Symbol id and type of each candidate of an ambiguous text; none for other refusals."""
    failed = error_details_pb2.PreconditionFailure()
    found = []
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            for box in status_pb2.Status.FromString(value).details:
                if box.Unpack(failed):
                    found += [(each.subject, each.description) for each in failed.violations if each.type == "AMBIGUOUS"]
    return [(symbol, _kind(kind)) for symbol, kind in found]


def _label(channel: grpc.Channel, symbol_id: str) -> str:
    call = _method(channel, "GetSymbol", contract.GetSymbolRequest, contract.GetSymbolResponse)
    try:
        label: str = call(contract.GetSymbolRequest(symbol_id=symbol_id), timeout=_PATIENCE).symbol.symbol
    except grpc.RpcError:
        return "?"
    return label


# ---- an answer for people ------------------------------------------------------------------------------------------


def _lines(question: Question, answer: Answer) -> Iterator[tuple[str, str]]:
    found = answer.response
    symbol, listing = found.symbol, found.venue_symbol
    base, quote = found.base_asset.symbol, found.quote_asset.symbol
    yield "listing", f"{question.venue}  {listing.venue_symbol}"
    yield "symbol", f"{symbol.symbol}  {_kind(markets_pb2.SymbolType.Name(symbol.symbol_type))}  {symbol.symbol_id}"
    yield "base asset", _asset(found.base_asset)
    yield "quote asset", _asset(found.quote_asset)
    yield "tick size", _number(symbol, "tick_size", quote)
    yield "lot size", _number(symbol, "lot_size", base if symbol.symbol_type in _IN_BASE else "")
    yield "min notional", _number(listing if listing.HasField("min_notional_decimal") else symbol, "min_notional", quote)
    yield "fees", f"maker {_number(listing, 'maker_fee')}, taker {_number(listing, 'taker_fee')}"
    if listing.HasField("quantity_multiplier_decimal"):
        yield "multiplier", f"1 unit of the listing is {listing.quantity_multiplier_decimal} {base}"
    yield from _derivative(found)
    yield "active", _activity(listing)
    yield "trading", _trading(found)
    yield "revision", str(found.revision)
    if found.stale:
        yield "stale", f"the worker was last up to date {found.age_ms} ms ago"
    yield "answered", f"from {answer.source} in {_duration(answer.elapsed)}"


def _derivative(found: contract.GetVenueSymbolResponse) -> Iterator[tuple[str, str]]:
    symbol = found.symbol
    sides = {each.asset_id: each.symbol for each in (found.base_asset, found.quote_asset)}
    if symbol.HasField("settlement_asset_id"):
        name = sides.get(symbol.settlement_asset_id)
        yield "settlement", f"{name}  {symbol.settlement_asset_id}" if name else symbol.settlement_asset_id
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


def _kind(name: str) -> str:
    return name.removeprefix("SYMBOL_TYPE_").lower()


def _asset(asset: assets_pb2.Asset) -> str:
    return f"{asset.symbol}  {asset.name}  {asset.asset_id}"


def _number(message: Any, field: str, unit: str = "") -> str:
    if not message.HasField(f"{field}_decimal"):
        return _NOT_KNOWN
    return f"{getattr(message, f'{field}_decimal')} {unit}".rstrip()


def _time(stamp: Timestamp) -> str:
    return f"{stamp.ToDatetime(tzinfo=UTC):%Y-%m-%d %H:%M:%S} UTC"


def _activity(listing: Any) -> str:
    bounds = [
        f"{word} {_time(getattr(listing, field))}"
        for word, field in (("since", "listed_at"), ("until", "delisted_at"))
        if listing.HasField(field)
    ]
    return ", ".join(["yes" if listing.is_active else "no", *bounds])


def _trading(found: contract.GetVenueSymbolResponse) -> str:
    if not found.trading_blocked:
        return "not blocked"
    return f"BLOCKED by {', '.join(map(_flag, found.blocking_flags)) or 'a flag'}"


def _flag(flag: assets_pb2.AssetQualityFlag) -> str:
    kind = assets_pb2.FlagType.Name(flag.flag_type).removeprefix("FLAG_TYPE_")
    return f"{kind} ({flag.reason})" if flag.reason else kind


def _duration(nanoseconds: int) -> str:
    microseconds = nanoseconds / 1_000
    return f"{microseconds:.0f} us" if microseconds < 1_000 else f"{microseconds / 1_000:.1f} ms"  # noqa: PLR2004


# ---- an answer for programs ----------------------------------------------------------------------------------------


def _only_exact(fields: dict[str, Any]) -> dict[str, Any]:
    """Without the doubles that have an exact text beside them, inside too."""
    return {
        name: _only_exact(value) if isinstance(value, dict) and name != "metadata" else value
        for name, value in fields.items()
        if f"{name}_decimal" not in fields
    }
