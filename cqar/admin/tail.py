"""TailEvents: the outbox as a gRPC stream, until the caller or the process ends it."""

from __future__ import annotations  # grpc's classes take type arguments only in its stubs

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from cqar import errors
from cqar.admin import message_json
from cqar.auth import authority
from cqar.auth.authority import Authority
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.model.call import ANYONE
from cqar.model.entities import BY_NAME
from cqar.model.events import EVENTS
from cqar.observability import tracing
from cqar.observability.logs import Calls
from cqar.server import limits, rpc, statuses
from cqar.server.outcome import Outcome
from cqar.server.streams import Stoppable
from cqar.storage.postgres import Pool
from cqar.writes import audit

_NAME = "TailEvents"
#: The RPC's path.
PATH = f"/{audit.SERVICE.full_name}/{_NAME}"


class Tail(Stoppable):
    """The handler of TailEvents in an admin process."""

    def __init__(self, pool: Pool, access: Authority | None, calls: Calls) -> None:
        super().__init__("reconnect to another instance and resume after the last revision")
        self._pool = pool
        self._authority = access
        self._calls = calls

    def handler(self) -> grpc.RpcMethodHandler[bytes, bytes]:
        """The handler, for serialized messages."""

        async def behave(_requests: Any, context: Any) -> AsyncIterator[bytes]:
            metadata = context.invocation_metadata() or ()
            request_id = tracing.request_id(tracing.value(metadata, tracing.REQUEST_ID))
            failed = functools.partial(statuses.refuse, context, _NAME)
            async with Outcome(self._calls, _NAME, metadata, failed, request_id=request_id) as call:
                async with asyncio.timeout(limits.DEADLINE):
                    principal = ANYONE if self._authority is None else await rpc.admitted(self._authority, context)
                    call.principal = principal.name
                    authority.permit(principal, audit.TAIL_ROLE, _NAME)
                    authority.unnamed(principal, _NAME)
                    after = await audit.begin(self._pool, _from_revision(await context.read()))
                await rpc.begin(context)
                check = functools.partial(rpc.check_again, self._authority, context)
                async with aclosing(audit.tail(self._pool, after)) as changes:
                    while True:
                        change = await self.unless_over(anext(changes), check)
                        await check()
                        yield change.SerializeToString()

        return grpc.stream_stream_rpc_method_handler(behave)


def _from_revision(data: Any) -> int | None:
    """The revision after which to start. Raises Invalid for a malformed request."""
    try:
        request = pb.TailEventsRequest.FromString(b"" if data is grpc.aio.EOF else data)
    except DecodeError:
        raise errors.Invalid("request", "MALFORMED", "is not a TailEventsRequest") from None
    return request.from_revision if request.HasField("from_revision") else None


def as_json(change: pb.TailEventsResponse) -> dict[str, Any]:
    """A change as JSON, including the contract's event and the row if it has them."""
    shown: dict[str, Any] = message_json.shown(change)
    shown.pop("event", None)
    shown.pop("value", None)
    if change.event:
        shown["event"] = message_json.shown(EVENTS[change.event_type].FromString(change.event))
    if change.value and change.entity in BY_NAME:
        shown["value"] = message_json.shown(BY_NAME[change.entity].message.FromString(change.value))
    return shown
