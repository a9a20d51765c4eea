"""What a code of a venue means: give it another asset, and move its markets.

A listing keeps its id when its code was mapped wrongly: it moves to the symbol of the right asset. If the code has had
another meaning since a time, the listing ends then, and a new one begins on the other symbol.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from cqar import errors
from cqar.contract.cqar.v1 import registry_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.model import rules
from cqar.model.entities import ASSET, SYMBOL, VENUE_ASSET, VENUE_SYMBOL
from cqar.model.entity import Row, new_id, timestamp
from cqar.storage.postgres import Sql
from cqar.writes import claim_decisions, merge, operations, prepare
from cqar.writes.apply.chunk import Chunk
from cqar.writes.apply.kinds import KINDS
from cqar.writes.apply.rows import read_rows
from cqar.writes.transaction import Transaction, over

#: The identity evidence of a venue asset that a person has decided.
EVIDENCE = "review"

_MEANT = Sql(
    "venue_assets_of_code",
    f"SELECT {VENUE_ASSET.select} FROM venue_assets t WHERE t.venue_id = $1"
    " AND (t.venue_asset_symbol = $2 OR t.venue_asset_aliases @> ARRAY[$2]) ORDER BY t.asset_id FOR UPDATE OF t",
)
_LISTINGS = Sql(
    "listings_of_asset",
    f"SELECT {VENUE_SYMBOL.select} FROM symbols s JOIN venue_symbols t ON t.symbol_id = s.symbol_id"
    " WHERE (s.base_asset_id = $2 OR s.quote_asset_id = $2 OR s.settlement_asset_id = $2) AND t.venue_id = $1"
    " ORDER BY t.listing_id FOR UPDATE OF t",
)
_TEXTS = Sql(
    "texts_of_one_symbol",
    "SELECT string_agg(t.venue_symbol, ', ' ORDER BY t.venue_symbol) AS texts FROM symbols s"
    " JOIN venue_symbols t ON t.symbol_id = s.symbol_id WHERE s.base_asset_id = $2 AND s.deleted_at IS NULL AND t.venue_id = $1"
    " AND COALESCE(t.delisted_at > now(), true) AND t.is_active GROUP BY t.symbol_id HAVING count(*) > 1"
    " ORDER BY texts LIMIT 10",
)


class Moved(NamedTuple):
    """The listings that changed with their code, and those of the same asset that name no code or another one."""

    listings: int = 0
    left: tuple[str, ...] = ()


async def living(tx: Transaction, venue_id: str, code: str) -> list[Row]:
    """The venue assets that have the code now, locked."""
    return [row for row in await tx.session.rows(_MEANT, venue_id, code) if not over(row, tx.now)]


async def listings(tx: Transaction, venue_id: str, asset_id: str) -> int:
    """The number of the venue's listings that stand on the asset, ended ones included."""
    return len(await tx.session.rows(_LISTINGS, venue_id, asset_id))


async def take_over(tx: Transaction, venue_id: str, code: str, ids: tuple[str, str], check: Callable[[Row], None]) -> None:
    """Merge the provisional asset into the other one; if other codes use it too, move only the markets of this code.

    `ids`: the provisional asset and the other one. `check` is called with the row of the former. Raises as `merge.merge`.
    """
    old, new = ids
    users = list(await tx.session.rows(operations.children_sql(VENUE_ASSET, "asset_id"), old))
    alone = all(row["venue_id"] == venue_id and (len(codes_of(row)) == 1 or code not in codes_of(row)) for row in users)
    if alone:
        await merge.merge(tx, old, new, check=check)
        return
    first, _ = await lock_both(tx, ids, ("review_id", "asset_id"))
    check(first)
    await leave(tx, venue_id, code, ids)


async def lock_both(tx: Transaction, ids: tuple[str, str], fields: tuple[str, str]) -> tuple[Row, Row]:
    """The two assets, locked. Raises NotFound naming the field of the one that does not exist."""
    found = await operations.lock_live(tx, ASSET, ids)
    for asset_id, field in zip(ids, fields, strict=True):
        if asset_id not in found:
            raise errors.NotFound(ASSET.name, asset_id, field)
    return found[ids[0]], found[ids[1]]


async def leave(tx: Transaction, venue_id: str, code: str, ids: tuple[str, str], since: datetime | None = None) -> Moved:
    """Take the code from the venue asset of the first asset, and move its markets to the second, all or from a time on.

    Raises Invalid if `since` is not after the beginning of the old meaning.
    """
    old, _ = ids
    stored = await tx.session.row(operations.lock_sql(VENUE_ASSET), venue_id, old)
    others = [] if stored is None else [each for each in codes_of(stored) if each != code]
    moved = await _move_listings(tx, venue_id, ids, (code, others), since)
    if stored is None or code not in codes_of(stored):
        return moved
    if others:
        after = {**dict(stored), "venue_asset_symbol": others[0], "venue_asset_aliases": others[1:] or None}
        await operations.replace(tx, VENUE_ASSET, stored, after)
    elif since is None:
        await operations.remove(tx, VENUE_ASSET, stored)
    else:
        if stored["listed_at"] is not None and since <= stored["listed_at"]:
            began = stored["listed_at"].isoformat()
            raise errors.Invalid("at", "BAD_RANGE", f"is not after {began}, when the old meaning began")
        await operations.replace(tx, VENUE_ASSET, stored, {**dict(stored), "delisted_at": since, "blocked_reason": None})
    return moved


def codes_of(row: Row) -> list[str]:
    """All codes of a venue asset."""
    return [row["venue_asset_symbol"], *(row["venue_asset_aliases"] or ())]


class Decided(NamedTuple):
    """What a person decided: the asset of a code, since when, and why."""

    code: str
    asset_id: str
    since: datetime | None = None
    notes: str = ""


async def enter(tx: Transaction, given: venues_pb2.VenueAsset, decided: Decided) -> None:
    """Map the code to the asset as a person's decision: create its venue asset, or add the code as an alias.

    `given`: the venue and what else is known of the venue asset. Raises Precondition if the rules of Apply refuse it.
    """
    code, asset_id, since, notes = decided
    stored = await tx.session.row(operations.lock_sql(VENUE_ASSET), given.venue_id, asset_id)
    row = venues_pb2.VenueAsset()
    row.CopyFrom(given)
    row.asset_id, row.identity_evidence = asset_id, EVIDENCE
    row.venue_asset_symbol = row.venue_asset_symbol or code
    cleared = await _verified(tx, row, stored, code)
    if stored is not None:
        codes = dict.fromkeys([*codes_of(stored), row.venue_asset_symbol, *row.venue_asset_aliases])
        row.venue_asset_symbol = stored["venue_asset_symbol"]
        del row.venue_asset_aliases[:]
        row.venue_asset_aliases.extend(each for each in codes if each != row.venue_asset_symbol)
    if since is not None:
        row.listed_at.CopyFrom(timestamp(since))
    await write(tx, [registry_pb2.ApplyRow(venue_asset=row, clear=cleared)])
    await claim_decisions.decide(tx, given.venue_id, code, asset_id, notes)


async def keep(tx: Transaction, venue_id: str, decided: Decided) -> None:
    """The code keeps its meaning in spite of a contradiction. A provisional meaning stays undecided, but is open again."""
    stored = await tx.session.row(operations.lock_sql(VENUE_ASSET), venue_id, decided.asset_id)
    held = (await operations.lock_live(tx, ASSET, [decided.asset_id])).get(decided.asset_id)
    if stored is None or held is None or held["category"] != rules.PROVISIONAL:
        await enter(tx, venues_pb2.VenueAsset(venue_id=venue_id), decided)
        return
    await operations.replace(tx, VENUE_ASSET, stored, {**dict(stored), "blocked_reason": None})
    await claim_decisions.accept_reading(tx, venue_id, decided.code)


async def _verified(tx: Transaction, row: venues_pb2.VenueAsset, stored: Row | None, code: str) -> list[str]:
    """Set the level of the venue asset, unless other codes share it; returns what else is no longer true of it."""
    if stored is None or set(codes_of(stored)) <= {code}:
        row.identity_level = claim_decisions.VERIFIED
        return [] if stored is None else ["blocked_reason"]
    if stored["blocked_reason"] is None:
        return []
    claim = await claim_decisions.find(tx, row.venue_id, code)
    # Another code of the asset may be contradicted, too.
    return ["blocked_reason"] if claim is not None and claim["blocked_reason"] == stored["blocked_reason"] else []


async def contest(tx: Transaction, review: Any) -> None:
    """Take back the decision that a code keeps its meaning: it is contested again, and blocked if it was before."""
    stored = await tx.session.row(operations.lock_sql(VENUE_ASSET), review.venue_id, review.asset_id)
    blocked = review.venue_asset.blocked_reason or None
    if stored is not None:
        after = {**dict(stored), "identity_level": int(claim_decisions.CONTESTED), "blocked_reason": blocked}
        await operations.replace(tx, VENUE_ASSET, stored, after)
    await claim_decisions.withdraw(tx, review.venue_id, review.code, blocked)


async def write(tx: Transaction, rows: Sequence[registry_pb2.ApplyRow]) -> list[str]:
    """Write rows with the rules of Apply in this transaction.

    Returns their ids; raises Precondition for the first rejection.
    """
    proposals = read_rows(registry_pb2.ApplyRequest(rows=rows))
    refs: dict[str, str | None] = {}
    for kind in KINDS:
        chunk = [row for row in proposals if row.kind is kind]
        if not chunk:
            continue
        await Chunk(tx, refs).run(chunk)
        for row in chunk:
            if row.rejected:
                raise errors.Precondition("REFUSED", row.result.field or kind.field, row.result.reason)
            refs[row.ref] = row.result.id
    return [row.result.id for row in proposals]


async def warnings(tx: Transaction, venue_id: str, asset_id: str) -> list[str]:
    """Sentences about symbols of the asset that several active listings of the venue have."""
    found = await tx.session.rows(_TEXTS, venue_id, asset_id)
    return [
        f"{row['texts']} at {venue_id} are active listings of one symbol: one of them may mean another asset" for row in found
    ]


# ---- listings ------------------------------------------------------------------------------------------------------


def belongs(text: str, code: str, others: Iterable[str]) -> bool:
    """Whether a venue symbol is of the code, and not of one of the other codes of the same asset.

    The longest code that the text contains decides; texts without any of them belong to the code if it is the only one.

    >>> belongs("1000000BOBUSDT", "BOB", ["1000000BOB"]), belongs("BOBUSDT", "BOB", ["1000000BOB"])
    (False, True)
    """
    rest = list(others)
    if not rest:
        return True
    folded = text.casefold()
    found = max((each for each in (code, *rest) if each.casefold() in folded), key=len, default=None)
    return found == code


async def _move_listings(
    tx: Transaction, venue_id: str, ids: tuple[str, str], codes: tuple[str, Sequence[str]], since: datetime | None
) -> Moved:
    code, others = codes
    moved, left = 0, []
    for listing in await tx.session.rows(_LISTINGS, venue_id, ids[0]):
        if since is not None and listing["delisted_at"] is not None and listing["delisted_at"] <= since:
            continue
        if not belongs(listing["venue_symbol"], code, others):
            if not any(belongs(listing["venue_symbol"], each, [code]) for each in others):
                left.append(str(listing["venue_symbol"]))
            continue
        await _move(tx, listing, ids, since)
        moved += 1
    return Moved(moved, tuple(left))


async def _move(tx: Transaction, listing: Row, ids: tuple[str, str], since: datetime | None) -> None:
    """Move one listing to the symbol of the second asset, or split it at a time."""
    symbol = (await operations.lock_live(tx, SYMBOL, [listing["symbol_id"]]))[listing["symbol_id"]]
    target = await _symbol(tx, symbol, ids)
    columns = {"symbol_id": target["symbol_id"], **merge.own_specs(listing, symbol, target)}
    if (listing["blocked_reason"] or "").startswith(rules.OPEN_QUESTION):
        columns["blocked_reason"] = None
    if since is None or (listing["listed_at"] is not None and since <= listing["listed_at"]):
        tx.moves(listing, symbol, target)
        await operations.replace(tx, VENUE_SYMBOL, listing, {**dict(listing), **columns})
        return
    await operations.replace(tx, VENUE_SYMBOL, listing, {**dict(listing), "delisted_at": since})
    began = {name: listing[name] for name in VENUE_SYMBOL.written}
    await operations.insert(tx, VENUE_SYMBOL, {**began, **columns, "listing_id": new_id(), "listed_at": since})


async def _symbol(tx: Transaction, row: Row, ids: tuple[str, str]) -> Row:
    """The symbol with the same terms on the second asset; created if it does not exist."""
    terms = merge.rewritten(row, *ids)
    twin = await merge.twin(tx, terms, row["symbol_id"])
    if twin is not None:
        return twin
    own: Mapping[str, Any] = {name: getattr(terms, name) for name in prepare.TERMS}
    new = {**dict.fromkeys(SYMBOL.columns), **SYMBOL.defaults, **own, "symbol_id": new_id(), "is_active": row["is_active"]}
    await operations.lock_parents(tx, SYMBOL, new)
    new["symbol"] = await prepare.label(tx, terms)
    return await operations.insert(tx, SYMBOL, new)
