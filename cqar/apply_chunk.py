"""One chunk of an Apply, rows of one kind, in one transaction: found, checked and written as sets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cqar import bulk, errors, operations
from cqar.apply_rows import BINDINGS, BY_ENTITY, Asked, Kind, required
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.entities import ASSET, ASSET_IDENTIFIER, CHAIN, DEPLOYMENT, RELATIONSHIP, SYMBOL, VENUE, VENUE_ASSET, VENUE_SYMBOL
from cqar.entity import Entity, Row, new_id
from cqar.outbox import Write
from cqar.prepare import blocked

_REF = "ref:"


class _Item:
    """A row under way: of the request, or a key of an asset row, whose fault is then the asset row's."""

    def __init__(self, kind: Kind, asked: Asked, given: dict[str, Any], *, child: bool = False) -> None:
        self.kind = kind
        self.asked = asked
        self.given = given
        self.child = child
        self.row: dict[str, Any] = {**dict.fromkeys(kind.entity.columns), **kind.entity.defaults, **given}
        self.before: Row | None = None
        #: an asset's keys, as given
        self.keys: list[tuple[Kind, dict[str, Any]]] = []

    def natural(self) -> tuple[Any, ...]:
        return tuple(self.row[name] for name in (*self.kind.natural, *self.kind.nullable))

    def refuse(self, error: errors.CqarError) -> None:
        if self.child:
            raise error
        self.asked.reject(error)


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
        if items:
            await self._write_items(items[0].kind, items)

    def _item(self, asked: Asked) -> _Item:
        message = self._resolved(asked.kind.entity, asked.message)
        item = _Item(asked.kind, asked, asked.values(message))
        for kind, key in asked.keys:
            given = BINDINGS[kind.field].values(key)
            given.pop("asset_id", None)
            item.keys.append((kind, given))
        if asked.kind.entity is ASSET and not item.keys and not item.given.get("asset_id"):
            raise errors.Invalid(
                "asset_id", "REQUIRED", "is not given, and no identifier or deployment to find the asset by either"
            )
        return item

    def _resolved(self, entity: Entity, message: Any) -> Any:
        """The message with ids in place of refs."""
        named = [column for column, _, _ in entity.parents if getattr(message, column).startswith(_REF)]
        if not named:
            return message
        copy = type(message)()
        copy.CopyFrom(message)
        for column in named:
            ref = getattr(message, column).removeprefix(_REF)
            if ref not in self._refs:
                raise errors.Invalid(column, "UNKNOWN_REF", f"no earlier row is called {ref[:60]!r}")
            resolved = self._refs[ref]
            if resolved is None:
                raise errors.Precondition("REF_REJECTED", column, f"{column}: the row {ref[:60]!r} it refers to was rejected")
            setattr(copy, column, resolved)
        return copy

    # ---- one kind --------------------------------------------------------------------------------------------------

    async def _write_items(self, kind: Kind, items: Sequence[_Item]) -> None:
        await self._lock_named(kind.entity, items)
        whole = []
        for item in items:
            try:
                await kind.complete(self._write, item.row)
            except errors.CqarError as error:
                item.refuse(error)
            else:
                whole.append(item)
        if kind.entity is ASSET:
            await self._complete_keys(whole)
        for batch in _rounds([item for item in whole if not item.asked.rejected]):
            await self._round(kind, batch)

    async def _lock_named(self, entity: Entity, items: Sequence[_Item]) -> None:
        """Lock all that the rows name, in one statement a kind, so that `prepare` finds it held."""
        write = self._write
        for parent in dict.fromkeys(parent for _, parent, _ in entity.parents):
            columns = [column for column, each, _ in entity.parents if each is parent]
            await operations.living(write, parent, {item.row[name] for item in items for name in columns} - {None})
        if entity is VENUE_SYMBOL:
            symbols = await operations.living(write, SYMBOL, {item.row["symbol_id"] for item in items})
            venues = await operations.living(write, VENUE, {item.row["venue_id"] for item in items})
            await operations.living(write, CHAIN, {row["chain_id"] for row in venues.values()} - {None})
            sides = ("base_asset_id", "quote_asset_id", "settlement_asset_id")
            assets = {row[side] for row in symbols.values() for side in sides} - {None}
            await operations.living(write, ASSET, assets)
            await blocked(write, assets)
        elif entity is VENUE_ASSET:
            await blocked(write, {item.row["asset_id"] for item in items})

    async def _round(self, kind: Kind, items: Sequence[_Item]) -> None:
        """Rows that do not mean the same one."""
        await self._find(kind, items)
        new, changed = [], []
        for item in items:
            if item.asked.rejected:
                continue
            try:
                if item.before is None:
                    new.append(await self._new(item))
                elif await self._changed(item, item.before):
                    changed.append(item)
            except errors.CqarError as error:
                item.refuse(error)
        await self._store(kind.entity, new, changed)
        if kind.entity is ASSET:
            await self._write_keys([item for item in items if not item.asked.rejected])

    async def _new(self, item: _Item) -> _Item:
        kind, row = item.kind, item.row
        if item.asked.expected is not None and not item.child:
            msg = f"{kind.entity.name} does not exist, so it is not at the expected revision {item.asked.expected}"
            raise errors.Aborted(msg)
        if kind.entity is ASSET and row["asset_id"] is not None:
            raise errors.NotFound(ASSET.name, row["asset_id"], "asset_id")
        required(kind, row)
        made = len(kind.entity.key) == 1 and row[kind.entity.key[0]] is None
        if made:
            row[kind.entity.key[0]] = new_id()
        item.asked.invented = item.asked.invented or (made and not item.child)
        await (
            kind.prepare(self._write, row, None)
            if kind.prepare
            else operations.only_parents(self._write, kind.entity, row, None)
        )
        return item

    async def _changed(self, item: _Item, before: Row) -> bool:
        """Whether the row is to be written; if so its `row` is what shall stand there."""
        kind, entity, asked = item.kind, item.kind.entity, item.asked
        if not item.child:
            asked.result.outcome = pb.UNCHANGED
            asked.result.id = entity.row_id(before)
            asked.result.revision = before["revision"]
            if asked.expected is not None and asked.expected != before["revision"]:
                msg = f"{entity.name} is at revision {before['revision']}, not at the expected {asked.expected}"
                raise errors.Aborted(msg)
        if item.child or asked.mode == pb.CREATE_ONLY:
            return False
        kept = {*kind.natural, *kind.nullable, *entity.key}
        given = {**item.given, **BINDINGS[kind.field].values(self._resolved(entity, asked.message), before)}
        given = {name: value for name, value in given.items() if name not in kept}
        if asked.mode == pb.FILL_UNSET:
            given = {name: value for name, value in given.items() if before[name] is None}
        elif entity is VENUE_ASSET and before["delisted_at"] is not None and before["delisted_at"] <= self._write.now:
            given = {"delisted_at": None, "listed_at": self._write.now, **given}
        row = {**dict(before), **given}
        if all(row[name] == before[name] for name in entity.written):
            return False
        await (
            kind.prepare(self._write, row, before)
            if kind.prepare
            else operations.only_parents(self._write, entity, row, before)
        )
        item.row = row
        return any(row[name] != before[name] for name in entity.written)

    async def _store(self, entity: Entity, new: Sequence[_Item], changed: Sequence[_Item]) -> None:
        session = self._write.session
        inserted = await bulk.insert_many(session, entity, [item.row for item in sorted(new, key=_order)])
        for item in new:
            stored = inserted[entity.row_id(item.row)]
            self._write.changed(entity, None, stored)
            if not item.child:
                item.asked.result.outcome = pb.CREATED
                item.asked.result.id = entity.row_id(stored)
            item.before = stored
        updated = await bulk.update_many(session, entity, [item.row for item in sorted(changed, key=_order)])
        for item in changed:
            before, stored = item.before, updated[entity.row_id(item.row)]
            assert before is not None  # noqa: S101 - only found rows are updated
            self._write.changed(entity, before, stored)
            result = item.asked.result
            result.outcome = pb.UPDATED
            result.changed_fields.extend(sorted(name for name in entity.written if before[name] != stored[name]))
            item.before = stored

    # ---- finding ---------------------------------------------------------------------------------------------------

    async def _find(self, kind: Kind, items: Sequence[_Item]) -> None:
        """Give each item the stored row that it means, locked."""
        if kind.entity is ASSET:
            await self._find_assets(items)
            return
        if kind.entity is CHAIN:
            named = [item for item in items if item.row["caip2"] is not None]
            await self._find_by(kind.entity, ("caip2",), (), named)
            items = [item for item in items if item.row["caip2"] is None]
        await self._find_by(kind.entity, kind.natural, kind.nullable, items)

    async def _find_by(
        self, entity: Entity, columns: tuple[str, ...], nullable: tuple[str, ...], items: Sequence[_Item]
    ) -> None:
        if not items:
            return
        names = (*columns, *nullable)
        found: dict[tuple[Any, ...], list[Row]] = {}
        for row in await bulk.find(self._write.session, entity, columns, nullable, [item.row for item in items]):
            found.setdefault(tuple(row[name] for name in names), []).append(row)
        for item in items:
            rows = found.get(tuple(item.row[name] for name in names), [])
            if entity is VENUE_SYMBOL:
                at = item.row["listed_at"] or self._write.now
                rows = [row for row in rows if _holds(row, at)]
            item.before = rows[0] if rows else None

    # ---- assets and their keys -------------------------------------------------------------------------------------

    async def _complete_keys(self, items: Sequence[_Item]) -> None:
        keys = [given for item in items for kind, given in item.keys if kind.entity is DEPLOYMENT]
        await operations.living(self._write, CHAIN, {given["chain_id"] for given in keys if "chain_id" in given})
        for item in items:
            try:
                for kind, given in item.keys:
                    row = {**dict.fromkeys(kind.entity.columns), **kind.entity.defaults, **given}
                    missing = [name for name in kind.needs if name != "asset_id" and row[name] is None]
                    if missing:
                        raise errors.Invalid(missing[0], "REQUIRED", f"is not given in a key of kind {kind.field}")
                    await kind.complete(self._write, row)
                    given.update({name: row[name] for name in kind.natural if name != "asset_id"})
            except errors.CqarError as error:
                item.refuse(error)

    async def _find_assets(self, items: Sequence[_Item]) -> None:
        """By asset_id, else by external ids, else by addresses. Several assets: the row is refused."""
        owners = {
            ASSET_IDENTIFIER: await self._owners(ASSET_IDENTIFIER, ("source", "external_id"), items),
            DEPLOYMENT: await self._owners(DEPLOYMENT, ("chain_id", "address"), items),
        }
        wanted: dict[int, str] = {}
        for item in items:
            asset_id = item.row["asset_id"]
            for entity in (ASSET_IDENTIFIER, DEPLOYMENT):
                if asset_id is None:
                    keys = [_key_of(kind, given) for kind, given in item.keys if kind.entity is entity]
                    found = sorted({owner for key in keys for owner in owners[entity].get(key, ())})
                    if len(found) > 1:
                        named = [(owner, "candidate") for owner in found]
                        item.refuse(errors.Ambiguous("the keys of this asset belong to several assets", named))
                    asset_id = found[0] if found else None
            if asset_id is not None:
                wanted[id(item)] = asset_id
        rows = [{"asset_id": each} for each in sorted(set(wanted.values()))]
        stored = (
            {row["asset_id"]: row for row in await bulk.find(self._write.session, ASSET, ("asset_id",), (), rows)}
            if rows
            else {}
        )
        for item in items:
            item.before = stored.get(wanted.get(id(item), ""))

    async def _owners(
        self, entity: Entity, columns: tuple[str, ...], items: Sequence[_Item]
    ) -> dict[tuple[Any, ...], set[str]]:
        keys = [given for item in items for kind, given in item.keys if kind.entity is entity]
        owners: dict[tuple[Any, ...], set[str]] = {}
        if keys:
            for row in await bulk.find(self._write.session, entity, columns, (), keys):
                owners.setdefault(tuple(row[name] for name in columns), set()).add(row["asset_id"])
        return owners

    async def _write_keys(self, items: Sequence[_Item]) -> None:
        """Create the keys that an asset lacks, in the same transaction; a fault of one is raised: the asset goes back too."""
        for name in (ASSET_IDENTIFIER.name, DEPLOYMENT.name):
            kind = BY_ENTITY[name]
            children = [
                _Item(kind, item.asked, {**given, "asset_id": item.before["asset_id"]}, child=True)
                for item in items
                for each, given in item.keys
                if each is kind and item.before is not None
            ]
            if not children:
                continue
            await self._write_items(kind, children)
            for child in children:
                if child.before is not None and child.before["asset_id"] != child.row["asset_id"]:
                    place = f"{child.row.get('address')!r} on {child.row.get('chain_id')!r}"
                    raise errors.AlreadyExists(kind.entity.name, "address", f"{place} is of asset {child.before['asset_id']!r}")


def _key_of(kind: Kind, given: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(given[name] for name in kind.natural if name != "asset_id")


def _holds(row: Row, at: Any) -> bool:
    """The interval of a listing holds the time."""
    begins, ends = row["listed_at"], row["delisted_at"]
    return (begins is None or begins <= at) and (ends is None or at < ends)


def _order(item: _Item) -> tuple[str, ...]:
    return tuple(str(value) for value in item.natural())


def _rounds(items: Sequence[_Item]) -> Iterator[list[_Item]]:
    """The items in batches in which no two mean the same row; relationships one by one, for each may close a cycle."""
    rest = list(items)
    while rest:
        batch: list[_Item] = []
        later: list[_Item] = []
        taken: set[Any] = set()
        for item in rest:
            keys = _identity(item)
            if taken & keys or (batch and item.kind.entity is RELATIONSHIP):
                later.append(item)
            else:
                batch.append(item)
            taken |= keys
        yield batch
        rest = later


def _identity(item: _Item) -> set[Any]:
    if item.kind.entity is ASSET:
        own = {("asset_id", item.row["asset_id"])} if item.row["asset_id"] else set()
        return own | {(kind.field, *_key_of(kind, given)) for kind, given in item.keys}
    if item.kind.entity is CHAIN and item.row["caip2"] is not None:
        return {("caip2", item.row["caip2"]), ("chain_id", item.row["chain_id"])}
    if item.kind.entity is CHAIN:
        return {("chain_id", item.row["chain_id"])}
    return {item.natural()}
