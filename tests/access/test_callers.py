"""Admission over gRPC: wrong, expired, restricted and rate-limited keys, on admin and through hotpath."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import grpc
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.auth import keys
from cqar.auth.attempts import FAILURES, Attempts
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.contract.cqar.v1 import reviews_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.hotpath.app import Hotpath
from cqar.model.call import Role
from tests.access import credentials
from tests.access.credentials import bearer, outcome
from tests.client import Client
from tests.hotpath.stack import eventually, move_clock

REGISTRY = "/cqc.services.v1.AssetRegistry/"
INVALID = ("UNAUTHENTICATED", "invalid API key")


@pytest.fixture(params=["admin", "hotpath"])
async def client(request: pytest.FixtureRequest, admin: Admin, hotpath: Hotpath) -> AsyncIterator[Client]:
    """A client of each process."""
    async with Client(admin.port if request.param == "admin" else hotpath.port) as made:
        yield made


@pytest.fixture
async def venues(admin: Admin, api_keys: Mapping[Role, str]) -> tuple[str, str]:
    """Two venues."""
    async with Client(admin.port) as made:
        for name in ("binance", "kraken"):
            await made.call(
                "CreateVenue", name=name, venue_type=venues_pb2.VENUE_TYPE_CEX, headers=bearer(api_keys[Role.WRITER])
            )
    return "binance", "kraken"


async def seen(client: Client, key: str, venue: str = "binance") -> str:
    """How GetVenue ends: OK, STALE or the status."""
    try:
        answer = await client.call("GetVenue", venue_id=venue, headers=bearer(key))
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "STALE" if answer.stale else "OK"


# ---- which keys are good -------------------------------------------------------------------------------------------


def _wrong(good: str) -> dict[str, str]:
    other = keys.make("dev").text
    stranger = keys.parse(good)
    assert stranger is not None
    forged = keys.make("dev").text
    body = f"cqar_dev_{stranger.key_id}_" + forged.split("_")[3][:40]
    return {
        "of another registry": other,
        "cut off": good[:-3],
        "with a typing error": good[:-9] + ("a" if good[-9] != "a" else "b") + good[-8:],
        "with the id of a good one": body + keys._checksum(body),
        "no key at all": "secret",
        "empty": "",
    }


async def test_a_wrong_key_gets_one_message_and_no_details(client: Client, api_keys: Mapping[Role, str]) -> None:
    for what, key in _wrong(api_keys[Role.READER]).items():
        for path in (f"{REGISTRY}GetAsset", f"{REGISTRY}ListAssets"):
            refused = await outcome(client, path, key)
            assert refused is not None, what
            assert refused[:2] == INVALID, what


@pytest.mark.parametrize("scheme", ["Basic ", "", "Bearer  ", "Token "])
async def test_a_valid_key_under_another_scheme_is_refused(client: Client, api_keys: Mapping[Role, str], scheme: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.raw(f"{REGISTRY}GetAsset", b"", headers=(("authorization", f"{scheme}{api_keys[Role.READER]}"),))
    assert (refused.value.code().name, refused.value.details()) == INVALID


async def test_an_expired_key_is_refused_also_where_it_was_cached(
    client: Client, settings: config.Settings, venues: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await credentials.make(settings, Role.READER, expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert await seen(client, key, venues[0]) == "OK"

    async def refused() -> bool:
        return await seen(client, key) == "UNAUTHENTICATED"

    move_clock(monkeypatch, 3_600)
    await eventually(refused)


async def test_a_key_that_expired_before_its_first_use_is_refused(
    client: Client, settings: config.Settings, connection: asyncpg.Connection
) -> None:
    key = await credentials.make(settings, Role.READER)
    await connection.execute("UPDATE api_keys SET expires_at = now()")
    assert await seen(client, key) == "UNAUTHENTICATED"


async def test_a_principal_may_have_several_keys_and_losing_one_leaves_the_others(
    client: Client, settings: config.Settings, venues: tuple[str, str], api_keys: Mapping[Role, str]
) -> None:
    one, two = [await credentials.make(settings, Role.READER, principal="feed") for _ in range(2)]
    assert [await seen(client, key, venues[0]) for key in (one, two)] == ["OK", "OK"]
    found = keys.parse(one)
    assert found is not None
    await credentials.own(client, api_keys[Role.ADMIN], "RevokeKey", key_id=found.key_id)

    async def refused() -> bool:
        return await seen(client, one) == "UNAUTHENTICATED"

    await eventually(refused)
    assert await seen(client, two) == "OK"


async def test_the_audit_names_the_principal_who_wrote(
    client: Client, settings: config.Settings, api_keys: Mapping[Role, str]
) -> None:
    key = await credentials.make(settings, Role.WRITER, principal="lister of Binance")
    await client.call("CreateVenue", name="binance", venue_type=venues_pb2.VENUE_TYPE_CEX, headers=bearer(key))
    listed = await credentials.own(client, api_keys[Role.ADMIN], "ListAudit", entity="venue")
    assert [each.actor for each in listed.entries] == ["lister of Binance"]


# ---- venues --------------------------------------------------------------------------------------------------------


async def test_a_key_of_a_venue_may_call_what_names_that_venue_alone(
    client: Client, settings: config.Settings, venues: tuple[str, str], api_keys: Mapping[Role, str]
) -> None:
    ours, theirs = venues
    key = await credentials.make(settings, Role.WRITER, venue_ids=[ours])
    for venue in venues:
        assert await seen(client, api_keys[Role.READER], venue) == "OK"  # the answers stand ready now
    for _ in range(2):
        assert await seen(client, key, ours) == "OK"
        assert await seen(client, key, theirs) == "PERMISSION_DENIED"
    headers = bearer(key)
    for name, fields in (
        ("GetAsset", {"asset_id": "x"}),
        ("ListVenues", {}),
        ("ListVenueSymbols", {}),
        ("CreateVenue", {"name": "Third"}),
        ("UpdateSymbol", {"symbol_id": "x"}),
    ):
        assert (await client.refused(name, headers=headers, **fields)).code == "PERMISSION_DENIED", name
    assert not (await client.call("ListVenueSymbols", venue_id=ours, headers=headers)).venue_symbols


async def test_one_row_of_another_venue_refuses_the_whole_batch(
    client: Client, settings: config.Settings, venues: tuple[str, str]
) -> None:
    ours, theirs = venues
    key = await credentials.make(settings, Role.WRITER, venue_ids=[ours])
    for named, denied in (((ours, ours), False), ((ours, theirs), True), ((theirs,), True)):
        request = reviews_pb2.OpenReviewsRequest(reviews=[reviews_pb2.Review(venue_id=each) for each in named])
        refused = await outcome(client, f"{credentials.ACCESS}OpenReviews", key, request.SerializeToString())
        assert (refused is not None and refused.code == "PERMISSION_DENIED") is denied, named
    rows = await outcome(client, "/cqar.v1.Registry/Apply", key)
    assert rows is not None
    assert rows.code == "PERMISSION_DENIED"


# ---- limits --------------------------------------------------------------------------------------------------------


async def test_a_rate_limited_key_is_throttled_with_retry_after(
    client: Client, settings: config.Settings, venues: tuple[str, str], api_keys: Mapping[Role, str]
) -> None:
    key = await credentials.make(settings, Role.READER, rate_limit=1)
    ended: list[Any] = []
    for _ in range(4):
        try:
            await client.call("GetVenue", venue_id=venues[0], headers=bearer(key))
        except grpc.aio.AioRpcError as error:
            ended.append((error.code().name, dict(error.trailing_metadata() or ())["retry-after"]))
        else:
            ended.append("OK")
    assert ended[0] == "OK"
    assert ("RESOURCE_EXHAUSTED", "1") in ended
    assert await seen(client, api_keys[Role.READER]) == "OK"


async def test_failed_attempts_of_an_address_are_throttled_and_its_valid_keys_are_not(
    client: Client, admin: Admin, hotpath: Hotpath, api_keys: Mapping[Role, str], venues: tuple[str, str]
) -> None:
    for process in (admin.authority, hotpath.authority):
        assert process is not None
        process.attempts = Attempts(now=lambda: 0.0)  # the burst is all that there is
    codes: list[str] = []
    for path in (f"{REGISTRY}GetVenue", f"{REGISTRY}ListVenues"):
        found = await asyncio.gather(*(outcome(client, path, keys.make("dev").text) for _ in range(100)))
        codes += [refused.code for refused in found if refused is not None]
    assert sorted(codes) == ["RESOURCE_EXHAUSTED"] * (200 - FAILURES) + ["UNAUTHENTICATED"] * FAILURES
    # Neither process has seen these keys before.
    for role in Role:
        assert await seen(client, api_keys[role], venues[0]) == "OK"
        assert await outcome(client, f"{REGISTRY}ListVenues", api_keys[role]) is None


# ---- use -----------------------------------------------------------------------------------------------------------


async def test_the_last_use_of_a_key_is_shown_to_the_minute_and_is_no_change(
    admin: Admin, hotpath: Hotpath, settings: config.Settings, venues: tuple[str, str], api_keys: Mapping[Role, str]
) -> None:
    key = await credentials.make(settings, Role.READER, principal="feed")
    async with Client(hotpath.port) as worker, Client(admin.port) as desk:

        async def listed() -> pb.ApiKey:
            found: pb.ListKeysResponse = await credentials.own(desk, api_keys[Role.ADMIN], "ListKeys", principal="feed")
            return found.keys[0]

        before = await listed()
        assert not before.HasField("last_used_at")
        began = datetime.now(UTC)
        assert await seen(worker, key, venues[0]) == "OK"
        await eventually(lambda: hotpath._bus.up)
        await hotpath.key_source.report_used()

        async def told() -> bool:
            await admin.key_source.write()
            return (await listed()).HasField("last_used_at")

        await eventually(told)
        after = await listed()
        at = after.last_used_at.ToDatetime(UTC)
        assert at.second == at.microsecond == 0
        assert began - timedelta(minutes=1) <= at <= datetime.now(UTC)
        assert after.revision == before.revision
    # The worker goes on with what it has of the key, and takes nothing of it for wrong.
    await hotpath.sweep.compare_next()
    assert hotpath.cache.peek(f"api_key:{after.key_id}") is not None
    assert (hotpath.sweep.compared > 0, hotpath.sweep.mismatches) == (True, 0)
