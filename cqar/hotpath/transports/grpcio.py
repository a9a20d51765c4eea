"""The reference: grpc.aio serves everything."""

import functools

from cqar import serve
from cqar.call import Call
from cqar.hotpath.lane.grpc import framed
from cqar.hotpath.ready import body
from cqar.hotpath.transports.unary import Unary, Wiring
from cqar.serve import Reply, Served


class GrpcioTransport:
    """One server of grpc.aio."""

    def __init__(self, wiring: Wiring) -> None:
        self._freshness = wiring.freshness
        handlers = dict(wiring.handlers)
        for each in wiring.unary:
            served = Served(each.name, functools.partial(self._answer, each), each.request_bytes)
            handlers[each.path] = serve.unary(served, wiring.authority, wiring.calls)
        self.server = serve.Server(
            serve.Handlers(handlers, wiring.passthrough.handler),
            wiring.services,
            wiring.authority,
            wiring.identity,
            reflect=wiring.reflect,
        )

    async def _answer(self, unary: Unary, data: bytes, call: Call) -> Reply:
        marked = self._freshness.look()
        row = unary.hit_for(call.principal)(framed(data))
        if row is None:
            return await unary.serve(data, call)
        unary.answered(1)
        return Reply(body(row)) if marked is None else Reply(body(row) + marked.message, marked.trailing)

    async def start(self, host: str, port: int) -> int:
        """Listen; the port. Raises PortError where it is taken."""
        return await self.server.start(host, port)

    async def stop(self, grace: float) -> None:
        """Not ready, no new calls, at most `grace` seconds for those under way."""
        await self.server.stop(grace)
