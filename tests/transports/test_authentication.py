"""Who is let in, and what is said to the others, does not depend on the transport, from the first call to the ready answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.auth import keys
from cqar.auth.authority import Attempts, Authority
from cqar.contract.cqar.v1 import resolver_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.model.call import Role
from tests.access import credentials
from tests.access.credentials import ACCESS, bearer
from tests.client import SERVICE, Client
from tests.hotpath.resolving import key
from tests.hotpath.stack import admin_of, eventually
from tests.registry.factory import stamp
from tests.transports.pair import RESOLVER, TAIL, Both, both_of, outcome

GET, LISTED, REVISION = f"{SERVICE}GetVenue", f"{SERVICE}ListAssets", f"{RESOLVER}GetRevision"
NOTHING, BATCH, STREAM = f"{SERVICE}GetNothing", f"{RESOLVER}ResolveVenueSymbols", f"{RESOLVER}StreamVenueSymbols"
BINANCE, KRAKEN = (pb.GetVenueRequest(venue_id=each) for each in ("binance", "kraken"))


@pytest.fixture(scope="module")
def locked(shared: config.Settings) -> config.Settings:
    """The settings of processes that ask for keys."""
    return credentials.locked(shared)


@pytest.fixture(scope="module")
async def held_keys(locked: config.Settings, shared: config.Settings) -> Mapping[str, str]:
    """Keys by what they are. There are two venues."""
    async with admin_of(shared) as process, Client(process.port) as client:
        for name in ("binance", "kraken"):
            await client.call("CreateVenue", name=name, venue_type=1)
    expired = stamp(datetime.now(UTC) + timedelta(seconds=1))
    make = credentials.make
    return {
        "scoped": await make(locked, Role.READER, principal="scoped", venue_ids=["binance"]),
        **{role.name.lower(): await make(locked, role) for role in Role},
        "limited": await make(locked, Role.READER, principal="limited", rate_limit=5),
        "noted": await make(locked, Role.READER, principal="noted"),
        "forgotten": await make(locked, Role.READER, principal="forgotten"),
        "revoked": await make(locked, Role.READER, principal="revoked"),
        "expired": await make(locked, Role.READER, principal="expired", expires_at=expired),
    }


@pytest.fixture(scope="module")
async def behind(locked: config.Settings) -> AsyncIterator[Admin]:
    """An admin that asks for keys."""
    async with admin_of(locked) as process:
        yield process


@pytest.fixture(scope="module")
async def guarded(locked: config.Settings, behind: Admin, held_keys: Mapping[str, str]) -> AsyncIterator[Both]:
    """Workers that ask for keys."""
    async with both_of(locked, behind) as made:
        await made.settled(len(held_keys) + 2)
        yield made


@pytest.fixture
def both(guarded: Both, behind: Admin) -> Both:
    """The workers, and an admin, to whom nobody has failed yet."""
    assert behind.authority is not None
    for process in (*authorities(guarded), behind.authority):
        process.attempts = Attempts()
    return guarded


def authorities(both: Both) -> list[Authority]:
    """What knows callers, of each worker."""
    return [worker.authority for worker in both.workers.values() if worker.authority is not None]


def hits(both: Both) -> list[int]:
    """How many ready answers each worker has given."""
    return [worker.engine.total_hits for worker in both.workers.values()]


async def test_without_a_key_or_with_a_wrong_one_nobody_is_served(both: Both, held_keys: Mapping[str, str]) -> None:
    good = held_keys["reader"]
    shown: list[tuple[tuple[str, str], ...]] = [
        (),
        *(bearer(each) for each in (credentials.WRONG, "secret", keys.make("dev").text, good[:-3], f"{good}x", "")),
        *((("authorization", each),) for each in ("", "Bearer", good, f"Basic {good}")),
    ]
    for headers in shown:
        for process in authorities(both):
            process.attempts = Attempts()
        why = "missing authorization header" if not headers or not headers[0][1] else "invalid API key"
        for path in (GET, LISTED, REVISION, NOTHING):
            told = await both.call(path, BINANCE, headers, times=1)
            assert (told.code, told.message) == ("UNAUTHENTICATED", why), (headers, path)
        stream = await both.stream(STREAM, b"", headers=headers)
        assert (stream.code, stream.message) == ("UNAUTHENTICATED", why), headers
    assert (await both.call(GET, BINANCE, (("authorization", f"bearer {good}"),))).body


async def test_a_known_key_is_answered_at_once_and_no_other(both: Both, held_keys: Mapping[str, str]) -> None:
    assert (await both.call(GET, BINANCE, bearer(held_keys["reader"]))).body
    before = hits(both)
    await both.call(GET, BINANCE, bearer(held_keys["reader"]), times=3)
    assert hits(both) == [many + 3 for many in before]
    for headers in ((), bearer(credentials.WRONG)):
        await both.call(GET, BINANCE, headers)
    assert hits(both) == [many + 3 for many in before]


async def test_a_key_is_good_for_its_role_alone(both: Both, held_keys: Mapping[str, str]) -> None:
    for role in Role:
        headers = bearer(held_keys[role.name.lower()])
        assert (await both.call(GET, BINANCE, headers, times=3)).body
        assert (await both.call(LISTED, b"", headers)).code == "OK"
        assert (await both.call(f"{RESOLVER}ResolveAssets", b"", headers)).code == "OK"
        written = await both.call("CreateAsset", pb.CreateAssetRequest(symbol="x"), headers)
        assert written.code == ("PERMISSION_DENIED" if role < Role.WRITER else "INVALID_ARGUMENT"), role
        for path in (f"{ACCESS}ListKeys", NOTHING, "/no.such.Service/Get"):
            told = await both.call(path, b"", headers)
            assert role >= Role.ADMIN or f"this key has the role {role.name.lower()}" in told.message


async def test_a_key_of_a_venue_is_good_for_that_one(both: Both, held_keys: Mapping[str, str]) -> None:
    headers = bearer(held_keys["scoped"])
    # What stands ready for others is none of its own.
    assert (await both.call(GET, KRAKEN, bearer(held_keys["reader"]))).body
    assert (await both.call(GET, BINANCE, headers, times=3)).body
    asset = pb.GetAssetRequest(asset_id="any")
    for path, request in ((GET, KRAKEN), (f"{SERVICE}GetAsset", asset), (LISTED, b""), (TAIL, b"")):
        assert (await both.call(path, request, headers)).code == "PERMISSION_DENIED", path
    venues = [key(each, "x") for each in ("binance", "kraken")]
    for many, code in ((venues[:1], "OK"), (venues, "PERMISSION_DENIED")):
        assert (await both.call(BATCH, resolver_pb2.ResolveVenueSymbolsRequest(keys=many), headers)).code == code


async def test_a_key_that_is_over_is_as_good_as_none(both: Both, held_keys: Mapping[str, str], locked: config.Settings) -> None:
    async def over(headers: Any) -> bool:
        told = await both.each(lambda client: outcome(client, GET, BINANCE.SerializeToString(), headers))
        return {each.code for each in told.values()} == {"UNAUTHENTICATED"}

    revoked, expired = bearer(held_keys["revoked"]), bearer(held_keys["expired"])
    assert (await both.call(GET, BINANCE, revoked, times=3)).body
    parsed = keys.parse(held_keys["revoked"])
    assert parsed is not None
    await credentials.revoke(locked, parsed)
    for headers in (revoked, expired):
        await eventually(lambda headers=headers: over(headers))  # type: ignore[misc]  # bound here
        assert (await both.call(GET, BINANCE, headers)).message == "invalid API key"


async def test_a_key_makes_so_many_calls_a_second_ready_answers_too(both: Both, held_keys: Mapping[str, str]) -> None:
    before = hits(both)

    async def until_refused(client: Client) -> tuple[str, list[str], str | bytes]:
        answered = 0
        while (told := await outcome(client, GET, BINANCE.SerializeToString(), bearer(held_keys["limited"]))).code == "OK":
            answered += 1
        assert answered >= 5
        assert told.code == "RESOURCE_EXHAUSTED"
        return told.message, sorted(dict(told.trailing)), dict(told.trailing)["retry-after"]

    message, _, seconds = await both.alike(until_refused)
    assert "5 calls per second" in message
    assert seconds == "1"
    assert all(now > many for now, many in zip(hits(both), before, strict=True))

    async def again() -> bool:
        told = await both.each(lambda client: outcome(client, GET, BINANCE.SerializeToString(), bearer(held_keys["limited"])))
        return {each.code for each in told.values()} == {"OK"}

    await eventually(again)


@pytest.mark.parametrize("path", [GET, LISTED])
async def test_whoever_guesses_is_told_to_wait_and_good_keys_are_still_heard(
    both: Both, held_keys: Mapping[str, str], path: str
) -> None:
    async def throttled(client: Client) -> tuple[str, list[str], str | bytes]:
        async with asyncio.timeout(20):
            while True:
                asked = (outcome(client, path, BINANCE.SerializeToString(), bearer(credentials.WRONG)) for _ in range(40))
                for told in await asyncio.gather(*asked):
                    if told.code == "RESOURCE_EXHAUSTED":
                        return told.message, sorted(dict(told.trailing)), dict(told.trailing)["retry-after"]

    assert (await both.call(GET, BINANCE, bearer(held_keys["reader"]))).body
    message, _, seconds = await both.alike(throttled)
    assert "failed attempts" in message
    assert seconds == "1"
    assert (await both.call(GET, BINANCE, bearer(held_keys["reader"]))).body


async def test_with_a_wrong_request_the_key_comes_first(both: Both, held_keys: Mapping[str, str]) -> None:
    for path in (GET, BATCH):
        for data in (b"", b"\xff", bytes(70_000)):
            await both.call(path, data, times=1)
            await both.call(path, data, bearer(held_keys["reader"]))
            await both.call(path, data, bearer(held_keys["scoped"]))


async def test_a_key_that_was_used_is_noted_by_ready_answers_too(both: Both, held_keys: Mapping[str, str]) -> None:
    parsed = keys.parse(held_keys["noted"])
    assert parsed is not None
    for _ in range(3):
        for process in authorities(both):
            process.take_used()
        assert (await both.call(GET, BINANCE, bearer(held_keys["noted"]), times=1)).body
        assert all(process.take_used() == {parsed.key_id} for process in authorities(both))


async def test_a_key_that_went_for_want_of_room_is_looked_up_again_and_then_known(
    both: Both, held_keys: Mapping[str, str]
) -> None:
    secret = held_keys["forgotten"]
    assert (await both.call(GET, BINANCE, bearer(secret))).body
    for worker, process in zip(both.workers.values(), authorities(both), strict=True):
        grant = process.grant(f"Bearer {secret}")
        assert grant is not None
        part: Any = grant.basis
        worker.cache._drop(part)
        worker.cache._hole(part.key)
    before = hits(both)
    assert (await both.call(GET, BINANCE, bearer(secret), times=4)).body
    assert all(now > many for now, many in zip(hits(both), before, strict=True))
