"""Statements over many rows of an entity at once: find by natural keys, insert, update. Rows travel as one JSON value.

PostgreSQL turns each JSON value into the column's type by the type's own input function, so numbers travel as text and
stay exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import orjson

from cqar import exact
from cqar.entity import Entity, Row
from cqar.store import Session, Sql


@cache
def find_sql(entity: Entity, columns: tuple[str, ...], nullable: tuple[str, ...] = ()) -> Sql:
    """The living rows that agree with any of the given ones in the columns, locked; `nullable` ones may be null in both."""
    same = [f"t.{name} = k.{name}" for name in columns] + [f"t.{name} IS NOT DISTINCT FROM k.{name}" for name in nullable]
    order = ", ".join(f"t.{name}" for name in entity.key)
    return Sql(
        f"find_{entity.name}_by_{'_'.join(columns)}",
        f"SELECT {entity.select} FROM {entity.table} t WHERE EXISTS (SELECT FROM"
        f" json_populate_recordset(NULL::{entity.table}, $1::json) k WHERE {' AND '.join(same)}){entity.living}"
        f" ORDER BY {order} FOR NO KEY UPDATE OF t",
    )


@cache
def insert_many_sql(entity: Entity) -> Sql:
    """Insert all rows."""
    columns = ", ".join(entity.written)
    return Sql(
        f"insert_many_{entity.name}",
        f"INSERT INTO {entity.table} AS t ({columns}) SELECT {columns}"
        f" FROM json_populate_recordset(NULL::{entity.table}, $1::json) RETURNING {entity.inserted}",
    )


@cache
def update_many_sql(entity: Entity) -> Sql:
    """Write all columns of all rows, found by their keys."""
    values = [f"{name} = r.{name}" for name in entity.written if name not in entity.key]
    values += ["updated_at = now()"] if entity.stamped else []
    same = " AND ".join(f"t.{name} = r.{name}" for name in entity.key)
    return Sql(
        f"update_many_{entity.name}",
        f"UPDATE {entity.table} AS t SET {', '.join(values)}"
        f" FROM json_populate_recordset(NULL::{entity.table}, $1::json) r WHERE {same} RETURNING {entity.select}",
    )


async def find(
    session: Session, entity: Entity, columns: tuple[str, ...], nullable: tuple[str, ...], rows: Iterable[Row]
) -> list[Row]:
    """The stored rows of these natural keys, locked."""
    names = (*columns, *nullable)
    keys = {tuple(row[name] for name in names): row for row in rows}
    wanted = [{name: row[name] for name in names} for row in keys.values()]
    return list(await session.rows(find_sql(entity, columns, nullable), _json(entity, wanted)))


async def insert_many(session: Session, entity: Entity, rows: Sequence[Row]) -> dict[str, Row]:
    """Insert the rows; the stored ones by row id."""
    return await _write(session, entity, insert_many_sql(entity), rows)


async def update_many(session: Session, entity: Entity, rows: Sequence[Row]) -> dict[str, Row]:
    """Write the rows; the stored ones by row id."""
    return await _write(session, entity, update_many_sql(entity), rows)


async def _write(session: Session, entity: Entity, sql: Sql, rows: Sequence[Row]) -> dict[str, Row]:
    if not rows:
        return {}
    wanted = [{name: row.get(name) for name in entity.written} for row in rows]
    return {entity.row_id(row): row for row in await session.rows(sql, _json(entity, wanted))}


def _json(entity: Entity, rows: Sequence[Mapping[str, Any]]) -> str:
    documents = {name for name, column in entity.columns.items() if column.kind == "json"}
    shown = [
        {name: orjson.Fragment(value) if name in documents and value is not None else value for name, value in row.items()}
        for row in rows
    ]
    return orjson.dumps(shown, default=_number).decode()


def _number(value: Any) -> str:
    if isinstance(value, Decimal):
        return exact.plain(value)
    raise TypeError
