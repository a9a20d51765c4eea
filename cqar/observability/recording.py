"""Whether a process records spans, by its settings."""

from cqar import config
from cqar.observability.tracing import OFF, Tracer


def tracer(settings: config.Tracing, service: str) -> Tracer:
    """The tracer of a process. Raises ConfigError if spans are on and their packages are not installed."""
    if not settings.spans:
        return OFF
    try:
        from cqar.observability import spans  # noqa: PLC0415 - only recording needs these packages
    except ImportError as error:
        message = f"CQAR_TRACING_SPANS is true, and {error.name} is missing: pip install 'cqar[otel]'"
        raise config.ConfigError(message) from None
    return Tracer(spans.recorder(service), settings.ratio)
