"""Changes in the outbox: the statement that reads them after a revision, and the change made of a row."""

from cqar.model import events
from cqar.model.entity import Row
from cqar.storage import parts
from cqar.storage.postgres import Sql

_CHANGE_COLUMNS = "o.revision, o.event_id::text AS event_id, o.entity, o.row_id, o.op, o.keys, o.left_keys, o.value, o.deleted"
#: The head, and the changes after revision $1, at most $2; one row without a change if there are none. `last`: the event id
#: of the change at revision $1, if the outbox retains it.
CHANGES = Sql(
    "head_and_changes_after",
    f"SELECT h.epoch::text AS epoch, h.seq AS head, {parts.HISTORY},"
    " (SELECT a.event_id::text FROM outbox a WHERE a.revision = $1) AS last, c.*"
    " FROM head h LEFT JOIN LATERAL"
    f" (SELECT {_CHANGE_COLUMNS}, o.traceparent FROM outbox o WHERE o.revision > $1 ORDER BY o.revision LIMIT $2) c ON true",
)


def change_of(row: Row) -> events.Change:
    """The change made of a row of `CHANGES`."""
    value = None if row["value"] is None else events.with_revision(row["value"], row["revision"])
    return events.Change(
        revision=row["revision"],
        epoch=row["epoch"],
        event_id=row["event_id"],
        entity=row["entity"],
        row_id=row["row_id"],
        op=row["op"],
        keys=row["keys"],
        left_keys=row["left_keys"],
        value=value,
        deleted=row["deleted"],
    )
