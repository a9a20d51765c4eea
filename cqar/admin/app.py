"""The admin process: its parts and how they are connected."""

import asyncio
import dataclasses
import functools
import os

import msgspec
from aiohttp import web

from cqar import config
from cqar.admin import tail
from cqar.admin.http import app, observed
from cqar.admin.key_source import DatabaseKeySource
from cqar.admin.metrics import AdminMetrics
from cqar.admin.tail import Tail
from cqar.auth import authority
from cqar.auth.authority import Authority
from cqar.model import events
from cqar.model.call import Call
from cqar.observability import health, logs, recording
from cqar.observability.metrics import Metrics
from cqar.replication import probe
from cqar.replication.relay import Relay
from cqar.server import descriptors, limits, process, rpc, tls
from cqar.server.rpc import Reply, Served
from cqar.server.streams import Streamed
from cqar.services import access, asset_registry, registry, resolver
from cqar.services.method import AnyMethod
from cqar.services.run import run
from cqar.storage import parts, schema
from cqar.storage.nats import EventBus
from cqar.storage.postgres import Pool
from cqar.storage.redis import RedisCache

_log = logs.logger("admin")

#: Every RPC that admin serves.
METHODS = (*asset_registry.METHODS, *resolver.METHODS, *registry.METHODS, *access.METHODS)
#: Seconds for running calls to finish when the process stops.
GRACE = 30.0
#: Seconds for the relay to publish what was written after that.
_FLUSH = 5.0
_BOOTSTRAP = "CQAR_BOOTSTRAP_KEY_HASH"


class Admin:
    """The admin process, from settings to a running server."""

    def __init__(self, settings: config.Settings) -> None:
        self._settings = settings
        database = settings.database
        self._tracer = recording.tracer(settings.tracing, "cqar-admin")
        self.metrics = Metrics()
        self._calls = logs.Calls(settings.log, self.metrics.calls, quiet=False)
        timeout, queries = database.statement_timeout, self.metrics.queries
        self._pool = Pool(database, statement_timeout=timeout, name="cqar-admin", queries=queries)
        self._bus = EventBus(settings.nats, name="cqar-admin")
        self._redis_cache = RedisCache(settings.redis)
        # A pool of its own: the relay holds its sessions permanently, and writers keep all of theirs.
        relayed = msgspec.structs.replace(database, pool_max=Relay.SESSIONS)
        self._relayed = Pool(relayed, statement_timeout=timeout, name="cqar-relay", queries=queries)
        self._relay = Relay(self._relayed, self._bus, self._redis_cache, settings.coherence, settings.retention, self._tracer)
        own_metrics = AdminMetrics(self._relay, self._redis_cache)
        self.metrics.add(own_metrics.collect, own_metrics.refresh)
        self.metrics.add_pools(self._pool, self._relayed)
        self.key_source = DatabaseKeySource(self._pool, self._bus, os.environ.get(_BOOTSTRAP))
        self.authority = Authority(authority.pepper(settings), self.key_source) if settings.auth == "keys" else None
        self._mint = functools.partial(authority.minted, settings) if settings.pepper else None
        handlers = {each.path: rpc.unary(self._served(each), self.authority, self._calls) for each in METHODS}
        self._tail = Tail(self._pool, self.authority, self._calls)
        handlers[tail.PATH] = self._tail.handler()
        whole = self._served(resolver.BY_NAME["ResolveVenueSymbols"])
        self._stream = Streamed(whole._replace(name="StreamVenueSymbols"), self.authority, self._calls)
        handlers[resolver.STREAM] = self._stream.handler()
        services = [each.full_name for each in (asset_registry.SERVICE, resolver.SERVICE, registry.SERVICE, access.SERVICE)]
        self._server = rpc.Server(
            rpc.Handlers(handlers, rpc.unknown(self.authority)),
            services,
            self.authority,
            tls.identity(settings.tls, settings.admin.host),
            reflect=settings.reflection,
        )
        self.metrics.add(self._server.http.collect)
        self.port = 0
        self.http_port = 0

    def _served(self, method: AnyMethod) -> Served:
        level = "debug" if method.kind == "read" else "info"
        return Served(method.name, functools.partial(self._called, method), limits.request_bytes(method.described), level)

    async def _called(self, method: AnyMethod, data: bytes, call: Call) -> Reply:
        with rpc.traced(self._tracer, call):
            return await self._serve(method, data, call)

    async def _serve(self, method: AnyMethod, data: bytes, call: Call) -> Reply:
        if method.kind == "read":
            return await run(self._pool, method, data, call)
        reply = await run(self._pool, method, data, dataclasses.replace(call, mint=self._mint))
        await self._relay.nudge()
        return reply

    async def start(self) -> None:
        """Start to listen and relay. Raises process.PortError, and SchemaError if migrations are pending."""
        settings = self._settings.admin
        await self._pool.open()
        await schema.check(self._pool)
        await self._relayed.open()
        self._bus.answer(probe.SUBJECT, functools.partial(probe.answer, self._pool))
        self._bus.listen(events.NUDGE, lambda _data: self._relay.poll())
        await self._bus.open()
        self.key_source.start(self.authority)
        self._relay.start()
        self.port = await self._server.start(settings.host, settings.port)
        self.http_port = await self._server.http.listen(settings.host, settings.http_port, self._application())
        await self._server.ready(serving=True)
        _log.info("admin_ready", grpc=f"{settings.host}:{self.port}", http=f"{settings.host}:{self.http_port}")

    def _application(self) -> web.Application:
        application = web.Application()
        components = {"database": self._database_well, "cache": self._redis_cache.ping, "event_bus": self._bus_well}
        application.middlewares.append(observed.middleware(self._calls, self._tracer))
        health.mount(application, lambda: not self._server.stopping, components)
        health.mount_metrics(application, self.metrics)
        app.mount(application, self._serve, self._pool, self.authority, self._settings.admin.http_hosts.split(","))
        return application

    async def _database_well(self) -> bool:
        async with self._pool.session() as session:
            return await session.row(parts.HEAD) is not None

    async def _bus_well(self) -> bool:
        return self._bus.up

    async def stop(self) -> None:
        """Finish running calls, publish what was written, stop the relay, close all connections."""
        self._tail.stop()
        self._stream.stop()
        await self._server.stop(GRACE)
        await self.key_source.stop()
        if not await self._relay.flush(_FLUSH):
            _log.warning("relay_not_flushed")
        await self._relay.stop()
        await self._bus.close()
        await self._redis_cache.close()
        await self._relayed.close()
        await self._pool.close()
        await self._tracer.close()


async def main(settings: config.Settings) -> None:
    """Run admin until SIGTERM or SIGINT."""
    descriptors.raise_limit()
    admin = Admin(settings)
    try:
        await admin.start()
        await process.until_stopped()
    finally:
        await asyncio.shield(admin.stop())
        _log.info("admin_stopped")
