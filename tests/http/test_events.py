"""Changes as server-sent events: complete, in order, and resumed after the client's last event."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web

from cqar import config, errors
from cqar.admin.app import Admin
from cqar.admin.http.streams import Events
from cqar.writes import audit
from tests.http.client import Api, listening


class Stream:
    """An open stream, read an event at a time."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def block(self) -> str:
        """The next lines, up to the blank one."""
        async with asyncio.timeout(60):
            return (await self.response.content.readuntil(b"\n\n")).decode().removesuffix("\n\n")

    async def event(self) -> tuple[int, Any]:
        """The id and the data of the next event."""
        while True:
            lines = dict(line.split(": ", 1) for line in (await self.block()).splitlines() if not line.startswith(":"))
            if "data" in lines:
                return int(lines["id"]), json.loads(lines["data"])

    async def events(self, count: int) -> list[tuple[int, Any]]:
        return [await self.event() for _ in range(count)]


@asynccontextmanager
async def stream(api: Api, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    async with api.session.get(api.url(f"/v1/events{query}"), headers=headers) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        yield Stream(response)


async def test_changes_come_in_order_with_what_they_are_about(api: Api) -> None:
    asset = await api.asset("BTC")
    async with stream(api, "?from_revision=0") as events:
        assert await events.block() == "retry: 1000"
        [(revision, created)] = await events.events(1)
        await api.send("PATCH", f"/v1/assets/{asset}", {"category": "money"})
        await api.send("DELETE", f"/v1/assets/{asset}")
        later = await events.events(2)
    assert (revision, created["revision"], created["op"], created["actor"]) == (1, "1", "create", "anonymous")
    assert (created["entity"], created["row_id"], created["event_type"]) == ("asset", asset, "cqc.events.v1.asset_created")
    assert created["event"]["asset"]["symbol"] == created["value"]["symbol"] == "BTC"
    assert [(at, data["op"]) for at, data in later] == [(2, "update"), (3, "delete")]
    assert (later[0][1]["value"]["category"], later[0][1]["value"]["revision"]) == ("money", "2")
    assert "event" not in later[0][1]


async def test_a_client_that_comes_again_misses_nothing(api: Api) -> None:
    for at in range(3):
        await api.asset(f"A{at}")
    async with stream(api, "?from_revision=0") as events:
        assert [at for at, _ in await events.events(2)] == [1, 2]
    await api.asset("A3")
    async with stream(api, "?from_revision=0", **{"Last-Event-ID": "2"}) as events:
        assert [at for at, _ in await events.events(2)] == [3, 4]


async def test_without_a_revision_only_new_changes_are_sent(api: Api) -> None:
    await api.asset("A")
    async with stream(api) as events:
        await api.asset("B")
        assert (await events.event())[1]["value"]["symbol"] == "B"


async def test_a_start_that_cannot_be_is_a_problem(api: Api, connection: asyncpg.Connection) -> None:
    for query, status, broken in (
        ("?from_revision=9", 409, [("from_revision", "FROM_REVISION")]),
        ("?from_revision=-1", 400, [("from_revision", "NEGATIVE")]),
        ("?from_revision=x", 400, [("from_revision", "WRONG_TYPE")]),
        ("?since=1", 400, [("since", "UNKNOWN_FIELD")]),
    ):
        answer = await api.get(f"/v1/events{query}")
        assert (answer.status, answer.broken) == (status, broken), query
    assert (await api.get("/v1/events", **{"Last-Event-ID": "x"})).broken == [("Last-Event-ID", "BAD_ID")]
    for symbol in ("A", "B", "C"):
        await api.asset(symbol)
    await connection.execute("DELETE FROM outbox WHERE revision <= 2")
    assert (await api.get("/v1/events?from_revision=1")).broken == [("from_revision", "FROM_REVISION")]
    async with stream(api, "?from_revision=2") as events:
        assert (await events.event())[0] == 3
    await connection.execute("DELETE FROM outbox")
    assert (await api.get("/v1/events?from_revision=2")).status == 409
    async with stream(api, "?from_revision=3"):
        pass


async def test_a_quiet_stream_sends_comments_and_ends_with_its_client(admin: Admin) -> None:
    events, ended = Events(admin._pool, heartbeat=0.05), asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await events.handle(request)
        finally:
            ended.set()

    async with listening("GET", "/v1/events", handle) as api:
        async with stream(api) as quiet:
            assert [await quiet.block() for _ in range(3)] == ["retry: 1000", ": nothing new", ": nothing new"]
            assert not ended.is_set()
        async with asyncio.timeout(20):
            await ended.wait()


async def test_a_stream_ends_when_the_server_does(settings: config.Settings) -> None:
    process = Admin(settings)
    await process.start()
    async with Api(process.http_port) as api, stream(api) as events:
        await events.block()
        async with asyncio.timeout(20):  # less than the grace of calls
            stopping = asyncio.create_task(process.stop())
            assert (await events.response.content.read()).decode() == ""
            await stopping


async def test_changes_that_are_gone_before_they_are_read_end_the_tail(
    api: Api, admin: Admin, connection: asyncpg.Connection
) -> None:
    await api.asset("A")
    changes = audit.tail(admin._pool, 0, poll=0.01)
    assert (await anext(changes)).revision == 1
    await connection.execute("UPDATE head SET seq = 5")
    with pytest.raises(errors.Precondition, match="no longer retained"):
        await anext(changes)


async def test_a_database_that_went_back_ends_the_tail(api: Api, admin: Admin, connection: asyncpg.Connection) -> None:
    await api.asset("A")
    changes = audit.tail(admin._pool, poll=0.01)
    await api.asset("B")
    coming = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0.05)
    await connection.execute("UPDATE head SET seq = 0")
    with pytest.raises(errors.Precondition, match="beyond the head revision"):
        await _last(changes, coming)


async def _last(changes: AsyncIterator[Any], coming: Awaitable[Any]) -> None:
    """Read until there is nothing more."""
    while await coming:
        coming = anext(changes)
