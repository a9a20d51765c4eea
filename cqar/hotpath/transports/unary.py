"""The interface of transports, and the unary methods that they serve."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import grpc

from cqar import config
from cqar.auth.authority import Authority, Grant
from cqar.hotpath.freshness import Freshness, with_marks
from cqar.hotpath.passthrough import Passthrough
from cqar.hotpath.response_cache import body
from cqar.lane.grpc import framed
from cqar.lane.service import CacheLookup
from cqar.model.call import Call, Principal
from cqar.observability.logs import Calls
from cqar.server.rpc import Reply, Serve, Server
from cqar.server.tls import Identity


class LookupFor(Protocol):
    """Returns the cache lookup for a principal, valid as long as the grant is."""

    def __call__(self, principal: Principal, grant: Grant = ...) -> CacheLookup:
        """See `ResponseCache.lookup_for`."""


class Unary(NamedTuple):
    """A unary method that a worker serves itself: from the cache by `lookup_for`, else by `serve`."""

    name: str
    path: str
    #: maximum size of a request in bytes
    request_bytes: int
    lookup_for: LookupFor
    serve: Serve
    #: receives the number of cached responses that were sent
    answered: Callable[[int], None]
    #: whether it may proxy calls, which requires their metadata
    passes_on: bool = False
    #: whether responses of `lookup_for` stay in the cache's memory; otherwise they are built per call
    zero_copy: bool = False


async def answer(unary: Unary, freshness: Freshness, data: bytes, call: Call) -> Reply:
    """Return the response to a call: the cached one with its stale marks, else the one of `serve`."""
    marks = freshness.tick(time.monotonic())
    cached = unary.lookup_for(call.principal)(framed(data))
    if cached is None:
        return await unary.serve(data, call)
    unary.answered(1)
    reply = Reply(body(cached))
    return reply if marks is None else with_marks(reply, marks)


class Wiring(NamedTuple):
    """The dependencies of a transport."""

    unary: Sequence[Unary]
    #: streaming methods that the worker serves itself, by path
    handlers: Mapping[str, "grpc.RpcMethodHandler[bytes, bytes]"]
    passthrough: Passthrough
    #: full names of the services, for health checks and reflection
    services: Sequence[str]
    reflect: bool
    freshness: Freshness
    authority: Authority | None
    identity: Identity | None
    calls: Calls
    #: whether other workers listen on the same ports (SO_REUSEPORT)
    shared: bool
    #: the limits of the transport
    hotpath: config.Hotpath


class Transport(Protocol):
    """A gRPC server."""

    #: HTTP, health checks, and the gRPC that grpc.aio serves
    server: Server

    async def start(self, host: str, *ports: int) -> int:
        """Listen on all ports. Returns the first one. Raises PortError if one is taken."""

    async def stop(self, grace: float) -> None:
        """Report not ready, refuse new calls, and give calls in progress at most `grace` seconds."""
