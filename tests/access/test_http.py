"""Keys over HTTP."""

from collections.abc import Mapping

import aiohttp
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.model.call import Role
from tests.access import credentials


async def status(admin: Admin, path: str, key: str | None = None, verb: str = "GET", **more: object) -> int:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(verb, f"http://127.0.0.1:{admin.http_port}{path}", headers=headers, **more) as answer,  # type: ignore[arg-type]
    ):
        assert answer.status != 401 or answer.headers["WWW-Authenticate"] == "Bearer"
        return answer.status


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/openapi.json", "/docs"])
async def test_health_and_the_description_of_the_api_need_no_key(admin: Admin, path: str) -> None:
    assert await status(admin, path) == 200


@pytest.mark.parametrize(
    "path", ["/v1/assets", "/v1/audit", "/v1/events", "/v1/apply", "/nowhere", "/health", "/openapi.json/x"]
)
async def test_everything_else_needs_one(admin: Admin, path: str) -> None:
    assert await status(admin, path) == 401
    assert await status(admin, path, credentials.WRONG) == 401


async def test_roles_are_those_of_the_calls(admin: Admin, api_keys: Mapping[Role, str]) -> None:
    venue = {"json": {"name": "Binance", "venue_type": "VENUE_TYPE_CEX"}}
    assert await status(admin, "/v1/venues", api_keys[Role.READER], "POST", **venue) == 403
    assert await status(admin, "/v1/venues", api_keys[Role.WRITER], "POST", **venue) == 201
    assert await status(admin, "/v1/venues/binance", api_keys[Role.READER]) == 200
    assert await status(admin, "/v1/audit", api_keys[Role.WRITER]) == 403
    assert await status(admin, "/v1/audit", api_keys[Role.ADMIN]) == 200


async def test_a_key_of_one_venue_sees_no_other_and_no_events(
    admin: Admin, settings: config.Settings, api_keys: Mapping[Role, str]
) -> None:
    for name in ("Binance", "Kraken"):
        await status(admin, "/v1/venues", api_keys[Role.WRITER], "POST", json={"name": name, "venue_type": "VENUE_TYPE_CEX"})
    key = await credentials.make(settings, Role.READER, venue_ids=["binance"])
    assert await status(admin, "/v1/venues/binance", key) == 200
    assert await status(admin, "/v1/venues/kraken", key) == 403
    assert await status(admin, "/v1/events", key) == 403
