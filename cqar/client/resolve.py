"""Ask a hotpath worker what a venue means by a symbol: the call behind `cqar resolve`."""

import time
from datetime import datetime
from typing import Any, NamedTuple

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from cqar.client.connect import CallError
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.shared import enums_pb2

_SERVICE = "/cqc.services.v1.AssetRegistry/"
#: Seconds that a call may take.
_TIMEOUT = 10.0


class ResolveError(CallError):
    """The symbol has no meaning, or several: `str()` is the reason and what to do."""


class Question(NamedTuple):
    """A venue's symbol, and what narrows it down."""

    venue: str
    symbol: str
    #: SPOT, PERPETUAL, FUTURE, OPTION or MARGIN
    type: str | None = None
    as_of: datetime | None = None
    #: VERIFIED, CORROBORATED, SUGGESTED, CONTESTED or UNKNOWN: refuse an answer whose assets can be trusted less
    min_level: str | None = None

    def request(self) -> contract.GetVenueSymbolRequest:
        """Return the contract's request."""
        request = contract.GetVenueSymbolRequest(venue_id=self.venue, venue_symbol=self.symbol)
        if self.type is not None:
            request.symbol_type = markets_pb2.SymbolType.Value(f"SYMBOL_TYPE_{self.type}")  # type: ignore[assignment]  # an int
        if self.as_of is not None:
            request.as_of.FromDatetime(self.as_of)
        return request


class Answer(NamedTuple):
    """A response and how the call went."""

    response: contract.GetVenueSymbolResponse
    #: where the worker found it: memory, redis or database
    source: str
    #: nanoseconds that the call took
    elapsed: int
    #: the settlement asset, if it is neither base nor quote asset
    settlement: assets_pb2.Asset | None = None


def ask(channel: grpc.Channel, question: Question) -> Answer:
    """Resolve the question over a connected channel; the time to connect is not measured.

    Raises ResolveError, also if the question's `min_level` refuses the answer.

    Example:
        ask(channel, Question("binance", "BTCUSDT", min_level="CORROBORATED"))

    """
    call = _method(channel, "GetVenueSymbol", contract.GetVenueSymbolRequest, contract.GetVenueSymbolResponse)
    request = question.request()
    began = time.perf_counter_ns()
    try:
        response, made = call.with_call(request, timeout=_TIMEOUT)
    except grpc.RpcError as error:
        raise ResolveError(_reason(channel, question, error), error.code()) from error
    elapsed = time.perf_counter_ns() - began
    if question.min_level is not None:
        _refuse_below(question, response)
    source = next((str(value) for name, value in made.trailing_metadata() or () if name == "cqar-source"), "memory")
    return Answer(response, source, elapsed, _settlement(channel, response.symbol))


def _refuse_below(question: Question, found: contract.GetVenueSymbolResponse) -> None:
    """Raise ResolveError if a side of the answer can be trusted less than the question asks. Unset is as good as VERIFIED."""
    least = enums_pb2.IdentityLevel.Value(f"IDENTITY_LEVEL_{question.min_level}")
    sides = {"base": found.base_level, "quote": found.quote_level, "settlement": found.settlement_level}
    below = [f"{side} asset is {level_name(level)}" for side, level in sides.items() if level > least]
    if below:
        what = f"the {', the '.join(below)}, below {question.min_level}"
        message = f"{question.venue} {question.symbol}: {what}; see cqar explain {question.venue} {question.symbol}"
        raise ResolveError(message, grpc.StatusCode.FAILED_PRECONDITION)


def level_name(level: enums_pb2.IdentityLevel) -> str:
    """Return the short name of a level: `VERIFIED` for IDENTITY_LEVEL_VERIFIED."""
    return enums_pb2.IdentityLevel.Name(level).removeprefix("IDENTITY_LEVEL_")


def kind(name: str) -> str:
    """Return the short name of a symbol type: `spot` for SYMBOL_TYPE_SPOT."""
    return name.removeprefix("SYMBOL_TYPE_").lower()


def _method(channel: grpc.Channel, name: str, request: type[Message], response: type[Message]) -> Any:
    return channel.unary_unary(
        _SERVICE + name, request_serializer=request.SerializeToString, response_deserializer=response.FromString
    )


def _settlement(channel: grpc.Channel, symbol: markets_pb2.Symbol) -> assets_pb2.Asset | None:
    """Return the settlement asset unless the response holds it already; None too if the call fails."""
    asset_id = symbol.settlement_asset_id
    if not asset_id or asset_id in {symbol.base_asset_id, symbol.quote_asset_id}:
        return None
    call = _method(channel, "GetAsset", contract.GetAssetRequest, contract.GetAssetResponse)
    try:
        found: assets_pb2.Asset = call(contract.GetAssetRequest(asset_id=asset_id), timeout=_TIMEOUT).asset
    except grpc.RpcError:
        return None
    return found


# ---- no answer -----------------------------------------------------------------------------------------------------


def _reason(channel: grpc.Channel, question: Question, error: Any) -> str:
    code, details = error.code(), error.details()
    if code is grpc.StatusCode.INVALID_ARGUMENT and question.venue != question.venue.lower():
        return f"venue ids are lower case: {question.venue.lower()}"
    if code is grpc.StatusCode.NOT_FOUND:
        return _not_found(question, details)
    candidates = _candidates(error)
    if candidates:
        named = "".join(f"\n  {each:<10} {_label(channel, symbol)}  {symbol}" for symbol, each in candidates)
        return f"{question.venue} {question.symbol} is ambiguous, choose with --type:{named}"
    return f"{code.name}: {details}"


def _not_found(question: Question, details: str) -> str:
    if details.startswith("venue_id: ") or f"venue {question.venue!r}" in details:
        return f"venue {question.venue} not found"
    name = f"{question.venue} {question.symbol}"
    narrowed = f" as {question.type.lower()}" if question.type else ""
    return f"{name} not found{narrowed}{f' at {question.as_of.isoformat()}' if question.as_of else ''}"


def _candidates(error: Any) -> list[tuple[str, str]]:
    """Return symbol id and type of each candidate of an ambiguous symbol; empty for other errors."""
    failed = error_details_pb2.PreconditionFailure()
    found = []
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            for box in status_pb2.Status.FromString(value).details:
                if box.Unpack(failed):
                    found += [(each.subject, each.description) for each in failed.violations if each.type == "AMBIGUOUS"]
    return [(symbol, kind(each)) for symbol, each in found]


def _label(channel: grpc.Channel, symbol_id: str) -> str:
    call = _method(channel, "GetSymbol", contract.GetSymbolRequest, contract.GetSymbolResponse)
    try:
        label: str = call(contract.GetSymbolRequest(symbol_id=symbol_id), timeout=_TIMEOUT).symbol.symbol
    except grpc.RpcError:
        return "?"
    return label
