"""TailEvents over gRPC, and `cqar events tail`."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from cqar.admin.app import Admin
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.hotpath.app import Hotpath
from tests.client import Client, refusal
from tests.hotpath.stack import listed, ticked

_PATH = "/cqar.v1.Access/TailEvents"


@contextlib.asynccontextmanager
async def tailed(client: Client, **asked: Any) -> AsyncIterator[Any]:
    call: Any = client.channel.unary_stream(_PATH, pb.TailEventsRequest.SerializeToString, pb.TailEventsResponse.FromString)(
        pb.TailEventsRequest(**asked)
    )
    try:
        yield call
    finally:
        call.cancel()


async def _read(call: Any, many: int) -> list[Any]:
    async with asyncio.timeout(20):
        return [await call.read() for _ in range(many)]


async def test_the_stream_sends_past_changes_in_order_and_then_new_ones(registry: Client) -> None:
    btc = await listed(registry)
    async with tailed(registry, from_revision=0) as call:
        seen = await _read(call, 5)
        assert [(each.revision, each.entity, each.op) for each in seen] == [
            (1, "asset", "create"),
            (2, "asset", "create"),
            (3, "symbol", "create"),
            (4, "venue", "create"),
            (5, "venue_symbol", "create"),
        ]
        await ticked(registry, btc, "0.25")
        [change] = await _read(call, 1)
        assert (change.revision, change.row_id, change.op, change.event_type) == (6, btc.symbol, "update", "")


async def test_the_hot_path_passes_the_stream_on(registry: Client, feed: Client, hotpath: Hotpath) -> None:
    btc = await listed(registry)
    hotpath._passthrough._timeout = 0.5
    async with tailed(feed) as call:
        await call.initial_metadata()
        await asyncio.sleep(1)  # longer than the timeout of a call: a stream may be quiet
        revision = await ticked(registry, btc, "0.25")
        [change] = await _read(call, 1)
        assert change.revision == revision


async def test_an_unavailable_revision_is_rejected(registry: Client) -> None:
    async with tailed(registry, from_revision=10**6) as call:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await _read(call, 1)
    refused = refusal(raised.value)
    assert (refused.code, refused.preconditions[0][0]) == ("FAILED_PRECONDITION", "FROM_REVISION")


async def test_a_stream_does_not_delay_the_stop_of_admin(registry: Client, admin: Admin) -> None:
    async with tailed(registry) as call:
        await call.initial_metadata()
        stopping = asyncio.create_task(admin.stop())
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await _read(call, 1)
        assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
        async with asyncio.timeout(20):
            await stopping


async def test_the_command_prints_every_change_decoded(registry: Client, admin: Admin) -> None:
    btc = await listed(registry)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CQAR_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cqar", "events", "tail", "--from-revision", "2"),
        *("--address", f"127.0.0.1:{admin.port}"),
        stdout=asyncio.subprocess.PIPE,
        env=kept | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            lines = [json.loads(await process.stdout.readline()) for _ in range(3)]
            await ticked(registry, btc, "0.25")
            lines.append(json.loads(await process.stdout.readline()))
    finally:
        process.kill()
        await process.communicate()
    assert [each["revision"] for each in lines] in ([3, 4, 5, 6], ["3", "4", "5", "6"])
    assert lines[0]["event_type"] == "cqc.events.v1.symbol_created"
    assert lines[0]["event"]["symbol"]["symbol_id"] == btc.symbol
    assert lines[2]["value"]["venue_symbol"] == btc.text
    assert "event" not in lines[3]
    assert lines[3]["value"]["tick_size_decimal"] == "0.25"
