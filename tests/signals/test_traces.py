"""Traces: everything that a call causes can be found in logs, messages, and spans at an OTLP receiver."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import nats
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from cqar import config
from tests.client import Client
from tests.hotpath.stack import eventually, process_of


class Span(NamedTuple):
    """A span as the receiver has it."""

    service: str
    name: str
    kind: int
    trace: str
    span: str
    parent: str


class Receiver:
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.port = 0

    async def take(self, request: web.Request) -> web.Response:
        told = trace_service_pb2.ExportTraceServiceRequest.FromString(await request.read())
        for resource in told.resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [
                    Span(
                        names["service.name"],
                        each.name,
                        each.kind,
                        each.trace_id.hex(),
                        each.span_id.hex(),
                        each.parent_span_id.hex(),
                    )
                    for each in scope.spans
                ]
        return web.Response(body=b"", content_type="application/x-protobuf")

    def of(self, trace: str) -> list[Span]:
        """The spans of a trace."""
        return [each for each in self.spans if each.trace == trace]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    application = web.Application()
    application.router.add_post("/v1/traces", made.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = int(runner.addresses[0][1])
    yield made
    await runner.cleanup()


class Place(NamedTuple):
    """Both processes, and the headers of what they publish."""

    worker: Client
    http_port: int
    published: list[tuple[str, dict[str, str]]]


@asynccontextmanager
async def place_of(settings: config.Settings, port: int, **variables: str) -> AsyncIterator[Place]:
    own = {
        "CQAR_TRACING_SPANS": "true",
        "CQAR_TRACING_RATIO": "0",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        **variables,
    }
    published: list[tuple[str, dict[str, str]]] = []

    async def received(message: Any) -> None:
        published.append((message.subject, message.headers or {}))

    listener = await nats.connect(settings.nats.url)
    await listener.subscribe("cqar.changes.v1.>", cb=received)
    await listener.subscribe("cqc.events.v1.>", cb=received)
    await listener.flush()
    try:
        with process_of("admin", settings, **own) as admin:
            at = await admin.says("admin_ready")
            target, http_port = at["grpc"], int(at["http"].rpartition(":")[2])
            with process_of("hotpath", settings, CQAR_HOTPATH_ADMIN_ADDRESS=target, **own) as worker:
                port = int((await worker.says("hotpath_listening"))["grpc"].rpartition(":")[2])
                await worker.says("hotpath_ready")
                async with Client(port) as client:
                    yield Place(client, http_port, published)
    finally:
        await listener.close()


def parent(*, sampled: bool) -> tuple[str, str]:
    """A new trace, and the `traceparent` of a caller in it."""
    trace = secrets.token_hex(16)
    return trace, f"00-{trace}-{secrets.token_hex(8)}-{int(sampled):02x}"


async def test_one_trace_goes_from_the_callers_write_to_the_message_that_others_hear(
    settings: config.Settings, receiver: Receiver
) -> None:
    async with place_of(settings, receiver.port) as place:
        trace, given = parent(sampled=True)
        await place.worker.call("CreateAsset", symbol="BTC", name="Bitcoin", asset_type=1, headers=(("traceparent", given),))
        await eventually(lambda: {subject for subject, _ in place.published} >= {"cqar.changes.v1.asset", _CREATED})
        await eventually(lambda: {each.name for each in receiver.of(trace)} >= {"CreateAsset", f"publish {_CREATED}"})
    spans = {each.name: each for each in receiver.of(trace)}
    served = spans["CreateAsset"]
    assert (served.service, served.kind, served.parent) == ("cqar-admin", 2, given.split("-")[2])
    sent = spans[f"publish {_CREATED}"]
    assert (sent.kind, sent.parent) == (4, served.span)
    headers = dict(place.published)[_CREATED]
    assert headers["traceparent"] == f"00-{trace}-{sent.span}-{headers['traceparent'][-2:]}"
    statements = [each for each in receiver.of(trace) if each.kind == 3]
    assert statements, "what PostgreSQL was asked is told as well"
    assert {each.parent for each in statements} <= {each.span for each in receiver.of(trace)}


_CREATED = "cqc.events.v1.asset_created"


async def test_a_trace_that_is_not_sampled_goes_on_and_makes_no_span(settings: config.Settings, receiver: Receiver) -> None:
    async with place_of(settings, receiver.port) as place:
        trace, given = parent(sampled=False)
        await place.worker.call("CreateAsset", symbol="BTC", name="Bitcoin", asset_type=1, headers=(("traceparent", given),))
        await eventually(lambda: _CREATED in dict(place.published))
        assert dict(place.published)[_CREATED]["traceparent"] == given
        other, sampled = parent(sampled=True)
        await place.worker.call("CreateVenue", name="kraken", venue_type=1, headers=(("traceparent", sampled),))
        await eventually(lambda: bool(receiver.of(other)))
    assert receiver.of(trace) == []


async def test_calls_over_http_and_lookups_that_are_not_ready_are_spans_too(
    settings: config.Settings, receiver: Receiver
) -> None:
    async with place_of(settings, receiver.port, CQAR_HOTPATH_PRELOAD="false") as place:
        trace, given = parent(sampled=True)
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"http://127.0.0.1:{place.http_port}/v1/venues",
                json={"name": "kraken", "venue_type": "VENUE_TYPE_CEX"},
                headers={"traceparent": given},
            ) as response,
        ):
            assert response.status in {200, 201}, await response.text()
        await place.worker.call("GetVenue", venue_id="kraken", headers=(("traceparent", given),))
        await eventually(lambda: {each.service for each in receiver.of(trace)} >= {"cqar-admin", "cqar-hotpath"})
    assert "GetVenue" in {each.name for each in receiver.of(trace) if each.service == "cqar-hotpath"}


async def test_a_share_of_the_calls_without_a_trace_is_sampled(settings: config.Settings, receiver: Receiver) -> None:
    async with place_of(settings, receiver.port, CQAR_TRACING_RATIO="1") as place:
        await place.worker.call("CreateVenue", name="kraken", venue_type=1)
        await eventually(lambda: "CreateVenue" in {each.name for each in receiver.spans})


async def test_a_receiver_that_is_down_delays_no_call(settings: config.Settings) -> None:
    async with place_of(settings, 1, CQAR_TRACING_RATIO="1") as place:
        for number in range(20):
            await place.worker.call("CreateVenue", name=f"venue {number}", venue_type=1, deadline=10)
        async with asyncio.timeout(20):
            await place.worker.call("GetVenue", venue_id="venue-1")
