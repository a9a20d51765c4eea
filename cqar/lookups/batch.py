"""Batches: the result of each key, derived from parts as responses are. Pure.

Keys and results are elements of repeated fields. Encoded, they are what the hot path caches and joins into responses.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message

from cqar import errors, tasks
from cqar.clock import NEVER
from cqar.contract.cqar.v1 import resolver_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.lookups import derive, single, venue_symbols
from cqar.lookups.derive import MAX_TRIES, Derived, Get
from cqar.model import addresses, cache_keys, part_kinds
from cqar.model.cache_keys import kind_of
from cqar.model.parts import Missing
from cqar.varint import varint

#: Keys of one call at most, and with the FULL view.
MAX_KEYS: Final = 10_000
MAX_KEYS_FULL: Final = 2_000
#: Bytes of a response at most.
MAX_RESPONSE: Final = 16_000_000
#: Keys that are resolved between two turns of other tasks: a millisecond or two.
_AT_ONCE = 32

# ---- venue symbols -------------------------------------------------------------------------------------------------


def venue_symbol(get: Get, key: pb.VenueSymbolKey, now: int) -> Derived:
    """The result of a venue's text, in the SLIM view. Raises Missing."""
    return _venue_symbol(get, key, now, full=False)


def full_venue_symbol(get: Get, key: pb.VenueSymbolKey, now: int) -> Derived:
    """The same in the FULL view."""
    return _venue_symbol(get, key, now, full=True)


_BY_TEXT = single.LOOKUPS["GetVenueSymbol"]


def _venue_symbol(get: Get, key: pb.VenueSymbolKey, now: int, *, full: bool) -> Derived:
    try:
        single.check(_BY_TEXT, key)
        found = venue_symbols.resolve(get, key, now)
    except errors.NotFound:
        return Derived(pb.VenueSymbolResolution(status=pb.NOT_FOUND), _next_change(get, key, now), absence=True)
    except errors.Ambiguous as error:
        candidates = [each.field for each in error.violations]
        response = pb.VenueSymbolResolution(status=pb.AMBIGUOUS, candidate_symbol_ids=candidates)
        return Derived(response, _next_change(get, key, now), absence=True)
    except errors.Invalid as error:
        return Derived(pb.VenueSymbolResolution(status=pb.INVALID, reason=error.message))
    listing, canonical = found.listing, found.canonical
    response = pb.VenueSymbolResolution(
        status=pb.DELISTED if found.delisted else pb.RESOLVED,
        symbol_id=listing.symbol_id,
        symbol_type=canonical.symbol_type,
        tick_size_decimal=canonical.tick_size_decimal,
        lot_size_decimal=canonical.lot_size_decimal,
        quantity_multiplier_decimal=listing.quantity_multiplier_decimal,
        is_active=listing.is_active,
        trading_blocked=found.blocked,
        full=venue_symbols.response(get, found) if full else None,
        identity_level=found.identity.lowest,
        specs_source=found.specs_source,
    )
    return Derived(response, found.valid_until)


def _next_change(get: Get, key: pb.VenueSymbolKey, now: int) -> int:
    try:
        return venue_symbols.next_change(get, key, now)
    except errors.NotFound:
        return NEVER


def _listings_part(key: pb.VenueSymbolKey, missing: str) -> str:
    """The listings, whose load includes the venue. The key has been checked, so its text is of bounded length."""
    if kind_of(missing) == part_kinds.VENUE.name:
        return cache_keys.listings_key(key.venue_id, key.venue_symbol)
    return missing


# ---- assets --------------------------------------------------------------------------------------------------------


def asset(get: Get, key: pb.AssetKey, now: int) -> Derived:
    """The result of any form of asset key. Raises Missing."""
    form = key.WhichOneof("key")
    try:
        return _FORMS[form](get, key if form is None or form == "asset_id" else getattr(key, form), now)
    except errors.NotFound:
        return Derived(pb.AssetResolution(status=pb.NOT_FOUND), absence=True)
    except errors.Ambiguous as error:
        candidates = list(dict.fromkeys(each.field for each in error.violations))
        return Derived(pb.AssetResolution(status=pb.AMBIGUOUS, candidate_asset_ids=candidates), absence=True)
    except errors.Invalid as error:
        return Derived(pb.AssetResolution(status=pb.INVALID, reason=error.message))


def _asset(get: Get, asset_id: str, **more: Any) -> Derived:
    """The result for an asset id. A deleted asset is found only through a listing that has ended."""
    found, deleted, flags = derive.asset(get, asset_id)
    if found is None or (deleted and more.get("status") != pb.DELISTED):
        raise errors.NotFound("asset", asset_id)
    blocked = more.pop("blocked", False) or bool(derive.critical(flags))
    return Derived(pb.AssetResolution(**{"status": pb.RESOLVED, "asset": found, "trading_blocked": blocked, **more}))


def _on_chain(get: Get, key: pb.AssetKey.OnChain, _now: int) -> Derived:
    errors.require(key, ("chain", "address"))
    chain = _chain(get, key.chain)
    address = addresses.normalize(chain.chain_type, key.address, "address", caip2=chain.caip2 or None).text
    found = single.deployment(get, chain, address)
    if found is None:
        raise errors.NotFound("deployment", f"{key.chain}/{key.address}")
    return _asset(get, found.asset_id, deployment=found)


def _chain(get: Get, name: str) -> assets_pb2.Chain:
    """The chain with a slug or a CAIP-2 id."""
    if ":" not in name:
        single.check_text("chain_id", name, "chain")
        found = derive.chain(get, name)
    else:
        single.check_text("caip2", name, "chain")
        rows = get(cache_keys.caip2_key(name))
        found = assets_pb2.Chain.FromString(rows[0].value) if rows else None
    if found is None:
        raise errors.NotFound("chain", name)
    return found


def _external(get: Get, key: pb.AssetKey.External, _now: int) -> Derived:
    errors.require(key, ("source", "external_id"))
    single.check_field(key, "source")
    single.check_field(key, "external_id")
    rows = get(cache_keys.external_asset_key(key.source, key.external_id))
    if not rows:
        raise errors.NotFound("asset_identifier", f"{key.source}/{key.external_id}")
    fit = [assets_pb2.AssetIdentifier.FromString(row.value) for row in rows]
    return _asset(get, single.primary(fit, "asset_id").asset_id)


def _venue_code(get: Get, key: pb.AssetKey.VenueCode, now: int) -> Derived:
    errors.require(key, ("venue_id", "venue_asset_symbol"))
    single.check_field(key, "venue_id")
    single.check_field(key, "venue_asset_symbol")
    rows = get(cache_keys.venue_code_key(key.venue_id, key.venue_asset_symbol))
    listed = [venues_pb2.VenueAsset.FromString(row.value) for row in rows]
    boundary = derive.next_boundary(map(derive.interval, listed), now)
    valid = derive.valid(listed, now)
    status = pb.RESOLVED if valid else pb.DELISTED
    meant = {each.asset_id: each for each in valid or derive.last_begun(listed, now)}
    ids = sorted(meant)
    if len(ids) > 1:
        return Derived(pb.AssetResolution(status=pb.AMBIGUOUS, candidate_asset_ids=ids), boundary, absence=True)
    if not ids:
        return Derived(pb.AssetResolution(status=pb.NOT_FOUND), boundary, absence=True)
    record = meant[ids[0]]
    blocked = bool(record.blocked_reason)
    found = _asset(get, ids[0], status=status, identity_level=record.identity_level, blocked=blocked)
    return found._replace(valid_until=boundary)


def _by_id(get: Get, key: pb.AssetKey, _now: int) -> Derived:
    errors.require(key, ("asset_id",))
    single.check_field(key, "asset_id")
    return _asset(get, derive.standing_asset(get, key.asset_id))


_FORMS: dict[str | None, Callable[[Get, Any, int], Derived]] = {
    None: _by_id,
    "asset_id": _by_id,
    "on_chain": _on_chain,
    "external": _external,
    "venue_code": _venue_code,
}


def _asset_part(_key: pb.AssetKey, missing: str) -> str:
    """The part that is missing: of a deployment first the chain, whose rules give the address the form that is stored."""
    return missing


# ---- elements ------------------------------------------------------------------------------------------------------


class BatchKind(NamedTuple):
    """How the keys of a batch are resolved."""

    key: type[Message]
    resolution: Callable[..., Message]
    derive: Callable[[Get, Any, int], Derived]
    #: what it is about, in metrics
    entity: str
    #: the key of the part to load if the first one that the derivation lacks is another: one load then includes both
    first_part: Callable[[Any, str], str]
    #: keys of one call at most
    max_keys: int
    #: whether the results of that many keys may exceed the size of a response
    large: bool


SLIM = BatchKind(
    pb.VenueSymbolKey, pb.VenueSymbolResolution, venue_symbol, "venue_symbol", _listings_part, MAX_KEYS, large=False
)
FULL = BatchKind(
    pb.VenueSymbolKey, pb.VenueSymbolResolution, full_venue_symbol, "venue_symbol", _listings_part, MAX_KEYS_FULL, large=True
)
ASSET = BatchKind(pb.AssetKey, pb.AssetResolution, asset, "asset", _asset_part, MAX_KEYS, large=True)


V = TypeVar("V")


def by_view(views: Mapping[int, V], view: int) -> V:
    """The value for the number of a request's view. Raises Invalid for an unknown view."""
    if view not in views:
        raise errors.Invalid("view", "UNKNOWN_VALUE", f"{view} is not a known value")
    return views[view]


def check_count(kind: BatchKind, count: int) -> None:
    """Raise TooLarge if a call has too many keys."""
    if count > kind.max_keys:
        msg = f"{count:,} keys exceed the limit of {kind.max_keys:,} per call; split the request"
        raise errors.TooLarge(msg)


def derive_result(kind: BatchKind, encoded: bytes, get: Get, now: int) -> Derived:
    """The result of an encoded key. Raises Missing."""
    try:
        key = kind.key.FromString(encoded)
    except DecodeError:
        return Derived(kind.resolution(status=pb.INVALID, reason="key: is not one"))
    return kind.derive(get, key, now)


def framed(result: Message) -> bytes:
    """A result as an element of the response's repeated field: tag, length and message."""
    message = result.SerializeToString()
    return b"\x0a" + varint(len(message)) + message


Resolve = Callable[[bytes], bytes]


async def resolve_all(
    kind: BatchKind, keys: Iterable[bytes], resolve: Resolve, load: Callable[[Collection[str]], Awaitable[None]]
) -> dict[bytes, bytes]:
    """The framed results of encoded keys, by key; yields to other tasks.

    When `resolve` raises Missing, `load` gets the keys of the missing parts and `resolve` is called again. Raises
    Unavailable if that does not end.
    """
    found: dict[bytes, bytes] = {}
    rest = list(dict.fromkeys(keys))
    for at in range(MAX_TRIES):
        missing_parts: dict[str, None] = {}
        left = []
        async for some in tasks.in_turns(rest, _AT_ONCE):
            for each in some:
                try:
                    found[each] = resolve(each)
                except Missing as missing:
                    left.append(each)
                    part = missing.key if at else kind.first_part(kind.key.FromString(each), missing.key)
                    missing_parts[part] = None
        if not left:
            return found
        await load(missing_parts)
        rest = left
    msg = "the data behind this response changes too often; retry"
    raise errors.Unavailable(msg)


def join(results: Sequence[bytes]) -> bytes:
    """The framed results of a batch as one message. Raises TooLarge."""
    size = sum(map(len, results))
    if size > MAX_RESPONSE:
        msg = f"the response would have {size:,} bytes, of {MAX_RESPONSE:,} at most; request fewer keys at once"
        raise errors.TooLarge(msg)
    return b"".join(results)
