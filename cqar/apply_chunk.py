"""One chunk of an Apply, rows of one kind, in one transaction: found, checked and written as sets."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from cqar import apply_assets, bulk, errors, operations, prepare, rules
from cqar.apply_rows import BINDINGS, Asked, Item, Kind, required
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.entities import (
    ASSET,
    ASSET_GROUP,
    ASSET_GROUP_MEMBER,
    CHAIN,
    DEPLOYMENT,
    RELATIONSHIP,
    SYMBOL,
    VENUE,
    VENUE_ASSET,
    VENUE_SYMBOL,
)
from cqar.entity import Entity, Row, comparable, new_id
from cqar.outbox import Write, over
from cqar.store import Sql

REF = "ref:"
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
STATEMENTS = (_TOUCH_GROUPS, _CYCLES)
_SIDES = ("base_asset_id", "quote_asset_id", "settlement_asset_id")


class Chunk:
    """Runs chunks in the transaction of a `Write`. `refs`: the ids of earlier rows by their names, None for rejected ones."""

    def __init__(self, write: Write, refs: Mapping[str, str | None]) -> None:
        self._write = write
        self._refs = refs

    async def run(self, rows: Sequence[Asked]) -> None:
        """Write the rows. A row's own fault goes into its result; what the database refuses is raised."""
        items = []
        for asked in rows:
            if asked.final:
                continue
            asked.result.Clear()
            try:
                items.append(self._item(asked))
            except errors.CqarError as error:
                asked.reject(error)
        if not items:
            return
        kind = items[0].kind
        await self._lock_named(kind.entity, items)
        if kind.entity is ASSET:
            await apply_assets.lock(self._write, items)
        rest = [item for item in items if await self._complete(item)]
        while rest:
            rest = await self._round(kind, rest)

    def _item(self, asked: Asked) -> Item:
        item = Item(asked.kind, asked, self._resolved(asked.kind.entity, asked.message))
        met = set()
        for kind, place, key in asked.keys:
            try:
                each = Item(kind, asked, self._resolved(kind.entity, key), place)
            except errors.CqarError as error:
                raise error.renamed(lambda field, place=place: f"{place}.{field}") from error
            if (kind, each.natural()) not in met:
                item.keys.append(each)
            met.add((kind, each.natural()))
        if asked.kind.entity is ASSET and not item.keys and item.row["asset_id"] is None:
            raise errors.Invalid(
                "asset_id", "REQUIRED", "is not given, and no identifier or deployment to find the asset by either"
            )
        return item

    def _resolved(self, entity: Entity, message: Any) -> Any:
        """The message with ids in place of refs."""
        named = [column for column, _, _ in entity.parents if getattr(message, column).startswith(REF)]
        if not named:
            return message
        copy = type(message)()
        copy.CopyFrom(message)
        for column in named:
            ref = getattr(message, column).removeprefix(REF)
            if ref not in self._refs:
                raise errors.Invalid(column, "UNKNOWN_REF", f"no row that this one could refer to is called {ref[:60]!r}")
            resolved = self._refs[ref]
            if resolved is None:
                raise errors.Precondition("REF_REJECTED", column, f"{column}: the row {ref[:60]!r} it refers to was rejected")
            setattr(copy, column, resolved)
        return copy

    # ---- what the rows name ----------------------------------------------------------------------------------------

    async def _lock_named(self, entity: Entity, items: Sequence[Item]) -> None:
        """Lock all that the rows name, in one statement a kind, so that `prepare` finds it held."""
        write = self._write
        if entity is RELATIONSHIP and any(item.row["relationship_type"] in rules.ACYCLIC for item in items):
            await prepare.lock_cycles(write)
        for parent in dict.fromkeys(parent for _, parent, _ in entity.parents):
            columns = [column for column, each, _ in entity.parents if each is parent]
            named = {item.row[name] for item in items for name in columns} - {None}
            if parent is ASSET_GROUP:
                # Groups change with their members.
                found = await operations.living(write, parent, named, "FOR NO KEY UPDATE")
                write.held |= {(parent.name, each): found.get(each) for each in named}
            else:
                await operations.living(write, parent, named)
        if entity is VENUE_SYMBOL:
            symbols = await operations.living(write, SYMBOL, {item.row["symbol_id"] for item in items})
            venues = await operations.living(write, VENUE, {item.row["venue_id"] for item in items})
            await operations.living(write, CHAIN, {row["chain_id"] for row in venues.values()} - {None})
            assets = {row[side] for row in symbols.values() for side in _SIDES} - {None}
            await operations.living(write, ASSET, assets)
            await prepare.blocked(write, assets)
        elif entity is VENUE_ASSET:
            await prepare.blocked(write, {item.row["asset_id"] for item in items})

    async def _complete(self, item: Item) -> bool:
        """Complete the natural key of the row, and the keys of an asset; False where it is refused."""
        for each in (item, *item.keys):
            try:
                await each.kind.complete(self._write, each.row)
            except errors.CqarError as error:
                each.refuse(error)
                return False
        return True

    # ---- one round -------------------------------------------------------------------------------------------------

    async def _round(self, kind: Kind, items: Sequence[Item]) -> list[Item]:
        """Write those of the rows that do not mean the same one as an earlier one; the others."""
        batch, later = _disjoint(items)
        if kind.entity is ASSET:
            await apply_assets.find(self._write, batch)
        else:
            await self._find(kind, batch)
        batch = [item for item in batch if not item.asked.rejected]
        stored = set()
        new, changed, done = [], [], []
        for item in batch:
            ident = None if item.before is None else kind.entity.row_id(item.before)
            if ident in stored:
                later.append(item)
                continue
            stored.add(ident) if ident else None
            try:
                if item.before is None:
                    await self._new(item)
                    new.append(item)
                elif await self._changed(item, item.before):
                    changed.append(item)
                if kind.entity is ASSET:
                    await apply_assets.prepare_keys(self._write, item)
            except errors.CqarError as error:
                item.refuse(error)
            else:
                done.append(item)
        return later
