"""Two workers of one registry, one per transport, and the outcome of a call on each."""

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
#: Trailing metadata that differs between calls.
_OWN = frozenset({"x-request-id", "cqar-age-ms"})
#: The fields `stale` and `age_ms` at the end of a response.
_STALE = re.compile(rb"(\xc8\x0c\x01\xd0\x0c)[\x80-\xff]*[\x00-\x7f]\Z", re.DOTALL)

Metadata = Sequence[tuple[str, str | bytes]]


class Outcome(NamedTuple):
    """Everything that a client sees of a call, without what differs between calls."""

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


def _comparable(metadata: Any) -> tuple[tuple[str, str | bytes], ...]:
    return tuple(sorted((name, value) for name, value in metadata or () if name not in _OWN))


async def _end(call: Any, bodies: Sequence[bytes]) -> Outcome:
    code, trailing = await call.code(), await call.trailing_metadata() or ()
    body = tuple(_STALE.sub(rb"\1", each) for each in bodies)
    initial = await call.initial_metadata() if bodies else ()
    return Outcome(code.name, await call.details() or "", body, _comparable(initial), _comparable(trailing))


async def outcome(
    client: Client, path: str, data: bytes = b"", headers: Metadata = (), *, deadline: float = 20, compressed: bool = False
) -> Outcome:
    """Return the outcome of a unary call. `compressed`: whether its request is."""
    method: Any = client.channel.unary_unary(path)
    compression = grpc.Compression.Gzip if compressed else None
    call = method(data, metadata=tuple(headers), timeout=deadline, compression=compression)
    try:
        bodies = [await call]
    except grpc.aio.AioRpcError:
        bodies = []
    return await _end(call, bodies)


async def streamed(client: Client, path: str, requests: Sequence[bytes], headers: Metadata = ()) -> Outcome:
    """Return the outcome of a bidirectional call."""
    method: Any = client.channel.stream_stream(path)
    call = method(metadata=tuple(headers), timeout=20)
    # With `write` of grpc.aio a call that ends before its requests are sent may end as INTERNAL.
    uploading = asyncio.create_task(_upload(call, requests))
    bodies: list[bytes] = []
    # Sending on a call that has ended may wait indefinitely in grpc.aio.
    async with asyncio.timeout(60):
        try:
            async for body in call:
                bodies.append(body)  # noqa: PERF401 - responses before an error count too
        except grpc.aio.AioRpcError:
            pass
        await uploading
        return await _end(call, bodies)


async def _upload(call: Any, requests: Sequence[bytes]) -> None:
    for each in requests:
        if not await upload.send(call, each):
            return
    await upload.end(call)


class Pair:
    """The workers, and a client of each."""

    def __init__(self, settings: config.Settings, workers: Mapping[str, Hotpath], clients: Mapping[str, Client]) -> None:
        self.settings = settings
        self.workers = workers
        self.clients = clients

    async def each(self, call: Callable[[Client], Awaitable[Any]]) -> dict[str, Any]:
        """Return the result of each."""
        return {name: await call(client) for name, client in self.clients.items()}

    async def same(self, call: Callable[[Client], Awaitable[Any]], what: object = "") -> Any:
        """Return the result, which has to be the same for both."""
        results = await self.each(call)
        assert results["lane"] == results["grpcio"], (what, results)
        return results["lane"]

    async def call(self, method: str, request: Any = b"", headers: Metadata = (), *, times: int = 2, **how: Any) -> Outcome:
        """Make a unary call several times on both workers. Returns the outcome, which has to be the same every time.

        `method`: a method of AssetRegistry, or a path.
        """
        path = method if method.startswith("/") else SERVICE + method
        data = request if isinstance(request, bytes) else request.SerializeToString()
        last = None
        for _ in range(times):
            now = await self.same(lambda client: outcome(client, path, data, headers, **how), (path, data))
            assert last is None or last[:3] == now[:3], (last, now)
            last = now
        assert isinstance(last, Outcome)
        return last

    async def stream(self, path: str, *requests: Any, headers: Metadata = ()) -> Outcome:
        """Make a bidirectional call on both workers. Returns the outcome."""
        data = [each if isinstance(each, bytes) else each.SerializeToString() for each in requests]
        result = await self.same(lambda client: streamed(client, path, data, headers), (path, data))
        assert isinstance(result, Outcome)
        return result

    async def settled(self, revision: int) -> None:
        """Wait until both have applied a revision."""
        await eventually(lambda: all(each.cache.applied >= revision for each in self.workers.values()))


@asynccontextmanager
async def pair_of(settings: config.Settings, admin: Admin | None = None) -> AsyncIterator[Pair]:
    """Run two workers with loaded caches. `admin`: what they proxy to, if anything."""
    async with AsyncExitStack() as stack:
        workers, clients = {}, {}
        for number, name in enumerate(TRANSPORTS):
            # Each has its own Redis database, since responses report their source, which must not depend on the order of calls.
            redis = {"url": f"{settings.redis.url}?db={number}"}
            chosen = changed(settings, hotpath={"transport": name}, redis=redis)
            workers[name] = await stack.enter_async_context(worker_of(chosen, 1 if admin is None else admin.port))
            clients[name] = await stack.enter_async_context(Client(workers[name].port))
        yield Pair(settings, workers, clients)
