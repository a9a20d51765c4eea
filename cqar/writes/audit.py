"""The audit log as a list, and the outbox as an ordered stream of changes."""

import asyncio
from collections.abc import AsyncGenerator
from itertools import product
from typing import Any

import orjson

from cqar import errors
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.model import binding, events
from cqar.model.call import Role
from cqar.model.entity import Row, struct, timestamp
from cqar.storage import parts
from cqar.storage.postgres import Pool, Session, Sql
from cqar.writes import paging

SERVICE = pb.DESCRIPTOR.services_by_name["Access"]

#: Seconds between two polls of the outbox while it has no new rows.
POLL = 0.25
#: Changes read per statement.
_BATCH = 500
#: Integers up to this are exact as a double, and so in protobuf's JSON.
_EXACT = 2**53
#: Maximum digits of an audit id.
_DIGITS = 19

# ---- the audit -----------------------------------------------------------------------------------------------------

#: Request field -> its condition on the audit log; `before` is the id after which a page starts.
_CONDITIONS = {
    "entity": "a.entity = {}",
    "row_id": "a.row_id = {}",
    "actor": "a.actor = {}",
    "before": "a.audit_id < {}",
}
_LISTS = {
    names: Sql(
        f"list_audit[{','.join(names)}]",
        "SELECT a.audit_id, a.revision, a.entity, a.row_id, a.op, a.actor, a.method, a.source, a.changes, a.created_at"
        " FROM audit a WHERE"
        + " AND".join((" true", *(" " + _CONDITIONS[name].format(f"${at}") for at, name in enumerate(names, 1))))
        + f" ORDER BY a.audit_id DESC LIMIT ${len(names) + 1}",
    )
    for chosen in product((False, True), repeat=len(_CONDITIONS))
    for names in [tuple(name for name, wanted in zip(_CONDITIONS, chosen, strict=True) if wanted)]
}


async def list_audit(session: Session, request: pb.ListAuditRequest) -> pb.ListAuditResponse:
    """ListAudit: a page, newest first. Raises Invalid for a bad filter or token."""
    given: dict[str, Any] = {}
    for name in ("entity", "row_id", "actor"):
        if getattr(request, name):
            given[name] = binding.key(256)(getattr(request, name), name)
    if "row_id" in given and "entity" not in given:
        raise errors.Invalid.missing("entity", "row_id identifies a row of an entity")
    limit = paging.size(request)
    scope = f"ListAudit {given}"
    if request.page_token:
        given["before"] = _position(scope, request.page_token)
    rows = await session.rows(_LISTS[tuple(given)], *given.values(), limit + 1)
    response = pb.ListAuditResponse()
    last = paging.fill(response.entries, map(_entry, rows[:limit]))
    if last < len(rows):
        response.next_page_token = paging.token(scope, [str(rows[last - 1]["audit_id"])])
    return response


def _position(scope: str, token: str) -> int:
    [text] = paging.position(scope, token, (str,))
    if not text.isascii() or not text.isdecimal() or len(text) >= _DIGITS:
        raise errors.Invalid("page_token", "BAD_TOKEN", "is not a page token of this list; start again without a token")
    return int(text)


def _entry(row: Row) -> pb.AuditEntry:
    changes = {column: [_value(each) for each in pair] for column, pair in orjson.loads(row["changes"]).items()}
    return pb.AuditEntry(
        audit_id=row["audit_id"],
        revision=row["revision"],
        entity=row["entity"],
        row_id=row["row_id"],
        op=row["op"],
        actor=row["actor"],
        method=row["method"],
        source=row["source"],
        changes=struct(orjson.dumps(changes).decode()),
        created_at=timestamp(row["created_at"]),
    )


def _value(value: object) -> object:
    """A value as the response shows it: text for an integer that a double would round."""
    return str(value) if isinstance(value, int) and abs(value) > _EXACT else value


#: The role that TailEvents requires; a stream is not a row of a method table.
TAIL_ROLE = Role.READER

# ---- changes as they come ------------------------------------------------------------------------------------------

#: The head, and the changes after revision $1, at most $2; one row without a change if there are none.
_BEHIND = Sql(
    "tail_outbox",
    "SELECT h.seq AS head, c.* FROM head h LEFT JOIN LATERAL"
    " (SELECT o.revision, o.event_id::text AS event_id, o.entity, o.row_id, o.op, o.actor, o.created_at, o.event_type, o.event,"
    " o.value FROM outbox o WHERE o.revision > $1 ORDER BY o.revision LIMIT $2) c ON true",
)


async def begin(pool: Pool, from_revision: int | None = None) -> int:
    """The revision after which to start: the given one, else the newest.

    Raises Invalid if it is negative, and Precondition if the outbox no longer retains the next change or it is beyond the
    head.
    """
    if from_revision is None:
        async with pool.session() as session:
            return (await parts.head(session)).snap
    if from_revision < 0:
        raise errors.Invalid("from_revision", "NEGATIVE", f"{from_revision} is negative; 0 is before the first change")
    await _behind(pool, from_revision, 1)
    return from_revision


async def tail(pool: Pool, from_revision: int | None = None, *, poll: float = POLL) -> AsyncGenerator[pb.TailEventsResponse]:
    """Yield every change after the revision, in order, then new ones indefinitely. By default, only new ones.

    Polls the outbox every `poll` seconds. Raises as `begin`, also if the outbox is pruned faster than it is read, and
    Unavailable if PostgreSQL is down.
    """
    after = await begin(pool, from_revision)
    while True:
        rows = await _behind(pool, after, _BATCH)
        for row in rows:
            yield _change(row)
            after = row["revision"]
        if len(rows) < _BATCH:
            await asyncio.sleep(poll)


async def _behind(pool: Pool, after: int, limit: int) -> list[Row]:
    """The next changes after a revision. Revisions are dense: if the first is missing, it was pruned."""
    async with pool.session() as session:
        rows = await session.rows(_BEHIND, after, limit)
    if not rows:
        raise errors.Unavailable(parts.NO_HEAD)
    head, first = rows[0]["head"], rows[0]["revision"]
    if after > head:
        description = f"revision {after} is beyond the head revision {head}; start again without a revision"
        raise errors.Precondition("FROM_REVISION", "from_revision", description)
    if after < head and first != after + 1:
        description = f"the changes after revision {after} are no longer retained; reload and start without a revision"
        raise errors.Precondition("FROM_REVISION", "from_revision", description)
    return [] if first is None else rows


def _change(row: Row) -> pb.TailEventsResponse:
    return pb.TailEventsResponse(
        revision=row["revision"],
        event_id=row["event_id"],
        entity=row["entity"],
        row_id=row["row_id"],
        op=row["op"],
        actor=row["actor"],
        created_at=timestamp(row["created_at"]),
        event_type=row["event_type"] or "",
        event=row["event"] or b"",
        value=b"" if row["value"] is None else events.with_revision(row["value"], row["revision"]),
    )
