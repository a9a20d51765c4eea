"""What a venue's text means, and how a canonical symbol is called at the venues. See `cqar.lookups.derive`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from cqar import clock, errors
from cqar.contract.cqar.v1 import resolver_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.lookups import derive
from cqar.lookups.derive import Derived, Get
from cqar.model import cache_keys, venue_spelling


class Meant(NamedTuple):
    """The listing that a text means at a time."""

    #: active as of that time
    listing: venues_pb2.VenueSymbol
    #: the canonical symbol as it trades there
    canonical: markets_pb2.Symbol
    #: the flags that block trading now
    blocking: list[assets_pb2.AssetQualityFlag]
    #: the time is not in its interval: it is the last that has begun
    over: bool
    #: until when (microseconds) time alone does not change it
    good_until: int


def changes_at(get: Get, key: Any, now: int) -> int:
    """Until when time alone does not change what the key means, where it means nothing, or too much, now."""
    held = _held(get, key, derive.venue(get, key.venue_id))
    return derive.next_boundary(map(derive.interval, held), now)


def _held(get: Get, key: Any, at: venues_pb2.Venue) -> list[venues_pb2.VenueSymbol]:
    """All listings under the key's text."""
    spelled = _spelling(get, at, key.venue_symbol)
    return [venues_pb2.VenueSymbol.FromString(row.value) for row in get(cache_keys.listings_key(key.venue_id, spelled))]


def meant(get: Get, key: Any, now: int) -> Meant:
    """The listing that a request of GetVenueSymbol, or a VenueSymbolKey, asks for. Raises NotFound, Ambiguous, Invalid."""
    at = derive.venue(get, key.venue_id)
    held = _held(get, key, at)
    asked = clock.of(key, "as_of", now)
    chosen = _choose(at, held, key, asked)
    begins, ends = derive.interval(chosen)
    chosen.is_active = chosen.is_active and begins <= asked < ends
    canonical, _ = derive.symbol(get, chosen.symbol_id)
    if canonical is None:
        # A foreign key forbids it; a part that a change is still on its way to can show it.
        raise errors.Unavailable(_TORN)
    blocking = derive.blocking(get, canonical)
    _specialise(canonical, chosen)
    boundary = derive.next_boundary(map(derive.interval, held), now)
    return Meant(chosen, canonical, blocking, not begins <= asked < ends, boundary)


def shown(get: Get, found: Meant) -> pb.GetVenueSymbolResponse:
    """The whole answer of GetVenueSymbol, but for what says how fresh it is."""
    listing, canonical, flags, *_ = found
    return pb.GetVenueSymbolResponse(
        venue_symbol=listing,
        symbol=canonical,
        base_asset=_lean(get, canonical.base_asset_id),
        quote_asset=_lean(get, canonical.quote_asset_id),
        trading_blocked=bool(flags),
        blocking_flags=flags,
    )


def venue_symbol(get: Get, request: pb.GetVenueSymbolRequest, now: int) -> Derived:
    """GetVenueSymbol: the listing of a venue's text at a time, with the canonical symbol as it trades there."""
    found = meant(get, request, now)
    return Derived(shown(get, found), found.good_until)


def venue_symbols(get: Get, request: resolver_pb2.FindVenueSymbolsRequest, now: int) -> Derived:
    """FindVenueSymbols: the listings of a canonical symbol, in the order of their ids; those that are over where asked for."""
    rows = get(cache_keys.symbol_listings_key(request.symbol_id))
    canonical, deleted = derive.symbol(get, request.symbol_id)
    if canonical is None or deleted:
        raise errors.NotFound("symbol", request.symbol_id)
    held = [venues_pb2.VenueSymbol.FromString(row.value) for row in sorted(rows, key=lambda row: row.row_id)]
    if request.venue_id:
        held = [each for each in held if each.venue_id == request.venue_id]
    intervals = [derive.interval(each) for each in held]
    boundary = derive.next_boundary(intervals, now)
    found = []
    for each, (begins, ends) in zip(held, intervals, strict=True):
        if ends > now or request.include_delisted:
            each.is_active = each.is_active and begins <= now < ends
            found.append(each)
    blocked = bool(derive.blocking(get, canonical))
    response = resolver_pb2.FindVenueSymbolsResponse(venue_symbols=found, trading_blocked=blocked)
    return Derived(response, boundary, none=not found)


_TORN = "the parts of this answer are of different times; retry"


def _spelling(get: Get, at: venues_pb2.Venue, spelled: str) -> str:
    """The symbol in the form that is stored, see `venue_spelling`."""
    chain_id = venue_spelling.chain_of(at.venue_type, at.chain_id)
    on = None if chain_id is None else derive.chain(get, chain_id)
    return spelled if on is None else venue_spelling.stored(spelled, on.chain_type, on.caip2 or None)


def _choose(at: venues_pb2.Venue, listings: Sequence[venues_pb2.VenueSymbol], key: Any, asked: int) -> venues_pb2.VenueSymbol:
    """The listing valid at the asked time; without as_of else the last that has begun. Raises NotFound, Ambiguous."""
    if key.symbol_type:
        listings = [each for each in listings if each.symbol_type == key.symbol_type]
    fit = derive.valid(listings, asked)
    if not fit and not key.HasField("as_of"):
        fit = derive.last_begun(listings, asked)
    if not fit:
        raise errors.NotFound("venue_symbol", f"{key.venue_id}/{key.venue_symbol}")
    if len(fit) > 1:
        fit = [each for each in fit if each.symbol_type == at.default_symbol_type] or fit
    if len(fit) > 1:
        names = markets_pb2.SymbolType.Name
        candidates = [(each.symbol_id, names(each.symbol_type)) for each in sorted(fit, key=lambda each: each.symbol_type)]
        kinds = ", ".join(kind for _, kind in candidates)
        msg = f"{key.venue_symbol!r} at {key.venue_id!r} is {kinds}; send symbol_type"
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
    found, _, _ = derive.asset(get, asset_id)
    if found is None:
        return None
    return assets_pb2.Asset(asset_id=asset_id, symbol=found.symbol, name=found.name, asset_type=found.asset_type)
