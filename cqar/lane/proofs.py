"""Calls of strangers: refused by their headers, or on hold until their caller has proven who it is."""

import asyncio
from collections.abc import Callable
from typing import Final

from cqar.lane import frames, grpc, limits
from cqar.lane.call_tasks import CallTasks, cancelled
from cqar.lane.grpc import RpcError
from cqar.lane.routing import Router
from cqar.lane.server_state import ServerState
from cqar.lane.service import Context, Gate
from cqar.lane.strangers import BRIEF_RESPONSE, Account
from cqar.lane.stream import Stream, StreamState, TaskState
from cqar.lane.streams import Request, Streams

_CLOSED: Final = StreamState.CLOSED


class Proofs:
    """The strangers' calls of a connection. `proceed` is called with each stream whose caller is proven or needs no proof."""

    __slots__ = ("_calls", "_proceed", "_router", "_schedule_flush", "_server", "_streams")

    def __init__(
        self,
        server: ServerState,
        streams: Streams,
        calls: CallTasks,
        router: Router,
        proceed: Callable[[Stream], None],
        schedule_flush: Callable[[], None],
    ) -> None:
        self._server = server
        self._streams = streams
        self._calls = calls
        self._router = router
        self._proceed = proceed
        self._schedule_flush = schedule_flush

    def begin(self, gate: Gate, number: int, request: Request, *, end: bool, size: int) -> None:
        """Take the headers of a stranger's call. `end`: whether it is complete; `size`: bytes of its header block."""
        streams, route = self._streams, request[1]
        public = gate.public(route.path)
        if not public:
            context = streams.new_context(route, request[2])
            try:
                gate.check(context)
            except Exception as error:  # noqa: BLE001 - the application maps it to a status and logs it
                self._refuse(number, request, error, end=end)
                return
        stream = streams.open(number, request)
        stream.account = Account.PUBLIC if public else Account.UNPROVEN
        streams.count(stream, size)
        if public:
            self._accept(stream, route.principal, Account.PUBLIC)
        else:
            self.prove(gate, stream)
        if end and stream.state is not _CLOSED:
            stream.state = StreamState.HALF_CLOSED_REMOTE

    def _refuse(self, number: int, request: Request, error: Exception, *, end: bool) -> None:
        """End a call by its headers. Nothing of it is kept."""
        server, streams = self._server, self._streams
        server.strangers.refused["key"] += 1
        block = BRIEF_RESPONSE
        if server.strangers.explains(server.loop.time()):
            context = streams.new_context(request[1], request[2])
            status = self._status(context, error)
            block = grpc.RESPONSE_HEADERS + status.trailers()
            server.service.observer.call_ended(context, status.code, 0.0)
        streams.sender.out.append(frames.headers(number, block, end=True))
        streams.flood(limits.REJECTED)
        if not end:
            streams.refuse(number, frames.NO_ERROR, ended=False)

    def prove(self, gate: Gate, stream: Stream) -> None:
        """Have the caller of a stream proven. The request may arrive meanwhile."""
        try:
            deadline = self._calls.admit(stream)
        except RpcError as error:
            self._streams.fail(stream, error)
            return
        stream.task = self._server.loop.create_task(self._run(gate, stream, deadline))

    async def _run(self, gate: Gate, stream: Stream, deadline: float) -> None:
        stream.task_state = TaskState.RUNNING
        server, streams = self._server, self._streams
        context = streams.new_context(stream.route, stream.others, deadline)
        principal = None
        try:
            async with asyncio.timeout(server.limits.proof_timeout):
                principal = await gate.prove(context)
        except asyncio.CancelledError:
            streams.fail(stream, cancelled())
            raise
        except Exception as error:  # noqa: BLE001 - the application maps it to a status and logs it
            server.strangers.refused["proof"] += 1
            streams.fail(stream, self._status(context, error))
        finally:
            streams.task_done(stream)
        if stream.state is not _CLOSED:
            self._accept(stream, principal, Account.PROVEN if gate.proven(principal) else Account.UNPROVEN)

    def _status(self, context: Context, error: Exception) -> RpcError:
        return error if isinstance(error, RpcError) else self._server.service.explain(context, error)

    def _accept(self, stream: Stream, principal: object, account: Account) -> None:
        """Go on with a call as that of `principal`, in the budget of `account`."""
        streams = self._streams
        try:
            stream.route = self._router.proven(stream.route, principal)
            streams.transfer(stream, account)
            if account is Account.PROVEN:
                streams.prove()
            self._proceed(stream)
        except Exception as error:  # noqa: BLE001 - the same
            streams.fail(stream, self._status(streams.context(stream), error))
        self._schedule_flush()
