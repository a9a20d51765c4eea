"""Lookups: how the answer to a request follows from parts. Pure: the hot path and admin share it.

A lookup is `(get, request, now) -> response`, see `cqar.lookups.derive`. The caller fills in `revision`, `stale` and `age_ms`.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError, Message

from cqar import errors
from cqar.contract.cqar.v1 import resolver_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.lookups import derive, venue_symbols
from cqar.lookups.derive import Derived, Get
from cqar.model import addresses, binding, cache_keys

# ---- lookups -------------------------------------------------------------------------------------------------------


def asset(get: Get, request: pb.GetAssetRequest, _now: int) -> Derived:
    """GetAsset: with its active flags, and whether they block trading."""
    found, deleted, flags = derive.asset(get, request.asset_id)
    if found is None or deleted:
        raise errors.NotFound("asset", request.asset_id)
    return Derived(pb.GetAssetResponse(asset=found, trading_blocked=bool(derive.critical(flags)), active_flags=flags))


def symbol(get: Get, request: pb.GetSymbolRequest, _now: int) -> Derived:
    """GetSymbol: with the CRITICAL flags of its assets."""
    found, deleted = derive.symbol(get, request.symbol_id)
    if found is None or deleted:
        raise errors.NotFound("symbol", request.symbol_id)
    flags = derive.blocking(get, found)
    return Derived(pb.GetSymbolResponse(symbol=found, trading_blocked=bool(flags), blocking_flags=flags))


def venue(get: Get, request: pb.GetVenueRequest, _now: int) -> Derived:
    """GetVenue."""
    return Derived(pb.GetVenueResponse(venue=derive.venue(get, request.venue_id)))


def venue_asset(get: Get, request: pb.GetVenueAssetRequest, now: int) -> Derived:
    """GetVenueAsset: trading is enabled where the switch is on and nothing blocks the asset."""
    rows = get(cache_keys.venue_asset_key(request.venue_id, request.asset_id))
    if not rows:
        raise errors.NotFound("venue_asset", f"{request.venue_id}/{request.asset_id}")
    found = venues_pb2.VenueAsset.FromString(rows[0].value)
    flags = derive.critical(derive.asset(get, request.asset_id)[2])
    if found.HasField("trading_enabled"):
        found.trading_enabled_stored = found.trading_enabled
        found.trading_enabled = found.trading_enabled and not flags
    begins, ends = derive.interval(found)
    found.is_active = found.is_active and begins <= now < ends
    response = pb.GetVenueAssetResponse(venue_asset=found, trading_blocked=bool(flags), blocking_flags=flags)
    return Derived(response, derive.next_boundary([(begins, ends)], now))


def asset_identifier(get: Get, request: pb.GetAssetIdentifierRequest, _now: int) -> Derived:
    """GetAssetIdentifier: the primary one of an asset and a source, or in reverse by external id."""
    if request.asset_id:
        key = cache_keys.asset_identifiers_key(request.asset_id)
    else:
        key = cache_keys.external_asset_key(request.source, request.external_id)
    held = [assets_pb2.AssetIdentifier.FromString(row.value) for row in get(key)]
    return Derived(pb.GetAssetIdentifierResponse(identifier=_identifier("asset", "source", request, held)))


def symbol_identifier(get: Get, request: pb.GetSymbolIdentifierRequest, _now: int) -> Derived:
    """GetSymbolIdentifier: as GetAssetIdentifier."""
    if request.symbol_id:
        key = cache_keys.symbol_identifiers_key(request.symbol_id)
    else:
        key = cache_keys.external_symbol_key(request.data_source, request.external_id)
    held = [markets_pb2.SymbolIdentifier.FromString(row.value) for row in get(key)]
    return Derived(pb.GetSymbolIdentifierResponse(identifier=_identifier("symbol", "data_source", request, held)))


def _identifier(kind: str, source: str, request: Any, held: Sequence[Any]) -> Any:
    """The one of the identifiers that the request means. Raises NotFound, Ambiguous."""
    owner, asked, external = getattr(request, f"{kind}_id"), getattr(request, source), request.external_id
    fit = [each for each in held if getattr(each, source) == asked and external in ("", each.external_id)]
    if not fit:
        entity = f"{kind}_identifier"
        raise errors.NotFound(entity, f"{asked}/{owner or external}")
    return primary(fit, "external_id" if owner else f"{kind}_id")


def primary(fit: Sequence[Any], name: str) -> Any:
    """Of the identifiers that fit, the only one, or the only primary one. Raises Ambiguous; candidates by the field."""
    first = [each for each in fit if each.is_primary]
    if len(fit) > 1 and len(first) != 1:
        ordered = sorted(fit, key=lambda each: (not each.is_primary, each.identifier_id))
        msg = f"{len(fit)} identifiers fit and not exactly one of them is primary"
        raise errors.Ambiguous(msg, [(getattr(each, name), "candidate") for each in ordered[:_MOST_CANDIDATES]])
    return (first or fit)[0]


_MOST_CANDIDATES = 100


def deployments(get: Get, request: pb.ListAssetDeploymentsRequest, _now: int) -> Derived:
    """ListAssetDeployments by chain and address: the living deployment there, in a list, or an empty list."""
    on = derive.chain(get, request.chain_id)
    if on is None:
        raise errors.NotFound("chain", request.chain_id, "chain_id")
    address = addresses.normalize(on.chain_type, request.address, "address", caip2=on.caip2 or None).text
    found = deployment(get, on, address)
    response = pb.ListAssetDeploymentsResponse(deployments=[] if found is None else [found])
    return Derived(response, none=found is None)


def deployment(get: Get, on: assets_pb2.Chain, address: str) -> assets_pb2.AssetDeployment | None:
    """The living deployment at an address, which is as its chain spells it."""
    for row in get(cache_keys.deployment_key(on.chain_id, address)):
        found = assets_pb2.AssetDeployment.FromString(row.value)
        found.chain_name = on.chain_name
        return found
    return None


# ---- the table -----------------------------------------------------------------------------------------------------


class Lookup(NamedTuple):
    """A lookup RPC: its messages, the request fields it needs, and how its answer follows from parts."""

    request: type[Message]
    needs: Sequence[str]
    derive: Callable[[Get, Any, int], Derived]
    #: what it is about, in metrics
    entity: str
    #: further fields that are checked where they are set
    may: Sequence[str] = ()
    #: fields that are needed unless another one is given
    instead: Mapping[str, str] = MappingProxyType({})
    #: whether a request asks for a lookup, where the RPC is a list, too, which is admin's
    asks: Callable[[Any], bool] | None = None


def _by_address(request: pb.ListAssetDeploymentsRequest) -> bool:
    paged = request.HasField("page_size") or request.HasField("page_token")
    return bool(request.chain_id and request.address and not request.asset_id and not paged)


LOOKUPS = {
    "GetAsset": Lookup(pb.GetAssetRequest, ("asset_id",), asset, "asset"),
    "GetSymbol": Lookup(pb.GetSymbolRequest, ("symbol_id",), symbol, "symbol"),
    "GetVenue": Lookup(pb.GetVenueRequest, ("venue_id",), venue, "venue"),
    "GetVenueAsset": Lookup(pb.GetVenueAssetRequest, ("venue_id", "asset_id"), venue_asset, "venue_asset"),
    "GetVenueSymbol": Lookup(
        pb.GetVenueSymbolRequest,
        ("venue_id", "venue_symbol"),
        venue_symbols.venue_symbol,
        "venue_symbol",
        ("symbol_type", "as_of"),
    ),
    "GetAssetIdentifier": Lookup(
        pb.GetAssetIdentifierRequest,
        ("source",),
        asset_identifier,
        "asset_identifier",
        ("external_id",),
        {"asset_id": "external_id"},
    ),
    "GetSymbolIdentifier": Lookup(
        pb.GetSymbolIdentifierRequest,
        ("data_source",),
        symbol_identifier,
        "symbol_identifier",
        ("external_id",),
        {"symbol_id": "external_id"},
    ),
    "ListAssetDeployments": Lookup(
        pb.ListAssetDeploymentsRequest, (), deployments, "deployment", ("chain_id",), asks=_by_address
    ),
    "FindVenueSymbols": Lookup(
        resolver_pb2.FindVenueSymbolsRequest, ("symbol_id",), venue_symbols.venue_symbols, "venue_symbols", ("venue_id",)
    ),
}


def parse(lookup: Lookup, data: bytes) -> Any:
    """The checked request. Raises Invalid for bytes that are none, or as `check`."""
    try:
        request: Any = lookup.request.FromString(data)
    except DecodeError:
        raise errors.Invalid("request", "MALFORMED", f"is not a {lookup.request.DESCRIPTOR.name}") from None
    check(lookup, request)
    return request


def check(lookup: Lookup, request: Any) -> None:
    """Raise Invalid for missing keys, text that could not be stored, a time that is none and a value that is not known."""
    errors.require(request, lookup.needs)
    for name, other in lookup.instead.items():
        if not getattr(request, name) and not getattr(request, other):
            raise errors.Invalid.missing(name, f"or set {other} to look up in reverse")
    for name in (*lookup.needs, *lookup.may, *lookup.instead):
        sound(request, name)


def sound(request: Any, name: str) -> None:
    """Raise Invalid where a field that is set holds what could not be: such text, no time, an enum's unknown value."""
    value, described = getattr(request, name), request.DESCRIPTOR.fields_by_name[name]
    if described.enum_type is not None:
        if value not in described.enum_type.values_by_number:
            raise errors.Invalid(name, "UNKNOWN_VALUE", f"{value} is not a value that this service knows")
    elif described.message_type is not None:
        if request.HasField(name):
            binding.instant(value, name)
    elif value:
        text(name, value, name)


def text(rule: str, value: str, field: str) -> None:
    """Raise Invalid where the text of a field breaks the rule of texts of that name."""
    binding.TEXT[rule](value, field)


def min_revision(request: Any) -> int:
    """The revision that the answer must have at least; 0 for any."""
    return getattr(request, "min_revision", 0)


def reached(least: int, snap: int) -> None:
    """Raise Precondition where a revision that an answer must have is beyond the registry's own."""
    if least > snap:
        description = f"revision {least} is beyond the registry's, which is {snap}"
        raise errors.Precondition("MIN_REVISION", "min_revision", description)
