"""Logs: structlog, JSON for machines or text for a terminal, one line per event; and the record of completed calls."""

import logging
import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson
import structlog
import structlog.tracebacks

from cqar import config, redaction
from cqar.observability import tracing
from cqar.observability.metrics import Durations
from cqar.observability.tracing import Span

#: Statuses that indicate a fault of the service, not of the request.
FAULTS: Final = frozenset({"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "DATA_LOSS"})
#: Maximum log lines of calls per second; further ones are counted, and the next line reports the count.
_LINES = 50
#: Tracebacks as data, without the values of variables, which may be secrets.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure(log: config.Log) -> None:
    """Configure logging of this process: to stderr, with the level and format of the settings."""
    as_text = log.format == "text" or (log.format == "auto" and sys.stderr.isatty())
    level = logging.getLevelNamesMapping()[log.level.upper()]
    render: Any = structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer(serializer=_json)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _traced,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if as_text else [_TRACEBACKS]),
            render,
            _redact,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Redacting())
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], format="%(name)s: %(message)s")


def logger(name: str) -> Any:
    """A logger for a part of the service; keyword arguments are the event's data."""
    return structlog.get_logger(part=name)


def end(span: Span | None, code: str) -> None:
    """End the span of a call, if it has one, with the call's status."""
    if span is not None:
        span.end({"rpc.response.status_code": code}, code if code in FAULTS else None)


def _traced(_logger: Any, _name: str, event: Any) -> Any:
    """Add the trace id of the current call."""
    found = tracing.here()
    if found is not None:
        event.setdefault("trace_id", found.trace_id)
    return event


def _redact(_logger: Any, _name: str, line: Any) -> str:
    return redaction.redacted(line)


class _Redacting(logging.Filter):
    """Redacts log records of libraries."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass."""
        record.msg, record.args = redaction.redacted(record.getMessage()), ()
        return True


class Calls:
    """Records completed calls: a measurement of each, and a log line for some.

    Faults and slow calls are always logged. Of the others, all are logged at their level (`quiet` is false), or one in N
    (`quiet`: in a worker, which serves too many).
    """

    def __init__(self, log: config.Log, durations: Durations, *, quiet: bool) -> None:
        self._log = logger("calls")
        self._durations = durations
        self._slow = log.slow_call
        #: one in N successful calls is logged; the number of calls left until the next one
        self._every: float = (log.sample or math.inf) if quiet else 0
        self._left = self._every
        self.quiet = quiet
        self._allowed = float(_LINES)
        self._since = time.monotonic()
        self._unsaid = 0

    def ended(
        self,
        method: str,
        principal: str,
        code: str,
        seconds: float,
        metadata: Iterable[tuple[str, str | bytes]],
        request_id: str | None = None,
        level: str = "debug",
    ) -> None:
        """Record a completed call. `request_id`: if it is known; `level`: of the log line of a successful call."""
        self._durations.observe((method, code), seconds)
        self._left -= 1
        event = self._worth(code, seconds)
        if event == "call" and self.quiet:
            level = "info"
        elif event != "call":
            level = "warning"
        if not event or not self._may(level):
            return
        self._write(level, event, method=method, principal=principal, code=code, seconds=seconds, of=metadata, known=request_id)

    def answering(self, method: str, principal: str) -> Callable[[int, float], None]:
        """A function that records successful calls of one method and principal, many at once: their number and seconds each.

        Their metadata is not known.
        """
        observe, slow = self._durations.series((method, "OK")).observe, self._slow

        def answered(many: int, seconds: float) -> None:
            observe(seconds, many)
            self._left -= many
            if self._left > 0 and seconds < slow:
                return
            event = self._worth("OK", seconds)
            level = "info" if event == "call" else "warning"
            if event and self._may(level):
                self._write(level, event, method=method, principal=principal, code="OK", seconds=seconds, of=(), known=None)

        return answered

    def _worth(self, code: str, seconds: float) -> str:
        """The event to log for a call, or an empty string."""
        if code in FAULTS:
            return "call_failed"
        if seconds >= self._slow:
            return "call_slow"
        if self._left > 0:
            return ""
        self._left = self._every
        return "call"

    def _may(self, level: str) -> bool:
        """Whether the rate limit allows a line: a flood of failures must not flood the log."""
        if not self.quiet and level in {"info", "debug"}:
            return True
        now = time.monotonic()
        self._allowed = min(_LINES, self._allowed + (now - self._since) * _LINES)
        self._since = now
        if self._allowed < 1:
            self._unsaid += 1
            return False
        self._allowed -= 1
        return True

    def _write(
        self, level: str, event: str, *, method: str, principal: str, code: str, seconds: float, of: Any, known: str | None
    ) -> None:
        given = tuple(of)
        data: dict[str, Any] = {
            "request_id": known or tracing.request_id(tracing.value(given, tracing.REQUEST_ID)),
            "method": method,
            "principal": principal,
            "duration_ms": round(seconds * 1000, 3),
            "grpc_code": code,
        }
        came = tracing.context(tracing.value(given, tracing.TRACE_PARENT))
        if came is not None:
            data["trace_id"] = came.trace_id
        if self._unsaid:
            data["unsaid"], self._unsaid = self._unsaid, 0
        getattr(self._log, level)(event, **data)


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()
