"""Authentication and authorization do not depend on the transport, with and without cached responses."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.auth import keys
from cqar.auth.attempts import Attempts, Bucket
from cqar.auth.authority import Authority
from cqar.contract.cqar.v1 import resolver_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.model.call import Role
from tests.access import credentials
from tests.access.credentials import ACCESS, bearer
from tests.client import SERVICE, Client
from tests.hotpath.resolving import key
from tests.hotpath.stack import admin_of, eventually
from tests.registry.factory import stamp
from tests.transports.pair import RESOLVER, TAIL, Pair, outcome, pair_of

GET, LISTED, REVISION = f"{SERVICE}GetVenue", f"{SERVICE}ListAssets", f"{RESOLVER}GetRevision"
NOTHING, BATCH, STREAM = f"{SERVICE}GetNothing", f"{RESOLVER}ResolveVenueSymbols", f"{RESOLVER}StreamVenueSymbols"
BINANCE, KRAKEN = (pb.GetVenueRequest(venue_id=each) for each in ("binance", "kraken"))


@pytest.fixture(scope="module")
def locked(shared: config.Settings) -> config.Settings:
    """Settings of processes that require keys."""
    return credentials.locked(shared)


@pytest.fixture(scope="module")
async def api_keys(locked: config.Settings, shared: config.Settings) -> Mapping[str, str]:
    """Keys by purpose. The registry has two venues."""
    async with admin_of(shared) as process, Client(process.port) as client:
        for name in ("binance", "kraken"):
            await client.call("CreateVenue", name=name, venue_type=1)
    make = credentials.make
    return {
        "scoped": await make(locked, Role.READER, principal="scoped", venue_ids=["binance"]),
        **{role.name.lower(): await make(locked, role) for role in Role},
        "limited": await make(locked, Role.READER, principal="limited", rate_limit=5),
        "halted": await make(locked, Role.READER, principal="halted", rate_limit=1_000),
        "noted": await make(locked, Role.READER, principal="noted"),
        "forgotten": await make(locked, Role.READER, principal="forgotten"),
        "revoked": await make(locked, Role.READER, principal="revoked"),
        "expired": await make(
            locked, Role.READER, principal="expired", expires_at=stamp(datetime.now(UTC) + timedelta(seconds=5))
        ),
    }


@pytest.fixture(scope="module")
async def admin(locked: config.Settings) -> AsyncIterator[Admin]:
    """An admin that requires keys."""
    async with admin_of(locked) as process:
        yield process


@pytest.fixture(scope="module")
async def guarded(locked: config.Settings, admin: Admin, api_keys: Mapping[str, str]) -> AsyncIterator[Pair]:
    """Workers that require keys."""
    async with pair_of(locked, admin) as made:
        await made.settled(len(api_keys) + 2)
        yield made


@pytest.fixture
async def pair(guarded: Pair, admin: Admin) -> Pair:
    """The workers and an admin, without failed attempts and cached responses."""
    assert admin.authority is not None
    for process in (*authorities(guarded), admin.authority):
        process.attempts = Attempts()
    # A call at its rate limit may be answered anew, at a later revision than a cached response of the other worker.
    await guarded.settled(max(worker.cache.applied for worker in guarded.workers.values()))
    for worker in guarded.workers.values():
        worker.engine.responses.clear()
    return guarded


def authorities(pair: Pair) -> list[Authority]:
    """Return the authority of each worker."""
    return [worker.authority for worker in pair.workers.values() if worker.authority is not None]


def hits(pair: Pair) -> list[int]:
    """Return the number of cached responses that each worker has sent."""
    return [worker.engine.total_hits for worker in pair.workers.values()]


async def test_calls_without_a_valid_key_are_refused(pair: Pair, api_keys: Mapping[str, str]) -> None:
    good = api_keys["reader"]
    shown: list[tuple[tuple[str, str], ...]] = [
        (),
        *(bearer(each) for each in (credentials.WRONG, "secret", keys.make("dev").text, good[:-3], f"{good}x", "")),
        *((("authorization", each),) for each in ("", "Bearer", good, f"Basic {good}")),
    ]
    for headers in shown:
        for process in authorities(pair):
            process.attempts = Attempts()
        why = "missing authorization header" if not headers or not headers[0][1] else "invalid API key"
        for path in (GET, LISTED, REVISION, NOTHING):
            result = await pair.call(path, BINANCE, headers, times=1)
            assert (result.code, result.message) == ("UNAUTHENTICATED", why), (headers, path)
        stream = await pair.stream(STREAM, b"", headers=headers)
        assert (stream.code, stream.message) == ("UNAUTHENTICATED", why), headers
    assert (await pair.call(GET, BINANCE, (("authorization", f"bearer {good}"),))).body


async def test_only_a_known_key_is_answered_from_the_cache(pair: Pair, api_keys: Mapping[str, str]) -> None:
    assert (await pair.call(GET, BINANCE, bearer(api_keys["reader"]))).body
    before = hits(pair)
    await pair.call(GET, BINANCE, bearer(api_keys["reader"]), times=3)
    assert hits(pair) == [many + 3 for many in before]
    for headers in ((), bearer(credentials.WRONG)):
        await pair.call(GET, BINANCE, headers)
    assert hits(pair) == [many + 3 for many in before]


async def test_a_key_permits_the_calls_of_its_role_only(pair: Pair, api_keys: Mapping[str, str]) -> None:
    for role in Role:
        headers = bearer(api_keys[role.name.lower()])
        assert (await pair.call(GET, BINANCE, headers, times=3)).body
        assert (await pair.call(LISTED, b"", headers)).code == "OK"
        assert (await pair.call(f"{RESOLVER}ResolveAssets", b"", headers)).code == "OK"
        written = await pair.call("CreateAsset", pb.CreateAssetRequest(symbol="x"), headers)
        assert written.code == ("PERMISSION_DENIED" if role < Role.WRITER else "INVALID_ARGUMENT"), role
        for path in (f"{ACCESS}ListKeys", NOTHING, "/no.such.Service/Get"):
            result = await pair.call(path, b"", headers)
            assert role >= Role.ADMIN or f"this key has the role {role.name.lower()}" in result.message


async def test_a_scoped_key_permits_its_venue_only(pair: Pair, api_keys: Mapping[str, str]) -> None:
    headers = bearer(api_keys["scoped"])
    # A response cached for another key must not be used.
    assert (await pair.call(GET, KRAKEN, bearer(api_keys["reader"]))).body
    assert (await pair.call(GET, BINANCE, headers, times=3)).body
    asset = pb.GetAssetRequest(asset_id="any")
    for path, request in ((GET, KRAKEN), (f"{SERVICE}GetAsset", asset), (LISTED, b""), (TAIL, b"")):
        assert (await pair.call(path, request, headers)).code == "PERMISSION_DENIED", path
    venues = [key(each, "x") for each in ("binance", "kraken")]
    for many, code in ((venues[:1], "OK"), (venues, "PERMISSION_DENIED")):
        assert (await pair.call(BATCH, resolver_pb2.ResolveVenueSymbolsRequest(keys=many), headers)).code == code


async def test_revoked_and_expired_keys_are_refused(pair: Pair, api_keys: Mapping[str, str], locked: config.Settings) -> None:
    async def over(headers: Any) -> bool:
        result = await pair.each(lambda client: outcome(client, GET, BINANCE.SerializeToString(), headers))
        return {each.code for each in result.values()} == {"UNAUTHENTICATED"}

    revoked, expired = bearer(api_keys["revoked"]), bearer(api_keys["expired"])
    assert (await pair.call(GET, BINANCE, revoked, times=3)).body
    parsed = keys.parse(api_keys["revoked"])
    assert parsed is not None
    await credentials.revoke(locked, parsed)
    for headers in (revoked, expired):
        await eventually(lambda headers=headers: over(headers))  # type: ignore[misc]  # bound here
        assert (await pair.call(GET, BINANCE, headers)).message == "invalid API key"


async def test_a_rate_limit_counts_cached_responses_too(pair: Pair, api_keys: Mapping[str, str]) -> None:
    before = hits(pair)

    async def until_refused(client: Client) -> tuple[str, list[str], str | bytes]:
        answered = 0
        while (result := await outcome(client, GET, BINANCE.SerializeToString(), bearer(api_keys["limited"]))).code == "OK":
            answered += 1
        assert answered >= 5
        assert result.code == "RESOURCE_EXHAUSTED"
        return result.message, sorted(dict(result.trailing)), dict(result.trailing)["retry-after"]

    message, _, seconds = await pair.same(until_refused)
    assert "5 calls per second" in message
    assert seconds == "1"
    assert all(now > many for now, many in zip(hits(pair), before, strict=True))

    async def again() -> bool:
        result = await pair.each(lambda client: outcome(client, GET, BINANCE.SerializeToString(), bearer(api_keys["limited"])))
        return {each.code for each in result.values()} == {"OK"}

    await eventually(again)


async def test_a_key_whose_rate_is_free_again_gets_the_cached_response(
    pair: Pair, api_keys: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket refuses the lookup of the lane, and a moment later admits the call."""
    headers, client, worker = bearer(api_keys["halted"]), pair.clients["lane"], pair.workers["lane"]
    first = await outcome(client, GET, BINANCE.SerializeToString(), headers)
    before, misses = worker.engine.total_hits, dict(worker.engine.misses)
    waits = itertools.cycle((0.1, 0.0))
    monkeypatch.setattr(Bucket, "take", lambda _bucket: next(waits))
    assert await outcome(client, GET, BINANCE.SerializeToString(), headers) == first
    assert worker.engine.total_hits == before + 1
    assert worker.engine.misses == misses


@pytest.mark.parametrize("path", [GET, LISTED])
async def test_failed_attempts_are_throttled_and_valid_keys_still_work(
    pair: Pair, api_keys: Mapping[str, str], path: str
) -> None:
    async def throttled(client: Client) -> tuple[str, list[str], str | bytes]:
        async with asyncio.timeout(20):
            while True:
                requests = (outcome(client, path, BINANCE.SerializeToString(), bearer(credentials.WRONG)) for _ in range(40))
                for result in await asyncio.gather(*requests):
                    if result.code == "RESOURCE_EXHAUSTED":
                        return result.message, sorted(dict(result.trailing)), dict(result.trailing)["retry-after"]

    assert (await pair.call(GET, BINANCE, bearer(api_keys["reader"]))).body
    message, _, seconds = await pair.same(throttled)
    assert "failed attempts" in message
    assert seconds == "1"
    assert (await pair.call(GET, BINANCE, bearer(api_keys["reader"]))).body


async def test_the_key_is_checked_before_the_request(pair: Pair, api_keys: Mapping[str, str]) -> None:
    for path in (GET, BATCH):
        for data in (b"", b"\xff", bytes(70_000)):
            await pair.call(path, data, times=1)
            await pair.call(path, data, bearer(api_keys["reader"]))
            await pair.call(path, data, bearer(api_keys["scoped"]))


async def test_cached_responses_mark_a_key_as_used(pair: Pair, api_keys: Mapping[str, str]) -> None:
    parsed = keys.parse(api_keys["noted"])
    assert parsed is not None
    for _ in range(3):
        for process in authorities(pair):
            process.take_used()
        assert (await pair.call(GET, BINANCE, bearer(api_keys["noted"]), times=1)).body
        assert all(process.take_used() == {parsed.key_id} for process in authorities(pair))


async def test_an_evicted_key_is_loaded_again(pair: Pair, api_keys: Mapping[str, str]) -> None:
    secret = api_keys["forgotten"]
    assert (await pair.call(GET, BINANCE, bearer(secret))).body
    for worker, process in zip(pair.workers.values(), authorities(pair), strict=True):
        grant = process.grant(f"Bearer {secret}")
        assert grant is not None
        part: Any = grant.basis
        worker.cache._drop(part)
        worker.cache._hole(part.key)
    before = hits(pair)
    assert (await pair.call(GET, BINANCE, bearer(secret), times=4)).body
    assert all(now > many for now, many in zip(hits(pair), before, strict=True))
