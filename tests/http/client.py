"""A client of the HTTP API, and the entities that tests create with it."""

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import aiohttp
from aiohttp import web
from yarl import URL

from cqar.admin.http import problems


@asynccontextmanager
async def listening(verb: str, target: str, handler: problems.Handler) -> AsyncIterator["Api"]:
    """A client of a server with one route, for a handler with other limits than admin's."""
    application = web.Application(middlewares=[problems.middleware])
    application.router.add_route(verb, target, handler)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with Api(runner.addresses[0][1]) as client:
            yield client
    finally:
        await runner.cleanup()


class Answer(NamedTuple):
    """A response; a JSON body is parsed."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def tag(self) -> str:
        return self.headers["ETag"]

    @property
    def broken(self) -> list[tuple[str, str]]:
        """(field, rule) of each violation of a problem."""
        return [(each["field"], each["rule"]) for each in self.body.get("violations", ())]


def path(template: str, **parts: str) -> str:
    """A path with its variables percent-encoded."""
    return template.format(**{name: quote(text, safe="") for name, text in parts.items()})


class Api:
    """Sends requests as they are: paths and parameters are not encoded again."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30), auto_decompress=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    def url(self, target: str) -> URL:
        return URL(f"http://127.0.0.1:{self.port}{target}", encoded=True)

    async def send(
        self, verb: str, target: str, content: Any = None, *, data: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """`content` goes as JSON, `data` as it is."""
        sent = dict(headers or {})
        if content is not None:
            data = json.dumps(content, ensure_ascii=False).encode()
            sent.setdefault("Content-Type", "application/json")
        async with self.session.request(verb, self.url(target), data=data, headers=sent) as response:
            raw = await response.read()
            is_json = raw and response.content_type in ("application/json", "application/problem+json")
            return Answer(response.status, response.headers, json.loads(raw) if is_json else raw.decode())

    async def get(self, target: str, **headers: str) -> Answer:
        return await self.send("GET", target, headers=headers)

    async def made(self, target: str, **fields: Any) -> Any:
        """The body of an answer to a create."""
        answer = await self.send("POST", target, fields)
        assert answer.status == 201, answer.body
        return answer.body

    # ---- what a test needs beside its subject ----

    async def asset(self, symbol: str = "BTC", **fields: Any) -> str:
        body = await self.made(
            "/v1/assets", **{"symbol": symbol, "name": f"{symbol} coin", "asset_type": "ASSET_TYPE_NATIVE", **fields}
        )
        return str(body["asset"]["asset_id"])

    async def pair(self, base: str = "BTC", quoted: str = "USDT", **fields: Any) -> str:
        sides = {"base_asset_id": await self.asset(base), "quote_asset_id": await self.asset(quoted)}
        body = await self.made("/v1/symbols", **{"symbol_type": "SYMBOL_TYPE_SPOT", **sides, **fields})
        return str(body["symbol"]["symbol_id"])

    async def venue(self, **fields: Any) -> str:
        name = f"Venue {uuid.uuid4().hex}"
        body = await self.made("/v1/venues", **{"name": name, "venue_type": "VENUE_TYPE_CEX", **fields})
        return str(body["venue"]["venue_id"])

    async def listing(self, venue: str, symbol: str, text: str = "BTCUSDT", **fields: Any) -> Any:
        body = await self.made(path("/v1/venues/{venue}/symbols", venue=venue), symbol_id=symbol, venue_symbol=text, **fields)
        return body["venue_symbol"]

    async def flag(self, asset: str, severity: str = "FLAG_SEVERITY_CRITICAL") -> str:
        sent = {"flag_type": "FLAG_TYPE_SCAM", "severity": severity, "description": "found out", "raised_by": "desk"}
        body = await self.made("/v1/flags", asset_id=asset, **sent)
        return str(body["flag"]["flag_id"])
