"""The lane transport: `cqar.lane` serves unary methods, and proxies everything else to a grpc.aio server behind it.

That server listens on a Unix socket in a directory that only this user can enter. It trusts the client address that the
lane forwards.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import grpc.aio
from prometheus_client.metrics_core import Metric

from cqar import clock, config, errors
from cqar.auth.authority import ADMITTED, Authority, Grant
from cqar.hotpath.freshness import Freshness
from cqar.hotpath.passthrough import request_bytes
from cqar.hotpath.transports.unary import Unary, Wiring, answer
from cqar.lane.grpc import MalformedRequest, Metadata, Reply, RpcError, TooLarge
from cqar.lane.limits import Limits
from cqar.lane.routing import never_cached
from cqar.lane.server import Lane
from cqar.lane.service import AuthRequest, CacheLookup, Context, HitCounter, Observer, Peer, Service, Upstream
from cqar.model.call import ANYONE, Call, Principal
from cqar.observability import logs, tracing
from cqar.observability.logs import Calls
from cqar.observability.metrics import counter, gauge, single, tallied
from cqar.server import descriptors, limits, rpc, statuses
from cqar.server.process import PortError

_log = logs.logger("lane")

#: Maximum of metadata bytes from the server behind the lane: those of the request, and as much again.
_METADATA = 2 * limits.METADATA_AT_MOST
#: Options of the server behind the lane, whose only client is the lane.
_SERVER_OPTIONS = (
    ("grpc.max_receive_message_length", limits.MAX_MESSAGE),
    ("grpc.max_metadata_size", _METADATA),
    ("grpc.absolute_max_metadata_size", _METADATA),
)
_CHANNEL_OPTIONS = (*_SERVER_OPTIONS, ("grpc.max_send_message_length", limits.MAX_MESSAGE))
#: The paths that need no key.
_HEALTH = "/grpc.health.v1.Health/"
#: Status names by code.
_STATUS_NAMES: Mapping[int, str] = {number: status.name for number, status in statuses.STATUS.items()}


class Caller(NamedTuple):
    """The caller by the headers of a call: its cached grant if there is one, else its unverified credentials.

    `admitted`: its key has been verified for this one call.
    """

    authorization: str | None
    address: str
    grant: Grant | None
    principal: Principal | None
    admitted: bool = False

    @property
    def name(self) -> str:
        """The principal's name for logs, or an empty string."""
        return "" if self.principal is None else self.principal.name


class _Gate:
    """Callers without a verified key are strangers. They may only call the health service."""

    def __init__(self, authority: Authority, own: Container[str]) -> None:
        self._authority = authority
        self._own = own

    def proven(self, principal: Caller) -> bool:
        """Return whether the caller has a valid grant, or was admitted."""
        grant = principal.grant
        return principal.admitted or (grant is not None and grant.basis.live and grant.expires > clock.now())

    def public(self, path: str) -> bool:
        """Return whether a call needs no key."""
        return path.startswith(_HEALTH)

    def check(self, context: Context) -> None:
        """Refuse a missing or malformed key. Raises Unauthenticated, Throttled."""
        caller: Caller = context.principal
        self._authority.check_form(caller.authorization, caller.address)

    async def prove(self, context: Context) -> Caller:
        """Verify the key. Raises Unauthenticated, Throttled, and Unavailable for methods of this worker."""
        caller: Caller = context.principal
        try:
            principal = await self._authority.admit(caller.authorization, caller.address)
        except errors.Unavailable:
            if context.path in self._own:
                raise
            return caller  # admin decides
        return caller._replace(principal=principal, admitted=True)


class _Method:
    """A unary method of the lane."""

    def __init__(self, unary: Unary, freshness: Freshness, authority: Authority | None) -> None:
        self._unary = unary
        self.max_request = unary.request_bytes
        self.zero_copy = unary.zero_copy
        self._freshness = freshness
        self._authority = authority

    def lookup_for(self, principal: Caller) -> CacheLookup:
        """Return the cache lookup of a caller with a cached grant."""
        grant = principal.grant
        return never_cached if grant is None else self._unary.lookup_for(grant.principal, grant)

    async def handle(self, message: bytes, context: Context) -> Reply:
        """Authenticate the caller if necessary, and serve the request. Raises errors of `cqar.errors`."""
        unary, caller = self._unary, context.principal
        async with asyncio.timeout(limits.seconds(context.remaining())):
            principal: Principal = caller.principal or ADMITTED.principal
            if self._authority is not None and not caller.admitted:
                principal = await self._authority.admit(caller.authorization, caller.address)
                context.principal = caller._replace(principal=principal)
            call = Call(method=unary.name, principal=principal, metadata=_metadata(context))
            if caller.grant is None or caller.grant.bucket is not None or not caller.grant.basis.live:
                # The lookup has not seen the cached response: the key was unknown, or its rate was used up a moment ago.
                return Reply(*await answer(unary, self._freshness, message, call))
            return Reply(*await unary.serve(message, call))


class _Measured(Observer):
    """Metrics and logs: cached responses count once per read, all other calls one by one."""

    def __init__(self, unary: Sequence[Unary], calls: Calls) -> None:
        self._by_path = {each.path: each for each in unary}
        self._calls = calls
        #: connections that the lane closed, by reason
        self.ended = Counter[str]()
        #: connections that the lane closed because they look like attacks, by kind
        self.attackers = Counter[str]()

    def hit_counter(self, path: str, principal: Caller) -> HitCounter:
        """Return the counter of a principal's cached responses, which also marks its key as used."""
        unary, grant = self._by_path[path], principal.grant or ADMITTED
        basis, answered, log = grant.basis, unary.answered, self._calls.answering(unary.name, principal.name)

        def count(many: int, seconds: float) -> None:
            answered(many)
            log(many, seconds)
            grant.used = basis.used = True

        return count

    def call_ended(self, context: Context, code: int, seconds: float) -> None:
        """Record a call. Proxied calls are recorded by the server that serves them."""
        unary = self._by_path.get(context.path)
        if unary is not None:
            name = "" if context.principal is None else context.principal.name
            self._calls.ended(unary.name, name, _STATUS_NAMES[code], seconds, _metadata(context), context.call_id or None)

    def connection_closed(self, code: int, reason: str) -> None:  # noqa: ARG002 - the reason is more specific
        """Count a connection that the lane closed."""
        self.ended[reason] += 1

    def attacker_closed(self, kind: str) -> None:
        """Count an attacker."""
        self.attackers[kind] += 1

    def error(self, path: str, error: BaseException) -> None:
        """Log an unexpected exception."""
        _log.error("internal_error", method=path, exc_info=error)


class LaneTransport:
    """A lane, and a grpc.aio server behind it."""

    def __init__(self, wiring: Wiring) -> None:
        self._authority = wiring.authority
        self._identity = wiring.identity
        self.server = rpc.Server(
            rpc.Handlers(wiring.handlers, wiring.passthrough.handler),
            wiring.services,
            wiring.authority,
            wiring.identity,
            reflect=wiring.reflect,
            options=_SERVER_OPTIONS,
        )
        self._observer = _Measured(wiring.unary, wiring.calls)
        self._methods = {each.path: _Method(each, wiring.freshness, wiring.authority) for each in wiring.unary}
        self._freshness = wiring.freshness
        self._shared = wiring.shared
        self._limits = limits_of(wiring.hotpath)
        self._directory: Path | None = None
        self._channel: grpc.aio.Channel | None = None
        self._lane: Lane | None = None

    async def start(self, host: str, *ports: int) -> int:
        """Listen on all ports. Returns the first one. Raises PortError if one is taken."""
        self._directory = Path(tempfile.mkdtemp(prefix="cqar-lane-"))
        target = f"unix:{self._directory / 'upstream.sock'}"
        await self.server.start_at(target)
        channel = self._channel = grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS)
        upstream = Upstream(
            channel=lambda _path: channel,
            timeout=None,
            start_marker=rpc.FORWARDED,
            extra_metadata=_forwarded_for,
            max_request=_request_bytes,
        )
        service = Service(
            methods=self._methods,
            upstream=upstream,
            authorize=self._authorize,
            gate=None if self._authority is None else _Gate(self._authority, self._methods),
            holder=_holder,
            stale_marks=self._freshness.tick,
            explain=_explain,
            observer=self._observer,
        )
        lane = self._lane = Lane(service, self._limits)
        if self._authority is not None:
            self._authority.granted = lane.revoke
        tls = None if self._identity is None else self._identity.context("h2")
        bound = []
        for port in ports:
            try:
                bound.append(await lane.listen(host.strip("[]"), port, tls=tls, reuse_port=self._shared))
            except OSError as error:
                raise PortError(host, port) from error
        return bound[0]

    def _authorize(self, request: AuthRequest) -> Caller:
        """Return the caller of a request. An unknown key is verified by the call itself, which may wait or be refused."""
        address = request.peer.address.rpartition(":")[0]
        if self._authority is None:
            return Caller(None, address, ADMITTED, ADMITTED.principal)
        authorization = request.fields.get("authorization")
        grant = self._authority.grant(authorization) if authorization else None
        return Caller(authorization, address, grant, None if grant is None else grant.principal)

    async def stop(self, grace: float) -> None:
        """Report not ready, refuse new calls, and give calls in progress at most `grace` seconds."""
        await self.server.leave()
        if self._lane is not None:
            await self._lane.stop(grace)
        if self._channel is not None:
            await self._channel.close()
        await self.server.stop(0)
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the lane."""
        lane, ended = self._lane, tallied(self._observer.ended)
        yield counter("cqar_grpc_connections_closed", "Connections closed by the lane, by reason", ("reason",), ended)
        attackers = tallied(self._observer.attackers)
        yield counter(
            "cqar_grpc_attackers_closed", "Connections closed because they look like attacks, by kind", ("kind",), attackers
        )
        yield single("cqar_grpc_connections", "Open connections", 0 if lane is None else len(lane.connections))
        if lane is not None:
            yield from _of_callers(lane)


def limits_of(hotpath: config.Hotpath) -> Limits:
    """The limits of a lane: those of `cqar.server.limits`, and settings."""
    return Limits(
        streams=limits.STREAMS,
        request=limits.MAX_MESSAGE,
        request_timeout=limits.DEADLINE,
        call_timeout=limits.DEADLINE,
        min_ping_interval=limits.PING_EVERY,
        keepalive_time=limits.KEEPALIVE,
        keepalive_timeout=limits.KEEPALIVE_TIMEOUT,
        connection_age=hotpath.connection_age,
        connections=descriptors.connections(hotpath.max_connections),
        address_connections=hotpath.address_connections,
        buffered=hotpath.request_memory,
        connection_buffered=hotpath.connection_request_memory,
        all_queued=hotpath.response_memory,
        stranger_calls=hotpath.stranger_calls,
        stranger_bytes=hotpath.stranger_bytes,
        stranger_refusals=hotpath.stranger_refusals,
        public_calls=hotpath.health_calls,
    )


def _holder(caller: Caller, _peer: Peer) -> str:
    return caller.address if caller.principal is None or caller.principal is ANYONE else caller.principal.name


def _of_callers(lane: Lane) -> Iterator[Metric]:
    """Yield the metrics of refusals, and of callers without a verified key."""
    limited = tallied(lane.state.usage.refused)
    yield counter("cqar_grpc_refused", "Calls refused because of a limit of the lane, by reason", ("reason",), limited)
    strangers, limit = lane.state.strangers, lane.state.limits
    used = {"calls": strangers.calls, "health_calls": strangers.public, "bytes": strangers.bytes}
    most = {"calls": limit.stranger_calls, "health_calls": limit.public_calls, "bytes": limit.stranger_bytes}
    yield gauge("cqar_strangers_used", "Budget of callers without a verified key: used", ("what",), tallied(Counter(used)))
    yield gauge("cqar_strangers_limit", "Budget of callers without a verified key: limit", ("what",), tallied(Counter(most)))
    refused = tallied(strangers.refused)
    yield counter("cqar_strangers_refused", "Refusals of callers without a verified key, by reason", ("reason",), refused)


def _request_bytes(path: str, caller: Caller) -> int:
    return request_bytes(path, None if caller.principal is None else caller.principal.role)


def _forwarded_for(context: Context) -> Metadata:
    return ((rpc.FORWARDED, context.peer.address.rpartition(":")[0]),)


def _explain(context: Context, error: Exception) -> RpcError:
    """Map an error to a status. Its trailing metadata contains the request id, which the log entry of the call has too."""
    context.call_id = tracing.request_id(tracing.value(_metadata(context), tracing.REQUEST_ID))
    if isinstance(error, MalformedRequest):
        error = rpc.unreadable()
    elif isinstance(error, TooLarge):
        if error.limit >= limits.MAX_MESSAGE:
            return error
        error = limits.too_large(error.size, error.limit)
    refusal = statuses.refusal(context.path.rpartition("/")[2], error, context.call_id)
    return RpcError(refusal.code.value[0], refusal.message, trailing=refusal.trailing)


def _metadata(context: Context) -> Metadata:
    """Return the metadata of a call, or nothing if it is malformed."""
    try:
        return context.metadata
    except RpcError:
        return ()
