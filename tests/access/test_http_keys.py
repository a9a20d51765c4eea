"""Keys over HTTP: create, list and revoke them, and the role that each route requires."""

import asyncio
import functools
import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.admin.http.routes import ROUTES, Route
from cqar.hotpath.app import Hotpath
from cqar.model.call import Role
from tests.access import credentials
from tests.access.test_callers import seen
from tests.client import Client
from tests.hotpath.stack import eventually

#: Seconds in which a revoked key is refused everywhere.
WITHIN = 1.0


class Answer:
    """An HTTP response: status, headers and, unless it is a stream, the JSON body."""

    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def problem(self) -> str:
        """The detail of the problem that it is."""
        assert self.headers["Content-Type"].startswith("application/problem+json")
        assert self.body["status"] == self.status
        return str(self.body["detail"])


class HttpClient:
    """A client of admin's HTTP API."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._base = f"http://127.0.0.1:{port}"

    async def ask(self, verb: str, path: str, key: str | None = None, **more: Any) -> Answer:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        async with self._session.request(verb, self._base + path, headers=headers, **more) as answer:
            body = await answer.json(content_type=None) if "json" in answer.content_type and answer.content_length else None
            return Answer(answer.status, dict(answer.headers), body)


@pytest.fixture
async def http(admin: Admin) -> AsyncIterator[HttpClient]:
    """A client that gives up after ten seconds."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield HttpClient(session, admin.http_port)


# ---- keys are made, listed and revoked -----------------------------------------------------------------------------


async def test_a_key_is_shown_once_when_it_is_made(http: HttpClient, api_keys: Mapping[Role, str]) -> None:
    made = await http.ask("POST", "/v1/keys", api_keys[Role.ADMIN], json={"principal": "feed", "role": "READER"})
    assert made.status == 201
    secret, key_id = made.body["secret"], made.body["key"]["key_id"]
    assert made.headers["Location"] == f"/v1/keys/{key_id}"
    assert made.headers["Cache-Control"] == "no-store"
    assert (await http.ask("GET", "/v1/venues", secret)).status == 200

    listed = await http.ask("GET", "/v1/keys?principal=feed", api_keys[Role.ADMIN])
    assert [each["key_id"] for each in listed.body["keys"]] == [key_id]
    audit = await http.ask("GET", "/v1/audit?entity=api_key", api_keys[Role.ADMIN])
    assert any(each["row_id"] == key_id for each in audit.body["entries"])
    for told in (listed, audit):
        assert secret not in str(told.body)
        assert secret.rpartition("_")[2] not in str(told.body)
    assert not listed.body["keys"][0].get("hash")


async def test_a_key_that_is_revoked_over_http_is_refused_there_and_by_workers_within_a_second(
    http: HttpClient, hotpath: Hotpath, api_keys: Mapping[Role, str]
) -> None:
    venue = {"name": "binance", "venue_type": "VENUE_TYPE_CEX"}
    assert (await http.ask("POST", "/v1/venues", api_keys[Role.WRITER], json=venue)).status == 201
    made = await http.ask("POST", "/v1/keys", api_keys[Role.ADMIN], json={"principal": "feed", "role": "READER"})
    secret, path = made.body["secret"], f"/v1/keys/{made.body['key']['key_id']}"
    async with Client(hotpath.port) as worker:

        async def ends(*, well: bool) -> bool:
            by_worker, by_http = await seen(worker, secret), await http.ask("GET", "/v1/venues/binance", secret)
            return (by_worker == "OK") is well and (by_http.status == 200) is well

        await eventually(functools.partial(ends, well=True))
        revoked = await http.ask("DELETE", path, api_keys[Role.ADMIN])
        acknowledged = time.monotonic()
        assert revoked.status == 200
        assert revoked.body["key"]["revoked_at"]
        # Whoever asks later than that is refused, by both.
        await asyncio.sleep(WITHIN - (time.monotonic() - acknowledged))
        assert await seen(worker, secret) in {"UNAUTHENTICATED", "STALE"}  # stale: the worker could not confirm it
        refused = await http.ask("GET", "/v1/venues/binance", secret)
        assert (refused.status, refused.problem()) == (401, "invalid API key")
    assert (await http.ask("GET", "/v1/keys?principal=feed", api_keys[Role.ADMIN])).body.get("keys", []) == []
    ended = await http.ask("GET", "/v1/keys?principal=feed&include_revoked=true", api_keys[Role.ADMIN])
    assert [f"/v1/keys/{each['key_id']}" for each in ended.body["keys"]] == [path]


async def test_a_rate_limit_is_429_with_retry_after(http: HttpClient, settings: config.Settings) -> None:
    key = await credentials.make(settings, Role.READER, rate_limit=1)
    answers = [await http.ask("GET", "/v1/venues", key) for _ in range(4)]
    assert answers[0].status == 200
    throttled = [each for each in answers if each.status == 429]
    assert throttled
    for each in throttled:
        assert each.problem()
        assert each.headers["Retry-After"] == "1"


# ---- every route asks for its role ---------------------------------------------------------------------------------


def path_of(route: Route) -> str:
    """A path of the route that names entities which do not exist."""
    return re.sub(r"\{\w+\}", "none", route.path)


async def refused(http: HttpClient, route: Route, key: str | None = None) -> Answer:
    """The error response; waits and retries while the address is throttled."""
    while True:
        answer = await http.ask(route.verb, path_of(route), key)
        if answer.status != 429:
            return answer
        await asyncio.sleep(0.2)


async def test_the_role_is_checked_before_the_request_is_read(http: HttpClient, api_keys: Mapping[Role, str]) -> None:
    for path in ("/v1/venues", "/v1/apply"):
        answer = await http.ask("POST", path, api_keys[Role.READER], data=b"no JSON at all")
        assert answer.status == 403, path


async def test_the_routes_of_the_application_are_the_table(http: HttpClient) -> None:
    described = await http.ask("GET", "/openapi.json")
    told = {(verb.upper(), path) for path, verbs in described.body["paths"].items() for verb in verbs if verb != "parameters"}
    assert {each for each in told if each[1].startswith("/v1/")} == {(route.verb, route.path) for route in ROUTES}


@pytest.mark.parametrize("role", Role)
async def test_every_route_asks_for_the_role_of_its_call(http: HttpClient, api_keys: Mapping[Role, str], role: Role) -> None:
    for route in ROUTES:
        more: dict[str, Any] = {"json": {}} if route.takes_body else {}
        answer = await http.ask(route.verb, path_of(route), api_keys[role], **more)
        if role < route.role:
            assert answer.status == 403, f"{route} as {role.name}"
            assert f"{route.rpc} requires the role {route.role.name.lower()}" in answer.problem()
        else:
            assert answer.status not in {401, 403, 500}, f"{route} as {role.name}"


@pytest.mark.parametrize(("key", "detail"), [(None, "missing authorization header"), (credentials.WRONG, "invalid API key")])
async def test_no_route_answers_without_a_key_that_is_good(http: HttpClient, key: str | None, detail: str) -> None:
    for route in ROUTES:
        answer = await refused(http, route, key)
        assert (answer.status, answer.problem()) == (401, detail), route
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_health_asks_for_none(http: HttpClient) -> None:
    for path in ("/health/live", "/health/ready"):
        assert (await http.ask("GET", path)).status == 200
        assert (await http.ask("GET", path, credentials.WRONG)).status == 200
