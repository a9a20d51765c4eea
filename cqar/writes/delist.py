"""DelistVenueSymbol and DelistVenueAsset: end a listing at a time and keep its row."""

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
    """End a listing at the given time, else now; keep an end that has passed.

    The event is written now and carries that time.
    """

    def __init__(self, entity: Entity, response: type[Message], prepare: Prepare) -> None:
        self.entity = entity
        self.response = response
        self.prepare = prepare

    async def __call__(self, tx: Transaction, request: Any) -> Message:
        """Set delisted_at. Raises NotFound, Aborted, and Invalid if the end is not after the start.

        A future time reopens a listing that has ended, as an update would. Raises Precondition, AlreadyExists.
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
        """The requested end. The default is the database's time, which also decides what is active."""
        if request.HasField("delisted_at"):
            return binding.instant(request.delisted_at, "delisted_at")
        if over(before, tx.now):
            return before["delisted_at"]
        now = await tx.session.row(_NOW)
        return None if now is None else now["now"]
