"""Statements on many rows of an entity: find by natural key, insert, update. Rows are sent as one JSON value.

PostgreSQL converts each JSON value with the column type's input function, so numbers are sent as text and stay exact.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cache

import orjson

from cqar.model.entity import DOCUMENTS, Entity, Row
from cqar.storage.postgres import Session, Sql


@cache
def find_sql(entity: Entity, columns: tuple[str, ...], nulls: tuple[str, ...] = ()) -> Sql:
    """Select and lock the rows, except deleted ones, that match a given row in `columns` and are NULL in `nulls`."""
    same = [f"t.{name} = k.{name}" for name in columns] + [f"t.{name} IS NULL" for name in nulls]
    order = ", ".join(f"t.{name}" for name in entity.key)
    return Sql(
        f"find_{entity.name}_by_{'_'.join(columns)}{len(nulls) or ''}",
        f"SELECT {entity.select} FROM {entity.table} t WHERE EXISTS (SELECT FROM"
        f" json_populate_recordset(NULL::{entity.table}, $1::json) k WHERE {' AND '.join(same)}){entity.not_deleted}"
        f" ORDER BY {order} FOR NO KEY UPDATE OF t",
    )


@cache
def insert_many_sql(entity: Entity) -> Sql:
    """Insert all rows; returns the columns that the database fills in."""
    columns = ", ".join(entity.written)
    event_fields = "".join(f", {sql} AS event_{name}" for name, sql in entity.event_fields.items())
    return Sql(
        f"insert_many_{entity.name}",
        f"INSERT INTO {entity.table} AS t ({columns}) SELECT {columns}"
        f" FROM json_populate_recordset(NULL::{entity.table}, $1::json) RETURNING {_filled(entity)}{event_fields}",
    )


@cache
def update_many_sql(entity: Entity) -> Sql:
    """Update all columns of all rows by key; returns the columns that the database fills in."""
    values = [f"{name} = r.{name}" for name in entity.written if name not in entity.key]
    values += ["updated_at = now()"] if entity.stamped else []
    same = " AND ".join(f"t.{name} = r.{name}" for name in entity.key)
    return Sql(
        f"update_many_{entity.name}",
        f"UPDATE {entity.table} AS t SET {', '.join(values)}"
        f" FROM json_populate_recordset(NULL::{entity.table}, $1::json) r WHERE {same} RETURNING {_filled(entity)}",
    )


def _filled(entity: Entity) -> str:
    """The key and the columns that the database fills in."""
    filled = [name for name in entity.columns if name not in entity.written]
    return ", ".join(f"t.{name}" for name in (*entity.key, *filled, "revision"))


async def find(
    session: Session, entity: Entity, columns: tuple[str, ...], nullable: tuple[str, ...], rows: Iterable[Row]
) -> list[Row]:
    """The stored rows with these natural keys, locked. NULL in a key matches NULL.

    One statement per set of NULL columns: no index finds rows that are equal or NULL on both sides.
    """
    names = (*columns, *nullable)
    wanted: dict[tuple[str, ...], set[tuple[object, ...]]] = {}
    for row in rows:
        nulls = tuple(name for name in nullable if row[name] is None)
        wanted.setdefault(nulls, set()).add(tuple(row[name] for name in names))
    found: list[Row] = []
    for nulls, keys in wanted.items():
        set_ = tuple(name for name in names if name not in nulls)
        document = _json(entity, names, [dict(zip(names, key, strict=True)) for key in keys])
        found += await session.rows(find_sql(entity, set_, nulls), document)
    return found


async def insert_many(session: Session, entity: Entity, rows: Sequence[Row]) -> dict[str, Row]:
    """Insert the rows. Returns the stored rows by row id."""
    return await _write(session, entity, insert_many_sql(entity), rows)


async def update_many(session: Session, entity: Entity, rows: Sequence[Row]) -> dict[str, Row]:
    """Update the rows. Returns the stored rows by row id."""
    return await _write(session, entity, update_many_sql(entity), rows)


async def _write(session: Session, entity: Entity, sql: Sql, rows: Sequence[Row]) -> dict[str, Row]:
    if not rows:
        return {}
    given = {entity.row_id(row): row for row in rows}
    alive = {"deleted_at": None} if entity.soft else {}
    found = await session.rows(sql, _json(entity, entity.written, rows))
    return {ident: {**alive, **given[ident], **dict(row)} for row in found if (ident := entity.row_id(row)) in given}


def _json(entity: Entity, names: Iterable[str], rows: Sequence[Row]) -> str:
    """The named columns of the rows as JSON text, without NULL values."""
    documents = [name for name, column in entity.columns.items() if column.kind in DOCUMENTS]
    shown = [{name: value for name in names if (value := row[name]) is not None} for row in rows]
    for row in shown:
        for name in documents:
            if name in row:
                row[name] = orjson.Fragment(row[name])
    return orjson.dumps(shown, default=_number).decode()


def _number(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError
