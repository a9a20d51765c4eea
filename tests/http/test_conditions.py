"""Entity tags, conditional requests, idempotency keys and pages."""

import asyncio
from typing import Any

import asyncpg
import msgspec
import pytest

from cqar import config
from tests.http.client import Api
from tests.registry.factory import waiting


@pytest.fixture
def settings(settings: config.Settings) -> config.Settings:
    """Writers with a short lock timeout."""
    replace = msgspec.structs.replace
    return replace(settings, database=replace(settings.database, lock_timeout=0.2))


async def test_the_tag_of_a_row_is_its_revision(shared: Api) -> None:
    asset = await shared.asset()
    answer = await shared.get(f"/v1/assets/{asset}")
    assert answer.tag == f'"{answer.body["asset"]["revision"]}"'
    changed = await shared.send("PATCH", f"/v1/assets/{asset}", {"category": "money"})
    assert changed.tag == f'"{changed.body["asset"]["revision"]}"' != answer.tag


async def test_if_match_refuses_a_write_after_another(shared: Api) -> None:
    asset = await shared.asset()
    seen = (await shared.get(f"/v1/assets/{asset}")).tag
    mine = await shared.send("PATCH", f"/v1/assets/{asset}", {"category": "mine"}, headers={"If-Match": seen})
    assert mine.status == 200
    late = await shared.send("PATCH", f"/v1/assets/{asset}", {"category": "late"}, headers={"If-Match": seen})
    assert (late.status, late.body["code"], late.body["type"]) == (412, "ABORTED", "urn:cqar:problem:moved")
    gone = await shared.send("DELETE", f"/v1/assets/{asset}", headers={"If-Match": seen})
    assert gone.status == 412
    assert (await shared.send("DELETE", f"/v1/assets/{asset}", headers={"If-Match": mine.tag})).status == 200


async def test_of_two_at_once_with_the_same_tag_one_wins(shared: Api) -> None:
    asset = await shared.asset()
    seen = (await shared.get(f"/v1/assets/{asset}")).tag
    tries = [shared.send("PATCH", f"/v1/assets/{asset}", {"category": f"c{at}"}, headers={"If-Match": seen}) for at in range(5)]
    assert sorted(each.status for each in await asyncio.gather(*tries)) == [200, 412, 412, 412, 412]


async def test_a_race_without_a_tag_is_a_conflict_and_no_failed_condition(api: Api, connection: asyncpg.Connection) -> None:
    asset = await api.asset()
    seen = (await api.get(f"/v1/assets/{asset}")).tag
    async with connection.transaction():
        await connection.execute("SELECT FROM assets WHERE asset_id = $1 FOR UPDATE", asset)
        waiter = asyncio.create_task(api.send("PATCH", f"/v1/assets/{asset}", {"category": "c"}, headers={"If-Match": seen}))
        await waiting(connection)
        answer = await waiter
    assert (answer.status, answer.body["code"], answer.body["type"]) == (409, "ABORTED", "urn:cqar:problem:aborted")


async def test_a_tag_is_one_tag_with_its_quotes(shared: Api) -> None:
    asset = await shared.asset()
    for bad in ("17", '"x"', '"1", "2"', '""', '"' + "9" * 19 + '"'):
        answer = await shared.send("PATCH", f"/v1/assets/{asset}", {"category": "c"}, headers={"If-Match": bad})
        assert (answer.status, answer.broken) == (400, [("If-Match", "BAD_TAG")]), bad
    weak = f"W/{(await shared.get(f'/v1/assets/{asset}')).tag}"
    for good in (weak, "*"):
        answer = await shared.send("PATCH", f"/v1/assets/{asset}", {"name": "Same"}, headers={"If-Match": good})
        assert answer.status == 200, good


async def test_a_condition_that_could_not_hold_is_refused(shared: Api) -> None:
    answer = await shared.send("POST", "/v1/assets", {"symbol": "X"}, headers={"If-Match": '"1"'})
    assert (answer.status, answer.broken) == (400, [("If-Match", "NOT_ALLOWED")])


async def test_what_the_client_has_already_is_304(shared: Api) -> None:
    asset = await shared.asset()
    first = await shared.get(f"/v1/assets/{asset}")
    for header in (first.tag, f'"0", {first.tag}', f"W/{first.tag}", "*"):
        again = await shared.get(f"/v1/assets/{asset}", **{"If-None-Match": header})
        assert (again.status, again.body, again.tag) == (304, "", first.tag)
    assert (await shared.get(f"/v1/assets/{asset}", **{"If-None-Match": '"0"'})).status == 200
    await shared.asset("ETH")
    assert (await shared.get(f"/v1/assets/{asset}", **{"If-None-Match": first.tag})).status == 304


async def test_a_flag_changes_the_tag_of_what_it_blocks(shared: Api) -> None:
    venue, symbol = await shared.venue(), await shared.pair()
    await shared.listing(venue, symbol)
    asset = (await shared.get(f"/v1/symbols/{symbol}")).body["symbol"]["base_asset_id"]
    await shared.made(f"/v1/venues/{venue}/assets", asset_id=asset, venue_asset_symbol="BTC", trading_enabled=True)
    shown = (
        f"/v1/assets/{asset}",
        f"/v1/symbols/{symbol}",
        f"/v1/venues/{venue}/symbols/BTCUSDT",
        f"/v1/venues/{venue}/assets/{asset}",
    )
    before = {each: (await shared.get(each)).tag for each in shown}
    flag = await shared.flag(asset)
    for each, tag in before.items():
        answer = await shared.get(each, **{"If-None-Match": tag})
        assert (answer.status, answer.body["trading_blocked"]) == (200, True), each
    await shared.send("POST", f"/v1/flags/{flag}/resolve")
    for each, tag in before.items():
        assert (await shared.get(each, **{"If-None-Match": tag})).status == 304, each


async def test_time_alone_changes_the_tag_of_a_listing_that_ends(api: Api, connection: asyncpg.Connection) -> None:
    venue = await api.venue()
    listing = await api.listing(venue, await api.pair())
    target = f"/v1/listings/{listing['listing_id']}"
    before = await api.get(target)
    await connection.execute("UPDATE venue_symbols SET delisted_at = now()")
    answer = await api.get(target, **{"If-None-Match": before.tag})
    assert (answer.status, answer.body["venue_symbol"]["is_active"]) == (200, False)
    kept = await api.send("PATCH", target, {"taker_fee_decimal": "0.1"}, headers={"If-Match": before.tag})
    assert kept.status == 200


async def test_a_repeat_under_the_same_key_is_done_once(shared: Api) -> None:
    sent = {
        "symbol": "BTC",
        "name": "Bitcoin",
        "asset_type": 1,
        "category": "repeated",
        "metadata": {"a": 1, "b": 2, "c": [1, {"d": None}]},
    }
    headers = {"Idempotency-Key": "1f8c"}
    first, second = await asyncio.gather(*(shared.send("POST", "/v1/assets", sent, headers=headers) for _ in range(2)))
    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    assert (first.headers["Location"], first.tag) == (second.headers["Location"], second.tag)
    assert (await shared.get("/v1/assets?category=repeated")).body["total_count"] == 1
    other = await shared.send("POST", "/v1/assets", {**sent, "symbol": "ETH"}, headers=headers)
    assert (other.status, other.broken) == (400, [("idempotency-key", "REUSED")])
    for bad in ("x" * 129, "é"):
        refused = await shared.send("POST", "/v1/assets", sent, headers={"Idempotency-Key": bad})
        assert (refused.status, refused.broken) == (400, [("Idempotency-Key", "BAD_KEY")])


async def test_pages_are_linked_to_the_last_one(shared: Api) -> None:
    for at in range(5):
        await shared.asset(f"A&{at}", category="x&y=z")
    await shared.asset("OTHER")
    target: str | None = "/v1/assets?category=x%26y%3Dz&page_size=2"
    found: list[list[Any]] = []
    while target is not None:
        answer = await shared.get(target)
        found.append([each["symbol"] for each in answer.body["assets"]])
        link = answer.headers.get("Link")
        assert (link is None) == ("next_page_token" not in answer.body)
        target = link.removeprefix("<").removesuffix('>; rel="next"') if link else None
    assert [len(each) for each in found] == [2, 2, 1]
    assert sorted(sum(found, [])) == [f"A&{at}" for at in range(5)]  # noqa: RUF017 - three of them


async def test_an_empty_list_is_a_list(shared: Api) -> None:
    answer = await shared.get("/v1/deployments?asset_id=none")
    assert (answer.status, answer.body) == (200, {"deployments": []})
    assert "Link" not in answer.headers


async def test_head_is_get_without_the_body(shared: Api) -> None:
    asset = await shared.asset()
    answer = await shared.send("HEAD", f"/v1/assets/{asset}")
    assert (answer.status, answer.body, answer.tag) == (200, "", (await shared.get(f"/v1/assets/{asset}")).tag)


async def test_null_unsets_and_an_empty_list_too(shared: Api) -> None:
    asset = await shared.asset(category="money", metadata={"a": [1, 2.5, None, {"b": "c"}]})
    assert (await shared.get(f"/v1/assets/{asset}")).body["asset"]["metadata"] == {"a": [1, 2.5, None, {"b": "c"}]}
    headers = {"Content-Type": "application/merge-patch+json"}
    changed = await shared.send("PATCH", f"/v1/assets/{asset}", {"category": None, "metadata": None}, headers=headers)
    assert changed.status == 200
    assert not {"category", "metadata"} & set(changed.body["asset"])
    venue = await shared.venue()
    target = f"/v1/venues/{venue}/assets/{asset}"
    await shared.made(f"/v1/venues/{venue}/assets", asset_id=asset, venue_asset_symbol="A", venue_asset_aliases=["B"])
    changed = await shared.send("PATCH", target, {"venue_asset_aliases": []})
    assert "venue_asset_aliases" not in changed.body["venue_asset"]
    refused = await shared.send("PATCH", target, {"venue_asset_symbol": None, "min_deposit_decimal": None})
    assert (refused.status, refused.broken) == (400, [("venue_asset_symbol", "REQUIRED")])
    assert (await shared.send("PATCH", target, {"nothing": None})).broken == [("nothing", "UNKNOWN_FIELD")]
