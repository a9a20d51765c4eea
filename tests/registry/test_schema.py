"""The tables, the declarations of the entities and the contract agree."""

import re
from collections.abc import Iterator
from typing import Any

import asyncpg
from google.protobuf.descriptor import FieldDescriptor

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.model import addresses, rules
from cqar.model.entities import ALL, VENUE_SYMBOL
from cqar.model.entity import Entity
from cqar.services import asset_registry, registry
from tests.registry import statements

_TYPES = {
    "text": {"text"},
    "texts": {"text[]"},
    "flag": {"boolean"},
    "number": {"numeric"},
    "time": {"timestamp with time zone"},
    "json": {"jsonb"},
    "items": {"jsonb"},
}
_INTEGERS = {
    FieldDescriptor.TYPE_ENUM: "smallint",
    FieldDescriptor.TYPE_INT32: "integer",
    FieldDescriptor.TYPE_INT64: "bigint",
}


async def test_every_statement_of_the_package_fits_the_schema(connection: asyncpg.Connection) -> None:
    for sql in statements.everything():
        try:
            await connection.prepare(sql.text)
        except asyncpg.PostgresError as error:
            msg = f"{sql.name}: {error}\n{sql.text}"
            raise AssertionError(msg) from error


def test_no_statement_is_made_where_it_would_not_be_checked() -> None:
    assert statements.makers() == set(statements.MAKERS)


async def test_the_columns_of_an_entity_are_those_of_its_table(connection: asyncpg.Connection) -> None:
    for entity in ALL:
        rows = await connection.fetch(
            "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute"
            " WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped",
            entity.table,
        )
        table = {row["attname"]: row["type"] for row in rows}
        own = {"revision", *(["deleted_at"] if entity.soft else []), *(["updated_at"] if entity.stamped else [])}
        assert {*entity.columns, *own} | ({"created_at"} & set(table)) == set(table), entity.name
        for name, column in entity.columns.items():
            if column.kind == "integer":
                described = entity.message.DESCRIPTOR.fields_by_name[name]
                assert table[name] == _INTEGERS[described.type], f"{entity.table}.{name}"
            else:
                assert table[name] in _TYPES[column.kind], f"{entity.table}.{name}"


def _enums() -> Iterator[tuple[Entity, str, Any]]:
    for entity in ALL:
        for name in entity.columns:
            described = entity.message.DESCRIPTOR.fields_by_name.get(name)
            if described is not None and described.enum_type is not None:
                yield entity, name, described.enum_type


async def _check(connection: asyncpg.Connection, table: str, column: str) -> str:
    """The expression of the CHECK over that column alone."""
    found = await connection.fetch(
        "SELECT pg_get_expr(c.conbin, c.conrelid) AS expression FROM pg_constraint c JOIN pg_attribute a"
        " ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum] WHERE c.conrelid = $1::regclass AND a.attname = $2"
        " AND c.contype = 'c'",
        table,
        column,
    )
    assert len(found) == 1, f"{table}.{column}"
    return str(found[0]["expression"])


async def test_an_enum_column_takes_the_numbers_of_the_contract_and_no_other(connection: asyncpg.Connection) -> None:
    count = 0
    for entity, name, enum in _enums():
        if entity is VENUE_SYMBOL:
            # A foreign key keeps it in step with the symbol's.
            continue
        expression = await _check(connection, entity.table, name)
        known = {value.number for value in enum.values}
        for number in range(-1, max(known) + 2):
            taken = await connection.fetchval(f"SELECT {expression} FROM (SELECT {number}::smallint AS {name}) t")
            assert taken is (number in known - {0}), f"{entity.table}.{name} and {number}"
        count += 1
    assert count >= 10


async def test_the_words_that_columns_take_are_those_of_the_rules(connection: asyncpg.Connection) -> None:
    for table, column, words in (
        ("chains", "chain_type", addresses.CHAIN_TYPES),
        ("symbols", "margin_kind", rules.MARGIN_KINDS),
    ):
        expression = await _check(connection, table, column)
        for word in (*words, "other", "None", ""):
            taken = await connection.fetchval(f"SELECT {expression} FROM (SELECT $1::text AS {column}) t", word)
            assert taken is (word in words), word


async def test_a_broken_constraint_names_the_field_of_the_request(connection: asyncpg.Connection) -> None:
    told = 0
    for entity in ALL:
        rows = await connection.fetch(
            "SELECT conname AS name, contype::text AS kind FROM pg_constraint WHERE conrelid = $1::regclass AND contype <> 'n'"
            " UNION ALL SELECT c.relname, 'u' FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE i.indrelid = $1::regclass AND i.indisunique AND NOT i.indisprimary",
            entity.table,
        )
        for row in rows:
            if row["name"] == f"{entity.table}_pkey":
                assert len(entity.key) == 1, "an id that the registry makes is never taken"
                continue
            match = re.fullmatch(rf"{entity.table}__([a-z][a-z0-9_]*?)__([a-z_]+)", row["name"])
            assert match is not None, row["name"]
            assert match[1] in _fields(entity), row["name"]
            told += 1
    assert told > 80


def _fields(entity: Entity) -> set[str]:
    """The fields of all requests that write rows of the entity."""
    fields: set[str] = set()
    for method in (*asset_registry.METHODS, *registry.METHODS):
        shown = method.response.DESCRIPTOR.fields_by_name.get(entity.field)
        if method.kind == "write" and shown is not None and shown.message_type is entity.message.DESCRIPTOR:
            fields |= set(method.request.DESCRIPTOR.fields_by_name)
        for field in method.request.DESCRIPTOR.fields if method.kind == "write" else ():
            # A request that holds whole messages of the entity.
            if field.message_type is entity.message.DESCRIPTOR:
                fields |= set(field.message_type.fields_by_name)
    assert fields, entity.name
    return fields


async def test_a_double_of_the_contract_has_its_exact_twin_in_every_request() -> None:
    for method in asset_registry.METHODS:
        for each in method.request.DESCRIPTOR.fields:
            if each.type == FieldDescriptor.TYPE_DOUBLE:
                twin = method.request.DESCRIPTOR.fields_by_name[f"{each.name}_decimal"]
                assert twin.number == each.number + 100, each.full_name
    assert "tick_size_decimal" in pb.CreateSymbolRequest.DESCRIPTOR.fields_by_name
