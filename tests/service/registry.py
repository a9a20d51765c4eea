"""A client of cqar.v1.Registry, and the outbox and audit records of its writes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
import grpc.aio
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.model.events import EVENTS
from tests.client import Client, Refused, refusal
from tests.registry.factory import stamp

SERVICE = "/cqar.v1.Registry/"


class RegistryService:
    """Calls the service through a client of admin, or of hotpath, which passes calls on."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, method: str, *, headers: Any = (), **fields: Any) -> Any:
        """The response. Raises AioRpcError."""
        called = pb.DESCRIPTOR.services_by_name["Registry"].methods_by_name[method]
        request: Any = GetMessageClass(called.input_type)(**fields)
        data, _ = await self.client.raw(SERVICE + method, request.SerializeToString(), headers=headers, deadline=60)
        return GetMessageClass(called.output_type).FromString(data)

    async def refused(self, method: str, **fields: Any) -> Refused:
        """The refusal of a call that must not succeed."""
        try:
            response = await self.call(method, **fields)
        except grpc.aio.AioRpcError as error:
            return refusal(error)
        msg = f"{method} succeeded: {response}"
        raise AssertionError(msg)

    async def apply(self, *rows: pb.ApplyRow, **fields: Any) -> pb.ApplyResponse:
        """The answer to the rows."""
        response: pb.ApplyResponse = await self.call("Apply", rows=rows, **fields)
        assert len(response.results) == len(rows)
        return response


def outcomes(response: pb.ApplyResponse) -> list[str]:
    """The outcome of each row."""
    return [pb.ApplyOutcome.Name(each.outcome) for each in response.results]


def rejection(result: pb.ApplyResult) -> tuple[str, str]:
    """Why a row was rejected: code and field."""
    assert result.outcome == pb.REJECTED, result
    assert result.reason
    return result.code, result.field


def struct(**values: Any) -> Struct:
    """Metadata."""
    made = Struct()
    made.update(values)
    return made


_START = datetime.now(UTC).replace(microsecond=0)


def day(days: float) -> Timestamp:
    """The time `days` days after the start of the tests, the same on every call."""
    return stamp(_START + timedelta(days=days))


class OutboxRow(NamedTuple):
    """A row of the outbox."""

    entity: str
    op: str
    row_id: str
    keys: list[str]
    left: list[str]
    event: Any


class Records:
    """The outbox and the audit, read from the database."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def head(self) -> int:
        """The last revision."""
        return int(await self.connection.fetchval("SELECT seq FROM head"))

    async def since(self, revision: int) -> list[OutboxRow]:
        """The outbox rows after the revision; the audit must have the same changes."""
        rows = await self.connection.fetch(
            "SELECT revision, entity, op, row_id, keys, left_keys, event_type, event FROM outbox WHERE revision > $1"
            " ORDER BY revision",
            revision,
        )
        audited = await self.connection.fetch(
            "SELECT revision, entity, op, row_id FROM audit WHERE revision > $1 ORDER BY revision", revision
        )
        assert [tuple(row) for row in audited] == [tuple(row)[:4] for row in rows]
        assert [row["revision"] for row in rows] == list(range(revision + 1, await self.head() + 1))
        return [
            OutboxRow(
                row["entity"], row["op"], row["row_id"], row["keys"], row["left_keys"], event(row["event_type"], row["event"])
            )
            for row in rows
        ]

    async def changes(self, row_id: str) -> dict[str, Any]:
        """The last audit entry of a row: column to before and after."""
        found = await self.connection.fetchval(
            "SELECT changes FROM audit WHERE row_id = $1 ORDER BY audit_id DESC LIMIT 1", row_id
        )
        changes: dict[str, Any] = json.loads(found)
        changes.pop("updated_at", None)
        return changes


def event(subject: str | None, data: bytes | None) -> Any:
    """The contract's event, if there is one."""
    return EVENTS[subject].FromString(data) if subject is not None and data is not None else None
