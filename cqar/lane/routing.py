"""Routes: the method, the principal or the refusal that the routing fields of a request lead to.

A connection computes the route of each distinct set of routing fields once and caches it, if the caller is proven.
"""

import enum
from collections.abc import Hashable, Mapping
from typing import Any, Final

from cqar.lane import grpc
from cqar.lane.grpc import RpcError
from cqar.lane.hpack import Field, HeaderListError, valid_name
from cqar.lane.service import AuthRequest, CacheLookup, Context, HitCounter, Method, Peer, Service, ignore_hits

#: Header fields that every route depends on, beside the pseudo-header fields.
ROUTING_FIELDS: Final = frozenset((b"authorization", b"content-type", b"te", b"grpc-encoding"))

#: Whitespace that may surround a field value.
_SPACE: Final = b" \t"
_PSEUDO: Final = frozenset((b":method", b":scheme", b":authority", b":path"))
_REQUIRED: Final = (b":method", b":scheme", b":path")
_GRPC: Final = b"application/grpc"
_ENCODINGS: Final = frozenset((b"identity", b"gzip", b"deflate"))
#: `:status` as a literal with the static name of index 8, and the length of its value.
_HTTP_STATUS: Final = b"\x08\x03"


class RouteKind(enum.Enum):
    """What happens to a request."""

    #: a method of the application
    UNARY = enum.auto()
    #: passed to the upstream server
    PROXIED = enum.auto()
    #: a call of either kind by a caller that has not proven who it is
    STRANGER = enum.auto()
    #: ended with a gRPC status
    REFUSED = enum.auto()
    #: ended with an HTTP status, since the client does not speak gRPC
    NOT_GRPC = enum.auto()
    #: a stream error: not a valid HTTP/2 request
    MALFORMED = enum.auto()


def never_cached(_framed: bytes) -> bytes | None:
    """Find no cached response."""
    return None


class Route:
    """What a request is, by its routing fields."""

    __slots__ = (
        "cacheable",
        "count_hits",
        "encoding",
        "fields",
        "holder",
        "kind",
        "limit",
        "lookup",
        "method",
        "path",
        "principal",
        "pseudo",
        "response",
        "status",
        "zero_copy",
    )

    def __init__(self, kind: RouteKind, fields: tuple[Field, ...], path: str = "") -> None:
        self.kind = kind
        self.fields = fields
        self.path = path
        #: number of pseudo-header fields: all other fields must follow them
        self.pseudo = sum(field.name[:1] == b":" for field in fields)
        self.lookup: CacheLookup = never_cached
        self.zero_copy = True
        self.count_hits: HitCounter = ignore_hits
        self.method: Method | None = None
        self.principal: Any = None
        #: who holds the memory of unread responses; the maximum size of a request in bytes
        self.holder: Hashable = ""
        self.limit = 0
        self.encoding = b"identity"
        #: for refusals, the header block that ends the stream, and its gRPC status
        self.response = b""
        self.status = grpc.OK
        #: whether a connection may cache it, as the caller is proven
        self.cacheable = False


class Router:
    """Computes the routes of one peer."""

    __slots__ = ("_max_request", "_service", "peer")

    def __init__(self, service: Service, peer: Peer, max_request: int) -> None:
        self._service = service
        self._max_request = max_request
        self.peer = peer

    def route(self, fields: tuple[Field, ...]) -> Route:
        """Return the route of a request with these routing fields. Does not raise."""
        named = _validated(fields)
        if named is None:
            return Route(RouteKind.MALFORMED, fields)
        path = named[b":path"].decode("latin-1")
        rejection = _not_grpc(named)
        if rejection is not None:
            route = Route(RouteKind.NOT_GRPC, fields, path)
            route.response = rejection
            return route
        try:
            return self._accept(named, fields, path)
        except RpcError as error:
            return _refusal(fields, path, error)
        except Exception as error:  # noqa: BLE001 - a bug of the application ends the call, not the connection
            self._service.observer.error(path, error)
            context = Context(path, None, self.peer, 0.0, lambda: [(field.name, field.value) for field in fields])
            return _refusal(fields, path, self._service.explain(context, error))

    def _accept(self, named: Mapping[bytes, bytes], fields: tuple[Field, ...], path: str) -> Route:
        """Return the route of a gRPC request. Raises RpcError, and what the application raises."""
        service = self._service
        if b"te" not in named:
            raise RpcError(grpc.INTERNAL, "missing header te: trailers; a proxy in between may not support gRPC")
        encoding = named.get(b"grpc-encoding", b"identity")
        if encoding not in _ENCODINGS:
            accepted = (("grpc-accept-encoding", grpc.ENCODINGS),)
            text = f"unsupported grpc-encoding {encoding.decode('latin-1')!r}"
            raise RpcError(grpc.UNIMPLEMENTED, text, trailing=accepted)
        shown = {name.decode(): value.strip(_SPACE).decode("latin-1") for name, value in named.items()}
        principal = service.authorize(AuthRequest(path, shown, self.peer))
        method, upstream, gate = service.methods.get(path), service.upstream, service.gate
        if method is None and (upstream is None or upstream.channel(path) is None):
            raise unknown_method(path)
        route = Route(RouteKind.PROXIED if method is None else RouteKind.UNARY, fields, path)
        route.encoding = encoding
        self._assign(route, principal)
        route.cacheable = gate is None or gate.proven(principal)
        if not route.cacheable:
            route.kind = RouteKind.STRANGER
        return route

    def _assign(self, route: Route, principal: Any) -> None:
        service, method = self._service, self._service.methods.get(route.path)
        route.principal = principal
        route.holder = service.holder(principal, self.peer)
        route.limit = self._limit(route.path, principal)
        if method is not None:
            route.method = method
            route.zero_copy = method.zero_copy
            route.lookup = method.lookup_for(principal)
            route.count_hits = service.observer.hit_counter(route.path, principal)

    def proven(self, earlier: Route, principal: Any) -> Route:
        """Return the route of one call whose caller has proven to be `principal`. Raises what the application raises."""
        method = self._service.methods.get(earlier.path)
        route = Route(RouteKind.PROXIED if method is None else RouteKind.UNARY, earlier.fields, earlier.path)
        route.encoding = earlier.encoding
        self._assign(route, principal)
        return route

    def _limit(self, path: str, principal: Any) -> int:
        """Return the maximum size of a request in bytes."""
        method, upstream = self._service.methods.get(path), self._service.upstream
        if method is not None:
            return min(method.max_request, self._max_request)
        own = None if upstream is None else upstream.max_request(path, principal)
        return self._max_request if own is None else min(own, self._max_request)


def unknown_method(path: str) -> RpcError:
    """Return the status of a call that neither a method nor upstream serves."""
    return RpcError(grpc.UNIMPLEMENTED, f"unknown method {path}")


def too_large(error: HeaderListError) -> Route:
    """Return the refusal of a request whose header list is too large."""
    path = next((field.value.decode("latin-1") for field in error.fields if field.name == b":path"), "")
    return _refusal((), path, RpcError(grpc.RESOURCE_EXHAUSTED, str(error)))


def _refusal(fields: tuple[Field, ...], path: str, error: RpcError) -> Route:
    route = Route(RouteKind.REFUSED, fields, path)
    route.status = error.code
    route.response = grpc.RESPONSE_HEADERS + error.trailers()
    return route


def _validated(fields: tuple[Field, ...]) -> dict[bytes, bytes] | None:
    """Return the fields by name, or None if the request is malformed (RFC 9113, 8.2 and 8.3)."""
    named: dict[bytes, bytes] = {}
    regular = False
    for field in fields:
        name, value = field.name, field.value
        pseudo = name[:1] == b":"
        if name in named or (pseudo and (regular or name not in _PSEUDO)) or not (pseudo or valid_name(name)):
            return None
        # gRPC clients send metadata as the application sets it, with surrounding spaces; gRPC servers accept that.
        if not valid_value(value) or (pseudo and value != value.strip(_SPACE)):
            return None
        if name == b"te" and value.lower() != b"trailers":
            return None
        regular = not pseudo
        named[name] = value
    if any(not named.get(name) for name in _REQUIRED) or named[b":path"][:1] != b"/":
        return None
    return named


def valid_value(value: bytes) -> bool:
    """Return whether a field value is valid: without NUL, LF and CR."""
    return not (b"\0" in value or b"\n" in value or b"\r" in value)


def _not_grpc(named: Mapping[bytes, bytes]) -> bytes | None:
    """Return the header block of the HTTP error for a request that is not gRPC, else None."""
    if named[b":method"] != b"POST":
        return _HTTP_STATUS + b"405" + grpc.literal(b"allow", b"POST")
    content_type = named.get(b"content-type", b"")
    if content_type[: len(_GRPC)] != _GRPC or content_type[len(_GRPC) : len(_GRPC) + 1] not in (b"", b"+", b";"):
        return _HTTP_STATUS + b"415" + grpc.literal(b"accept", _GRPC)
    return None
