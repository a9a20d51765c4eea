"""One chunk of an Apply: rows of one kind, found, checked and written as sets in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from cqar import errors
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.model import rules
from cqar.model.entities import (
    ASSET,
    ASSET_GROUP,
    ASSET_GROUP_MEMBER,
    CHAIN,
    RELATIONSHIP,
    SYMBOL,
    VENUE,
    VENUE_ASSET,
    VENUE_SYMBOL,
)
from cqar.model.entity import Entity, Row, comparable, new_id
from cqar.storage.postgres import TAKEN, Sql
from cqar.writes import bulk, operations, prepare
from cqar.writes.apply import assets
from cqar.writes.apply.kinds import BINDINGS, KEPT, RowKind
from cqar.writes.apply.rows import Item, Refs, RequestRow, required
from cqar.writes.transaction import Transaction, over

_TOUCH_GROUPS = Sql(
    "touch_groups",
    "UPDATE asset_groups t SET updated_at = now() WHERE t.group_id = ANY($1::text[]) RETURNING " + ASSET_GROUP.select,
)
_CYCLES = Sql(
    "cycles_of_relationships",
    'WITH RECURSIVE reached(start, id) AS (SELECT DISTINCT k, k COLLATE "C" FROM unnest($2::text[]) k UNION'
    " SELECT reached.start, r.to_asset_id FROM relationships r JOIN reached ON r.from_asset_id = reached.id"
    " WHERE r.relationship_type = ANY($3::int[]))"
    " SELECT k.source, k.target FROM unnest($1::text[], $2::text[]) k(source, target)"
    " JOIN reached ON reached.start = k.target AND reached.id = k.source ORDER BY k.source LIMIT 1",
)
_SIDES = ("base_asset_id", "quote_asset_id", "settlement_asset_id")


class Chunk:
    """Runs chunks in one `Transaction`."""

    def __init__(self, tx: Transaction, refs: Refs) -> None:
        self._tx = tx
        self._refs = refs

    async def run(self, rows: Sequence[RequestRow]) -> None:
        """Write the rows. A fault of a row goes into its result; an error of the database is raised."""
        items = []
        for requested in rows:
            if requested.final:
                continue
            requested.read(self._refs)
            if not requested.final:
                requested.result.Clear()
                items.append(requested.item())
        if not items:
            return
        kind = items[0].kind
        await self._lock_named(kind.entity, items)
        if kind.entity is ASSET:
            await assets.lock(self._tx, items)
        rest = [item for item in items if await self._complete(item)]
        while rest:
            rest = await self._round(kind, rest)

    # ---- what the rows name ----------------------------------------------------------------------------------------

    async def _lock_named(self, entity: Entity, items: Sequence[Item]) -> None:
        """Lock everything that the rows name, with one statement per entity, so that `prepare` finds it locked."""
        tx = self._tx
        if entity is RELATIONSHIP and any(rules.cycle_free(item.row["relationship_type"]) for item in items):
            await prepare.lock_cycles(tx)
        for parent in dict.fromkeys(parent for _, parent, _ in entity.parents):
            columns = [column for column, each, _ in entity.parents if each is parent]
            named = {item.row[name] for item in items for name in columns} - {None}
            if parent is ASSET_GROUP:
                # A group changes with its members.
                found = await operations.lock_live(tx, parent, named, "FOR NO KEY UPDATE")
                tx.locked |= {(parent.name, each): found.get(each) for each in named}
            else:
                await operations.lock_live(tx, parent, named)
        if entity is VENUE_SYMBOL:
            symbols = await operations.lock_live(tx, SYMBOL, {item.row["symbol_id"] for item in items})
            venues = await operations.lock_live(tx, VENUE, {item.row["venue_id"] for item in items})
            await operations.lock_live(tx, CHAIN, {row["chain_id"] for row in venues.values()} - {None})
            assets = {row[side] for row in symbols.values() for side in _SIDES} - {None}
            await operations.lock_live(tx, ASSET, assets)
            await prepare.blocked(tx, assets)
        elif entity is VENUE_ASSET:
            await prepare.blocked(tx, {item.row["asset_id"] for item in items})

    async def _complete(self, item: Item) -> bool:
        """Complete the natural keys of the row and of an asset's keys. Returns False if the row is rejected."""
        for each in (item, *item.keys):
            try:
                await each.kind.complete(self._tx, each.row)
            except errors.CqarError as error:
                each.refuse(error)
                return False
        return True

    # ---- one round -------------------------------------------------------------------------------------------------

    async def _round(self, kind: RowKind, items: Sequence[Item]) -> list[Item]:
        """Write the rows, except those that mean the same stored row as an earlier one; returns the latter."""
        batch, later = _disjoint(items)
        for item in batch:
            item.before = None
        await (assets.find(self._tx, batch) if kind.entity is ASSET else self._find(kind, batch))
        batch, same = _apart(kind.entity, [item for item in batch if not item.requested.rejected])
        new: list[Item] = []
        changed: list[Item] = []
        for item in batch:
            try:
                if await self._prepared(item):
                    (new if item.before is None else changed).append(item)
            except errors.CqarError as error:
                item.refuse(error)
        await self._insert(kind.entity, new)
        await self._update(kind.entity, changed)
        if kind.entity is ASSET:
            await assets.raise_unverified(self._tx, new)
            await assets.write_keys(self._tx, [item for item in batch if not item.requested.rejected])
        elif kind.entity is ASSET_GROUP_MEMBER:
            await self._touch_groups([*new, *changed])
        elif kind.entity is RELATIONSHIP:
            await self._refuse_cycles(new)
        place = {id(item): at for at, item in enumerate(items)}
        return sorted([*later, *same], key=lambda item: place[id(item)])

    async def _prepared(self, item: Item) -> bool:
        """Check the row with the rules of the single RPCs. Returns whether it must be written."""
        if item.before is None:
            await self._new(item)
            writes = True
        else:
            writes = await self._changed(item, item.before)
        if item.kind.entity is ASSET:
            await assets.prepare_keys(self._tx, item)
        return writes

    async def _new(self, item: Item) -> None:
        kind, entity, row = item.kind, item.kind.entity, item.row
        if item.requested.expected is not None:
            msg = f"{entity.name} does not exist; expected revision {item.requested.expected}"
            raise errors.Aborted(msg)
        if entity is ASSET and row["asset_id"] is not None:
            raise errors.NotFound(ASSET.name, row["asset_id"], "asset_id")
        required(kind, row)
        if len(entity.key) == 1 and row[entity.key[0]] is None:
            row[entity.key[0]] = new_id()
        if entity is VENUE_SYMBOL and row["listed_at"] is None and any(over(other, self._tx.now) for other in item.others):
            # The previous listing of this symbol has ended: the new one starts now.
            row["listed_at"] = self._tx.now
        await self._prepare(item, row, None)

    async def _prepare(self, item: Item, row: dict[str, Any], before: Row | None) -> None:
        """Run the checks of the single RPCs."""
        if item.requested.past and item.kind.entity is SYMBOL:
            await prepare.past_symbol(self._tx, row, before)
        elif item.kind.prepare is None:
            await operations.check_parents(self._tx, item.kind.entity, row, before)
        else:
            await item.kind.prepare(self._tx, row, before)
        if any(_overlap(row, other) for other in item.others):
            raise errors.AlreadyExists(VENUE_SYMBOL.name, "venue_symbol", TAKEN["venue_symbols__venue_symbol"])

    async def _changed(self, item: Item, before: Row) -> bool:
        """Whether an existing row must be updated; if so, `item.row` becomes the row to write."""
        entity, requested, result = item.kind.entity, item.requested, item.requested.result
        result.outcome, result.id, result.revision = pb.UNCHANGED, entity.row_id(before), before["revision"]
        if requested.expected is not None and requested.expected != before["revision"]:
            msg = f"{entity.name} is at revision {before['revision']}, expected {requested.expected}"
            raise errors.Aborted(msg)
        differs = _differing(item, before)
        left = {name: value for name, value in differs.items() if requested.mode == pb.CREATE_ONLY or before[name] is not None}
        if requested.mode in (pb.CREATE_ONLY, pb.FILL_UNSET):
            _add_changes(result.differs, entity.changes(before, {**dict(before), **left}))
            differs = {name: value for name, value in differs.items() if name not in left}
        elif entity is VENUE_ASSET and over(before, self._tx.now) and "delisted_at" not in item.given:
            differs["delisted_at"] = None
            differs.setdefault("listed_at", item.given.get("listed_at", self._tx.now))
        fixed = entity.fixed & differs.keys()
        if fixed:
            name = min(fixed)
            taken = f"it exists with {name} {before[name]!r}, which cannot change; delete it first if that is wrong"
            raise errors.AlreadyExists(entity.name, item.kind.natural[-1], taken)
        if not differs:
            return False
        item.row = {**dict(before), **differs}
        await self._prepare(item, item.row, before)
        item.changes = entity.changes(before, item.row)
        return bool(item.changes)

    # ---- writing ---------------------------------------------------------------------------------------------------

    async def _insert(self, entity: Entity, items: Sequence[Item]) -> None:
        inserted = await bulk.insert_many(self._tx.session, entity, [item.row for item in sorted(items, key=_order)])
        met = set()
        for item in items:
            item.before = stored = inserted[entity.row_id(item.row)]
            event_fields = {}
            if entity is VENUE_SYMBOL:
                # The statement saw the table as it was before all of its own rows.
                pair = stored["venue_id"], stored["symbol_id"]
                event_fields = {"is_new_listing": False} if pair in met else {}
                met.add(pair)
            self._tx.changed(entity, None, stored, **event_fields)
            item.requested.result.outcome = pb.CREATED
            item.requested.result.id = entity.row_id(stored)

    async def _update(self, entity: Entity, items: Sequence[Item]) -> None:
        updated = await bulk.update_many(self._tx.session, entity, [item.row for item in sorted(items, key=_order)])
        for item in items:
            before, stored = item.before, updated[entity.row_id(item.row)]
            assert before is not None  # noqa: S101 - only found rows are updated
            self._tx.changed(entity, before, stored)
            result = item.requested.result
            result.outcome = pb.UPDATED
            result.changed_fields.extend(_add_changes(result.changes, item.changes))
            item.before = stored

    async def _touch_groups(self, members: Sequence[Item]) -> None:
        """Mark the groups of changed members as changed."""
        named = sorted({item.row["group_id"] for item in members})
        if named:
            held = await operations.lock_live(self._tx, ASSET_GROUP, named)
            for after in await self._tx.session.rows(_TOUCH_GROUPS, named):
                self._tx.changed(ASSET_GROUP, held[after["group_id"]], after)

    async def _refuse_cycles(self, items: Sequence[Item]) -> None:
        """Raise Precondition if the new relationships close a cycle, among themselves or with stored ones."""
        for kinds in (rules.ACYCLIC, rules.MIGRATES):
            made = [item.row for item in items if item.row["relationship_type"] in kinds]
            ends = [[row[name] for row in made] for name in ("from_asset_id", "to_asset_id")]
            found = await self._tx.session.row(_CYCLES, *ends, sorted(kinds)) if made else None
            if found is not None:
                raise prepare.cycle(found["source"], found["target"], kinds)

    # ---- finding ---------------------------------------------------------------------------------------------------

    async def _find(self, kind: RowKind, items: Sequence[Item]) -> None:
        """Set the stored row of each item, locked."""
        if kind.entity is CHAIN:
            await self._find_by(kind, ("caip2",), (), [item for item in items if item.row["caip2"] is not None])
            items = [item for item in items if item.before is None and item.row["chain_id"] is not None]
        await self._find_by(kind, kind.natural, kind.nullable, items)
        for item in items if kind.entity is CHAIN else ():
            other = item.before["caip2"] if item.before is not None else None
            if None not in (other, item.row["caip2"]) and other != item.row["caip2"]:
                item.refuse(errors.AlreadyExists(CHAIN.name, "chain_slug", f"chain_slug is already used by chain {other!r}"))

    async def _find_by(self, kind: RowKind, columns: tuple[str, ...], nullable: tuple[str, ...], items: Sequence[Item]) -> None:
        if not items:
            return
        names = (*columns, *nullable)
        found: dict[tuple[Any, ...], list[Row]] = {}
        for row in await bulk.find(self._tx.session, kind.entity, columns, nullable, [item.row for item in items]):
            found.setdefault(tuple(row[name] for name in names), []).append(row)
        for item in items:
            rows = found.get(tuple(item.row[name] for name in names), [])
            if kind.entity is VENUE_SYMBOL:
                at = _meant_time(item.row, self._tx.now)
                item.before = next((row for row in rows if _holds(row, at)), None)
                item.others = [row for row in rows if row is not item.before]
            else:
                item.before = rows[0] if rows else None


def _differing(item: Item, before: Row) -> dict[str, Any]:
    """The columns, apart from the key, whose given values differ from the stored row."""
    columns, key = item.kind.entity.columns, KEPT[item.kind.field]

    def differs(name: str, value: Any) -> bool:
        if value == before[name]:
            return False
        kind = columns[name].kind
        return kind != "json" or comparable(value, kind) != comparable(before[name], kind)

    found = {name: value for name, value in item.given.items() if name not in key and differs(name, value)}
    numbers = [name for name in found if columns[name].kind == "number"]
    if numbers:
        # A double means the stored number if it is the nearest double to it.
        found |= BINDINGS[item.kind.field].values(item.message, before, numbers)
        found = {name: value for name, value in found.items() if differs(name, value)}
    return found


def _add_changes(into: Any, changes: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """Add the changed columns to a list of FieldChange, sorted by name; returns the names."""
    names = sorted(changes)
    for name in names:
        old, new = (each if isinstance(each, str | None) else orjson.dumps(each).decode() for each in changes[name])
        into.add(field=name, before=old, after=new)
    return names


def _meant_time(row: Row, now: datetime) -> datetime:
    """The time at which a listing row is compared with stored ones: its start, else now, else just before its end."""
    begins, ends = row["listed_at"], row["delisted_at"]
    if begins is None and ends is not None and ends <= now:
        begins = ends - timedelta(microseconds=1)
    return begins or now


def _holds(row: Row, at: datetime) -> bool:
    """Whether the interval of a listing contains the time."""
    begins, ends = row["listed_at"], row["delisted_at"]
    return (begins is None or begins <= at) and (ends is None or at < ends)


def _overlap(one: Row, two: Row) -> bool:
    """Whether the intervals of two listings overlap."""

    def before(ends: datetime | None, begins: datetime | None) -> bool:
        return ends is not None and begins is not None and ends <= begins

    return not (before(one["delisted_at"], two["listed_at"]) or before(two["delisted_at"], one["listed_at"]))


def _order(item: Item) -> tuple[str, ...]:
    return tuple(str(value) for value in item.natural())


def _disjoint(items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Split the rows into those without a common key, the first of each key, and the others."""
    batch: list[Item] = []
    later: list[Item] = []
    taken: set[Any] = set()
    for item in items:
        keys = _identity(item)
        (batch if taken.isdisjoint(keys) else later).append(item)
        taken |= keys
    return batch, later


def _apart(entity: Entity, items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Split the rows into those that mean different stored rows, the first of each, and the others."""
    batch: list[Item] = []
    same: list[Item] = []
    met: set[str] = set()
    for item in items:
        ident = "" if item.before is None else entity.row_id(item.before)
        (same if ident in met else batch).append(item)
        met |= {ident} - {""}
    return batch, same


def _identity(item: Item) -> set[Any]:
    """All keys by which a row may be found."""
    row = item.row
    if item.kind.entity is ASSET:
        own = {("asset_id", row["asset_id"])} if row["asset_id"] else set()
        return own | {(key.kind.field, *key.natural()) for key in item.keys}
    if item.kind.entity is CHAIN:
        return {(name, row[name]) for name in ("caip2", "chain_id") if row[name] is not None}
    return {item.natural()}
