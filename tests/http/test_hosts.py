"""With keys off, the HTTP API answers under known names only: a web page cannot reach it by DNS rebinding."""

import msgspec
import pytest

from cqar import config
from cqar.admin.app import Admin
from tests.http.client import Api

#: Hosts that a browser sends for a page whose name resolves to this machine, and malformed ones.
FOREIGN = (
    "evil.example",
    "evil.example:8180",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "192.0.2.1",
    "[2001:db8::1]:80",
)
MALFORMED = ("", "user@localhost", "localhost:8180:1", "[::1", "localhost,evil.example")
LOCAL = ("localhost", "LOCALHOST:8180", "api.localhost", "127.0.0.1", "127.0.0.53:1", "[::1]", "[::1]:8180")
NOTE = {"name": "evil", "venue_type": "VENUE_TYPE_CEX"}


@pytest.mark.parametrize("host", [*FOREIGN, *MALFORMED])
async def test_other_hosts_are_forbidden(shared: Api, host: str) -> None:
    for verb, target, content in (("GET", "/v1/assets", None), ("POST", "/v1/venues", NOTE), ("GET", "/docs", None)):
        answer = await shared.send(verb, target, content, headers={"Host": host})
        assert (answer.status, answer.body["code"]) == (403, "PERMISSION_DENIED"), (verb, target)
    assert (await shared.get("/v1/venues/evil")).status == 404


@pytest.mark.parametrize("host", LOCAL)
async def test_loopback_hosts_are_answered(shared: Api, host: str) -> None:
    assert (await shared.get("/v1/assets", Host=host)).status == 200
    assert (await shared.get("/v1/assets", Host=host, Origin=f"http://{host}")).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1", ""])
async def test_pages_of_other_origins_are_forbidden(shared: Api, origin: str) -> None:
    for verb, content in (("GET", None), ("POST", NOTE)):
        answer = await shared.send(verb, "/v1/venues", content, headers={"Host": "127.0.0.1:8180", "Origin": origin})
        assert (answer.status, answer.body["code"]) == (403, "PERMISSION_DENIED")


async def test_health_and_metrics_are_answered_under_any_name(shared: Api) -> None:
    for target in ("/health/live", "/health/ready", "/metrics"):
        assert (await shared.get(target, Host="admin.internal")).status == 200


async def test_configured_hosts_are_answered(settings: config.Settings) -> None:
    names = msgspec.structs.replace(settings.admin, http_hosts="cqar.internal,192.0.2.7")
    process = Admin(msgspec.structs.replace(settings, admin=names))
    await process.start()
    try:
        async with Api(process.http_port) as api:
            for host, status in (
                ("cqar.internal:8180", 200),
                ("CQAR.internal", 200),
                ("192.0.2.7", 200),
                ("evil.example", 403),
            ):
                assert (await api.get("/v1/assets", Host=host)).status == status, host
    finally:
        await process.stop()
