"""Reading parts from PostgreSQL: the statements, and the rows that they return as parts at one snap."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import orjson

from cqar import errors, tasks
from cqar.model import entities, part_kinds
from cqar.model.cache_keys import kind_of
from cqar.model.entity import Entity, Row
from cqar.model.part_kinds import Beside, PartKind
from cqar.model.parts import Head, Stored, stored
from cqar.storage.postgres import Session, Sql

#: SQL: the history of the head `h`: its epoch, and the timeline of the server, which a promotion changes.
HISTORY = "h.epoch || '.' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS history"
#: SQL: the head `h`, where parts are read.
_HEAD = f"h.epoch::text AS epoch, h.seq AS snap, {HISTORY}"
HEAD = Sql("head", f"SELECT {_HEAD} FROM head h")

#: Kinds of columns that pass through JSON as text, without loss.
_AS_TEXT = frozenset({"number", "json"})
#: Rows that become parts between two turns of other tasks.
_AT_ONCE = 50


@cache
def fill_sql(name: str) -> Sql:
    """Parts of the kind of that name and the parts beside them, with the head: one statement, so one snapshot."""
    kind = part_kinds.BY_NAME[name]
    if not kind.beside:
        return Sql(f"fill_{name}", _text(_selects(kind, _found(kind))))
    [entity] = kind.entities
    # Materialized: the rows are found once, however many others are found by them.
    root = f"WITH root AS MATERIALIZED (SELECT t.* FROM {entity.table} t WHERE {_where(entity, _found(kind))}) "
    selects = [_select(kind, entity, "root t")]
    for beside in kind.beside:
        selects += _selects(beside.kind, f"{_columns(beside.kind)} {beside.which}")
        if beside.kind.optional:
            selects.append(_asked(beside))
    return Sql(f"fill_{name}", root + _text(selects))


@cache
def rows_sql(name: str) -> Sql:
    """Parts of the kind of that name and nothing else, with the head."""
    kind = part_kinds.BY_NAME[name]
    return Sql(f"rows_{name}", _text(_selects(kind, _found(kind))))


@cache
def keys_sql(name: str) -> Sql:
    """The next names in keys of the preloaded kind of that name, after the given ones, with the head."""
    kind = part_kinds.BY_NAME[name]
    entity, columns = kind.entities[0], ", ".join(f"t.{each}" for each in kind.columns)
    numbers = range(1, kind.arity + 1)
    after = f"({columns}) > ({', '.join(f'${at}::text' for at in numbers)})"
    rows = f"SELECT {columns} FROM {entity.table} t WHERE {_where(entity, after)} ORDER BY {columns} LIMIT ${kind.arity + 1}"
    names = ", ".join(f"x.{each}" for each in kind.columns)
    return Sql(f"keys_{name}", f"SELECT {_HEAD}, {names} FROM head h LEFT JOIN LATERAL ({rows}) x ON true ORDER BY {names}")


def _columns(kind: PartKind) -> str:
    """SQL: the columns over `t` that the keys of a kind name."""
    columns = ", ".join(f"t.{each}" for each in kind.columns)
    return columns if kind.arity == 1 else f"({columns})"


def _asked(beside: Beside) -> str:
    """SQL: the names of the parts beside, as JSON, in place of rows: a part may have none."""
    return f"SELECT '{beside.kind.name}' AS kind, NULL AS entity, to_json(w)::text AS row FROM {beside.names} w(first, second)"


def _found(kind: PartKind) -> str:
    """SQL: the condition over `t` for rows that the names in the keys find."""
    if kind.where:
        return kind.where
    columns = _columns(kind)
    if kind.arity == 1:
        return f"{columns} = ANY($1::text[])"
    # Names travel as text; an enum's number is compared as a number, so that its index serves.
    integers = [kind.entities[0].columns[each].kind == "integer" for each in kind.columns]
    named = "* FROM unnest($1::text[], $2::text[])"
    if any(integers):
        casts = [f"k.{name}{'::int' * integer}" for name, integer in zip(("first", "second"), integers, strict=True)]
        named = f"{', '.join(casts)} FROM unnest($1::text[], $2::text[]) k(first, second)"
    return f"{columns} IN (SELECT {named})"


def _where(entity: Entity, found: str) -> str:
    """SQL: the condition for the entity's rows to be found and in parts."""
    return " AND ".join(filter(None, (found, part_kinds.in_parts(entity))))


def _selects(kind: PartKind, found: str) -> list[str]:
    """SQL: the rows of parts of a kind that pass the condition, a SELECT per entity."""
    return [_select(kind, each, f"{each.table} t WHERE {_where(each, found)}") for each in kind.entities]


def _select(kind: PartKind, entity: Entity, rows: str) -> str:
    columns = [f"t.{each.name}::text" if each.kind in _AS_TEXT else f"t.{each.name}" for each in entity.columns.values()]
    columns += ["t.revision", *(["t.deleted_at"] if entity.soft else [])]
    inner = f"SELECT {', '.join(columns)} FROM {rows}"
    return f"SELECT '{kind.name}' AS kind, '{entity.name}' AS entity, row_to_json(r)::text AS row FROM ({inner}) r"


def _text(selects: Iterable[str]) -> str:
    rows = " UNION ALL ".join(selects)
    return f"SELECT {_HEAD}, x.kind, x.entity, x.row FROM head h LEFT JOIN LATERAL ({rows}) x ON true"


def _row(entity: Entity, text: str) -> dict[str, Any]:
    """A row as asyncpg would have given it, from its JSON."""
    row: dict[str, Any] = orjson.loads(text)
    for name, column in entity.columns.items():
        value = row[name]
        if value is not None and column.kind == "number":
            row[name] = Decimal(value)
        elif value is not None and column.kind == "time":
            row[name] = datetime.fromisoformat(value)
    return row


async def read(session: Session, *keys: str) -> tuple[Head, dict[str, list[Stored]]]:
    """Read the parts under keys of one kind, and the parts beside them, at one snap.

    A part without rows is in the result, empty. Yields to other tasks between rows. Raises Unavailable.
    """
    return await _read(session, fill_sql(kind_of(keys[0])), keys)


async def read_rows(session: Session, *keys: str) -> tuple[Head, dict[str, list[Stored]]]:
    """Read the parts under keys of one kind and nothing else, as `read`."""
    return await _read(session, rows_sql(kind_of(keys[0])), keys)


async def _read(session: Session, sql: Sql, keys: Sequence[str]) -> tuple[Head, dict[str, list[Stored]]]:
    root = part_kinds.of(keys[0])
    found: dict[str, list[Stored]] = {key: [] for key in keys}
    rows = await session.rows(sql, *map(list, zip(*map(root.names, keys), strict=True)))
    if not rows:
        raise errors.Unavailable(NO_HEAD)
    async for some in tasks.in_turns(rows, _AT_ONCE):
        for each in some:
            kind = each["kind"]
            if kind is None:
                continue
            if each["entity"] is None:
                names = orjson.loads(each["row"]).values()
                if None not in names:
                    found.setdefault(part_kinds.BY_NAME[kind].key(*names), [])
                continue
            entity = entities.BY_NAME[each["entity"]]
            row = _row(entity, each["row"])
            part_row = stored(entity, row)
            for key in entity.part_keys(row):
                # A row may also be in parts of the root's kind that were not requested: those would lack other rows.
                if kind_of(key) == kind and (kind != root.name or key in found):
                    found.setdefault(key, []).append(part_row)
    return _head(rows[0]), found


async def next_keys(session: Session, kind: PartKind, after: Sequence[str], limit: int) -> tuple[Head, list[str]]:
    """Up to `limit` keys of a preloaded kind that have rows, after the one with the names `after`, at one snap.

    A key repeats once for each of its rows. Raises Unavailable.
    """
    rows = await session.rows(keys_sql(kind.name), *after, limit)
    if not rows:
        raise errors.Unavailable(NO_HEAD)
    return _head(rows[0]), [kind.key(*names) for names in ([row[each] for each in kind.columns] for row in rows) if all(names)]


async def head(session: Session) -> Head:
    """The head now. Raises Unavailable."""
    row = await session.row(HEAD)
    if row is None:
        raise errors.Unavailable(NO_HEAD)
    return _head(row)


def _head(row: Row) -> Head:
    return Head(row["epoch"], row["snap"], row["history"])


class Preloaded(NamedTuple):
    """The parts of all preloaded kinds."""

    head: Head
    #: by key; a lone row stands for a list of it, which would take more memory than the row
    found: dict[str, Stored | list[Stored]]
    #: whether the limit cut nothing off
    whole: bool

    def take(self, keys: Iterable[str]) -> dict[str, Sequence[Stored]]:
        """Remove and return some of the parts."""
        taken = {key: self.found.pop(key) for key in keys}
        return {key: rows if isinstance(rows, list) else (rows,) for key, rows in taken.items()}


class _Table(NamedTuple):
    """A table that preloading reads: its rows, and the first of the preloaded kinds that have them."""

    kind: PartKind
    entity: Entity

    @property
    def belongs(self) -> bool:
        """Its rows belong to a row of another entity, as flags to an asset: they are in that row's part or in none."""
        return self.entity is not self.kind.entities[0]

    @property
    def grouped(self) -> bool:
        """A part has several of its rows, which are read in the order of their keys."""
        return not self.kind.single_row and len(self.kind.entities) == 1

    def sql(self) -> Sql:
        """The statement that reads it, up to a limit."""
        entity, which = self.entity, part_kinds.in_parts(self.entity)
        where = f" WHERE {which}" if which else ""
        order = f" ORDER BY {', '.join(f't.{each}' for each in self.kind.columns)}" if self.grouped else ""
        return Sql(f"all_{entity.plural}", f"SELECT {entity.select} FROM {entity.table} t{where}{order} LIMIT $1")

    def last_apart(self, rows: list[Row]) -> tuple[list[Row], list[Row]]:
        """Split rows in the order of their keys: those before the last part, and those of it, of which more may come."""
        last, at = self._key(rows[-1]), len(rows)
        while at and self._key(rows[at - 1]) == last:
            at -= 1
        return rows[:at], rows[at:]

    def _key(self, row: Row) -> str:
        return self.kind.key(*(row[each] for each in self.kind.columns))

    def gather(self, rows: Iterable[Row], into: dict[str, Stored | list[Stored]]) -> None:
        """Put rows into the parts that hold them."""
        entity, belongs = self.entity, self.belongs
        for row in rows:
            part_row = stored(entity, row)
            for key in entity.part_keys(row):
                if kind_of(key) in _PRELOADED and (not belongs or key in into):
                    _add(into, key, part_row)


def _tables() -> Iterator[_Table]:
    """The tables of all preloaded kinds, each once, in the order of the kinds."""
    seen = set[Entity]()
    for kind in part_kinds.ALL:
        for entity in kind.entities:
            if kind.preloaded and entity not in seen:
                seen.add(entity)
                yield _Table(kind, entity)


async def read_all(session: Session, limit: int, at_once: int) -> Preloaded:
    """The parts of all preloaded kinds, up to about `limit` rows, in a session that sees one snapshot.

    Reads `at_once` rows at a time and yields to other tasks between. The limit cuts off the kinds that come last, and
    never a part of the rows of a part.
    """
    at = await head(session)
    found: dict[str, Stored | list[Stored]] = {}
    whole, room = True, limit
    for sql, table in PRELOADS.items():
        # A part that lacks rows is wrong: rows that belong to others are all read, and the last group is dropped.
        most = None if table.belongs else max(0, room)
        read, last = 0, list[Row]()
        async for rows in session.pages(sql, at_once, most):
            read += len(rows)
            complete = rows
            if table.grouped:
                complete, last = table.last_apart(last + rows)
            table.gather(complete, found)
        cut = read == most
        if not cut:
            table.gather(last, found)
        room -= read
        whole = whole and not cut
    return Preloaded(at, found, whole)


def _add(into: dict[str, Stored | list[Stored]], key: str, row: Stored) -> None:
    """Put a row under a key."""
    there = into.get(key)
    if there is None:
        into[key] = row
    elif isinstance(there, list):
        there.append(row)
    else:
        into[key] = [there, row]


_PRELOADED = part_kinds.names(lambda kind: kind.preloaded)
#: The statements of preloading and their tables.
PRELOADS: Mapping[Sql, _Table] = {each.sql(): each for each in _tables()}

NO_HEAD = "the row of table head is missing: restore it from a backup or run the migrations again"
