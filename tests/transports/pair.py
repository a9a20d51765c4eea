"""Two workers of one registry, one a transport, and what a call is like on both of them."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import grpc
import grpc.aio
from google.rpc import status_pb2

from cqar import config
from cqar.admin.app import Admin
from cqar.hotpath.app import Hotpath
from cqar.lane import upload
from tests.client import SERVICE, Client
from tests.hotpath.stack import changed, eventually, worker_of

TRANSPORTS = ("grpcio", "lane")
RESOLVER = "/cqar.v1.Resolver/"
TAIL = "/cqar.v1.Access/TailEvents"
DETAILS = "grpc-status-details-bin"
#: Trailing metadata that are another's at each call.
_OWN = frozenset({"x-request-id", "cqar-age-ms"})
#: The fields `stale` and `age_ms` at the end of an answer.
_STALE = re.compile(rb"(\xc8\x0c\x01\xd0\x0c)[\x80-\xff]*[\x00-\x7f]\Z", re.DOTALL)

Metadata = Sequence[tuple[str, str | bytes]]


class Outcome(NamedTuple):
    """All that a client sees of a call: bytes as they came, without what is another's at each call."""

    code: str
    message: str
    bodies: tuple[bytes, ...]
    initial: tuple[tuple[str, str | bytes], ...]
    trailing: tuple[tuple[str, str | bytes], ...]

    @property
    def body(self) -> bytes:
        """The one response."""
        assert self.code == "OK", self
        [body] = self.bodies
        return body

    @property
    def details(self) -> Any:
        """The google.rpc.Status in the trailing metadata."""
        return status_pb2.Status.FromString(dict(self.trailing)[DETAILS])


def _kept(metadata: Any) -> tuple[tuple[str, str | bytes], ...]:
    return tuple(sorted((name, value) for name, value in metadata or () if name not in _OWN))


async def _end(call: Any, bodies: Sequence[bytes]) -> Outcome:
    code, trailing = await call.code(), await call.trailing_metadata() or ()
    body = tuple(_STALE.sub(rb"\1", each) for each in bodies)
    initial = await call.initial_metadata() if bodies else ()
    return Outcome(code.name, await call.details() or "", body, _kept(initial), _kept(trailing))


async def outcome(
    client: Client, path: str, data: bytes = b"", headers: Metadata = (), *, deadline: float = 20, packed: bool = False
) -> Outcome:
    """How a unary call ends. `packed`: its request is compressed."""
    method: Any = client.channel.unary_unary(path)
    packing = grpc.Compression.Gzip if packed else None
    call = method(data, metadata=tuple(headers), timeout=deadline, compression=packing)
    try:
        bodies = [await call]
    except grpc.aio.AioRpcError:
        bodies = []
    return await _end(call, bodies)


async def streamed(client: Client, path: str, requests: Sequence[bytes], headers: Metadata = ()) -> Outcome:
    """How a call of requests and responses ends."""
    method: Any = client.channel.stream_stream(path)
    call = method(metadata=tuple(headers), timeout=20)
    # By `write` of grpc.aio a call that ends before its requests have gone may end as INTERNAL.
    uploading = asyncio.create_task(_upload(call, requests))
    bodies: list[bytes] = []
    try:
        async for body in call:
            bodies.append(body)  # noqa: PERF401 - those before the error count too
    except grpc.aio.AioRpcError:
        pass
    await uploading
    return await _end(call, bodies)


async def _upload(call: Any, requests: Sequence[bytes]) -> None:
    for each in requests:
        if not await upload.send(call, each):
            return
    await upload.end(call)


class Both:
    """The workers, and a client of each."""

    def __init__(self, settings: config.Settings, workers: Mapping[str, Hotpath], clients: Mapping[str, Client]) -> None:
        self.settings = settings
        self.workers = workers
        self.clients = clients

    async def each(self, ask: Callable[[Client], Awaitable[Any]]) -> dict[str, Any]:
        """What comes of asking each."""
        return {name: await ask(client) for name, client in self.clients.items()}

    async def alike(self, ask: Callable[[Client], Awaitable[Any]], what: object = "") -> Any:
        """What comes of asking each, which is the same."""
        told = await self.each(ask)
        assert told["lane"] == told["grpcio"], (what, told)
        return told["lane"]

    async def call(self, method: str, request: Any = b"", headers: Metadata = (), *, times: int = 2, **how: Any) -> Outcome:
        """The last outcome of a unary call, the same on both; responses are the same each time.

        `method`: of the contract, or a whole path.
        """
        path = method if method.startswith("/") else SERVICE + method
        data = request if isinstance(request, bytes) else request.SerializeToString()
        told = None
        for _ in range(times):
            now = await self.alike(lambda client: outcome(client, path, data, headers, **how), (path, data))
            assert told is None or told[:3] == now[:3], (told, now)
            told = now
        assert isinstance(told, Outcome)
        return told

    async def stream(self, path: str, *requests: Any, headers: Metadata = ()) -> Outcome:
        """The outcome of a call of requests and responses."""
        data = [each if isinstance(each, bytes) else each.SerializeToString() for each in requests]
        told = await self.alike(lambda client: streamed(client, path, data, headers), (path, data))
        assert isinstance(told, Outcome)
        return told

    async def settled(self, revision: int) -> None:
        """Wait until both have applied the revision."""
        await eventually(lambda: all(each.cache.applied >= revision for each in self.workers.values()))


@asynccontextmanager
async def both_of(settings: config.Settings, admin: Admin | None = None) -> AsyncIterator[Both]:
    """Two running workers, loaded. `admin`: what they pass on to; None: there is none."""
    async with AsyncExitStack() as stack:
        workers, clients = {}, {}
        for number, name in enumerate(TRANSPORTS):
            # Each with a Redis of its own: where an answer was brought from is told, and must not depend on who asked first.
            redis = {"url": f"{settings.redis.url}?db={number}"}
            chosen = changed(settings, hotpath={"transport": name}, redis=redis)
            workers[name] = await stack.enter_async_context(worker_of(chosen, 1 if admin is None else admin.port))
            clients[name] = await stack.enter_async_context(Client(workers[name].port))
        yield Both(settings, workers, clients)
