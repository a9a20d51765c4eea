"""What lookups derive responses from: parts as messages, and the times at which a response changes without a write.

`get(key)` returns the rows of a part or raises `cqar.model.parts.Missing`; the caller loads that part and derives again.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from cqar import clock, errors
from cqar.clock import NEVER
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.contract.shared.enums_pb2 import IDENTITY_LEVEL_UNSPECIFIED as UNSET
from cqar.contract.shared.enums_pb2 import IdentityLevel
from cqar.model import cache_keys, entities
from cqar.model.parts import Stored

Get = Callable[[str], Sequence[Stored]]

_ALWAYS = -NEVER

#: Times that one response is derived at most: more than the longest chain of parts that name each other.
MAX_TRIES: Final = 16


class Derived(NamedTuple):
    """A response, and the time (microseconds since 1970) until which it stays right unless a part changes."""

    response: Any
    valid_until: int = NEVER
    #: it says that something does not exist or is ambiguous; while a worker is cut off, only PostgreSQL may say so
    absence: bool = False


# ---- parts as messages ---------------------------------------------------------------------------------------------


def asset(get: Get, asset_id: str) -> tuple[assets_pb2.Asset | None, bool, list[assets_pb2.AssetQualityFlag]]:
    """The asset, whether it is deleted, and its active flags, most severe first."""
    found, deleted, flags = None, False, []
    for row in get(cache_keys.asset_key(asset_id)):
        if row.entity == "asset":
            found, deleted = assets_pb2.Asset.FromString(row.value), row.deleted
        else:
            flags.append(assets_pb2.AssetQualityFlag.FromString(row.value))
    flags.sort(key=lambda flag: (-flag.severity, flag.flag_id))
    return found, deleted, flags


def standing_asset(get: Get, asset_id: str) -> str:
    """The id of the asset that stands in the place of a merged one; any other id itself."""
    for _ in range(MAX_TRIES):
        found, deleted, _ = asset(get, asset_id)
        if found is None or not deleted or not found.successor_asset_id:
            break
        asset_id = found.successor_asset_id
    return asset_id


def standing_symbol(get: Get, symbol_id: str) -> str:
    """The id of the symbol that stands in the place of a merged one; any other id itself."""
    for _ in range(MAX_TRIES):
        found, deleted = symbol(get, symbol_id)
        if found is None or not deleted or not found.successor_symbol_id:
            break
        symbol_id = found.successor_symbol_id
    return symbol_id


def critical(flags: Iterable[assets_pb2.AssetQualityFlag]) -> list[assets_pb2.AssetQualityFlag]:
    """The flags that block trading."""
    return [flag for flag in flags if flag.severity == entities.CRITICAL]


def blocking(get: Get, symbol: markets_pb2.Symbol) -> list[assets_pb2.AssetQualityFlag]:
    """The CRITICAL flags of all assets of a symbol."""
    sides = dict.fromkeys((symbol.base_asset_id, symbol.quote_asset_id, symbol.settlement_asset_id or symbol.base_asset_id))
    return [flag for side in sides for flag in critical(asset(get, side)[2])]


def symbol(get: Get, symbol_id: str) -> tuple[markets_pb2.Symbol | None, bool]:
    """The symbol, and whether it is deleted."""
    for row in get(cache_keys.symbol_key(symbol_id)):
        return markets_pb2.Symbol.FromString(row.value), row.deleted
    return None, False


class Identity(NamedTuple):
    """How far the assets of a symbol can be trusted at a venue: levels, 0 if unset, and why trading is blocked there."""

    base: IdentityLevel
    quote: IdentityLevel
    settlement: IdentityLevel
    #: empty: it is not
    blocked_reason: str

    @property
    def lowest(self) -> IdentityLevel:
        """The level that can be trusted least."""
        return max(self.base, self.quote, self.settlement)


def identity(get: Get, venue_id: str, symbol: markets_pb2.Symbol) -> Identity:
    """What a venue's records of the assets of a symbol say."""
    sides = symbol.base_asset_id, symbol.quote_asset_id, symbol.settlement_asset_id
    levels, reasons = {"": UNSET}, dict[str, None]()
    for asset_id in dict.fromkeys(filter(None, sides)):
        levels[asset_id] = UNSET
        for row in get(cache_keys.identity_key(venue_id, asset_id)):
            record = venues_pb2.VenueAsset.FromString(row.value)
            levels[asset_id] = record.identity_level
            if record.blocked_reason:
                reasons[record.blocked_reason] = None
    base, quote, settlement = (levels[each] for each in sides)
    return Identity(base, quote, settlement, "; ".join(reasons))


def chain(get: Get, chain_id: str) -> assets_pb2.Chain | None:
    """The chain, or None."""
    for row in get(cache_keys.chain_key(chain_id)):
        return assets_pb2.Chain.FromString(row.value)
    return None


def venue(get: Get, venue_id: str) -> venues_pb2.Venue:
    """The venue. Raises NotFound."""
    for row in get(cache_keys.venue_key(venue_id)):
        return venues_pb2.Venue.FromString(row.value)
    raise errors.NotFound("venue", venue_id)


# ---- time ----------------------------------------------------------------------------------------------------------

#: The beginning and end of a listing, in microseconds since 1970; the end is exclusive.
Interval = tuple[int, int]
T = TypeVar("T")


def interval(listing: Any) -> Interval:
    """When a listing, or a venue asset, begins and ends."""
    return clock.of(listing, "listed_at", _ALWAYS), clock.of(listing, "delisted_at", NEVER)


def next_boundary(intervals: Iterable[Interval], now: int) -> int:
    """The first beginning or end after now; NEVER if all are past."""
    return min((at for interval in intervals for at in interval if at > now), default=NEVER)


def contains(span: Interval, at: int) -> bool:
    """Whether a time is in an interval."""
    return span[0] <= at < span[1]


def valid(rows: Iterable[T], at: int) -> list[T]:
    """The listings, or venue assets, that are valid at a time."""
    return [row for row in rows if contains(interval(row), at)]


def last_begun(rows: Sequence[T], at: int) -> list[T]:
    """Those that began last before a time, whether or not they have ended: what a name meant most recently."""
    last = max((begins for begins, _ in map(interval, rows) if begins <= at), default=NEVER)
    return [row for row in rows if interval(row)[0] == last]
