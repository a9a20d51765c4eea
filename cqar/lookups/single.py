"""Lookups: how the response to a request follows from parts. Pure, and shared by the hot path and admin.

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
    """GetAsset: with its active flags, and whether they block trading. Of a merged asset: its successor."""
    found, deleted, flags = derive.asset(get, derive.standing_asset(get, request.asset_id))
    if found is None or deleted:
        raise errors.NotFound("asset", request.asset_id)
    return Derived(pb.GetAssetResponse(asset=found, trading_blocked=bool(derive.critical(flags)), active_flags=flags))


def symbol(get: Get, request: pb.GetSymbolRequest, _now: int) -> Derived:
    """GetSymbol: with the CRITICAL flags of its assets. Of a merged symbol: its successor."""
    found, deleted = derive.symbol(get, derive.standing_symbol(get, request.symbol_id))
    if found is None or deleted:
        raise errors.NotFound("symbol", request.symbol_id)
    flags = derive.blocking(get, found)
    return Derived(pb.GetSymbolResponse(symbol=found, trading_blocked=bool(flags), blocking_flags=flags))


def venue(get: Get, request: pb.GetVenueRequest, _now: int) -> Derived:
    """GetVenue."""
    return Derived(pb.GetVenueResponse(venue=derive.venue(get, request.venue_id)))


def venue_asset(get: Get, request: pb.GetVenueAssetRequest, now: int) -> Derived:
    """GetVenueAsset: trading is enabled if the switch is on and nothing blocks the asset."""
    asset_id = request.asset_id
    rows = get(cache_keys.venue_asset_key(request.venue_id, asset_id))
    if not rows:
        asset_id = derive.standing_asset(get, asset_id)
        rows = get(cache_keys.venue_asset_key(request.venue_id, asset_id))
    if not rows:
        raise errors.NotFound("venue_asset", f"{request.venue_id}/{request.asset_id}")
    found = venues_pb2.VenueAsset.FromString(rows[0].value)
    flags = derive.critical(derive.asset(get, asset_id)[2])
    blocked = bool(flags or found.blocked_reason)
    if found.HasField("trading_enabled"):
        found.trading_enabled_stored = found.trading_enabled
        found.trading_enabled = found.trading_enabled and not blocked
    begins, ends = derive.interval(found)
    found.is_active = found.is_active and begins <= now < ends
    response = pb.GetVenueAssetResponse(venue_asset=found, trading_blocked=blocked, blocking_flags=flags)
    return Derived(response, derive.next_boundary([(begins, ends)], now))


def asset_identifier(get: Get, request: pb.GetAssetIdentifierRequest, _now: int) -> Derived:
    """GetAssetIdentifier: by asset and source the primary one, or in reverse by external id."""
    if request.asset_id:
        key = cache_keys.asset_identifiers_key
        rows = get(key(request.asset_id)) or get(key(derive.standing_asset(get, request.asset_id)))
    else:
        rows = get(cache_keys.external_asset_key(request.source, request.external_id))
    found = [assets_pb2.AssetIdentifier.FromString(row.value) for row in rows]
    return Derived(pb.GetAssetIdentifierResponse(identifier=_identifier("asset", "source", request, found)))


def symbol_identifier(get: Get, request: pb.GetSymbolIdentifierRequest, _now: int) -> Derived:
    """GetSymbolIdentifier: as GetAssetIdentifier."""
    if request.symbol_id:
        key = cache_keys.symbol_identifiers_key
        rows = get(key(request.symbol_id)) or get(key(derive.standing_symbol(get, request.symbol_id)))
    else:
        rows = get(cache_keys.external_symbol_key(request.data_source, request.external_id))
    found = [markets_pb2.SymbolIdentifier.FromString(row.value) for row in rows]
    return Derived(pb.GetSymbolIdentifierResponse(identifier=_identifier("symbol", "data_source", request, found)))


def _identifier(kind: str, source: str, request: Any, found: Sequence[Any]) -> Any:
    """The identifier that the request means. Raises NotFound, Ambiguous."""
    owner, number, external = getattr(request, f"{kind}_id"), getattr(request, source), request.external_id
    fit = [each for each in found if getattr(each, source) == number and external in ("", each.external_id)]
    if not fit:
        entity = f"{kind}_identifier"
        raise errors.NotFound(entity, f"{number}/{owner or external}")
    return primary(fit, "external_id" if owner else f"{kind}_id")


def primary(fit: Sequence[Any], name: str) -> Any:
    """The only identifier that fits, or the only primary one. Raises Ambiguous, with the field `name` as candidates."""
    first = [each for each in fit if each.is_primary]
    if len(fit) > 1 and len(first) != 1:
        ordered = sorted(fit, key=lambda each: (not each.is_primary, each.identifier_id))
        msg = f"{len(fit)} identifiers fit and not exactly one of them is primary"
        raise errors.Ambiguous(msg, [(getattr(each, name), "candidate") for each in ordered[:_MAX_CANDIDATES]])
    return (first or fit)[0]


_MAX_CANDIDATES = 100


def deployments(get: Get, request: pb.ListAssetDeploymentsRequest, _now: int) -> Derived:
    """ListAssetDeployments by chain and address: a list with the live deployment there, or an empty list."""
    chain = derive.chain(get, request.chain_id)
    if chain is None:
        raise errors.NotFound("chain", request.chain_id, "chain_id")
    address = addresses.normalize(chain.chain_type, request.address, "address", caip2=chain.caip2 or None).text
    found = deployment(get, chain, address)
    response = pb.ListAssetDeploymentsResponse(deployments=[] if found is None else [found])
    return Derived(response, absence=found is None)


def deployment(get: Get, chain: assets_pb2.Chain, address: str) -> assets_pb2.AssetDeployment | None:
    """The live deployment at an address in normal form, or None."""
    for row in get(cache_keys.deployment_key(chain.chain_id, address)):
        found = assets_pb2.AssetDeployment.FromString(row.value)
        found.chain_name = chain.chain_name
        return found
    return None


# ---- the table -----------------------------------------------------------------------------------------------------


class Lookup(NamedTuple):
    """A lookup RPC: its request, the fields it requires, and how its response follows from parts."""

    request: type[Message]
    required: Sequence[str]
    derive: Callable[[Get, Any, int], Derived]
    #: what it is about, in metrics
    entity: str
    #: further fields, which are checked if they are set
    optional: Sequence[str] = ()
    #: fields that are required unless another one is set
    alternatives: Mapping[str, str] = MappingProxyType({})
    #: for an RPC that is also a list, which admin serves: whether a request asks for the lookup
    applies: Callable[[Any], bool] | None = None


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
        pb.ListAssetDeploymentsRequest, (), deployments, "deployment", ("chain_id",), applies=_by_address
    ),
    "FindVenueSymbols": Lookup(
        resolver_pb2.FindVenueSymbolsRequest, ("symbol_id",), venue_symbols.venue_symbols, "venue_symbols", ("venue_id",)
    ),
}


def parse(lookup: Lookup, data: bytes) -> Any:
    """The request, checked. Raises Invalid for malformed bytes, and as `check`."""
    try:
        request: Any = lookup.request.FromString(data)
    except DecodeError:
        raise errors.Invalid("request", "MALFORMED", f"is not a {lookup.request.DESCRIPTOR.name}") from None
    check(lookup, request)
    return request


def check(lookup: Lookup, request: Any) -> None:
    """Raise Invalid for a missing field, a text that breaks its rule, an invalid time or an unknown enum value."""
    errors.require(request, lookup.required)
    for name, other in lookup.alternatives.items():
        if not getattr(request, name) and not getattr(request, other):
            raise errors.Invalid.missing(name, f"or set {other} to look up in reverse")
    for name in (*lookup.required, *lookup.optional, *lookup.alternatives):
        check_field(request, name)


def check_field(request: Any, name: str) -> None:
    """Raise Invalid if a field that is set holds a text that breaks its rule, an invalid time or an unknown enum value."""
    value, field = getattr(request, name), request.DESCRIPTOR.fields_by_name[name]
    if field.enum_type is not None:
        if value not in field.enum_type.values_by_number:
            raise errors.Invalid(name, "UNKNOWN_VALUE", f"{value} is not a known value")
    elif field.message_type is not None:
        if request.HasField(name):
            binding.instant(value, name)
    elif value:
        check_text(name, value, name)


def check_text(rule: str, value: str, field: str) -> None:
    """Raise Invalid if the text of a field breaks the rule of that name in `binding.TEXT`."""
    binding.TEXT[rule](value, field)


def min_revision(request: Any) -> int:
    """The lowest revision that the response may have; 0 if any will do."""
    return getattr(request, "min_revision", 0)


def check_min_revision(least: int, snap: int) -> None:
    """Raise Precondition if the required revision is beyond the registry's own."""
    if least > snap:
        description = f"revision {least} is beyond the head revision {snap}"
        raise errors.Precondition("MIN_REVISION", "min_revision", description)
