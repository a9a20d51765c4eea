"""Spans by OpenTelemetry's SDK, exported over OTLP. Needs the packages of `cqar[otel]`; see `cqar.observability.tracing`.

The SDK reads the environment variables OTEL_* itself. It exports from a bounded queue on its own thread and drops what it
cannot export in time, so that the event loop never waits for the receiver.
"""

import asyncio
import contextlib
import os
import threading
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context as Nothing
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, NoOpTracer, SpanContext, Status, StatusCode, TraceFlags

from cqar import __version__
from cqar.observability.tracing import Attributes, Context, Recorder, Span, SpanKind

#: Seconds for exporting the last spans when the process stops.
_LAST: Final = 2.0
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def recorder(service: str) -> Recorder | None:
    """The recorder of a service's spans; None if OTEL_SDK_DISABLED is set."""
    named = OTELResourceDetector().detect().attributes.get(SERVICE_NAME, service)
    resource = Resource.create({SERVICE_NAME: named, SERVICE_VERSION: __version__})
    # The sampling decision was made before.
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    tracer = provider.get_tracer("cqar", __version__)
    if isinstance(tracer, NoOpTracer):
        return None
    provider.add_span_processor(BatchSpanProcessor(_exporter()))
    return _Recorder(provider, tracer)


def _exporter() -> SpanExporter:
    protocol = next((os.environ[name] for name in _PROTOCOLS if os.environ.get(name)), "http/protobuf")
    return GrpcExporter() if protocol == "grpc" else HttpExporter()


class _Recorder:
    def __init__(self, provider: TracerProvider, tracer: trace.Tracer) -> None:
        self._provider = provider
        self._tracer = tracer

    def start(self, name: str, kind: SpanKind, parent: Context | None, attributes: Attributes) -> Span:
        over = None
        if parent is not None:
            flags = TraceFlags(parent.flags)
            over = NonRecordingSpan(
                SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=flags)
            )
        return _Span(self._tracer, over, name, kind, attributes)

    async def close(self) -> None:
        # The SDK waits 30 seconds for an unreachable receiver, so it shuts down on a daemon thread.
        sent = asyncio.Event()
        loop = asyncio.get_running_loop()

        def send() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # it took too long: the loop is closed
                loop.call_soon_threadsafe(sent.set)

        threading.Thread(target=send, name="last-spans", daemon=True).start()
        try:
            async with asyncio.timeout(_LAST):
                await sent.wait()
        except TimeoutError:
            pass


class _Span:
    def __init__(
        self, tracer: trace.Tracer, over: trace.Span | None, name: str, kind: SpanKind, attributes: Attributes
    ) -> None:
        self._tracer = tracer
        # Without a parent, an empty context: the SDK must not use another span of this process as the parent.
        within = Nothing() if over is None else trace.set_span_in_context(over, Nothing())
        self._span = tracer.start_span(name, within, trace.SpanKind[kind], attributes, record_exception=False)

    @property
    def context(self) -> Context:
        own = self._span.get_span_context()
        return Context(f"{own.trace_id:032x}", f"{own.span_id:016x}", own.trace_flags)

    @property
    def open(self) -> bool:
        return self._span.is_recording()

    def child(self, name: str, kind: SpanKind, attributes: Attributes) -> Span:
        return _Span(self._tracer, self._span, name, kind, attributes)

    def end(self, attributes: Attributes, failure: str | None) -> None:
        self._span.set_attributes(dict(attributes))
        if failure is not None:
            self._span.set_attribute("error.type", failure)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
