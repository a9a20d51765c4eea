"""JSON lines of rows go in, and a line per row comes out, in the same order."""

import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from cqar import errors
from cqar.admin.app import Admin
from cqar.admin.http.streams import MAX_LINES, Apply
from cqar.model.call import Call
from cqar.server.rpc import Reply
from cqar.services.method import AnyMethod
from tests.http.client import Answer, Api, listening

LINES = {"Content-Type": "application/x-ndjson"}
ASSET: dict[str, Any] = {"symbol": "BTC", "name": "Bitcoin", "asset_type": "ASSET_TYPE_NATIVE"}


def asset(at: int, **row: Any) -> dict[str, Any]:
    key = {"source": "DATA_SOURCE_COINGECKO", "external_id": f"coin-{at}"}
    return {"ref": f"a{at}", "asset": {**ASSET, "symbol": f"A{at}"}, "identifiers": [key], **row}


async def apply(api: Api, lines: Sequence[Any], query: str = "", **headers: str) -> Answer:
    """The answer to lines, which are JSON or bytes."""
    data = b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines)
    return await api.send("POST", f"/v1/apply{query}", data=data, headers={**LINES, **headers})


def results(answer: Answer) -> list[dict[str, Any]]:
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.body.splitlines()]


async def test_rows_are_written_and_reported_line_by_line(api: Api) -> None:
    pair = {
        "symbol_type": "SYMBOL_TYPE_SPOT",
        "base_asset_id": "ref:a1",
        "quote_asset_id": "ref:a2",
        "tick_size_decimal": "1e-19",
    }
    lines = [{"ref": "s", "symbol": pair}, {"venue": {"venue_id": "v", "name": "V", "venue_type": 1}}, asset(1), asset(2)]
    lines.append({"venue_symbol": {"venue_id": "v", "venue_symbol": "A1/A2", "symbol_id": "ref:s"}})
    made = results(await apply(api, lines))
    assert [each["outcome"] for each in made] == ["CREATED"] * 5
    answer = await api.get("/v1/venues/v/symbols/A1%2FA2")
    assert (answer.body["symbol"]["symbol_id"], answer.body["symbol"]["tick_size_decimal"]) == (
        made[0]["id"],
        "0.0000000000000000001",
    )
    again = results(await apply(api, lines))
    assert [(each["outcome"], each["id"]) for each in again] == [("UNCHANGED", each["id"]) for each in made]


async def test_a_bad_line_in_the_middle_refuses_itself_alone(api: Api) -> None:
    lines = [
        asset(1),
        b'{"asset": ',
        asset(2),
        {"asset": {**ASSET, "symbl": "X"}},
        b"",
        {"chain": {"chain_id": "c", "chain_name": "C", "chain_type": "NONE"}},
        {"symbol": {"tick_size": 0.1}},
        b"[]",
        asset(3),
    ]
    found = results(await apply(api, lines))
    assert [each["outcome"] for each in found] == [
        *("CREATED", "REJECTED", "CREATED", "REJECTED", "REJECTED", "REJECTED", "REJECTED", "REJECTED", "CREATED")
    ]
    refused = [(each["code"], each.get("field")) for each in found if each["outcome"] == "REJECTED"]
    assert refused == [
        ("INVALID_ARGUMENT", field) for field in ("body", "asset.symbl", "body", "chain_type", "symbol.tick_size", "body")
    ]
    assert "line 1, column 11" in found[1]["reason"]
    assert (await api.get("/v1/assets")).body["total_count"] == 3


async def test_a_dry_run_writes_nothing_and_modes_hold(api: Api) -> None:
    dry = results(await apply(api, [asset(1)], "?dry_run=true"))
    assert [(each["outcome"], "id" in each) for each in dry] == [("CREATED", False)]
    assert (await api.get("/v1/assets")).body["total_count"] == 0
    results(await apply(api, [asset(1)], "?source=desk"))
    changed = {**asset(1), "asset": {**ASSET, "symbol": "A1", "name": "Other"}}
    kept = results(await apply(api, [changed], "?mode=CREATE_ONLY"))
    assert kept[0]["outcome"] == "UNCHANGED"
    written = results(await apply(api, [changed], "?mode=UPSERT"))
    assert (written[0]["outcome"], written[0]["changed_fields"]) == ("UPDATED", ["name"])


async def test_what_is_wrong_with_all_of_it_is_a_problem(api: Api) -> None:
    bad: tuple[tuple[Answer, int, list[tuple[str, str]]], ...] = (
        (await apply(api, [asset(1)], "?mode=SOMETIMES"), 400, [("mode", "UNKNOWN_VALUE")]),
        (await apply(api, [asset(1)], "?rows=1"), 400, [("rows", "NOT_HERE")]),
        (await apply(api, [asset(1)], **{"Idempotency-Key": "k"}), 400, [("idempotency-key", "NOT_ALLOWED")]),
        (await apply(api, [asset(1)], **{"Content-Type": "application/json"}), 415, []),
    )
    for answer, status, broken in bad:
        assert (answer.status, answer.broken) == (status, broken)
    data = BytesIO(json.dumps(asset(1)).encode() + b"\n" + b" " * MAX_LINES)
    large = await api.send("POST", "/v1/apply", data=data, headers=LINES)
    assert (large.status, large.body["code"]) == (413, "RESOURCE_EXHAUSTED")
    assert (await api.get("/v1/assets")).body["total_count"] == 0


class Serving:
    """Admin's serving function, limited to a few rows per call, one of which may fail."""

    def __init__(self, admin: Admin) -> None:
        self.admin = admin
        self.calls: list[int] = []
        self.failing = 0

    async def __call__(self, method: AnyMethod, data: bytes, call: Call) -> Reply:
        self.calls.append(len(method.request.FromString(data).rows))
        if len(self.calls) == self.failing:
            msg = "the database is unavailable"
            raise errors.Unavailable(msg)
        return await self.admin._serve(method, data, call)


async def test_many_lines_go_in_several_calls_and_stay_in_order(admin: Admin) -> None:
    serving = Serving(admin)
    async with listening("POST", "/v1/apply", Apply(serving, rows=4).handle) as api:
        found = results(await apply(api, [b"{", *map(asset, range(8))]))
    assert serving.calls == [3, 4, 1]
    assert [each["outcome"] for each in found] == ["REJECTED", *["CREATED"] * 8]


async def test_an_outage_on_the_way_leaves_no_line_without_a_word(admin: Admin) -> None:
    serving = Serving(admin)
    serving.failing = 2
    async with listening("POST", "/v1/apply", Apply(serving, rows=4).handle) as api:
        found = results(await apply(api, [*map(asset, range(9))]))
        assert [(each.get("outcome"), each.get("code")) for each in found] == [("CREATED", None)] * 4 + [
            (None, "UNAVAILABLE")
        ] * 5
        assert all("send it again" in each["reason"] for each in found[4:])
        serving.failing = len(serving.calls) + 1
        assert (await apply(api, [asset(1)])).status == 503
