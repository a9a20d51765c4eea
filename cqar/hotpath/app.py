"""The wiring of a hotpath worker."""

import asyncio
import contextlib
import functools
import gc
from typing import NamedTuple

import msgspec
import structlog
from aiohttp import web

from cqar import config, tasks
from cqar.auth import authority
from cqar.auth.authority import Authority
from cqar.contract.cqar.v1 import access_pb2, registry_pb2
from cqar.hotpath.batches import BatchMethod, revision_method
from cqar.hotpath.cache import Cache
from cqar.hotpath.engine import RESPONSES_SHARE, Engine
from cqar.hotpath.feed import Feed
from cqar.hotpath.key_source import CachedKeySource
from cqar.hotpath.metrics import WorkerMetrics
from cqar.hotpath.passthrough import Passthrough
from cqar.hotpath.sweep import Sweep
from cqar.hotpath.transports.grpcio import GrpcioTransport
from cqar.hotpath.transports.lane import LaneTransport
from cqar.hotpath.transports.unary import Transport, Unary, Wiring, answer
from cqar.lookups import single
from cqar.lookups.single import LOOKUPS
from cqar.model.call import Call
from cqar.observability import health, logs, recording
from cqar.observability.metrics import Metrics
from cqar.server import descriptors, limits, process, rpc, tls
from cqar.server.rpc import Reply, Served
from cqar.server.streams import Streamed
from cqar.services import lookups, resolver
from cqar.services.method import AnyMethod
from cqar.storage import parts, schema
from cqar.storage.nats import EventBus
from cqar.storage.postgres import Pool
from cqar.storage.redis import RedisCache

_log = logs.logger("hotpath")

_REGISTRY = registry_pb2.DESCRIPTOR.services_by_name["Registry"]
_ACCESS = access_pb2.DESCRIPTOR.services_by_name["Access"]
#: Seconds that calls under way may take after the process was asked to stop.
GRACE = 30.0
#: Seconds that a member of a fleet waits for its cache before it listens anyway; other members serve meanwhile.
_LOAD_TIMEOUT = 5.0


class Member(NamedTuple):
    """A worker's place in a fleet: its number from 0, and the socket at which the supervisor polls its status."""

    number: int
    socket: str


class Hotpath:
    """A worker, from settings to a running server. With `member`, it is one of several that share the port."""

    def __init__(self, settings: config.Settings, member: Member | None = None) -> None:
        self._settings = settings
        self._member = member
        hotpath, coherence, database = settings.hotpath, settings.coherence, settings.database
        self.cache = Cache(
            entries=hotpath.cache_entries,
            size=hotpath.cache_bytes - hotpath.cache_bytes // RESPONSES_SHARE,
            recent=hotpath.recent_changes,
            absent_ttl=coherence.absent_ttl,
        )
        self._tracer = recording.tracer(settings.tracing, "cqar-hotpath")
        self.metrics = Metrics()
        self.calls = logs.Calls(settings.log, self.metrics.calls, quiet=True)
        queries = self.metrics.queries
        self._pool = Pool(database, statement_timeout=database.fill_timeout, name="cqar-hotpath", queries=queries)
        # The feed has sessions of its own, so that loads cannot keep it from following changes.
        followed = msgspec.structs.replace(database, pool_max=2)
        timeout = database.statement_timeout
        self._followed = Pool(followed, statement_timeout=timeout, name="cqar-hotpath-feed", queries=queries)
        self._bus = EventBus(settings.nats, name="cqar-hotpath")
        self._redis_cache = RedisCache(settings.redis)
        self.feed = Feed(self.cache, self._followed, self._bus, coherence, hotpath)
        self.engine = Engine(self.cache, self.feed, self._pool, self._redis_cache, settings)
        self.key_source = CachedKeySource(self.engine, self.feed, self._bus, coherence)
        self.authority = Authority(authority.pepper(settings), self.key_source) if settings.auth == "keys" else None
        self.sweep = Sweep(self.cache, self.feed, self._followed)
        self.metrics.add(WorkerMetrics(self.engine, self.cache, self.feed, self._redis_cache, coherence.lease).collect)
        self.metrics.add(self.sweep.collect)
        self.metrics.add_pools(self._pool, self._followed)
        outgoing = tls.outgoing(settings.tls, hotpath.admin_address)
        self._passthrough = Passthrough(hotpath, coherence, self.feed, self.calls, self.authority, outgoing)
        self._batches = {
            name: BatchMethod(resolver.BY_NAME[name], kinds, self.engine, self.cache, self.feed, self._pool, settings)
            for name, kinds in resolver.KINDS.items()
        }
        whole = self._batches["ResolveVenueSymbols"].unary()
        answering = functools.partial(answer, whole, self.engine.freshness)
        self._stream = Streamed(Served("StreamVenueSymbols", answering, whole.request_bytes), self.authority, self.calls)
        self._transport = self._chosen()
        self._server = self._transport.server
        self.metrics.add(self._server.http.collect)
        self._announced: asyncio.Task[None] | None = None
        self.port = 0
        self.http_port = 0
        self.metrics_port = 0

    def _chosen(self) -> Transport:
        """The transport of the settings."""
        settings = self._settings
        wiring = Wiring(
            unary=[
                *(self._lookup(each) for each in lookups.BY_NAME.values()),
                *(each.unary() for each in self._batches.values()),
                revision_method(resolver.BY_NAME["GetRevision"], self.cache, self.feed),
            ],
            handlers={resolver.STREAM: self._stream.handler()},
            passthrough=self._passthrough,
            # Services that are passed on to admin are named too: one address serves all of them.
            services=[each.full_name for each in (lookups.ASSET_REGISTRY, lookups.RESOLVER, _REGISTRY, _ACCESS)],
            reflect=settings.reflection,
            freshness=self.engine.freshness,
            authority=self.authority,
            identity=tls.identity(settings.tls, settings.hotpath.host),
            calls=self.calls,
            shared=self._member is not None,
            hotpath=settings.hotpath,
        )
        if settings.hotpath.transport == "grpcio":
            return GrpcioTransport(wiring)
        transport = LaneTransport(wiring)
        self.metrics.add(transport.collect)
        return transport

    def _lookup(self, method: AnyMethod) -> Unary:
        """One of the lookups. A request for a list instead is passed on to admin."""
        name, lookup, engine, tracer = method.name, LOOKUPS[method.name], self.engine, self._tracer

        async def resolving(data: bytes, call: Call) -> Reply:
            caller = call.principal
            authority.permit(caller, method.role, name)
            if caller.venues or lookup.applies is not None:
                request = single.parse(lookup, data)
                authority.confine(caller, request, name)
                if lookup.applies is not None and not lookup.applies(request):
                    return await self._passthrough.forward(method.path, data, call.metadata)
            with rpc.traced(tracer, call):
                return await engine.resolve(name, data, strict=caller.strict)

        return Unary(
            name=name,
            path=method.path,
            request_bytes=limits.request_bytes(method.described),
            lookup_for=functools.partial(engine.responses.lookup_for, name),
            serve=resolving,
            answered=functools.partial(engine.count_hits, name),
            passes_on=lookup.applies is not None,
            zero_copy=True,
        )

    async def start(self) -> None:
        """Listen, load the cache and follow changes. Raises process.PortError, and SchemaError if migrations are pending."""
        settings = self._settings.hotpath
        await self._pool.open()
        await schema.check(self._pool)
        await self._followed.open()
        await self._bus.open()
        self.feed.start()
        self.key_source.start(self.authority)
        self.sweep.start()
        if self._member is None:
            await self._listen(settings.port)
            self.http_port = await self._server.http.listen(settings.host, settings.http_port, self._application())
        else:
            await self._join(self._member)
        self._announced = asyncio.create_task(self._announce(), name="announce")
        at = {"grpc": self.port, "http": self.http_port, "metrics": self.metrics_port}
        _log.info("hotpath_listening", **{name: f"{settings.host}:{port}" for name, port in at.items() if port})

    async def _listen(self, *ports: int) -> None:
        """Serve gRPC, metrics and health."""
        settings = self._settings
        host, shared = settings.hotpath.host, self._member is not None
        self.port = await self._transport.start(host, *ports)
        self.metrics_port = await self._server.http.listen(host, settings.metrics.port, self._application(), shared=shared)

    async def _join(self, member: Member) -> None:
        """Listen as one of several workers. The supervisor serves HTTP and polls this worker at its socket."""
        settings = self._settings.hotpath
        application = self._application()
        application.router.add_get("/ports", self._ports)
        await self._server.http.listen_at(member.socket, application)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOAD_TIMEOUT):
                await self.feed.ready.wait()
        await self._listen(settings.port, *([settings.own_ports + member.number] if settings.own_ports else ()))

    async def _ports(self, _request: web.Request) -> web.Response:
        return web.json_response({"metrics": self.metrics_port})

    async def _announce(self) -> None:
        """Report ready once the cache is loaded."""
        await self.feed.ready.wait()
        await self._server.ready(serving=True)
        _log.info("hotpath_ready", parts=len(self.cache), applied=self.cache.applied)

    def _application(self) -> web.Application:
        application = web.Application()
        components = {
            "database": self._database_up,
            "cache": self._redis_cache.ping,
            "event_bus": self._bus_up,
            "feed": self._feed_fresh,
        }
        health.mount(application, lambda: self.feed.loaded and not self._server.stopping, components)
        health.mount_metrics(application, self.metrics)
        return application

    async def _database_up(self) -> bool:
        async with self._pool.session() as session:
            return await session.row(parts.HEAD) is not None

    async def _bus_up(self) -> bool:
        return self._bus.up

    async def _feed_fresh(self) -> bool:
        return self.feed.age() <= self._settings.coherence.lease

    async def stop(self) -> None:
        """Drain calls, then close everything."""
        await tasks.end(self._announced)
        self._stream.stop()
        self._passthrough.end_streams()
        await self._transport.stop(GRACE)
        await self.key_source.stop()
        await self.sweep.stop()
        await self.feed.stop()
        await self.engine.close()
        await self._passthrough.close()
        await self._bus.close()
        await self._redis_cache.close()
        await self._followed.close()
        await self._pool.close()
        await self._tracer.close()


async def main(settings: config.Settings, member: Member | None = None) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    if member is not None:
        structlog.contextvars.bind_contextvars(worker=member.number)
    descriptors.raise_limit()
    worker = Hotpath(settings, member)
    gc.freeze()
    settled = asyncio.create_task(_settle(worker.feed), name="settle")
    try:
        await worker.start()
        await process.until_stopped()
    finally:
        await tasks.end(settled)
        await asyncio.shield(worker.stop())
        _log.info("hotpath_stopped")


async def _settle(feed: Feed) -> None:
    """Freeze what is loaded, so that Python's cycle collector does not walk all of it again and again while lookups wait."""
    await feed.ready.wait()
    gc.collect()
    gc.freeze()
