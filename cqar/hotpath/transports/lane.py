"""The lane: unary calls by `cqar.lane`; everything else by a server of grpc.aio that only the lane can reach.

That server listens on a socket in a folder of this user's alone, and believes the lane where it says who calls.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import grpc.aio
from prometheus_client.metrics_core import Metric

from cqar.auth.authority import ADMITTED, Authority, Grant
from cqar.hotpath.freshness import Freshness
from cqar.hotpath.transports.unary import Unary, Wiring, answer
from cqar.lane.grpc import Failure, Metadata, Reply, Unreadable
from cqar.lane.limits import Limits
from cqar.lane.routing import never
from cqar.lane.server import Lane
from cqar.lane.service import Asked, Context, Hit, Observer, Service, Tally, Upstream
from cqar.model.call import Call, Principal
from cqar.observability import logs, tracing
from cqar.observability.logs import Calls
from cqar.observability.metrics import counter, single, tallied
from cqar.server import limits, rpc
from cqar.server.process import PortError

_log = logs.logger("lane")

#: Bytes of metadata that may come back from the server behind the lane: what it was given, and what it adds.
_METADATA = 2 * limits.METADATA_AT_MOST
#: Of the server behind the lane, whose only client is the lane with the calls of all its own.
_BEHIND = (
    ("grpc.max_receive_message_length", limits.MAX_MESSAGE),
    ("grpc.max_metadata_size", _METADATA),
    ("grpc.absolute_max_metadata_size", _METADATA),
)
_TOWARDS = (*_BEHIND, ("grpc.max_send_message_length", limits.MAX_MESSAGE))
#: Names of statuses by their numbers.
_NAMES: Mapping[int, str] = {number: status.name for number, status in rpc.STATUS.items()}


class Caller(NamedTuple):
    """Who calls, as far as the header of a call tells: a grant where one stands for it, else what it shows."""

    authorization: str | None
    address: str
    grant: Grant | None
    principal: Principal | None

    @property
    def name(self) -> str:
        """For logs."""
        return "" if self.principal is None else self.principal.name


class _Method:
    """A unary call as the lane serves it."""

    def __init__(self, unary: Unary, freshness: Freshness, authority: Authority | None) -> None:
        self._unary = unary
        self.kept = unary.kept
        self._freshness = freshness
        self._authority = authority

    def hit_for(self, principal: Caller) -> Hit:
        """Ready answers for whoever is known already."""
        grant = principal.grant
        return never if grant is None else self._unary.hit_for(grant.principal, grant)

    async def miss(self, message: bytes, context: Context) -> Reply:
        """The answer that does not stand ready, or whose caller is to be looked up first. Raises errors of `cqar.errors`."""
        unary, caller = self._unary, context.principal
        async with asyncio.timeout(limits.seconds(context.remaining())):
            limits.check(message, unary.request_bytes)
            principal: Principal = ADMITTED.principal
            if self._authority is not None:
                principal = await self._authority.admit(caller.authorization, caller.address)
                context.principal = caller._replace(principal=principal)
            call = Call(method=unary.name, principal=principal, metadata=_metadata(context))
            if caller.grant is None or not caller.grant.basis.live:
                return Reply(*await answer(unary, self._freshness, message, call))
            return Reply(*await unary.serve(message, call))


class _Measured(Observer):
    """Metrics and logs of what the lane does: once a read of what stood ready, once a call of the rest."""

    def __init__(self, unary: Sequence[Unary], calls: Calls) -> None:
        self._by_path = {each.path: each for each in unary}
        self._calls = calls
        #: connections that the lane ended, by reason
        self.ended = Counter[str]()

    def tally(self, path: str, principal: Caller) -> Tally:
        """Metrics, the log, and that the caller's key was used."""
        unary, grant = self._by_path[path], principal.grant or ADMITTED
        basis, answered, told = grant.basis, unary.answered, self._calls.answering(unary.name, principal.name)

        def tally(many: int, seconds: float) -> None:
            answered(many)
            told(many, seconds)
            grant.used = basis.used = True

        return tally

    def call(self, context: Context, code: int, seconds: float) -> None:
        """A call has ended; what is passed on is counted where it goes."""
        unary = self._by_path.get(context.path)
        if unary is not None:
            name = "" if context.principal is None else context.principal.name
            self._calls.ended(unary.name, name, _NAMES[code], seconds, _metadata(context), context.known_as or None)

    def closed(self, code: int, reason: str) -> None:  # noqa: ARG002 - the reason says more
        """The lane has ended a connection."""
        self.ended[reason] += 1

    def error(self, path: str, error: BaseException) -> None:
        """A bug."""
        _log.error("internal_error", method=path, exc_info=error)


class LaneTransport:
    """A lane, and a server of grpc.aio behind it."""

    def __init__(self, wiring: Wiring) -> None:
        self._authority = wiring.authority
        self._identity = wiring.identity
        self.server = rpc.Server(
            rpc.Handlers(wiring.handlers, wiring.passthrough.handler),
            wiring.services,
            wiring.authority,
            wiring.identity,
            reflect=wiring.reflect,
            options=_BEHIND,
        )
        self._observer = _Measured(wiring.unary, wiring.calls)
        self._methods = {each.path: _Method(each, wiring.freshness, wiring.authority) for each in wiring.unary}
        self._freshness = wiring.freshness
        self._shared = wiring.shared
        # What the connections of a worker may take; see `cqar.server.limits`.
        self._limits = Limits(
            streams=limits.STREAMS,
            request=limits.MAX_MESSAGE,
            body=limits.DEADLINE,
            deadline=limits.DEADLINE,
            ping=limits.PING_EVERY,
            keepalive=limits.KEEPALIVE,
            keepalive_timeout=limits.KEEPALIVE_TIMEOUT,
            age=wiring.connection_age,
        )
        self._folder: Path | None = None
        self._channel: grpc.aio.Channel | None = None
        self._lane: Lane | None = None

    async def start(self, host: str, *ports: int) -> int:
        """Listen on each; the first port. Raises PortError where one is taken."""
        self._folder = Path(tempfile.mkdtemp(prefix="cqar-lane-"))
        target = f"unix:{self._folder / 'behind'}"
        await self.server.start_at(target)
        channel = self._channel = grpc.aio.insecure_channel(target, options=_TOWARDS)
        upstream = Upstream(channel=lambda _path: channel, patience=None, begun=rpc.FORWARDED, onward=_onward)
        service = Service(
            methods=self._methods,
            upstream=upstream,
            authorize=self._authorize,
            tail=self._freshness.look,
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

    def _authorize(self, asked: Asked) -> Caller:
        """Who calls. Whoever is not known yet is looked up by the call itself: only that may wait, or be refused."""
        address = asked.peer.address.rpartition(":")[0]
        if self._authority is None:
            return Caller(None, address, ADMITTED, ADMITTED.principal)
        shown = asked.fields.get("authorization")
        grant = self._authority.grant(shown) if shown else None
        return Caller(shown, address, grant, None if grant is None else grant.principal)

    async def stop(self, grace: float) -> None:
        """Not ready, no new calls, at most `grace` seconds for those under way."""
        await self.server.leave()
        if self._lane is not None:
            await self._lane.stop(grace)
        if self._channel is not None:
            await self._channel.close()
        await self.server.stop(0)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def collect(self) -> Iterator[Metric]:
        """Its metrics."""
        lane, ended = self._lane, tallied(self._observer.ended)
        yield counter("cqar_grpc_connections_closed", "Connections that were ended here, by reason", ("reason",), ended)
        yield single("cqar_grpc_connections", "Connections that are open", 0 if lane is None else len(lane.connections))


def _onward(context: Context) -> Metadata:
    return ((rpc.FORWARDED, context.peer.address.rpartition(":")[0]),)


def _explain(context: Context, error: Exception) -> Failure:
    """The status of an error; the trailing metadata have the request id, by which the log knows the call."""
    context.known_as = tracing.request_id(tracing.value(_metadata(context), tracing.REQUEST_ID))
    if isinstance(error, Unreadable):
        error = rpc.unreadable()
    refusal = rpc.refusal(context.path.rpartition("/")[2], error, context.known_as)
    return Failure(refusal.code.value[0], refusal.message, trailing=refusal.trailing)


def _metadata(context: Context) -> Metadata:
    """The metadata of a call; nothing where they break a rule."""
    try:
        return context.metadata
    except Failure:
        return ()
