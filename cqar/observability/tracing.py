"""Request ids, and W3C trace contexts that are passed from a call to everything that it causes.

The sampling decision comes first: from the caller's `traceparent`, else by the ratio in the settings. Only sampled calls have
spans (`cqar.observability.spans`); the context of other calls is propagated, too.
"""

import contextlib
import random
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Final, Literal, NamedTuple, Protocol

#: Names of metadata and headers.
REQUEST_ID = "x-request-id"
TRACE_PARENT = "traceparent"

_ID = re.compile(r"[!-~]{1,128}")
_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED: Final = 1
#: The known flags: sampled, and random trace id.
_FLAGS: Final = 3

#: The role of a span, in OpenTelemetry's terms.
SpanKind = Literal["SERVER", "CLIENT", "PRODUCER", "CONSUMER", "INTERNAL"]
#: The attributes of a span.
Attributes = Mapping[str, str | int]


def request_id(given: str | bytes | None) -> str:
    """The caller's request id, or a new one if it is missing or not 1 to 128 printable characters."""
    return given if isinstance(given, str) and _ID.fullmatch(given) else secrets.token_hex(16)


def value(metadata: Iterable[tuple[str, str | bytes]], name: str) -> str | bytes | None:
    """The first value of this name in metadata."""
    return next((each for key, each in metadata if key == name), None)


class Context(NamedTuple):
    """A position in a trace; as text, a `traceparent`."""

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
    """The context in a `traceparent` of this or a later version; None if it is missing or malformed."""
    found = _PARENT.fullmatch(parent) if isinstance(parent, str) else None
    if found is None or (found[1] == "00" and found[5]):
        return None
    return Context(found[2], found[3], int(found[4], 16) & _FLAGS)


class Span(Protocol):
    """An operation in a sampled trace, from its start to `end`."""

    @property
    def context(self) -> Context:
        """Its context."""

    @property
    def open(self) -> bool:
        """Whether it has not ended."""

    def child(self, name: str, kind: SpanKind, attributes: Attributes) -> "Span":
        """Start a child span."""

    def end(self, attributes: Attributes, failure: str | None) -> None:
        """End the span. `failure`: the fault of this service, if any."""


class Recorder(Protocol):
    """Creates spans and exports them outside the event loop."""

    def start(self, name: str, kind: SpanKind, parent: Context | None, attributes: Attributes) -> Span:
        """Start a span below `parent`, or the root of a new trace."""

    async def close(self) -> None:
        """Export ended spans, waiting a moment at most."""


_here: ContextVar[Span | Context | None] = ContextVar("here", default=None)
_NOTHING: Final = contextlib.nullcontext()
_NO_ATTRIBUTES: Final[Attributes] = {}


def here() -> Context | None:
    """The trace context of the call that the current task serves, or None."""
    found = _here.get()
    return found if found is None or isinstance(found, Context) else found.context


def traceparent() -> str | None:
    """The same as text, to pass on."""
    found = here()
    return None if found is None else str(found)


def inside(name: str, kind: SpanKind = "INTERNAL", attributes: Attributes = _NO_ATTRIBUTES) -> AbstractContextManager[None]:
    """Record the body as a child span of the current call, if its trace is sampled."""
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
    """Starts the spans of one process. Without a recorder it only propagates contexts."""

    def __init__(self, recorder: Recorder | None = None, ratio: float = 0.0) -> None:
        self._recorder = recorder
        self._ratio = ratio

    def serve(self, name: str, parent: str | bytes | None, attributes: Attributes = _NO_ATTRIBUTES) -> Span | None:
        """Make this the call that the current task serves. Returns its span if it is sampled."""
        came = context(parent)
        span = None
        if self._recorder is not None and (random.random() < self._ratio if came is None else came.sampled):  # noqa: S311 - no secret
            span = self._recorder.start(name, "SERVER", came, attributes)
        _here.set(came if span is None else span)
        return span

    def follow(self, name: str, kind: SpanKind, parent: str | None, attributes: Attributes = _NO_ATTRIBUTES) -> Span | None:
        """The span of something that a call caused, if that call was sampled."""
        came = None if self._recorder is None else context(parent)
        if self._recorder is None or came is None or not came.sampled:
            return None
        return self._recorder.start(name, kind, came, attributes)

    async def close(self) -> None:
        """Export ended spans, waiting a moment at most."""
        if self._recorder is not None:
            await self._recorder.close()


#: Records nothing.
OFF: Final = Tracer()
