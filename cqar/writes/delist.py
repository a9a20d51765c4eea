"""DelistVenueSymbol and DelistVenueAsset: a listing ends at a time, and its row stays."""

from typing import Any

from google.protobuf.message import Message

from cqar.model import binding, rules
from cqar.model.entity import Entity, Row
from cqar.storage.postgres import Sql
from cqar.writes import operations
from cqar.writes.operations import Prepare
from cqar.writes.transaction import Transaction, over

_NOW = Sql("now", "SELECT now() AS now")


class Delist:
    """End a listing at a time, where none is given now, unless it has ended; the event tells of it at once, with that time."""

    def __init__(self, entity: Entity, response: type[Message], prepare: Prepare) -> None:
        self.entity = entity
        self.response = response
        self.prepare = prepare

    async def __call__(self, tx: Transaction, request: Any) -> Message:
        """Set delisted_at. Raises NotFound, Aborted, Invalid where it would end before it began.

        A time to come opens what has ended again, as an update would: Precondition, AlreadyExists.
        """
        entity = self.entity
        before = await operations.lock(tx, entity, request)
        row = {**dict(before), "delisted_at": await self._end(tx, request, before)}
        rules.interval(row["listed_at"], row["delisted_at"], ("listed_at", "delisted_at"))
        if over(before, tx.now) and not over(row, tx.now):
            await self.prepare(tx, row, before)
        event = {"reason": binding.TEXT["reason"](request.reason, "reason")} if request.reason else {}
        stored = await operations.replace(tx, entity, before, row, **event)
        response = self.response()
        tx.show(entity, stored, getattr(response, entity.field))
        return response

    @staticmethod
    async def _end(tx: Transaction, request: Any, before: Row) -> Any:
        """The end that the request means; now is the database's, by whose clock answers say what is active."""
        if request.HasField("delisted_at"):
            return binding.instant(request.delisted_at, "delisted_at")
        if over(before, tx.now):
            return before["delisted_at"]
        now = await tx.session.row(_NOW)
        return None if now is None else now["now"]
