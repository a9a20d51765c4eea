"""Errors are problem documents that name the fields and say what to do."""

import asyncio
import json
from typing import Any

import pytest

from cqar import errors
from cqar.admin.app import Admin
from cqar.admin.http import problems
from cqar.server import rpc
from tests.http.client import Api

ASSET: dict[str, Any] = {"symbol": "BTC", "name": "Bitcoin", "asset_type": "ASSET_TYPE_NATIVE"}


def of_every_kind(kind: type[errors.CqarError] = errors.CqarError) -> set[type[errors.CqarError]]:
    return {each for sub in kind.__subclasses__() for each in (sub, *of_every_kind(sub))}


async def test_an_error_is_a_problem_by_rfc_9457(shared: Api) -> None:
    answer = await shared.send("POST", "/v1/assets", {"name": "\u200b", "logo_url": "nowhere"})
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert {name: answer.body[name] for name in ("type", "title", "status", "code")} == {
        "type": "urn:cqar:problem:invalid-argument",
        "title": "Invalid request",
        "status": 400,
        "code": "INVALID_ARGUMENT",
    }
    assert {field for field, _ in answer.broken} == {"name", "logo_url"}
    assert all(each["description"] for each in answer.body["violations"])
    assert answer.headers["Cache-Control"] == "no-store"


def test_every_kind_of_error_has_a_status() -> None:
    assert {problems.kind_of(kind.__new__(kind)).status for kind in of_every_kind()} == {
        *(400, 401, 403, 404, 409, 412, 413, 429, 503, 504)
    }


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (errors.Unavailable("the database is unavailable"), 503, ("Retry-After", "1")),
        (errors.Exhausted("too many at once"), 429, ("Retry-After", "1")),
        (errors.Throttled("too many calls", 2.1), 429, ("Retry-After", "3")),
        (errors.Unauthenticated("missing authorization header"), 401, ("WWW-Authenticate", "Bearer")),
    ],
)
def test_each_error_has_its_status_and_the_header_for_the_next_step(
    error: errors.CqarError, status: int, header: tuple[str, str]
) -> None:
    answer = problems.of(error)
    assert (answer.status, answer.headers[header[0]]) == (status, header[1])


async def test_what_is_not_there_and_what_is_taken(shared: Api) -> None:
    absent = await shared.get("/v1/assets/none")
    assert (absent.status, absent.body["code"]) == (404, "NOT_FOUND")
    venue = await shared.venue()
    named = await shared.send("POST", f"/v1/venues/{venue}/symbols", {"symbol_id": "none", "venue_symbol": "X"})
    assert (named.status, named.broken) == (404, [("symbol_id", "NOT_FOUND")])
    taken = await shared.send("POST", "/v1/venues", {"name": "Other", "venue_slug": venue, "venue_type": "VENUE_TYPE_CEX"})
    assert (taken.status, taken.body["code"], taken.broken) == (409, "ALREADY_EXISTS", [("venue_slug", "TAKEN")])


async def test_what_something_else_forbids_names_what_it_is(shared: Api) -> None:
    symbol = (await shared.get(f"/v1/symbols/{await shared.pair()}")).body["symbol"]
    answer = await shared.send("DELETE", f"/v1/assets/{symbol['base_asset_id']}")
    assert (answer.status, answer.body["code"]) == (409, "FAILED_PRECONDITION")
    assert answer.broken == [(f"symbol:{symbol['symbol_id']}", "IN_USE")]


async def test_a_text_of_two_types_is_ambiguous_with_both_named(shared: Api) -> None:
    venue, spot = await shared.venue(), await shared.pair()
    sides = (await shared.get(f"/v1/symbols/{spot}")).body["symbol"]
    perpetual = await shared.made(
        "/v1/symbols",
        symbol_type="SYMBOL_TYPE_PERPETUAL",
        **{name: sides[name] for name in ("base_asset_id", "quote_asset_id")},
    )
    for symbol in (spot, perpetual["symbol"]["symbol_id"]):
        await shared.listing(venue, symbol)
    answer = await shared.get(f"/v1/venues/{venue}/symbols/BTCUSDT")
    assert (answer.status, {rule for _, rule in answer.broken}) == (409, {"AMBIGUOUS"})
    assert {each["description"] for each in answer.body["violations"]} == {"SYMBOL_TYPE_SPOT", "SYMBOL_TYPE_PERPETUAL"}
    told = await shared.get(f"/v1/venues/{venue}/symbols/BTCUSDT?symbol_type=SYMBOL_TYPE_SPOT")
    assert told.body["symbol"]["symbol_id"] == spot


async def test_an_unknown_path_and_a_wrong_verb(shared: Api) -> None:
    nowhere = await shared.get("/v1/nothing")
    assert (nowhere.status, nowhere.headers["Content-Type"]) == (404, "application/problem+json")
    wrong = await shared.send("PUT", "/v1/assets/x", {})
    assert (wrong.status, wrong.headers["Allow"]) == (405, "DELETE, GET, HEAD, PATCH")
    assert wrong.body["type"] == "urn:cqar:problem:method-not-allowed"


async def test_a_body_that_is_not_json_by_its_type_is_415(shared: Api) -> None:
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "application/octet-stream",
    ):
        answer = await shared.send("POST", "/v1/assets", data=json.dumps(ASSET).encode(), headers={"Content-Type": kind})
        assert (answer.status, answer.body["type"]) == (415, "urn:cqar:problem:unsupported-media-type"), kind
        assert "application/json" in answer.body["detail"]


_MALFORMED = (
    (b'{"symbol": "BTC",\n "name": }', "line 2, column 10"),
    (b'{"symbol": "\xff"}', "is not JSON"),
    (b'{"symbol": "\\ud800"}', "is not JSON"),
    (b'{"weight": NaN}', "is not JSON"),
    (b"[1]", "is not a JSON object"),
    (b"[" * 50_000, "is not JSON"),
)


async def test_malformed_json_is_reported_with_its_position(shared: Api) -> None:
    for data, said in _MALFORMED:
        answer = await shared.send("POST", "/v1/assets", data=data, headers={"Content-Type": "application/json"})
        assert answer.status == 400
        assert said in answer.body["detail"]


async def test_a_body_that_is_too_large_is_413(shared: Api) -> None:
    large = json.dumps({**ASSET, "description": "x" * 70_000}).encode()
    answer = await shared.send("POST", "/v1/assets", data=large, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.body["code"]) == (413, "RESOURCE_EXHAUSTED")


async def test_a_body_that_does_not_come_is_not_waited_for(shared: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "DEFAULT_DEADLINE", 0.1)
    head = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n{"
    for target, kind in ((b"/v1/assets", b"application/json"), (b"/v1/apply", b"application/x-ndjson")):
        reader, writer = await asyncio.open_connection("127.0.0.1", shared.port)
        writer.write(head % (target, kind))
        async with asyncio.timeout(20):
            answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 504 ")
        writer.close()


async def test_a_body_that_is_cut_off_does_nothing(shared: Api) -> None:
    sent = json.dumps({**ASSET, "category": "cut off"}).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", shared.port)
    head = b"POST /v1/assets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % (len(sent) + 1) + sent)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await shared.get("/v1/assets?category=cut%20off")).body["assets"] == []


_UNFIT: tuple[tuple[Any, list[tuple[str, str]]], ...] = (
    ({"symbl": "BTC"}, [("symbl", "UNKNOWN_FIELD")]),
    ({"assetType": 1}, [("assetType", "UNKNOWN_FIELD")]),
    (
        {"symbol": 5, "name": None, "asset_type": "NATIVE"},
        [("symbol", "WRONG_TYPE"), ("name", "NULL"), ("asset_type", "UNKNOWN_VALUE")],
    ),
    ({"asset_type": True}, [("asset_type", "WRONG_TYPE")]),
    ({"metadata": [1]}, [("metadata", "WRONG_TYPE")]),
    ({"metadata": json.loads('{"a":' * 40 + "1" + "}" * 40)}, [("metadata", "TOO_DEEP")]),
)


async def test_json_that_does_not_fit_names_each_field(shared: Api) -> None:
    for content, broken in _UNFIT:
        answer = await shared.send("POST", "/v1/assets", content)
        assert (answer.status, answer.broken) == (400, broken)


async def test_a_field_inside_of_a_list_is_named_with_its_place(shared: Api) -> None:
    members = [{"asset_id": "a"}, {"asset_id": "b", "weigth": "1"}, {"asset_id": "c", "weight": 0.1}]
    answer = await shared.send("POST", "/v1/groups", {"name": "g", "members": members})
    assert answer.broken == [("members[1].weigth", "UNKNOWN_FIELD"), ("members[2].weight", "UNKNOWN_FIELD")]
    assert "weight_decimal" in answer.body["detail"]


_PARAMETERS = (
    ("/v1/assets?symbol=BTC", [("symbol", "UNKNOWN_FIELD")]),
    ("/v1/assets?page_size=ten", [("page_size", "WRONG_TYPE")]),
    ("/v1/assets?page_size=1_0", [("page_size", "WRONG_TYPE")]),
    ("/v1/assets?page_size=99999999999", [("page_size", "OUT_OF_RANGE")]),
    ("/v1/assets?page_size=-1", [("page_size", "NEGATIVE")]),
    ("/v1/assets?category=a&category=b", [("category", "TWICE")]),
    ("/v1/assets?asset_type=99", [("asset_type", "UNKNOWN_VALUE")]),
    ("/v1/assets?page_token=!", [("page_token", "BAD_TOKEN")]),
    ("/v1/flags?include_resolved=yes", [("include_resolved", "WRONG_TYPE")]),
    ("/v1/venues/v/symbols/s?as_of=yesterday", [("as_of", "BAD_TIME")]),
    ("/v1/venues/v/symbols/s?venue_id=w", [("venue_id", "NOT_HERE")]),
    ("/v1/search/assets", [("query", "REQUIRED")]),
    ("/v1/assets?" + "&".join(f"a{at}=1" for at in range(300)), [("query", "TOO_MANY")]),
)


async def test_parameters_are_taken_strictly(shared: Api) -> None:
    for target, broken in _PARAMETERS:
        answer = await shared.get(target)
        assert (answer.status, answer.broken) == (400, broken), target


async def test_fields_stand_where_the_verb_has_them(shared: Api) -> None:
    asset = await shared.asset()
    query = await shared.send("POST", "/v1/assets?symbol=BTC", ASSET)
    assert (query.status, query.broken) == (400, [("query", "NOT_ALLOWED")])
    told = await shared.send("DELETE", f"/v1/assets/{asset}", {"expected_revision": 1})
    assert (told.status, told.broken) == (400, [("body", "NOT_ALLOWED")])
    refused = await shared.send(
        "PATCH", f"/v1/assets/{asset}", {"expected_revision": 1, "clear": ["category"], "asset_id": "x"}
    )
    assert refused.broken == [("expected_revision", "NOT_HERE"), ("clear", "NOT_HERE"), ("asset_id", "NOT_HERE")]


async def test_a_fault_of_the_server_tells_nothing_but_that(api: Api, admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        msg = "a secret of the inside"
        raise RuntimeError(msg)

    monkeypatch.setattr(admin._pool, "session", broken)
    answer = await api.get("/v1/assets")
    assert (answer.status, answer.body["code"]) == (500, "INTERNAL")
    assert "secret" not in str(answer.body)


async def test_an_outage_is_503_and_never_absence(api: Api, admin: Admin) -> None:
    await admin._pool.close()
    answer = await api.get("/v1/assets/none")
    assert (answer.status, answer.body["code"]) == (503, "UNAVAILABLE")
