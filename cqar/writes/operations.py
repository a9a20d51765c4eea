"""The generic operations: create, update, delete, get and list, each bound to an entity in a service's method table.

A write is called with its `Transaction` and the request, a read with a `Session`; both return the response. What an entity
needs beyond its declaration is its `prepare` step (see `cqar.writes.prepare`).
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from cqar import errors
from cqar.errors import Violation
from cqar.model.binding import TEXT, Binding
from cqar.model.entity import Entity, Row, new_id
from cqar.storage.postgres import Session, Sql
from cqar.writes import paging
from cqar.writes.transaction import Transaction

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

#: A row that is not stored yet, which prepare steps complete.
NewRow = dict[str, Any]
#: The step before an entity is written: it completes `row` in place, checks it, and locks what it depends on. `before` is the
#: stored row of an update.
Prepare = Callable[[Transaction, NewRow, Row | None], Awaitable[None]]

#: Request fields that operations read themselves.
CONTROL = frozenset({"expected_revision", "clear", "page_size", "page_token"})


# ---- statements, made of declarations ------------------------------------------------------------------------------


@cache
def insert_sql(entity: Entity) -> Sql:
    """Insert one row; the values are `entity.written`, in order."""
    values = ", ".join(f"${at}" for at in range(1, len(entity.written) + 1))
    columns = ", ".join(entity.written)
    return Sql(
        f"insert_{entity.name}",
        f"INSERT INTO {entity.table} AS t ({columns}) VALUES ({values}) RETURNING {entity.inserted}",
    )


@cache
def update_sql(entity: Entity) -> Sql:
    """Update all columns of one row; the values are the key, then the rest of `entity.written`."""
    rest = [name for name in entity.written if name not in entity.key]
    values = [f"{name} = ${at}" for at, name in enumerate(rest, len(entity.key) + 1)]
    values += ["updated_at = now()"] if entity.stamped else []
    return Sql(
        f"update_{entity.name}",
        f"UPDATE {entity.table} AS t SET {', '.join(values)} WHERE {_matched(entity)} RETURNING {entity.select}",
    )


@cache
def lock_sql(entity: Entity, strength: str = "FOR NO KEY UPDATE") -> Sql:
    """Select and lock one row by key, unless it is deleted."""
    return Sql(
        f"lock_{entity.name}[{strength}]",
        f"SELECT {entity.select} FROM {entity.table} t WHERE {_matched(entity)}{entity.not_deleted} {strength} OF t",
    )


@cache
def parents_sql(entity: Entity, strength: str = "FOR SHARE") -> Sql:
    """Select and lock rows by key, unless deleted, in key order, so that two writers do not deadlock."""
    return Sql(
        f"parents_{entity.name}[{strength}]",
        f"SELECT {entity.select} FROM {entity.table} t WHERE t.{entity.key[0]} = ANY($1::text[]){entity.not_deleted}"
        f" ORDER BY t.{entity.key[0]} {strength} OF t",
    )


@cache
def get_sql(entity: Entity) -> Sql:
    """Select one row by key, unless it is deleted."""
    return Sql(
        f"get_{entity.name}", f"SELECT {entity.select} FROM {entity.table} t WHERE {_matched(entity)}{entity.not_deleted}"
    )


@cache
def children_sql(child: Entity, column: str) -> Sql:
    """Select and lock the rows, except deleted ones, that name a parent in the column."""
    return Sql(
        f"children_{child.name}_by_{column}",
        f"SELECT {child.select} FROM {child.table} t WHERE t.{column} = $1{child.not_deleted}"
        f" ORDER BY {_key_list(child)} FOR UPDATE OF t",
    )


@cache
def soft_delete_sql(entity: Entity) -> Sql:
    """Mark one row as deleted."""
    return Sql(
        f"bury_{entity.name}",
        f"UPDATE {entity.table} AS t SET deleted_at = now() WHERE {_matched(entity)} RETURNING {entity.select}",
    )


@cache
def remove_sql(entity: Entity) -> Sql:
    """Delete one row."""
    return Sql(f"remove_{entity.name}", f"DELETE FROM {entity.table} AS t WHERE {_matched(entity)} RETURNING {entity.key[0]}")


def _matched(entity: Entity) -> str:
    return " AND ".join(f"t.{name} = ${at}" for at, name in enumerate(entity.key, 1))


def _key_list(entity: Entity) -> str:
    return ", ".join(f"t.{name}" for name in entity.key)


# ---- steps ---------------------------------------------------------------------------------------------------------


async def lock_live(tx: Transaction, entity: Entity, ids: Collection[str], strength: str = "FOR SHARE") -> dict[str, Row]:
    """The rows with these ids, except deleted ones, locked. Rows already locked FOR SHARE are not read again."""
    known = tx.locked if strength == "FOR SHARE" else {}
    unknown = sorted(each for each in ids if (entity.name, each) not in known)
    if unknown:
        found = {row[entity.key[0]]: row for row in await tx.session.rows(parents_sql(entity, strength), unknown)}
        known |= {(entity.name, each): found.get(each) for each in unknown}
    rows = {each: known[entity.name, each] for each in ids}
    return {each: row for each, row in rows.items() if row is not None}


async def lock_parents(tx: Transaction, entity: Entity, row: Row, strength: str = "FOR SHARE") -> dict[str, Row]:
    """Lock the rows that `row` names; returns them by column. Raises NotFound with the request's field if one is missing."""
    known = tx.locked if strength == "FOR SHARE" else {}
    wanted: dict[Entity, dict[str, str]] = {}
    found: dict[str, Row] = {}
    for column, parent, request_field in entity.parents:
        named = row.get(column)
        if named is None:
            continue
        locked = known.get((parent.name, named))
        if locked is None:
            wanted.setdefault(parent, {})[column] = request_field
        else:
            found[column] = locked
    for parent, columns in wanted.items():
        rows = await lock_live(tx, parent, {row[column] for column in columns}, strength)
        for column, request_field in columns.items():
            if row[column] not in rows:
                raise errors.NotFound(parent.name, row[column], request_field)
            found[column] = rows[row[column]]
    return found


async def check_parents(tx: Transaction, entity: Entity, row: Row, before: Row | None) -> None:
    """The default prepare step: lock the rows that `row` newly names."""
    named = row if before is None else {k: v for k, v in row.items() if v != before[k]}
    await lock_parents(tx, entity, named)


async def insert(tx: Transaction, entity: Entity, row: Row, **event: object) -> Row:
    """Insert a prepared row and record the change."""
    stored = await tx.session.row(insert_sql(entity), *(row.get(name) for name in entity.written))
    if stored is None:
        msg = f"INSERT of {entity.name} returned nothing"
        raise RuntimeError(msg)
    tx.changed(entity, None, stored, **event)
    return stored


async def replace(tx: Transaction, entity: Entity, before: Row, after: Row, **event: object) -> Row:
    """Update the row if it differs from the stored one, and record the change. Returns the stored row."""
    if not entity.changes(before, {**before, **{name: after[name] for name in entity.written}}):
        return before
    rest = [after[name] for name in entity.written if name not in entity.key]
    stored = await tx.session.row(update_sql(entity), *(before[name] for name in entity.key), *rest)
    if stored is None:
        raise errors.NotFound(entity.name, entity.row_id(before))
    tx.changed(entity, before, stored, **event)
    return stored


async def remove(tx: Transaction, entity: Entity, before: Row) -> None:
    """Delete a locked row, softly if the entity is declared so, and record the change."""
    key = [before[name] for name in entity.key]
    if entity.soft:
        tx.changed(entity, before, await tx.session.row(soft_delete_sql(entity), *key))
    else:
        await tx.session.row(remove_sql(entity), *key)
        tx.changed(entity, before, None)


def key_of(entity: Entity, request: Message) -> list[str]:
    """The key in a request. Raises Invalid if a part is missing or malformed."""
    errors.require(request, entity.key)
    return [TEXT[name](getattr(request, name), name) for name in entity.key]


def expect(row: Row, request: Any, entity: Entity) -> None:
    """Compare the request's expected_revision with the row's. Raises Aborted."""
    if request.HasField("expected_revision") and request.expected_revision != row["revision"]:
        msg = (
            f"{entity.name} {entity.row_id(row)!r} is at revision {row['revision']}, expected"
            f" {request.expected_revision}; read it again and retry"
        )
        raise errors.Moved(msg)


async def lock(tx: Transaction, entity: Entity, request: Any, strength: str = "FOR NO KEY UPDATE") -> Row:
    """The stored row that the request names, locked. Raises Invalid, NotFound, and Aborted as `expect`."""
    key = key_of(entity, request)
    row = await tx.session.row(lock_sql(entity, strength), *key)
    if row is None:
        raise errors.NotFound(entity.name, "/".join(key))
    expect(row, request, entity)
    return row


def cleared(binding: Binding, names: Sequence[str], given: Collection[str]) -> dict[str, None]:
    """The columns of the fields that a request unsets. Raises CannotClear; `given`: the columns that it sets."""
    columns: dict[str, None] = {}
    for name in names:
        column = name.removesuffix("_decimal")
        if column not in binding.bound:
            raise errors.CannotClear(name, "UNKNOWN_FIELD", "is not a field of this request that can be cleared")
        if column in binding.entity.required or column in binding.entity.defaults:
            raise errors.CannotClear(name, "REQUIRED", "cannot be cleared; set another value instead")
        if column in given:
            raise errors.CannotClear(name, "ALSO_SET", "is both set and cleared")
        columns[column] = None
    return columns


def required(entity: Entity, binding: Binding, row: Row) -> None:
    """Raise Invalid naming each required column that a new row lacks."""
    missing = [errors.required(binding.field_of(name)) for name in entity.required if row.get(name) is None]
    if missing:
        raise errors.Invalid.of(missing)


# ---- operations ----------------------------------------------------------------------------------------------------


class Create(Generic[Request, Response]):
    """Insert a row made of the request's fields."""

    def __init__(
        self,
        entity: Entity,
        request: type[Request],
        response: type[Response],
        *,
        prepare: Prepare | None = None,
        known: Collection[str] = (),
    ) -> None:
        self.entity = entity
        self.response = response
        self.prepare = prepare
        self.binding = Binding(request, entity, {*CONTROL, *known}, entity.renames)

    async def __call__(self, tx: Transaction, request: Request) -> Response:
        """Create the row. Raises Invalid, NotFound (a parent), AlreadyExists, Precondition."""
        row = self.row(request)
        if self.prepare is None:
            await check_parents(tx, self.entity, row, None)
        else:
            await self.prepare(tx, row, None)
        stored = await insert(tx, self.entity, row)
        response = self.response()
        tx.show(self.entity, stored, getattr(response, self.entity.field))
        return response

    def row(self, request: Request) -> NewRow:
        """The new row: the request's values, the defaults and a new id."""
        entity = self.entity
        row = {**dict.fromkeys(entity.columns), **entity.defaults, **self.binding.values(request)}
        required(entity, self.binding, row)
        if len(entity.key) == 1 and entity.key[0] not in self.binding.bound:
            row[entity.key[0]] = new_id()
        return row


class Update(Generic[Request, Response]):
    """Change the fields of one row that the request sets or clears."""

    def __init__(
        self, entity: Entity, request: type[Request], response: type[Response], *, prepare: Prepare | None = None
    ) -> None:
        self.entity = entity
        self.response = response
        self.prepare = prepare
        self.binding = Binding(request, entity, {*CONTROL, *entity.key})

    async def __call__(self, tx: Transaction, request: Request) -> Response:
        """Update the row. Raises Invalid, NotFound, AlreadyExists, Precondition, Aborted."""
        try:
            return await self._update(tx, request)
        except errors.CqarError as error:
            raise error.renamed(self.binding.field_name) from error

    async def _update(self, tx: Transaction, request: Request) -> Response:
        entity = self.entity
        before = await lock(tx, entity, request)
        row = self.merged(before, request)
        if self.prepare is None:
            await check_parents(tx, entity, row, before)
        else:
            await self.prepare(tx, row, before)
        stored = await replace(tx, entity, before, row)
        response = self.response()
        tx.show(entity, stored, getattr(response, entity.field))
        return response

    def merged(self, before: Row, request: Request) -> NewRow:
        """The stored row with the request's changes."""
        fields: Any = request  # of every update: `clear`
        given = self.binding.values(request, before)
        return {**dict(before), **given, **cleared(self.binding, fields.clear, given)}


class Delete(Generic[Response]):
    """Delete one row unless it is in use; rows that belong to it are deleted too."""

    def __init__(
        self,
        entity: Entity,
        response: type[Response],
        *,
        used: Sql | None = None,
        along: Sequence[tuple[Entity, str]] = (),
    ) -> None:
        self.entity = entity
        self.response = response
        self.used = used
        self.along = along

    async def __call__(self, tx: Transaction, request: Message) -> Response:
        """Delete the row. Raises NotFound, Aborted, and Precondition naming what uses it."""
        entity = self.entity
        before = await lock(tx, entity, request, "FOR UPDATE")
        key = [before[name] for name in entity.key]
        if self.used is not None:
            users = await tx.session.rows(self.used, *key)
            if users:
                raise in_use(entity, key, users)
        for child, column in self.along:
            for each in await tx.session.rows(children_sql(child, column), *key):
                await remove(tx, child, each)
        await remove(tx, entity, before)
        if "success" in self.response.DESCRIPTOR.fields_by_name:
            return self.response(success=True)
        return self.response(**{entity.field: entity.answer(before)})


def in_use(entity: Entity, key: Sequence[str], users: Sequence[Row]) -> errors.Precondition:
    """The error that names the users of a row; `users` have kind and id."""
    name = "/".join(key)
    first, *more = [Violation(f"{user['kind']}:{user['id']}", "IN_USE", f"uses {entity.name} {name}") for user in users]
    named = ", ".join(f"{user['kind']} {user['id']}" for user in users[:3])
    description = f"{entity.name} {name!r} is in use by {named}; remove or delist those first"
    return errors.Precondition("IN_USE", first.field, description, *more)


class Get(Generic[Response]):
    """Read one row by key."""

    def __init__(self, entity: Entity, response: type[Response]) -> None:
        self.entity = entity
        self.response = response

    async def __call__(self, session: Session, request: Message) -> Response:
        """Return the row. Raises Invalid, NotFound."""
        key = key_of(self.entity, request)
        row = await session.row(get_sql(self.entity), *key)
        if row is None:
            raise errors.NotFound(self.entity.name, "/".join(key))
        revision = {"revision": row["revision"]} if "revision" in self.response.DESCRIPTOR.fields_by_name else {}
        return self.response(**{self.entity.field: self.entity.answer(row)}, **revision)


class List(Generic[Response]):
    """Read the rows, except deleted ones, that pass the filters, in key order: a page or all."""

    def __init__(
        self,
        entity: Entity,
        response: type[Response],
        filters: Sequence[paging.Filter],
        *,
        needs: Sequence[str] = (),
        unless: str | None = None,
        prepare: Callable[[Session, Any], Awaitable[Mapping[str, object]]] | None = None,
    ) -> None:
        self.entity = entity
        self.response = response
        self.filters = filters
        #: required fields, unless the request has the field `unless`
        self.needs = needs
        self.unless = unless
        self.prepare = prepare

    async def __call__(self, session: Session, request: Message) -> Response:
        """Return the rows. Raises Invalid for a bad filter or token, Exhausted if all rows do not fit one response."""
        if self.unless is None or not getattr(request, self.unless):
            errors.require(request, self.needs)
        given = {} if self.prepare is None else await self.prepare(session, request)
        return await paging.page(session, self.entity, self.filters, request, self.response, given)
