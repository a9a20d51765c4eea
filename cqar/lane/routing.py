"""What the deciding fields of a request mean: the method and who calls it, or why it is refused. Made once, then remembered."""

from collections.abc import Mapping
from typing import Any, Final

from cqar.lane import grpc
from cqar.lane.grpc import Failure
from cqar.lane.hpack import Field, well_named
from cqar.lane.service import Asked, Context, Hit, Method, Peer, Service, Tally, untold

#: Names of fields that always decide.
DECIDING: Final = frozenset((b"authorization", b"content-type", b"te", b"grpc-encoding"))

# Kinds.
#: a method of the application
UNARY: Final = 0
#: passed on
PROXIED: Final = 1
#: ended with a status of gRPC
REFUSED: Final = 2
#: ended with a status of HTTP: the caller does not speak gRPC
FOREIGN: Final = 3
#: no request of HTTP/2
MALFORMED: Final = 4

#: What may stand around a value without being of it.
_SPACE: Final = b" \t"
_PSEUDO: Final = frozenset((b":method", b":scheme", b":authority", b":path"))
_REQUIRED: Final = (b":method", b":scheme", b":path")
_GRPC: Final = b"application/grpc"
_ENCODINGS: Final = frozenset((b"identity", b"gzip", b"deflate"))
#: `:status` of refusals that are HTTP's: a literal with the static name of index 8.
_FOREIGN_STATUS: Final = b"\x08\x03"
#: Statuses of refusals that stay true until the application says that they may not: UNAUTHENTICATED, PERMISSION_DENIED.
_LASTING: Final = frozenset((7, 16))


def never(_framed: bytes) -> bytes | None:
    """Find no ready answer."""
    return None


class Decision:
    """What a request is, by its deciding fields."""

    __slots__ = (
        "block",
        "encoding",
        "fields",
        "hit",
        "kept",
        "kind",
        "lasting",
        "method",
        "path",
        "principal",
        "pseudo",
        "status",
        "tally",
    )

    def __init__(self, kind: int, fields: tuple[Field, ...], path: str = "") -> None:
        self.kind = kind
        self.fields = fields
        self.path = path
        #: how many of the fields are pseudo-headers: no other field may stand before the last of them
        self.pseudo = sum(field.name[:1] == b":" for field in fields)
        self.hit: Hit = never
        self.kept = True
        self.tally: Tally = untold
        self.method: Method | None = None
        self.principal: Any = None
        self.encoding = b"identity"
        #: of a refusal, the header block that ends the stream, and the status in it
        self.block = b""
        self.status = grpc.OK
        #: whether it may be remembered
        self.lasting = True


class Decider:
    """Decides for the connections of one peer."""

    __slots__ = ("_peer", "_service")

    def __init__(self, service: Service, peer: Peer) -> None:
        self._service = service
        self._peer = peer

    @property
    def peer(self) -> Peer:
        """Who is at the other end."""
        return self._peer

    def decide(self, fields: tuple[Field, ...]) -> Decision:
        """The decision for a request with these fields. Raises nothing."""
        named = _sound(fields)
        if named is None:
            return Decision(MALFORMED, fields)
        path = named[b":path"].decode("latin-1")
        foreign = _foreign(named)
        if foreign is not None:
            decision = Decision(FOREIGN, fields, path)
            decision.block = foreign
            return decision
        try:
            return self._accept(named, fields, path)
        except Failure as failure:
            return _refusal(fields, path, failure)
        except Exception as error:  # noqa: BLE001 - the application's bugs end calls, not connections
            self._service.observer.error(path, error)
            context = Context(path, None, self._peer, 0.0, lambda: [(field.name, field.value) for field in fields])
            return _refusal(fields, path, self._service.explain(context, error))

    def _accept(self, named: Mapping[bytes, bytes], fields: tuple[Field, ...], path: str) -> Decision:
        """The decision for a request of gRPC. Raises Failure, and what the application raises."""
        service = self._service
        if b"te" not in named:
            raise Failure(grpc.INTERNAL, "te: trailers is missing; a proxy on the way may not speak gRPC")
        encoding = named.get(b"grpc-encoding", b"identity")
        if encoding not in _ENCODINGS:
            accepted = (("grpc-accept-encoding", grpc.ENCODINGS),)
            text = f"grpc-encoding {encoding.decode('latin-1')!r} is not known"
            raise Failure(grpc.UNIMPLEMENTED, text, trailing=accepted)
        shown = {name.decode(): value.strip(_SPACE).decode("latin-1") for name, value in named.items()}
        principal = service.authorize(Asked(path, shown, self._peer))
        method = service.methods.get(path)
        if method is None and (service.upstream is None or service.upstream.channel(path) is None):
            msg = f"unknown method {path}"
            raise Failure(grpc.UNIMPLEMENTED, msg)
        decision = Decision(PROXIED if method is None else UNARY, fields, path)
        decision.principal = principal
        decision.encoding = encoding
        if method is not None:
            decision.method = method
            decision.kept = method.kept
            decision.hit = method.hit_for(principal)
            decision.tally = service.observer.tally(path, principal)
        return decision


def _refusal(fields: tuple[Field, ...], path: str, failure: Failure) -> Decision:
    decision = Decision(REFUSED, fields, path)
    decision.status = failure.code
    decision.block = grpc.ANSWER + failure.block()
    decision.lasting = failure.code in _LASTING
    return decision


def _sound(fields: tuple[Field, ...]) -> dict[bytes, bytes] | None:
    """The fields by name; None where they are no request of HTTP/2 (RFC 9113, 8.2 and 8.3)."""
    named: dict[bytes, bytes] = {}
    regular = False
    for field in fields:
        name, value = field.name, field.value
        pseudo = name[:1] == b":"
        if name in named or (pseudo and (regular or name not in _PSEUDO)) or not (pseudo or well_named(name)):
            return None
        # gRPC's clients send what an application gives them, such as spaces at the end, and gRPC lets them be.
        if not sound_value(value) or (pseudo and value != value.strip(_SPACE)):
            return None
        if name == b"te" and value.lower() != b"trailers":
            return None
        regular = not pseudo
        named[name] = value
    if any(not named.get(name) for name in _REQUIRED) or named[b":path"][:1] != b"/":
        return None
    return named


def sound_value(value: bytes) -> bool:
    """Whether a field may have this value."""
    return not (b"\0" in value or b"\n" in value or b"\r" in value)


def _foreign(named: Mapping[bytes, bytes]) -> bytes | None:
    """The answer to a request that is not gRPC's, as a header block."""
    if named[b":method"] != b"POST":
        return _FOREIGN_STATUS + b"405" + grpc.literal(b"allow", b"POST")
    kind = named.get(b"content-type", b"")
    if kind[: len(_GRPC)] != _GRPC or kind[len(_GRPC) : len(_GRPC) + 1] not in (b"", b"+", b";"):
        return _FOREIGN_STATUS + b"415" + grpc.literal(b"accept", _GRPC)
    return None
