"""The reference transport: grpc.aio serves everything."""

import functools

from cqar.hotpath.transports.unary import Wiring, answer
from cqar.server import limits, rpc
from cqar.server.rpc import Served


class GrpcioTransport:
    """A grpc.aio server."""

    def __init__(self, wiring: Wiring) -> None:
        handlers = dict(wiring.handlers)
        for each in wiring.unary:
            served = Served(each.name, functools.partial(answer, each, wiring.freshness), each.request_bytes)
            handlers[each.path] = rpc.unary(served, wiring.authority, wiring.calls)
        self.server = rpc.Server(
            rpc.Handlers(handlers, wiring.passthrough.handler),
            wiring.services,
            wiring.authority,
            wiring.identity,
            reflect=wiring.reflect,
            options=(
                *limits.OPTIONS,
                ("grpc.max_connection_age_ms", round(wiring.hotpath.connection_age * 1_000)),
                ("grpc.max_connection_age_grace_ms", round(limits.DEADLINE * 1_000)),
            ),
            shared=wiring.shared,
        )

    async def start(self, host: str, *ports: int) -> int:
        """Listen on all ports. Returns the first one. Raises PortError if one is taken."""
        return await self.server.start(host, *ports)

    async def stop(self, grace: float) -> None:
        """Report not ready, refuse new calls, and give calls in progress at most `grace` seconds."""
        await self.server.stop(grace)
