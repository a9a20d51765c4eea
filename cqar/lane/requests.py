"""From header blocks and DATA to calls: routes, request messages, and responses from the cache."""

from collections.abc import Callable
from typing import Final

from cqar.lane import frames, grpc, limits
from cqar.lane.call_tasks import CallTasks, too_much_buffered
from cqar.lane.frames import ProtocolError
from cqar.lane.grpc import MalformedRequest, RpcError, StaleMarks, TooLarge
from cqar.lane.hpack import Decoder, Field, HeaderListError, OtherField
from cqar.lane.proofs import Proofs
from cqar.lane.proxy import Proxy
from cqar.lane.route_cache import SMALL_BLOCK, RouteCache
from cqar.lane.routing import Route, RouteKind, Router, never_cached, too_large
from cqar.lane.server_state import ServerState
from cqar.lane.strangers import Account
from cqar.lane.stream import Stream, StreamState
from cqar.lane.streams import Request, Streams

#: Of this many uncached blocks in a row, only the first few are cached: the peer's blocks seem to be unique.
_TRIALS: Final = 64
_TRIAL_PERIOD: Final = 1_024

# Globals, since looking up a member of an Enum class costs much more.
_UNARY: Final = RouteKind.UNARY
_PROXIED: Final = RouteKind.PROXIED
_STRANGER: Final = RouteKind.STRANGER
_REFUSED: Final = RouteKind.REFUSED
_MALFORMED: Final = RouteKind.MALFORMED
_CLOSED: Final = StreamState.CLOSED
_HALF_CLOSED_REMOTE: Final = StreamState.HALF_CLOSED_REMOTE


class Requests:
    """The requests of a connection."""

    __slots__ = (
        "_calls",
        "_proofs",
        "_proxy",
        "_router",
        "_server",
        "_streams",
        "_uncached",
        "auth_version",
        "cache",
        "decoder",
        "stale_marks",
    )

    def __init__(
        self, server: ServerState, streams: Streams, calls: CallTasks, proxy: Proxy, schedule_flush: Callable[[], None]
    ) -> None:
        self._server = server
        self._streams = streams
        self._calls = calls
        self._proxy = proxy
        self._router = Router(server.service, streams.peer, server.limits.request)
        self._proofs = Proofs(server, streams, calls, self._router, self._proceed, schedule_flush)
        self.cache = RouteCache(server.limits, server.usage)
        self._uncached = 0
        self.decoder = Decoder(server.header_cache)
        self.auth_version = server.auth_version
        #: for the cached responses to the current read
        self.stale_marks: StaleMarks | None = None

    # ---- headers ---------------------------------------------------------------------------------------------------

    def parse(self, block: bytes) -> Request:
        """Decode a header block into a request. Raises ProtocolError."""
        decoder = self.decoder
        cache = self.cache
        try:
            fields, others, leading = decoder.decode(block)
        except HeaderListError as error:
            self._check_table()
            self._charge(len(error.fields), error.others)
            return never_cached, too_large(error), []
        if decoder.new or len(others) > limits.USUAL_FIELDS or len(fields) > limits.USUAL_FIELDS:
            self._charge(len(fields), len(others))
        route = cache.get(fields)
        if route is None:
            route = self._route(fields)
        if route.pseudo > leading:  # another field precedes a pseudo-header field
            route = Route(_MALFORMED, fields)
        request = (route.lookup, route, others)
        if decoder.changed:
            decoder.changed = False
            cache.clear_blocks()
        elif route.kind is _UNARY and route.cacheable:
            self._uncached += 1
            if self._uncached <= _TRIALS:
                cache.add_block(block, request)
            elif self._uncached > _TRIAL_PERIOD:
                self._uncached = 0
        return request

    def _charge(self, routing: int, others: int) -> None:
        """Count what it took to decode a header block, by the numbers of its fields. Raises ProtocolError."""
        new, self.decoder.new = self.decoder.new, 0
        tokens = new if new > limits.USUAL_NEW else 0
        if routing + others > limits.USUAL_FIELDS:
            tokens += (limits.ROUTING_FIELD * routing + others) // limits.FIELDS_PER_TOKEN
        if tokens:
            self._streams.flood(limits.FIELDS, tokens)

    def _route(self, fields: tuple[Field, ...]) -> Route:
        route = self._router.route(fields)
        if route.kind is _UNARY or route.kind is _PROXIED:
            self._streams.prove()
        if route.cacheable:
            self.cache.add_route(route)
        return route

    def _check_table(self) -> None:
        """Drop the cached header blocks if the dynamic table has changed."""
        if self.decoder.changed:
            self.decoder.changed = False
            self.cache.clear_blocks()

    def clear_routes(self) -> None:
        """Drop all cached routes, since authorization may have changed."""
        self.auth_version = self._server.auth_version
        self.cache.clear()

    def headers(self, number: int, block: bytes, *, end: bool) -> None:
        """Take a complete header block: request headers or request trailers. Raises ProtocolError."""
        streams = self._streams
        if number <= streams.last:
            self._trailers(number, block, end=end)
            return
        streams.last = number
        request = self.parse(block)
        if len(streams.pending) + len(streams.live) >= streams.capacity():
            streams.flood(limits.REFUSED)
            streams.refuse(number, frames.REFUSED_STREAM, ended=end)
            return
        self.begin(number, request, end=end, size=len(block))

    def _trailers(self, number: int, block: bytes, *, end: bool) -> None:
        streams = self._streams
        stream = streams.get(number)
        try:  # trailers are ignored
            fields, others, _ = self.decoder.decode(block)
            counts = len(fields), len(others)
        except HeaderListError as error:
            counts = len(error.fields), error.others
        self._check_table()
        self._charge(*counts)
        if stream is None:
            if not streams.recently_reset(number, ended=end):
                raise ProtocolError(frames.STREAM_CLOSED, "HEADERS on a closed stream")
            streams.flood(limits.REFUSED)
        elif stream.state is _HALF_CLOSED_REMOTE:
            streams.stream_error(stream, frames.STREAM_CLOSED)
        elif not end:
            streams.stream_error(stream, frames.PROTOCOL_ERROR)
        else:
            self._complete(stream)

    def begin(self, number: int, request: Request, *, end: bool, size: int = 0) -> None:
        """Open the stream of a request. `end`: whether the request is complete; `size`: bytes of its header block."""
        streams, route = self._streams, request[1]
        streams.last = number
        if route.kind is _UNARY and not end and size <= SMALL_BLOCK:
            streams.pending[number] = request
        elif route.kind is _MALFORMED:
            streams.flood(limits.REFUSED)
            streams.refuse(number, frames.PROTOCOL_ERROR, ended=end)
        elif route.response:
            self._refuse(number, route, request[2], end=end)
        elif route.kind is _STRANGER:
            self._begin_stranger(number, request, end=end, size=size)
        else:
            stream = streams.open(number, request)
            streams.count(stream, size)
            if size > SMALL_BLOCK and not self._check_fields(stream):
                return
            if route.kind is _PROXIED:
                self._proxy.start(stream)
            if end and stream.state is not _CLOSED:
                self._complete(stream)

    def _refuse(self, number: int, route: Route, others: list[OtherField], *, end: bool) -> None:
        """Send the response of a refused route, which is a single header block."""
        streams = self._streams
        streams.sender.out.append(frames.headers(number, route.response, end=True))
        streams.flood(limits.REJECTED)
        if not end:
            streams.refuse(number, frames.NO_ERROR, ended=False)
        if route.kind is _REFUSED:
            self._server.service.observer.call_ended(streams.new_context(route, others), route.status, 0.0)

    def _begin_stranger(self, number: int, request: Request, *, end: bool, size: int) -> None:
        gate = self._server.service.gate
        if gate is not None:
            self._proofs.begin(gate, number, request, end=end, size=size)

    def _proceed(self, stream: Stream) -> None:
        """Go on with a call whose caller is proven or needs no proof, with what has arrived of its request."""
        data = bytes(stream.buffer or b"")
        complete = stream.state is _HALF_CLOSED_REMOTE
        if stream.buffered - len(data) > SMALL_BLOCK and not self._check_fields(stream):
            return
        if stream.route.kind is _UNARY:
            if complete:
                stream.buffer = None
                self._respond(stream, data, stream.route.lookup(data))
            else:
                self._streams.replenish(stream)
            return
        stream.buffer = None
        self._streams.count(stream, -len(data))
        self._proxy.start(stream)
        if stream.inbox is not None:
            self._proxy.receive(stream, stream.inbox, data)
        if stream.inbox is not None and complete:
            self._proxy.receive_end(stream, stream.inbox)

    def _check_fields(self, stream: Stream) -> bool:
        """Fail a call whose header fields are too large or invalid. Returns whether they are valid."""
        try:
            self._streams.fields(stream.route, stream.others)
        except RpcError as error:
            self._streams.fail(stream, error)
            return False
        return True

    # ---- data ------------------------------------------------------------------------------------------------------

    def data(self, stream: Stream, payload: bytes, *, end: bool) -> None:
        """Take more of a request, and its end."""
        if stream.inbox is not None:
            self._proxy.receive(stream, stream.inbox, payload)
        else:
            self._gather(stream, payload)
        if end and stream.state is not _CLOSED:
            self._complete(stream)

    def _gather(self, stream: Stream, payload: bytes) -> None:
        """Take more of a unary request."""
        limit, streams = stream.route.limit, self._streams
        if stream.buffer is None:
            stream.buffer = bytearray()
            self._calls.start_deadline(stream)
            if stream.state is _CLOSED:
                return
        buffer = stream.buffer
        buffer += payload
        streams.count(stream, len(payload))
        try:
            if len(buffer) >= grpc.PREFIX:
                grpc.check_size(buffer, limit)
        except TooLarge as error:
            streams.fail(stream, self._server.service.explain(streams.context(stream), error))
            streams.cancel(stream)
            return
        if streams.overfull(stream):
            streams.fail(stream, too_much_buffered())
            streams.cancel(stream)
        elif stream.route.method is not None and len(buffer) > grpc.packed_limit(limit) + grpc.PREFIX:
            streams.fail(stream, grpc.extra_messages())
            streams.cancel(stream)
        elif stream.account is Account.PROVEN:
            streams.replenish(stream)

    def _complete(self, stream: Stream) -> None:
        """Take the end of a request."""
        stream.state = _HALF_CLOSED_REMOTE
        if stream.inbox is not None:
            self._proxy.receive_end(stream, stream.inbox)
            return
        if stream.account is not Account.PROVEN:
            return  # until its caller is proven
        data = bytes(stream.buffer or b"")
        stream.buffer = None
        self._respond(stream, data, stream.route.lookup(data))

    def whole(self, number: int, request: Request, data: bytes, cached: bytes | None) -> None:
        """Take a unary request that arrived in one DATA frame, with its cached response, if any."""
        self._respond(self._streams.open(number, request, _HALF_CLOSED_REMOTE), data, cached)

    def _respond(self, stream: Stream, data: bytes, cached: bytes | None) -> None:
        """Answer a unary request, from the cache if possible."""
        route, streams = stream.route, self._streams
        if cached is None or self._must_wait(route, cached):
            try:
                grpc.check_unary(data, route.limit)
            except (MalformedRequest, TooLarge) as error:
                streams.fail(stream, self._server.service.explain(streams.context(stream), error))
            except RpcError as error:
                streams.fail(stream, error)
            else:
                self._start(stream, data)
            return
        route.count_hits(1, 0.0)
        marks = self.stale_marks
        if marks is None:
            if not streams.respond_at_once(stream, cached):
                message_part = (memoryview(cached) if route.zero_copy else cached)[: -grpc.PREFIX]
                streams.respond(stream, message_part, grpc.TRAILERS)
        else:
            streams.respond(stream, grpc.framed(cached[grpc.PREFIX : -grpc.PREFIX] + marks.message), marks.trailers)

    def _start(self, stream: Stream, data: bytes) -> None:
        """Have a request handled, or first its caller proven, whose proof may have ended since the headers."""
        gate = self._server.service.gate
        if gate is None or gate.proven(stream.route.principal):
            self._calls.start(stream, data)
            return
        self._streams.transfer(stream, Account.UNPROVEN)
        stream.buffer = bytearray(data)
        self._proofs.prove(gate, stream)

    def _must_wait(self, route: Route, cached: bytes) -> bool:
        """Return whether a cached response has no room in the queue yet. One that is only referenced needs no room."""
        marks = self.stale_marks
        if marks is None and route.zero_copy:
            return False
        size = len(cached) + (0 if marks is None else len(marks.message))
        return not self._streams.sender.fits(size, self._server.limits.queued)
