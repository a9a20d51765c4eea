"""What the logs report of calls, and what they never contain."""

import json
from typing import Any

import pytest
import structlog

from cqar import config, redaction
from cqar.auth import keys
from cqar.observability import logs, tracing
from cqar.observability.metrics import Durations
from tests.client import Client
from tests.hotpath.stack import eventually, process_of
from tests.signals.scrape import health

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def lines(*calls: tuple[str, float], quiet: bool = True, **settings: Any) -> list[Any]:
    """The log events of calls that ended with these codes after these durations."""
    with structlog.testing.capture_logs() as logged:
        of = logs.Calls(config.Log(**settings), Durations(), quiet=quiet)
        for code, seconds in calls:
            of.ended("GetAsset", "desk", code, seconds, ())
    return list(logged)


def test_a_worker_logs_faults_and_slow_calls_and_nothing_of_the_others() -> None:
    logged = lines(("OK", 0.001), ("NOT_FOUND", 0.001), ("UNAVAILABLE", 0.001), ("OK", 0.6))
    assert [(each["event"], each["grpc_code"], each["log_level"]) for each in logged] == [
        ("call_failed", "UNAVAILABLE", "warning"),
        ("call_slow", "OK", "warning"),
    ]


def test_a_worker_logs_a_sample_of_its_calls() -> None:
    logged = lines(*[("OK", 0.001)] * 35, sample=10)
    assert [(each["event"], each["log_level"]) for each in logged] == [("call", "info")] * 3
    assert lines(*[("OK", 0.001)] * 35, sample=0) == []


def test_from_when_on_a_call_is_slow_is_a_setting() -> None:
    assert [each["duration_ms"] for each in lines(("OK", 0.02), ("OK", 0.04), slow_call=0.03)] == [40.0]


def test_a_flood_of_failures_is_no_flood_of_lines_and_what_is_left_out_is_counted() -> None:
    with structlog.testing.capture_logs() as logged:
        of = logs.Calls(config.Log(), Durations(), quiet=True)
        for _ in range(1_000):
            of.ended("GetAsset", "desk", "UNAVAILABLE", 0.001, ())
        of._allowed = 1.0
        of.ended("GetAsset", "desk", "UNAVAILABLE", 0.001, ())
    assert 50 < len(logged) < 500
    assert sum(each.get("unsaid", 0) for each in logged) == 1_001 - len(logged)


def test_request_ids_that_could_forge_a_line_are_replaced() -> None:
    assert tracing.request_id("a-b_1") == "a-b_1"
    for bad in ("", "a b", "a\nb", "ü", "x" * 129, b"raw", None):
        made = tracing.request_id(bad)
        assert (len(made), made != bad) == (32, True)
    assert tracing.request_id(None) != tracing.request_id(None)


@pytest.mark.parametrize(
    ("parent", "trace"),
    [
        (PARENT, TRACE),
        (f"01{PARENT[2:]}-future", TRACE),
        (f"{PARENT}-future", None),
        (PARENT.upper(), None),
        (PARENT.replace(TRACE, "0" * 32), None),
        (f"ff{PARENT[2:]}", None),
        (PARENT[:-1], None),
        (None, None),
    ],
)
def test_the_trace_is_read_from_a_traceparent_that_is_one(parent: str | None, trace: str | None) -> None:
    found = tracing.context(parent)
    assert (None if found is None else found.trace_id) == trace


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://cqar:S3cret@db:5432/cqar refused",
        "postgresql://cqar:S3cret:@p/w@db/cqar",
        '{"url": "rediss://:S3cret@redis:6379/0"}',
        "nats://S3cret@nats:4222",
        "nats://one:S3cret@a:4222,nats://S3cret@b:4222",
        "error 'tls://me:S3cret@nats:4222'",
    ],
)
def test_no_password_and_no_token_of_a_url_gets_through(text: str) -> None:
    assert "S3cret" not in redaction.redacted(text)


def test_other_text_is_left_as_it_is() -> None:
    for text in ("mail a@b.c: no url", "postgresql://cqar@db/cqar", "http://a:80/x", "10:00 @ noon"):
        assert redaction.redacted(text) == text


async def test_a_write_through_a_worker_is_logged_once_with_all_that_tells_whose_it_was(settings: config.Settings) -> None:
    key = keys.make("test").text
    given = (("x-request-id", "order-17"), ("traceparent", PARENT), ("authorization", f"Bearer {key}"))
    with process_of("admin", settings) as admin:
        port = (await admin.says("admin_ready"))["grpc"].rpartition(":")[2]
        unreachable = "nats://me:S3cret@127.0.0.1:1"
        more = {"CQAR_HOTPATH_ADMIN_ADDRESS": f"127.0.0.1:{port}", "CQAR_NATS_URL": unreachable, "CQAR_LOG_SAMPLE": "1"}
        with process_of("hotpath", settings, **more) as worker:
            at = await worker.says("hotpath_listening")
            await worker.says("hotpath_ready")
            async with Client(int(at["grpc"].rpartition(":")[2])) as client:
                await client.call("CreateVenue", name="kraken", venue_type=1, headers=given)
                refused = await client.refused("GetVenue", venue_id="none", headers=given)
                await eventually(lambda: len([line for line in worker.log if line["event"] == "call"]) == 2)
            assert refused.code == "NOT_FOUND"
            await worker.says("nats_error")
            status, _ = await health(int(at["http"].rpartition(":")[2]))
            assert status == 200
        line = await admin.says("call")
        everything = json.dumps([admin.log, worker.log])
    assert line["level"] == "info"
    assert {name: line[name] for name in ("request_id", "method", "principal", "grpc_code", "trace_id")} == {
        "request_id": "order-17",
        "method": "CreateVenue",
        "principal": "anonymous",
        "grpc_code": "OK",
        "trace_id": TRACE,
    }
    assert line["duration_ms"] > 0
    passed, asked = (each for each in worker.log if each["event"] == "call")
    assert (passed["method"], passed["request_id"], passed["trace_id"]) == ("CreateVenue", "order-17", TRACE)
    assert (asked["method"], asked["request_id"], asked["grpc_code"]) == ("GetVenue", "order-17", "NOT_FOUND")
    assert "S3cret" not in everything
    assert key not in everything


async def test_a_refusal_carries_the_request_id_that_the_log_has(registry: Client, feed: Client) -> None:
    for client in (registry, feed):
        for given, expected in (((("x-request-id", "mine"),), "mine"), ((), None)):
            call: Any = _get_venue(client)(b"\x0a\x01x", metadata=given)
            with pytest.raises(Exception, match="NOT_FOUND"):
                await call
            told = dict(await call.trailing_metadata())["x-request-id"]
            assert told == expected if expected else len(told) == 32


def _get_venue(client: Client) -> Any:
    return client.channel.unary_unary("/cqc.services.v1.AssetRegistry/GetVenue")
