"""Logs: structlog, JSON for machines or text for a terminal, one line an event."""

import logging
import sys
from typing import Any

import orjson
import structlog

from cqar import config, keys


def configure(log: config.Log) -> None:
    """Set up logging for this process: to stderr, at the level and in the format of the settings."""
    as_text = log.format == "text" or (log.format == "auto" and sys.stderr.isatty())
    level = logging.getLevelNamesMapping()[log.level.upper()]
    render: Any = structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer(serializer=_json)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if as_text else [structlog.processors.dict_tracebacks]),
            render,
            _without_keys,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_WithoutKeys())
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], format="%(name)s: %(message)s")


def logger(name: str) -> Any:
    """A logger of a part of the service; keyword arguments are the event's data."""
    return structlog.get_logger(part=name)


def _without_keys(_logger: Any, _name: str, line: str) -> str:
    """The line without API keys, wherever in it they stand."""
    return keys.ANYWHERE.sub("***", line)


class _WithoutKeys(logging.Filter):
    """The same for what libraries log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let it pass."""
        record.msg, record.args = keys.ANYWHERE.sub("***", record.getMessage()), ()
        return True


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()
