"""Lookups: how the answer to a request follows from parts. Pure: the hot path and admin share it.

A lookup is `(get, request, now) -> response`. `get(key)` gives the rows of a part or raises `parts.Missing`; the caller
brings that part and asks again. Whoever calls also fills in `revision`, `stale` and `age_ms`.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError, Message

from cqar import addresses, binding, entities, errors
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.parts import Missing, Stored, read
from cqar.store import Session

Get = Callable[[str], Sequence[Stored]]

#: Microseconds; later than every time that a listing may have.
NEVER = 1 << 62
_EVER = -NEVER


def now_us() -> int:
    """The time as microseconds since 1970, as answers compare it."""
    return time.time_ns() // 1_000


class Derived(NamedTuple):
    """An answer, and until when (microseconds) time alone does not change it."""

    response: Any
    good_until: int = NEVER


# ---- parts as messages ---------------------------------------------------------------------------------------------


def _asset(get: Get, asset_id: str) -> tuple[assets_pb2.Asset | None, bool, list[assets_pb2.AssetQualityFlag]]:
    """The asset, whether it is deleted, and its active flags by severity."""
    found, deleted, flags = None, False, []
    for row in get(entities.asset_key(asset_id)):
        if row.entity == "asset":
            found, deleted = assets_pb2.Asset.FromString(row.value), row.deleted
        else:
            flags.append(assets_pb2.AssetQualityFlag.FromString(row.value))
    flags.sort(key=lambda flag: (-flag.severity, flag.flag_id))
    return found, deleted, flags


def _critical(flags: Iterable[assets_pb2.AssetQualityFlag]) -> list[assets_pb2.AssetQualityFlag]:
    return [flag for flag in flags if flag.severity == entities.CRITICAL]


def _blocking(get: Get, symbol: markets_pb2.Symbol) -> list[assets_pb2.AssetQualityFlag]:
    """The CRITICAL flags of all assets of a symbol."""
    sides = dict.fromkeys((symbol.base_asset_id, symbol.quote_asset_id, symbol.settlement_asset_id or symbol.base_asset_id))
    return [flag for side in sides for flag in _critical(_asset(get, side)[2])]


def _symbol(get: Get, symbol_id: str) -> tuple[markets_pb2.Symbol | None, bool]:
    for row in get(entities.symbol_key(symbol_id)):
        return markets_pb2.Symbol.FromString(row.value), row.deleted
    return None, False


# ---- time ----------------------------------------------------------------------------------------------------------


def _us(message: Any, field: str, unset: int) -> int:
    if not message.HasField(field):
        return unset
    at = getattr(message, field)
    return int(at.seconds * 1_000_000 + at.nanos // 1_000)


def _interval(listing: Any) -> tuple[int, int]:
    return _us(listing, "listed_at", _EVER), _us(listing, "delisted_at", NEVER)


def _next_boundary(intervals: Iterable[tuple[int, int]], now: int) -> int:
    return min((at for interval in intervals for at in interval if at > now), default=NEVER)


# ---- lookups -------------------------------------------------------------------------------------------------------


def asset(get: Get, request: pb.GetAssetRequest, _now: int) -> Derived:
    """GetAsset: with its active flags, and whether they block trading."""
    found, deleted, flags = _asset(get, request.asset_id)
    if found is None or deleted:
        raise errors.NotFound("asset", request.asset_id)
    return Derived(pb.GetAssetResponse(asset=found, trading_blocked=bool(_critical(flags)), active_flags=flags))


def symbol(get: Get, request: pb.GetSymbolRequest, _now: int) -> Derived:
    """GetSymbol: with the CRITICAL flags of its assets."""
    found, deleted = _symbol(get, request.symbol_id)
    if found is None or deleted:
        raise errors.NotFound("symbol", request.symbol_id)
    flags = _blocking(get, found)
    return Derived(pb.GetSymbolResponse(symbol=found, trading_blocked=bool(flags), blocking_flags=flags))


def venue(get: Get, request: pb.GetVenueRequest, _now: int) -> Derived:
    """GetVenue."""
    return Derived(pb.GetVenueResponse(venue=_venue(get, request.venue_id)))


def _venue(get: Get, venue_id: str) -> venues_pb2.Venue:
    for row in get(entities.venue_key(venue_id)):
        return venues_pb2.Venue.FromString(row.value)
    raise errors.NotFound("venue", venue_id)


def venue_asset(get: Get, request: pb.GetVenueAssetRequest, now: int) -> Derived:
    """GetVenueAsset: trading is enabled where the switch is on and nothing blocks the asset."""
    rows = get(entities.venue_asset_key(request.venue_id, request.asset_id))
    if not rows:
        raise errors.NotFound("venue_asset", f"{request.venue_id}/{request.asset_id}")
    found = venues_pb2.VenueAsset.FromString(rows[0].value)
    flags = _critical(_asset(get, request.asset_id)[2])
    if found.HasField("trading_enabled"):
        found.trading_enabled_stored = found.trading_enabled
        found.trading_enabled = found.trading_enabled and not flags
    begins, ends = _interval(found)
    found.is_active = found.is_active and begins <= now < ends
    response = pb.GetVenueAssetResponse(venue_asset=found, trading_blocked=bool(flags), blocking_flags=flags)
    return Derived(response, _next_boundary([(begins, ends)], now))


def venue_symbol(get: Get, request: pb.GetVenueSymbolRequest, now: int) -> Derived:
    """GetVenueSymbol: the listing of a venue's text at a time, with the canonical symbol as it trades there."""
    at = _venue(get, request.venue_id)
    spelled = _spelling(get, at, request.venue_symbol)
    listings = [venues_pb2.VenueSymbol.FromString(row.value) for row in get(entities.listings_key(request.venue_id, spelled))]
    asked = _us(request, "as_of", now)
    chosen = _choose(at, listings, request, asked)
    begins, ends = _interval(chosen)
    chosen.is_active = chosen.is_active and begins <= asked < ends
    canonical, _ = _symbol(get, chosen.symbol_id)
    if canonical is None:
        # A foreign key forbids it; a part that a change is still on its way to can show it.
        raise errors.Unavailable(_TORN)
    flags = _blocking(get, canonical)
    _specialise(canonical, chosen)
    response = pb.GetVenueSymbolResponse(
        venue_symbol=chosen,
        symbol=canonical,
        base_asset=_lean(get, canonical.base_asset_id),
        quote_asset=_lean(get, canonical.quote_asset_id),
        trading_blocked=bool(flags),
        blocking_flags=flags,
    )
    return Derived(response, _next_boundary(map(_interval, listings), now))


_TORN = "the parts of this answer are of different times; retry"


def _spelling(get: Get, at: venues_pb2.Venue, spelled: str) -> str:
    """The text as it is stored: on a DEX with a chain, by the chain's rule for addresses."""
    if at.venue_type != venues_pb2.VENUE_TYPE_DEX or not at.chain_id:
        return spelled
    for row in get(entities.chain_key(at.chain_id)):
        chain = assets_pb2.Chain.FromString(row.value)
        return addresses.normalize(chain.chain_type, spelled, "venue_symbol", caip2=chain.caip2 or None).text
    return spelled


def _choose(
    at: venues_pb2.Venue, listings: Sequence[venues_pb2.VenueSymbol], request: pb.GetVenueSymbolRequest, asked: int
) -> venues_pb2.VenueSymbol:
    """The listing valid at the asked time; without as_of else the last that has begun. Raises NotFound, Ambiguous."""
    if request.symbol_type:
        listings = [each for each in listings if each.symbol_type == request.symbol_type]
    spans = [(_interval(each), each) for each in listings]
    fit = [each for (begins, ends), each in spans if begins <= asked < ends]
    if not fit and not request.HasField("as_of"):
        begun = [(begins, each) for (begins, _), each in spans if begins <= asked]
        last = max((begins for begins, _ in begun), default=NEVER)
        fit = [each for begins, each in begun if begins == last]
    if not fit:
        raise errors.NotFound("venue_symbol", f"{request.venue_id}/{request.venue_symbol}")
    if len(fit) > 1:
        fit = [each for each in fit if each.symbol_type == at.default_symbol_type] or fit
    if len(fit) > 1:
        names = markets_pb2.SymbolType.Name
        candidates = [(each.symbol_id, names(each.symbol_type)) for each in sorted(fit, key=lambda each: each.symbol_type)]
        kinds = ", ".join(kind for _, kind in candidates)
        msg = f"{request.venue_symbol!r} at {request.venue_id!r} is {kinds}; send symbol_type"
        raise errors.Ambiguous(msg, candidates)
    return fit[0]


#: Of the listing's own specs, those that a symbol has too.
_SPECS = ("tick_size", "lot_size", "min_order_size", "max_order_size", "contract_size")


def _specialise(canonical: markets_pb2.Symbol, listing: venues_pb2.VenueSymbol) -> None:
    """Put the listing's own specs over the symbol's."""
    for name in _SPECS:
        twin = f"{name}_decimal"
        if listing.HasField(twin):
            exactly = getattr(listing, twin)
            setattr(canonical, twin, exactly)
            setattr(canonical, name, float(exactly))
    if listing.HasField("min_notional_decimal"):
        canonical.min_notional, canonical.min_notional_decimal = listing.min_notional, listing.min_notional_decimal


def _lean(get: Get, asset_id: str) -> assets_pb2.Asset | None:
    found, _, _ = _asset(get, asset_id)
    if found is None:
        return None
    return assets_pb2.Asset(asset_id=asset_id, symbol=found.symbol, name=found.name, asset_type=found.asset_type)


# ---- the table -----------------------------------------------------------------------------------------------------


class Lookup(NamedTuple):
    """A lookup RPC: its messages, the request fields it needs, and how its answer follows from parts."""

    request: type[Message]
    needs: Sequence[str]
    derive: Callable[[Get, Any, int], Derived]


LOOKUPS = {
    "GetAsset": Lookup(pb.GetAssetRequest, ("asset_id",), asset),
    "GetSymbol": Lookup(pb.GetSymbolRequest, ("symbol_id",), symbol),
    "GetVenue": Lookup(pb.GetVenueRequest, ("venue_id",), venue),
    "GetVenueAsset": Lookup(pb.GetVenueAssetRequest, ("venue_id", "asset_id"), venue_asset),
    "GetVenueSymbol": Lookup(pb.GetVenueSymbolRequest, ("venue_id", "venue_symbol"), venue_symbol),
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
    """Raise Invalid for missing keys, text that could not be stored, a time that is none and a type that is not known."""
    broken = [errors.Violation(name, "REQUIRED", "is not given") for name in lookup.needs if not getattr(request, name)]
    if broken:
        raise errors.Invalid(*broken[0], *broken[1:])
    for name in lookup.needs:
        binding.TEXT[name](getattr(request, name), name)
    if isinstance(request, pb.GetVenueSymbolRequest):
        if request.HasField("as_of"):
            binding.instant(request.as_of, "as_of")
        if request.symbol_type not in markets_pb2.SymbolType.values():
            raise errors.Invalid(
                "symbol_type", "UNKNOWN_VALUE", f"{request.symbol_type} is not a value that this service knows"
            )


async def from_database(session: Session, lookup: Lookup, request: Any) -> tuple[Derived, int]:
    """The answer by PostgreSQL alone, and the snap of its newest part.

    Raises NotFound and Ambiguous by its word, and Precondition where the request's min_revision is beyond its head.
    """
    held: dict[str, list[Stored]] = {}
    snap = 0

    def get(key: str) -> list[Stored]:
        if key not in held:
            raise Missing(key)
        return held[key]

    while True:
        try:
            return lookup.derive(get, request, now_us()), snap
        except Missing as missing:
            head, found = await read(session, missing.key)
            snap = max(snap, head.snap)
            if request.min_revision > snap:
                description = f"revision {request.min_revision} is beyond the registry's, which is {snap}"
                raise errors.Precondition("MIN_REVISION", "min_revision", description) from None
            held.update(found)
