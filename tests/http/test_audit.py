"""The audit: who changed what, newest first."""

from tests.http.client import Api
from tests.http.test_apply import apply, asset


async def test_the_audit_tells_who_changed_what(api: Api) -> None:
    bitcoin = await api.asset("BTC")
    other = await api.asset("ETH")
    await api.send("PATCH", f"/v1/assets/{bitcoin}", {"category": "money"})
    answer = await api.get(f"/v1/audit?entity=asset&row_id={bitcoin}")
    changed, created = answer.body["entries"]
    assert (changed["op"], changed["method"], changed["actor"], changed["revision"]) == (
        "update",
        "UpdateAsset",
        "anonymous",
        "3",
    )
    assert changed["changes"]["category"] == [None, "money"]
    assert (created["op"], created["changes"]["symbol"]) == ("create", [None, "BTC"])
    assert [each["row_id"] for each in (await api.get("/v1/audit")).body["entries"]] == [bitcoin, other, bitcoin]
    assert len((await api.get("/v1/audit?actor=anonymous")).body["entries"]) == 3
    assert (await api.get("/v1/audit?actor=nobody")).body == {"entries": []}


async def test_the_audit_is_paged(api: Api) -> None:
    for at in range(5):
        await api.asset(f"A{at}")
    seen: list[str] = []
    target = "/v1/audit?entity=asset&page_size=2"
    while target:
        answer = await api.get(target)
        seen += [each["changes"]["symbol"][1] for each in answer.body["entries"]]
        target = answer.headers.get("Link", "").removeprefix("<").removesuffix('>; rel="next"')
    assert seen == ["A4", "A3", "A2", "A1", "A0"]
    first = (await api.get("/v1/audit?entity=asset&page_size=2")).body["next_page_token"]
    assert (await api.get(f"/v1/audit?entity=chain&page_size=2&page_token={first}")).broken == [("page_token", "BAD_TOKEN")]


async def test_an_audit_filter_is_checked(shared: Api) -> None:
    assert (await shared.get("/v1/audit?row_id=x")).broken == [("entity", "REQUIRED")]
    assert (await shared.get("/v1/audit?actor=%00")).status == 400
    assert (await shared.get("/v1/audit?page_size=-1")).broken == [("page_size", "NEGATIVE")]


async def test_numbers_that_json_would_round_are_text_in_the_audit(shared: Api) -> None:
    await shared.made("/v1/chains", name="Starknet", chain_type="STARKNET", chain_id="23448594291968334")
    [entry] = (await shared.get("/v1/audit?entity=chain")).body["entries"]
    assert entry["changes"]["network_id"] == [None, "23448594291968334"]
    assert (await shared.get("/v1/chains/starknet")).body["chain"]["network_id"] == "23448594291968334"


async def test_the_audit_tells_where_the_facts_come_from(api: Api) -> None:
    await api.asset("BTC")
    await apply(api, [asset(1)], "?source=coingecko")
    entries = (await api.get("/v1/audit?entity=asset")).body["entries"]
    assert [(each["method"], each["source"]) for each in entries] == [("Apply", "coingecko"), ("CreateAsset", "api")]
