"""What both transports serve and how they are used."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import grpc

from cqar.auth.authority import Authority, Grant
from cqar.hotpath.freshness import Freshness, marked
from cqar.hotpath.passthrough import Passthrough
from cqar.hotpath.response_cache import body
from cqar.lane.grpc import framed
from cqar.lane.service import Hit
from cqar.model.call import Call, Principal
from cqar.observability.logs import Calls
from cqar.server.rpc import Reply, Serve, Server
from cqar.server.tls import Identity


class FindHits(Protocol):
    """Finds the function that finds ready answers for a principal, as long as the grant holds."""

    def __call__(self, principal: Principal, grant: Grant = ...) -> Hit:
        """See `ready.Answers.hit_for`."""


class Unary(NamedTuple):
    """A unary RPC that a worker answers itself: at once by `hit_for`, else by `serve`."""

    name: str
    path: str
    #: bytes that its requests may have
    request_bytes: int
    hit_for: FindHits
    serve: Serve
    #: is told how many ready answers were given
    answered: Callable[[int], None]
    #: whether it may pass calls on, which takes their metadata
    passes_on: bool = False
    #: whether the rows of `hit_for` are in memory in any case; else they are made for the call
    kept: bool = False


async def answer(unary: Unary, freshness: Freshness, data: bytes, call: Call) -> Reply:
    """The answer to a call: the ready one with its marks, else by `serve`."""
    tail = freshness.look(time.monotonic())
    row = unary.hit_for(call.principal)(framed(data))
    if row is None:
        return await unary.serve(data, call)
    unary.answered(1)
    reply = Reply(body(row))
    return reply if tail is None else marked(reply, tail)


class Wiring(NamedTuple):
    """What a transport needs of its worker."""

    unary: Sequence[Unary]
    #: RPCs of other shapes that the worker answers itself, by path
    handlers: Mapping[str, "grpc.RpcMethodHandler[bytes, bytes]"]
    passthrough: Passthrough
    #: the full names of the services, for health and reflection
    services: Sequence[str]
    reflect: bool
    freshness: Freshness
    authority: Authority | None
    identity: Identity | None
    calls: Calls
    #: whether the ports are those of other workers too
    shared: bool
    #: seconds after which a connection is asked to move on
    connection_age: float


class Transport(Protocol):
    """Serves gRPC on a port."""

    #: HTTP, health, and gRPC as far as it is grpc.aio's
    server: Server

    async def start(self, host: str, *ports: int) -> int:
        """Listen on each; the first port. Raises PortError where one is taken."""

    async def stop(self, grace: float) -> None:
        """Not ready, no new calls, at most `grace` seconds for those under way."""
