"""The reference: grpc.aio serves everything."""

import functools

from cqar.hotpath.transports.unary import Wiring, answer
from cqar.server import limits, rpc
from cqar.server.rpc import Served


class GrpcioTransport:
    """One server of grpc.aio."""

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
                ("grpc.max_connection_age_ms", round(wiring.connection_age * 1_000)),
                ("grpc.max_connection_age_grace_ms", round(limits.DEADLINE * 1_000)),
            ),
            shared=wiring.shared,
        )

    async def start(self, host: str, *ports: int) -> int:
        """Listen on each; the first port. Raises PortError where one is taken."""
        return await self.server.start(host, *ports)

    async def stop(self, grace: float) -> None:
        """Not ready, no new calls, at most `grace` seconds for those under way."""
        await self.server.stop(grace)
