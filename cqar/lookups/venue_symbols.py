"""Lookups of venue symbols: what a venue's text means, and how venues call a canonical symbol. See `cqar.lookups.derive`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from cqar import clock, errors
from cqar.contract.cqar.v1 import resolver_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.contract.shared.enums_pb2 import SpecsSource
from cqar.lookups import derive, specs
from cqar.lookups.derive import Derived, Get
from cqar.model import cache_keys, venue_spelling


class Resolved(NamedTuple):
    """The listing that a venue's text means at a time."""

    #: with `is_active` as of that time
    listing: venues_pb2.VenueSymbol
    #: the canonical symbol with the listing's own specs
    canonical: markets_pb2.Symbol
    #: the flags that block trading now
    blocking: list[assets_pb2.AssetQualityFlag]
    #: what the venue's records of the symbol's assets say now
    identity: derive.Identity
    #: the listing has ended by that time, and no other has begun since
    delisted: bool
    #: microseconds since 1970
    valid_until: int
    #: whose numbers the symbol has; 0: it has none
    specs_source: SpecsSource

    @property
    def blocked_reason(self) -> str:
        """Why the venue's records, or the listing itself, block trading now; empty: they do not."""
        return "; ".join(dict.fromkeys(filter(None, (self.identity.blocked_reason, self.listing.blocked_reason))))

    @property
    def blocked(self) -> bool:
        """Whether trading is blocked now."""
        return bool(self.blocking or self.blocked_reason)


def next_change(get: Get, key: Any, now: int) -> int:
    """When time may change the result of a key that is now absent or ambiguous."""
    listings = _listings(get, key, derive.venue(get, key.venue_id))
    return derive.next_boundary(map(derive.interval, listings), now)


def _listings(get: Get, key: Any, venue: venues_pb2.Venue) -> list[venues_pb2.VenueSymbol]:
    """All listings under the key's text."""
    text = _stored_text(get, venue, key.venue_symbol)
    return [venues_pb2.VenueSymbol.FromString(row.value) for row in get(cache_keys.listings_key(key.venue_id, text))]


def resolve(get: Get, key: Any, now: int) -> Resolved:
    """The listing that a GetVenueSymbolRequest or a VenueSymbolKey asks for. Raises NotFound, Ambiguous, Invalid."""
    venue = derive.venue(get, key.venue_id)
    listings = _listings(get, key, venue)
    as_of = clock.of(key, "as_of", now)
    listing = _choose(venue, listings, key, as_of)
    begins, ends = derive.interval(listing)
    listing.is_active = listing.is_active and begins <= as_of < ends
    canonical, _ = derive.symbol(get, listing.symbol_id)
    if canonical is None:
        # A foreign key forbids it, but parts read at different snaps can show it.
        raise errors.Unavailable(_TORN)
    blocking = derive.blocking(get, canonical)
    identity = derive.identity(get, listing.venue_id, canonical)
    source = specs.apply(canonical, listing, as_of if key.HasField("as_of") else None)
    boundary = derive.next_boundary(map(derive.interval, listings), now)
    return Resolved(listing, canonical, blocking, identity, not begins <= as_of < ends, boundary, source)


def response(get: Get, found: Resolved) -> pb.GetVenueSymbolResponse:
    """The response of GetVenueSymbol, without its revision and marks."""
    canonical, (base, quote, settlement, _) = found.canonical, found.identity
    return pb.GetVenueSymbolResponse(
        venue_symbol=found.listing,
        symbol=canonical,
        base_asset=_summary(get, canonical.base_asset_id),
        quote_asset=_summary(get, canonical.quote_asset_id),
        trading_blocked=found.blocked,
        blocking_flags=found.blocking,
        base_level=base or None,
        quote_level=quote or None,
        settlement_level=settlement or None,
        blocked_reason=found.blocked_reason or None,
        specs_source=found.specs_source or None,
    )


def venue_symbol(get: Get, request: pb.GetVenueSymbolRequest, now: int) -> Derived:
    """GetVenueSymbol: the listing of a venue's text at a time, with the canonical symbol as it trades there."""
    found = resolve(get, request, now)
    return Derived(response(get, found), found.valid_until)


def venue_symbols(get: Get, request: resolver_pb2.FindVenueSymbolsRequest, now: int) -> Derived:
    """FindVenueSymbols: the listings of a canonical symbol, or of its successor, on request with those that have ended."""
    # First the part that is read together with the symbol.
    rows = get(cache_keys.symbol_listings_key(request.symbol_id))
    symbol_id = derive.standing_symbol(get, request.symbol_id)
    if symbol_id != request.symbol_id:
        rows = get(cache_keys.symbol_listings_key(symbol_id))
    canonical, deleted = derive.symbol(get, symbol_id)
    if canonical is None or deleted:
        raise errors.NotFound("symbol", request.symbol_id)
    listings = [venues_pb2.VenueSymbol.FromString(row.value) for row in sorted(rows, key=lambda row: row.row_id)]
    if request.venue_id:
        listings = [each for each in listings if each.venue_id == request.venue_id]
    intervals = [derive.interval(each) for each in listings]
    boundary = derive.next_boundary(intervals, now)
    found = []
    for each, (begins, ends) in zip(listings, intervals, strict=True):
        if ends > now or request.include_delisted:
            each.is_active = each.is_active and begins <= now < ends
            found.append(each)
    blocked = bool(derive.blocking(get, canonical))
    if request.venue_id:
        blocked = bool(derive.identity(get, request.venue_id, canonical).blocked_reason) or blocked
    message = resolver_pb2.FindVenueSymbolsResponse(venue_symbols=found, trading_blocked=blocked)
    return Derived(message, boundary, absence=not found)


_TORN = "the data behind this response is changing; retry"


def _stored_text(get: Get, venue: venues_pb2.Venue, text: str) -> str:
    """The text as it is stored; see `venue_spelling`."""
    chain_id = venue_spelling.chain_of(venue.venue_type, venue.chain_id)
    chain = None if chain_id is None else derive.chain(get, chain_id)
    return text if chain is None else venue_spelling.stored(text, chain.chain_type, chain.caip2 or None)


def _choose(
    venue: venues_pb2.Venue, listings: Sequence[venues_pb2.VenueSymbol], key: Any, as_of: int
) -> venues_pb2.VenueSymbol:
    """The listing valid at a time; if the key names no time, else the last that has begun. Raises NotFound, Ambiguous."""
    if key.symbol_type:
        listings = [each for each in listings if each.symbol_type == key.symbol_type]
    fit = derive.valid(listings, as_of)
    if not fit and not key.HasField("as_of"):
        fit = derive.last_begun(listings, as_of)
    if not fit:
        raise errors.NotFound("venue_symbol", f"{key.venue_id}/{key.venue_symbol}")
    if len(fit) > 1:
        fit = [each for each in fit if each.symbol_type == venue.default_symbol_type] or fit
    if len(fit) > 1:
        names = markets_pb2.SymbolType.Name
        candidates = [(each.symbol_id, names(each.symbol_type)) for each in sorted(fit, key=lambda each: each.symbol_type)]
        kinds = ", ".join(kind for _, kind in candidates)
        msg = f"{key.venue_symbol!r} at {key.venue_id!r} is {kinds}; send symbol_type"
        raise errors.Ambiguous(msg, candidates)
    return fit[0]


def _summary(get: Get, asset_id: str) -> assets_pb2.Asset | None:
    found, _, _ = derive.asset(get, asset_id)
    if found is None:
        return None
    return assets_pb2.Asset(asset_id=asset_id, symbol=found.symbol, name=found.name, asset_type=found.asset_type)
