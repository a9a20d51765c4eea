"""The transaction of a write: it collects changed rows and ends with audit, outbox and revision.

`head` is the last lock. When all row locks are held and all constraints checked, one statement assigns the revisions, writes
outbox and audit, and stamps the changed rows. Then comes COMMIT.
"""

import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import NamedTuple

import orjson
from google.protobuf.message import Message

from cqar import errors
from cqar.model import entities, events
from cqar.model.call import Call
from cqar.model.entity import Entity, Row
from cqar.observability import tracing
from cqar.storage import parts
from cqar.storage.postgres import Pool, Session, Sql

#: Larger values are not carried in changes: caches read them from PostgreSQL.
MAX_VALUE = 8_192


class _Change:
    """The change of one row in this transaction."""

    def __init__(self, entity: Entity, before: Row | None, after: Row | None) -> None:
        self.entity = entity
        self.before = before
        self.after = after
        self.event_id = str(uuid.uuid4())
        self.event: Message | None = None

    @property
    def row(self) -> Row:
        row = self.after if self.after is not None else self.before
        assert row is not None  # noqa: S101 - one of the two is given
        return row

    @cached_property
    def stored(self) -> Message:
        """The row as caches and events contain it."""
        return self.entity.stored(self.row)

    @property
    def deleted(self) -> bool:
        return self.after is None or (self.entity.soft and self.after["deleted_at"] is not None)

    @property
    def op(self) -> str:
        if self.before is None:
            return "create"
        return "delete" if self.deleted else "update"

    def columns(self) -> dict[str, tuple[object, object]]:
        return self.entity.changes(self.before or {}, self.after or {})


class Batch(NamedTuple):
    """What an operation that makes its own transactions is called with."""

    pool: Pool
    call: Call


class Transaction:
    """One write: collects the changed rows; `finish` assigns their revisions."""

    def __init__(self, session: Session, call: Call) -> None:
        self.session = session
        self.call = call
        self.now = datetime.now(UTC)
        #: the revision of the last change; if nothing changed, that of the row read
        self.revision = 0
        #: rows that this transaction holds locked FOR SHARE, by entity and id; None if the row does not exist
        self.locked: dict[tuple[str, str], Row | None] = {}
        #: whether an asset is blocked, for locked assets
        self.blocked: dict[str, bool] = {}
        self._changes: dict[tuple[str, str], _Change] = {}
        #: listing id -> its symbol before and after a move
        self._moves: dict[str, tuple[Row, Row]] = {}
        self._revisions: dict[tuple[str, str], int] = {}
        self._stamps: list[tuple[Message, tuple[str, str]]] = []

    def changed(self, entity: Entity, before: Row | None, after: Row | None, **event: object) -> None:
        """Record the change of a row; `before` is None for a new row, `after` for a deleted one.

        `event`: fields of its contract event.
        """
        ident = (entity.name, entity.row_id(after if after is not None else before or {}))
        self.locked.pop(ident, None)
        earlier = self._changes.get(ident)
        change = _Change(entity, before if earlier is None else earlier.before, after)
        if change.before is None and change.after is None:
            del self._changes[ident]
            return
        self._changes[ident] = change
        if after is None:
            return
        if before is not None and earlier is not None and earlier.event is not None:
            change.event_id, change.event = earlier.event_id, earlier.event
            if change.before is None:
                getattr(change.event, entity.field).CopyFrom(change.stored)
                return
        change.event = self._event(change, before, after, event) or change.event

    def moves(self, listing: Row, old: Row, new: Row) -> None:
        """Note the symbols between which a listing is about to move, for its event."""
        self._moves[listing["listing_id"]] = old, new

    def _event(self, change: _Change, before: Row | None, after: Row, given: Mapping[str, object]) -> Message | None:
        """The contract's event of the change, if any: of a new row, or of a listing that reopens, ends or moves."""
        entity = change.entity
        if entity.created is not None and before is None:
            derived = {name: after[f"event_{name}"] for name in entity.event_fields}
            fields = events.created_fields(entity, change.stored, {**derived, **given})
            return events.contract_event(entity.created, self.call, change.event_id, self.now, **fields)
        if before is None:
            return None
        if entity.delisted is None or before["delisted_at"] == after["delisted_at"]:
            return self._moved(change, before, after)
        if entity.created is not None and over(before, self.now) and not over(after, self.now):
            fields = events.created_fields(entity, change.stored, {"is_new_listing": False})
            return events.contract_event(entity.created, self.call, change.event_id, self.now, **fields)
        if after["delisted_at"] is None:
            return None
        fields = {name: after[name] for name in entity.delisted.DESCRIPTOR.fields_by_name if name in after}
        return events.contract_event(entity.delisted, self.call, change.event_id, after["delisted_at"], **fields, **given)

    def _moved(self, change: _Change, before: Row, after: Row) -> Message | None:
        """The event of a market that is of another asset now."""
        entity = change.entity
        if entity.moved is None or change.deleted or all(before[name] == after[name] for name in entity.moves):
            return None
        old, new = before, after
        fields: dict[str, object] = {}
        if entity is not entities.SYMBOL:
            old, new = self._moves[entity.row_id(after)]
            fields = {entity.field: change.stored}
        sides = {f"previous_{name}": old[name] for name in entities.SYMBOL.moves if old[name] is not None}
        fields |= {"symbol": entities.SYMBOL.stored(new), "previous_symbol_id": old["symbol_id"], **sides}
        return events.contract_event(entity.moved, self.call, change.event_id, self.now, **fields)

    def show(self, entity: Entity, row: Row, into: Message) -> None:
        """Copy the row into a response; `finish` sets its revision."""
        into.CopyFrom(entity.answer(row))
        self._stamps.append((into, (entity.name, entity.row_id(row))))
        self.revision = max(self.revision, row["revision"])

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo the body, collected changes included, if it raises."""
        kept = dict(self._changes)
        try:
            async with self.session.savepoint():
                yield
        except BaseException:
            self._changes = kept
            self.locked.clear()
            self.blocked.clear()
            raise

    def revision_of(self, entity: Entity, row_id: str) -> int:
        """The revision that `finish` assigned to a row; 0 if it did not change."""
        return self._revisions.get((entity.name, row_id), 0)

    async def finish(self) -> None:
        """Assign the revisions, write outbox and audit, stamp rows and responses. No lock may be taken afterwards."""
        if not self._changes:
            return
        changes = list(self._changes.values())
        tables = tuple(sorted({each.entity.name for each in changes if each.after is not None}))
        by = (*self._who(), self.call.source, tracing.traceparent())
        counted = await self.session.row(finish_sql(tables), *_arrays(changes), len(changes), *by)
        if counted is None:
            raise errors.Unavailable(parts.NO_HEAD)
        self.revision = counted["seq"]
        for offset, ident in enumerate(self._changes, self.revision - len(changes) + 1):
            self._revisions[ident] = offset
        for message, ident in self._stamps:
            if ident in self._revisions:
                message.revision = self._revisions[ident]  # type: ignore[attr-defined]  # every entity message has it

    def _who(self) -> tuple[str, str]:
        return self.call.principal.name, self.call.method

    # ---- repeats ---------------------------------------------------------------------------------------------------

    async def earlier_response(self, request: bytes) -> bytes | None:
        """The response to an earlier call with this idempotency key, after waiting for a running one; else None."""
        key = self.call.idempotency_key
        if key is None:
            return None
        digest = hashlib.sha256(request).digest()
        scope = (*self._who(), key)
        if await self.session.row(_CLAIM, *scope, digest) is not None:
            return None
        earlier = await self.session.row(_RECALL, *scope)
        if earlier is None:
            msg = "the earlier call with this idempotency key was rolled back; retry"
            raise errors.Aborted(msg)
        if earlier["request_hash"] != digest:
            raise errors.Invalid("idempotency-key", "REUSED", "this key was used for a different request; use a new one")
        self.revision = earlier["revision"]
        response: bytes = earlier["response"]
        return response

    async def store_response(self, response: bytes) -> None:
        """Store the response for repeated calls with the same idempotency key."""
        if self.call.idempotency_key is not None:
            await self.session.row(_REMEMBER, *self._who(), self.call.idempotency_key, response, self.revision)


def over(row: Row, now: datetime) -> bool:
    """Whether a listing or a venue asset has ended."""
    return row["delisted_at"] is not None and bool(row["delisted_at"] <= now)


_CLAIM = Sql(
    "claim_idempotency_key",
    "INSERT INTO idempotency_keys (principal, method, idempotency_key, request_hash, response, revision)"
    " VALUES ($1, $2, $3, $4, '', 0) ON CONFLICT (principal, method, idempotency_key) DO UPDATE"
    " SET request_hash = excluded.request_hash, created_at = now()"
    " WHERE idempotency_keys.created_at < now() - interval '24 hours' RETURNING created_at",
)
_RECALL = Sql(
    "recall_idempotency_key",
    "SELECT request_hash, response, revision FROM idempotency_keys"
    " WHERE principal = $1 AND method = $2 AND idempotency_key = $3",
)
_REMEMBER = Sql(
    "remember_idempotency_key",
    "UPDATE idempotency_keys SET response = $4, revision = $5 WHERE principal = $1 AND method = $2 AND idempotency_key = $3",
)

_FIELDS: Mapping[str, str] = {
    "entity": "text",
    "row_id": "text",
    "key1": "text",
    "key2": "text",
    "op": "text",
    "keys": "text",
    "left_keys": "text",
    "value": "bytea",
    "deleted": "boolean",
    "event_id": "uuid",
    "event_type": "text",
    "event": "bytea",
    "changes": "text",
}


def _arrays(changes: list[_Change]) -> list[list[object]]:
    """The changes as one array per field of `_FIELDS`. Part keys contain no control characters, so newlines separate them."""
    columns: list[list[object]] = [[] for _ in _FIELDS]
    for each in changes:
        keys = each.entity.part_keys(each.after) if each.after is not None else ()
        old = each.entity.part_keys(each.before) if each.before is not None else ()
        value = each.stored.SerializeToString()
        ident = [each.row[name] for name in each.entity.key]
        row = (
            each.entity.name,
            each.entity.row_id(each.row),
            ident[0],
            ident[-1],
            each.op,
            "\n".join(keys),
            "\n".join(key for key in old if key not in keys),
            value if each.after is not None and each.entity.carried and len(value) <= MAX_VALUE else None,
            each.deleted,
            each.event_id,
            events.subject_of(each.event) if each.event is not None else None,
            each.event.SerializeToString() if each.event is not None else None,
            orjson.dumps(each.columns()).decode(),
        )
        for column, value_ in zip(columns, row, strict=True):
            column.append(value_)
    return columns


@cache
def finish_sql(names: tuple[str, ...]) -> Sql:
    """The final statement of a write that changed rows of these entities."""
    arrays = ", ".join(f"${at}::{kind}[]" for at, kind in enumerate(_FIELDS.values(), 1))
    count = len(_FIELDS) + 1
    stamps = "".join(_stamp(entities.BY_NAME[name]) for name in names)
    return Sql(
        f"finish[{','.join(names)}]",
        f"WITH c AS (SELECT * FROM unnest({arrays}) WITH ORDINALITY AS c({', '.join(_FIELDS)}, ord)),"
        f" h AS (UPDATE head SET seq = seq + ${count} RETURNING seq, seq - ${count} AS base),"
        " o AS (INSERT INTO outbox (revision, event_id, entity, row_id, op, keys, left_keys, value, deleted, event_type, event,"
        " actor, traceparent) SELECT h.base + c.ord, c.event_id, c.entity, c.row_id, c.op, string_to_array(c.keys, E'\\n'),"
        " string_to_array(c.left_keys, E'\\n'), c.value, c.deleted, c.event_type, c.event,"
        f" ${count + 1}, ${count + 4} FROM c, h),"
        " a AS (INSERT INTO audit (revision, entity, row_id, op, actor, method, source, changes) SELECT h.base + c.ord,"
        f" c.entity, c.row_id, c.op, ${count + 1}, ${count + 2}, ${count + 3}, c.changes::jsonb FROM c, h)"
        f"{stamps} SELECT seq FROM h",
    )


def _stamp(entity: Entity) -> str:
    matched = f"t.{entity.key[0]} = c.key1"
    if len(entity.key) > 1:
        matched += f" AND t.{entity.key[1]} = c.key2"
    return (
        f", u_{entity.table} AS (UPDATE {entity.table} t SET revision = h.base + c.ord FROM c, h"
        f" WHERE c.entity = '{entity.name}' AND {matched})"
    )
