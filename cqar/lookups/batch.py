"""Resolutions: what becomes of each key of a batch, derived from parts as answers are. Pure.

A key and its resolution are elements of repeated fields: bytes, which the hot path keeps, and joins into responses.
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
from cqar.lookups.derive import TRIES, Derived, Get
from cqar.model import addresses, cache_keys
from cqar.model.parts import Missing
from cqar.varint import varint

#: Keys of one call, at most; and where each is answered in full.
MOST: Final = 10_000
MOST_FULL: Final = 2_000
#: Bytes of an answer, at most.
MAX_ANSWER: Final = 16_000_000
#: Keys that are resolved at once: it takes a millisecond or two.
_AT_ONCE = 32

# ---- venue symbols -------------------------------------------------------------------------------------------------


def venue_symbol(get: Get, key: pb.VenueSymbolKey, now: int) -> Derived:
    """What the text of a venue means, as SLIM. Raises Missing."""
    return _venue_symbol(get, key, now, full=False)


def full_venue_symbol(get: Get, key: pb.VenueSymbolKey, now: int) -> Derived:
    """As FULL."""
    return _venue_symbol(get, key, now, full=True)


_BY_TEXT = single.LOOKUPS["GetVenueSymbol"]


def _venue_symbol(get: Get, key: pb.VenueSymbolKey, now: int, *, full: bool) -> Derived:
    try:
        single.check(_BY_TEXT, key)
        listing, canonical, blocking, over, good_until = found = venue_symbols.meant(get, key, now)
    except errors.NotFound:
        return Derived(pb.VenueSymbolResolution(status=pb.NOT_FOUND), _changes_at(get, key, now), none=True)
    except errors.Ambiguous as error:
        candidates = [each.field for each in error.violations]
        response = pb.VenueSymbolResolution(status=pb.AMBIGUOUS, candidate_symbol_ids=candidates)
        return Derived(response, _changes_at(get, key, now), none=True)
    except errors.Invalid as error:
        return Derived(pb.VenueSymbolResolution(status=pb.INVALID, reason=error.message))
    response = pb.VenueSymbolResolution(
        status=pb.DELISTED if over else pb.RESOLVED,
        symbol_id=listing.symbol_id,
        symbol_type=canonical.symbol_type,
        tick_size_decimal=canonical.tick_size_decimal,
        lot_size_decimal=canonical.lot_size_decimal,
        quantity_multiplier_decimal=listing.quantity_multiplier_decimal,
        is_active=listing.is_active,
        trading_blocked=bool(blocking),
        full=venue_symbols.shown(get, found) if full else None,
    )
    return Derived(response, good_until)


def _changes_at(get: Get, key: pb.VenueSymbolKey, now: int) -> int:
    try:
        return venue_symbols.changes_at(get, key, now)
    except errors.NotFound:
        return NEVER


def _text_part(key: pb.VenueSymbolKey) -> str:
    return cache_keys.listings_key(key.venue_id, key.venue_symbol)


# ---- assets --------------------------------------------------------------------------------------------------------


def asset(get: Get, key: pb.AssetKey, now: int) -> Derived:
    """The asset that a key names, one way or another. Raises Missing."""
    way = key.WhichOneof("key")
    try:
        return _WAYS[way](get, key if way is None or way == "asset_id" else getattr(key, way), now)
    except errors.NotFound:
        return Derived(pb.AssetResolution(status=pb.NOT_FOUND), none=True)
    except errors.Ambiguous as error:
        candidates = list(dict.fromkeys(each.field for each in error.violations))
        return Derived(pb.AssetResolution(status=pb.AMBIGUOUS, candidate_asset_ids=candidates), none=True)
    except errors.Invalid as error:
        return Derived(pb.AssetResolution(status=pb.INVALID, reason=error.message))


def _asset(get: Get, asset_id: str, **more: Any) -> Derived:
    """The asset of an id. A deleted one is told only as that of something that is over."""
    found, deleted, flags = derive.asset(get, asset_id)
    if found is None or (deleted and more.get("status") != pb.DELISTED):
        raise errors.NotFound("asset", asset_id)
    blocked = bool(derive.critical(flags))
    return Derived(pb.AssetResolution(**{"status": pb.RESOLVED, "asset": found, "trading_blocked": blocked, **more}))


def _on_chain(get: Get, key: pb.AssetKey.OnChain, _now: int) -> Derived:
    errors.require(key, ("chain", "address"))
    on = _chain(get, key.chain)
    address = addresses.normalize(on.chain_type, key.address, "address", caip2=on.caip2 or None).text
    found = single.deployment(get, on, address)
    if found is None:
        raise errors.NotFound("deployment", f"{key.chain}/{key.address}")
    return _asset(get, found.asset_id, deployment=found)


def _chain(get: Get, name: str) -> assets_pb2.Chain:
    """The chain of a slug or a CAIP-2 id."""
    if ":" not in name:
        single.text("chain_id", name, "chain")
        found = derive.chain(get, name)
    else:
        single.text("caip2", name, "chain")
        rows = get(cache_keys.caip2_key(name))
        found = assets_pb2.Chain.FromString(rows[0].value) if rows else None
    if found is None:
        raise errors.NotFound("chain", name)
    return found


def _external(get: Get, key: pb.AssetKey.External, _now: int) -> Derived:
    errors.require(key, ("source", "external_id"))
    single.sound(key, "source")
    single.sound(key, "external_id")
    rows = get(cache_keys.external_asset_key(key.source, key.external_id))
    if not rows:
        raise errors.NotFound("asset_identifier", f"{key.source}/{key.external_id}")
    fit = [assets_pb2.AssetIdentifier.FromString(row.value) for row in rows]
    return _asset(get, single.primary(fit, "asset_id").asset_id)


def _venue_code(get: Get, key: pb.AssetKey.VenueCode, now: int) -> Derived:
    errors.require(key, ("venue_id", "venue_asset_symbol"))
    single.sound(key, "venue_id")
    single.sound(key, "venue_asset_symbol")
    rows = get(cache_keys.venue_code_key(key.venue_id, key.venue_asset_symbol))
    listed = [venues_pb2.VenueAsset.FromString(row.value) for row in rows]
    boundary = derive.next_boundary(map(derive.interval, listed), now)
    fit = derive.valid(listed, now)
    status = pb.RESOLVED if fit else pb.DELISTED
    ids = sorted({each.asset_id for each in fit or derive.last_begun(listed, now)})
    if len(ids) > 1:
        return Derived(pb.AssetResolution(status=pb.AMBIGUOUS, candidate_asset_ids=ids), boundary, none=True)
    if not ids:
        return Derived(pb.AssetResolution(status=pb.NOT_FOUND), boundary, none=True)
    return _asset(get, ids[0], status=status)._replace(good_until=boundary)


def _by_id(get: Get, key: pb.AssetKey, _now: int) -> Derived:
    errors.require(key, ("asset_id",))
    single.sound(key, "asset_id")
    return _asset(get, key.asset_id)


_WAYS: dict[str | None, Callable[[Get, Any, int], Derived]] = {
    None: _by_id,
    "asset_id": _by_id,
    "on_chain": _on_chain,
    "external": _external,
    "venue_code": _venue_code,
}


def _asset_part(key: pb.AssetKey) -> str:
    """The part that brings the others along; of a chain named otherwise than by its slug, the chain."""
    match key.WhichOneof("key"):
        case "on_chain" if ":" in key.on_chain.chain:
            return cache_keys.caip2_key(key.on_chain.chain)
        case "on_chain":
            return cache_keys.deployment_key(key.on_chain.chain, key.on_chain.address)
        case "external":
            return cache_keys.external_asset_key(key.external.source, key.external.external_id)
        case "venue_code":
            return cache_keys.venue_code_key(key.venue_code.venue_id, key.venue_code.venue_asset_symbol)
        case _:
            return cache_keys.asset_key(key.asset_id)


# ---- elements ------------------------------------------------------------------------------------------------------


class BatchKind(NamedTuple):
    """How the keys of a batch are resolved."""

    key: type[Message]
    resolution: Callable[..., Message]
    derive: Callable[[Get, Any, int], Derived]
    #: what it is about, in metrics
    entity: str
    #: the part that most likely brings all others of the answer
    part: Callable[[Any], str]
    #: keys of one call
    most: int
    #: whether so many may have more bytes than an answer
    large: bool


SLIM = BatchKind(pb.VenueSymbolKey, pb.VenueSymbolResolution, venue_symbol, "venue_symbol", _text_part, MOST, large=False)
FULL = BatchKind(
    pb.VenueSymbolKey, pb.VenueSymbolResolution, full_venue_symbol, "venue_symbol", _text_part, MOST_FULL, large=True
)
ASSET = BatchKind(pb.AssetKey, pb.AssetResolution, asset, "asset", _asset_part, MOST, large=True)


V = TypeVar("V")


def of_view(views: Mapping[int, V], view: int) -> V:
    """What a request asks for by the number of its view. Raises Invalid."""
    if view not in views:
        raise errors.Invalid("view", "UNKNOWN_VALUE", f"{view} is not a value that this service knows")
    return views[view]


def check_count(kind: BatchKind, count: int) -> None:
    """Raise TooLarge where a call has more keys than it may have."""
    if count > kind.most:
        msg = f"{count:,} keys are more than the {kind.most:,} that such a call may have; send several"
        raise errors.TooLarge(msg)


def derived(kind: BatchKind, element: bytes, get: Get, now: int) -> Derived:
    """The resolution of an element. Raises Missing."""
    try:
        key = kind.key.FromString(element)
    except DecodeError:
        return Derived(kind.resolution(status=pb.INVALID, reason="key: is not one"))
    return kind.derive(get, key, now)


def framed(resolution: Message) -> bytes:
    """A resolution as an element of its response, with tag and length."""
    message = resolution.SerializeToString()
    return b"\x0a" + varint(len(message)) + message


Resolve = Callable[[bytes], bytes]


async def resolve_all(
    kind: BatchKind, elements: Iterable[bytes], resolve: Resolve, bring: Callable[[Collection[str]], Awaitable[None]]
) -> dict[bytes, bytes]:
    """The framed resolutions of the elements, in turns. `resolve` raises Missing, and tries again after `bring`.

    Raises Unavailable where what is brought does not help.
    """
    found: dict[bytes, bytes] = {}
    rest = list(dict.fromkeys(elements))
    for at in range(TRIES):
        wanted: dict[str, None] = {}
        left = []
        async for some in tasks.in_turns(rest, _AT_ONCE):
            for each in some:
                try:
                    found[each] = resolve(each)
                except Missing as missing:
                    left.append(each)
                    wanted[missing.key if at else kind.part(kind.key.FromString(each))] = None
        if not left:
            return found
        await bring(wanted)
        rest = left
    msg = "the parts of this answer change too often; retry"
    raise errors.Unavailable(msg)


def joined(resolutions: Sequence[bytes]) -> bytes:
    """The results of a batch. Raises TooLarge where they are more than one answer may have."""
    size = sum(map(len, resolutions))
    if size > MAX_ANSWER:
        msg = f"the answer would have {size:,} bytes, of {MAX_ANSWER:,} at most; ask for fewer keys at once"
        raise errors.TooLarge(msg)
    return b"".join(resolutions)
