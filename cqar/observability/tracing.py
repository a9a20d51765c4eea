"""What links a call to others: the request id, and the trace of W3C that comes with a call and goes on with what it leads to.

Whether a call is sampled is decided first: by the caller, where it sends a `traceparent`, else by a share of the settings.
Only sampled calls have spans (`cqar.observability.spans`). The context of other calls is propagated all the same.
"""

import contextlib
import random
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Final, Literal, NamedTuple, Protocol

#: The names of metadata and headers.
REQUEST_ID = "x-request-id"
TRACE_PARENT = "traceparent"

_ID = re.compile(r"[!-~]{1,128}")
_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED: Final = 1
#: The flags that are known: sampled, and that the trace's id is random.
_FLAGS: Final = 3

#: What a span is to others, by OpenTelemetry's names.
SpanKind = Literal["SERVER", "CLIENT", "PRODUCER", "CONSUMER", "INTERNAL"]
#: What a span says of itself.
Attributes = Mapping[str, str | int]


def request_id(given: str | bytes | None) -> str:
    """The caller's id of the request, or one of our own where it gave none, or not 1 to 128 printable characters."""
    return given if isinstance(given, str) and _ID.fullmatch(given) else secrets.token_hex(16)


def value(metadata: Iterable[tuple[str, str | bytes]], name: str) -> str | bytes | None:
    """The first value of the name in metadata."""
    return next((each for key, each in metadata if key == name), None)


class Context(NamedTuple):
    """A place in a trace; as text it is a `traceparent`."""

    #: 32 hexadecimal digits
    trace_id: str
    #: 16 hexadecimal digits
    span_id: str
    flags: int

    @property
    def sampled(self) -> bool:
        """Whether the trace is recorded."""
        return bool(self.flags & _SAMPLED)

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def context(parent: str | bytes | None) -> Context | None:
    """The place that a `traceparent` names, of this version or a later one; None where there is none."""
    found = _PARENT.fullmatch(parent) if isinstance(parent, str) else None
    if found is None or (found[1] == "00" and found[5]):
        return None
    return Context(found[2], found[3], int(found[4], 16) & _FLAGS)


class Span(Protocol):
    """Something that is done in a sampled trace, from its beginning to `end`."""

    @property
    def context(self) -> Context:
        """Its place."""

    @property
    def open(self) -> bool:
        """Whether it has not ended."""

    def child(self, name: str, kind: SpanKind, attributes: Attributes) -> "Span":
        """Begin a part of it."""

    def end(self, attributes: Attributes, failure: str | None) -> None:
        """It is done; `failure`: what went wrong here, not with what was asked for."""


class Recorder(Protocol):
    """Makes spans and sends them on, beside the event loop."""

    def start(self, name: str, kind: SpanKind, parent: Context | None, attributes: Attributes) -> Span:
        """Begin a span under the parent, or of a trace of its own."""

    async def close(self) -> None:
        """Send what has ended, for as long as that takes a moment."""


_here: ContextVar[Span | Context | None] = ContextVar("here", default=None)
_NOTHING: Final = contextlib.nullcontext()
_NO_ATTRIBUTES: Final[Attributes] = {}


def here() -> Context | None:
    """Where the call stands that is served by the running task, if it is of a trace."""
    found = _here.get()
    return found if found is None or isinstance(found, Context) else found.context


def traceparent() -> str | None:
    """The same as text, for what the call leads to."""
    found = here()
    return None if found is None else str(found)


def inside(name: str, kind: SpanKind = "INTERNAL", attributes: Attributes = _NO_ATTRIBUTES) -> AbstractContextManager[None]:
    """What is done inside is a part of the call that is served, and a span of its own if that is sampled."""
    found = _here.get()
    if found is None or isinstance(found, Context) or not found.open:
        return _NOTHING
    return _inside(found, name, kind, attributes)


@contextmanager
def _inside(outer: Span, name: str, kind: SpanKind, attributes: Attributes) -> Iterator[None]:
    span = outer.child(name, kind, attributes)
    token = _here.set(span)
    failure = None
    try:
        yield
    except BaseException as error:
        failure = type(error).__name__
        raise
    finally:
        _here.reset(token)
        span.end(_NO_ATTRIBUTES, failure)


class Tracer:
    """Begins the spans of one process. Without a recorder there are none, and contexts go on as they came."""

    def __init__(self, recorder: Recorder | None = None, ratio: float = 0.0) -> None:
        self._recorder = recorder
        self._ratio = ratio

    def serve(self, name: str, parent: str | bytes | None, attributes: Attributes = _NO_ATTRIBUTES) -> Span | None:
        """A call is served from here on, by the running task until it serves another; its span, if it is sampled."""
        came = context(parent)
        span = None
        if self._recorder is not None and (random.random() < self._ratio if came is None else came.sampled):  # noqa: S311 - no secret
            span = self._recorder.start(name, "SERVER", came, attributes)
        _here.set(came if span is None else span)
        return span

    def follow(self, name: str, kind: SpanKind, parent: str | None, attributes: Attributes = _NO_ATTRIBUTES) -> Span | None:
        """The span of something that a call has led to, if that was sampled."""
        came = None if self._recorder is None else context(parent)
        if self._recorder is None or came is None or not came.sampled:
            return None
        return self._recorder.start(name, kind, came, attributes)

    async def close(self) -> None:
        """Send what has ended, for as long as that takes a moment."""
        if self._recorder is not None:
            await self._recorder.close()


#: Records nothing.
OFF: Final = Tracer()
