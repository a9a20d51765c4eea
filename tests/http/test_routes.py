"""Every path of the API does what its RPC does."""

from typing import Any

from cqar.admin.http.routes import ROUTES
from tests.http.client import Answer, Api, path
from tests.registry.factory import USDC


class Walk:
    """Sends requests and keeps which routes they have gone through."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.walked: set[tuple[str, str]] = set()

    async def __call__(self, verb: str, template: str, content: Any = None, *, query: str = "", **parts: str) -> Answer:
        self.walked.add((verb, template))
        answer = await self.api.send(verb, path(template, **parts) + query, content)
        assert answer.status in (200, 201), (verb, template, answer.body)
        return answer


async def test_every_path_of_the_api_leads_somewhere(api: Api) -> None:
    walk = Walk(api)
    bitcoin, dollar = await _assets(walk)
    await _chain_and_deployment(walk, bitcoin)
    await _relationships_and_groups(walk, bitcoin, dollar)
    await _flags(walk, bitcoin)
    symbol = await _symbols(walk, bitcoin, dollar)
    await _venue(walk, bitcoin, symbol)
    await _removal(walk, symbol, dollar)
    assert (await walk("GET", "/v1/audit", query=f"?entity=asset&row_id={bitcoin}")).body["entries"][-1]["op"] == "create"
    lines = await api.send("POST", "/v1/apply", data=b"", headers={"Content-Type": "application/x-ndjson"})
    assert (lines.status, lines.body) == (200, "")
    rest = {(route.verb, route.path) for route in ROUTES} - walk.walked
    # Keys and reviews have tests of their own.
    rest = {(verb, route) for verb, route in rest if not route.startswith(("/v1/keys", "/v1/reviews"))}
    assert rest == {("POST", "/v1/apply"), ("GET", "/v1/events")}


async def _assets(walk: Walk) -> tuple[str, str]:
    made = await walk("POST", "/v1/assets", {"symbol": "BTC", "name": "Bitcoin", "asset_type": "ASSET_TYPE_NATIVE"})
    bitcoin = made.body["asset"]["asset_id"]
    assert made.headers["Location"] == f"/v1/assets/{bitcoin}"
    dollar = await walk.api.asset("USDT")
    changed = await walk("PATCH", "/v1/assets/{asset_id}", {"category": "money"}, asset_id=bitcoin)
    assert changed.body["asset"]["category"] == "money"
    assert (await walk("GET", "/v1/assets/{asset_id}", asset_id=bitcoin)).body["asset"] == changed.body["asset"]
    listed = await walk("GET", "/v1/assets", query="?category=money")
    assert [each["asset_id"] for each in listed.body["assets"]] == [bitcoin]
    found = await walk("GET", "/v1/search/assets", query="?query=bitcoin")
    assert [each["asset_id"] for each in found.body["assets"]] == [bitcoin]
    named = {"source": "DATA_SOURCE_COINGECKO", "external_id": "bitcoin/one"}
    made = await walk("POST", "/v1/assets/{asset_id}/identifiers", named, asset_id=bitcoin)
    identifier = made.body["identifier"]
    assert made.headers["Location"] == f"/v1/identifiers/assets/{identifier['identifier_id']}"
    every = await walk("GET", "/v1/assets/{asset_id}/identifiers", asset_id=bitcoin)
    assert every.body["identifiers"] == [identifier]
    one = await walk("GET", "/v1/assets/{asset_id}/identifiers/{source}", asset_id=bitcoin, source="DATA_SOURCE_COINGECKO")
    assert one.body["identifier"] == identifier
    back = await walk("GET", "/v1/identifiers/assets/{source}/{external_id}", **named)
    assert back.body["identifier"]["asset_id"] == bitcoin
    await walk("DELETE", "/v1/identifiers/assets/{identifier_id}", identifier_id=identifier["identifier_id"])
    return bitcoin, dollar


async def _chain_and_deployment(walk: Walk, asset: str) -> None:
    chain = await walk("POST", "/v1/chains", {"name": "Ethereum", "chain_type": "EVM", "chain_id": 1, "max_decimals": 255})
    assert chain.headers["Location"] == "/v1/chains/ethereum"
    assert chain.body["chain"]["network_id"] == "1"
    await walk("PATCH", "/v1/chains/{chain_id}", {"is_testnet": False}, chain_id="ethereum")
    assert (await walk("GET", "/v1/chains/{chain_id}", chain_id="ethereum")).body["chain"]["is_testnet"] is False
    assert len((await walk("GET", "/v1/chains", query="?chain_type=evm")).body["chains"]) == 1
    sent = {"asset_id": asset, "chain_id": "ethereum", "contract_address": USDC, "decimals": 6}
    made = (await walk("POST", "/v1/deployments", sent)).body["deployment"]
    key = {"deployment_id": made["deployment_id"]}
    await walk("PATCH", "/v1/deployments/{deployment_id}", {"decimals": 8}, **key)
    assert (await walk("GET", "/v1/deployments/{deployment_id}", **key)).body["deployment"]["decimals"] == 8
    assert len((await walk("GET", "/v1/deployments", query=f"?address={USDC.lower()}")).body["deployments"]) == 1
    await walk("DELETE", "/v1/deployments/{deployment_id}", **key)


async def _relationships_and_groups(walk: Walk, asset: str, other: str) -> None:
    sent = {"source_asset_id": asset, "target_asset_id": other, "relationship_type": "RELATIONSHIP_TYPE_WRAPS"}
    made = (await walk("POST", "/v1/relationships", {**sent, "conversion_rate": "1e-8"})).body["relationship"]
    assert made["conversion_rate"] == "0.00000001"
    key = {"relationship_id": made["relationship_id"]}
    await walk("PATCH", "/v1/relationships/{relationship_id}", {"conversion_rate": None}, **key)
    [shown] = (await walk("GET", "/v1/relationships", query=f"?asset_id={asset}&direction=from")).body["relationships"]
    assert "conversion_rate" not in shown
    await walk("DELETE", "/v1/relationships/{relationship_id}", **key)
    made = (
        await walk("POST", "/v1/groups", {"name": "Majors/1", "members": [{"asset_id": asset, "weight_decimal": "0.6"}]})
    ).body
    key = {"group_id": made["group"]["group_id"]}
    added = await walk("POST", "/v1/groups/{group_id}/members", {"asset_id": other}, **key)
    assert added.headers["Location"] == f"/v1/groups/{key['group_id']}/members/{other}"
    await walk("PATCH", "/v1/groups/{group_id}", {"description": "the large ones"}, **key)
    group = (await walk("GET", "/v1/groups/{group_id}", **key)).body["group"]
    assert [each.get("weight_decimal") for each in group["members"]] == ["0.6", None]
    assert (await walk("GET", "/v1/groups/by-name/{name}", name="Majors/1")).body["group"] == group
    for each in (asset, other):
        await walk("DELETE", "/v1/groups/{group_id}/members/{asset_id}", asset_id=each, **key)
    await walk("DELETE", "/v1/groups/{group_id}", **key)


async def _flags(walk: Walk, asset: str) -> None:
    sent = {"asset_id": asset, "flag_type": "FLAG_TYPE_PAUSED", "severity": 5, "description": "halted", "raised_by": "desk"}
    made = await walk("POST", "/v1/flags", sent)
    flag = made.body["flag"]["flag_id"]
    assert made.body["flag"]["severity"] == "FLAG_SEVERITY_CRITICAL"
    blocked = await walk("GET", "/v1/assets/{asset_id}", asset_id=asset)
    assert blocked.body["trading_blocked"] is True
    assert len((await walk("GET", "/v1/flags", query=f"?asset_id={asset}&min_severity=FLAG_SEVERITY_HIGH")).body["flags"]) == 1
    await walk("POST", "/v1/flags/{flag_id}/resolve", flag_id=flag)
    assert "resolved_at" in (await walk("GET", "/v1/flags/{flag_id}", flag_id=flag)).body["flag"]


async def _symbols(walk: Walk, base: str, quoted: str) -> str:
    sent = {"symbol_type": "SYMBOL_TYPE_SPOT", "base_asset_id": base, "quote_asset_id": quoted, "tick_size_decimal": "0.010"}
    made = (await walk("POST", "/v1/symbols", sent)).body["symbol"]
    assert made["tick_size_decimal"] == "0.01"
    assert "tick_size" not in made
    key = {"symbol_id": str(made["symbol_id"])}
    await walk("PATCH", "/v1/symbols/{symbol_id}", {"lot_size_decimal": "1e-19"}, **key)
    assert (await walk("GET", "/v1/symbols/{symbol_id}", **key)).body["symbol"]["lot_size_decimal"] == "0.0000000000000000001"
    assert len((await walk("GET", "/v1/symbols", query=f"?base_asset_id={base}")).body["symbols"]) == 1
    assert len((await walk("GET", "/v1/search/symbols", query="?query=BTC/USDT")).body["symbols"]) == 1
    named = {"data_source": "DATA_SOURCE_COINGECKO", "external_id": "btc usdt"}
    made = (await walk("POST", "/v1/symbols/{symbol_id}/identifiers", named, **key)).body["identifier"]
    assert (await walk("GET", "/v1/symbols/{symbol_id}/identifiers", **key)).body["identifiers"] == [made]
    one = await walk("GET", "/v1/symbols/{symbol_id}/identifiers/{data_source}", data_source="1", **key)
    back = await walk("GET", "/v1/identifiers/symbols/{data_source}/{external_id}", **named)
    assert one.body["identifier"] == back.body["identifier"] == made
    await walk("DELETE", "/v1/identifiers/symbols/{identifier_id}", identifier_id=made["identifier_id"])
    return key["symbol_id"]


async def _venue(walk: Walk, asset: str, symbol: str) -> None:
    venue = (await walk("POST", "/v1/venues", {"name": "Binance", "venue_type": "VENUE_TYPE_CEX"})).body["venue"]["venue_id"]
    await walk("PATCH", "/v1/venues/{venue_id}", {"website_url": "https://example.com"}, venue_id=venue)
    assert (await walk("GET", "/v1/venues/{venue_id}", venue_id=venue)).body["venue"]["website_url"] == "https://example.com"
    assert len((await walk("GET", "/v1/venues", query="?venue_type=VENUE_TYPE_CEX")).body["venues"]) == 1
    sent = {"asset_id": asset, "venue_asset_symbol": "XBT", "trading_enabled": True}
    made = await walk("POST", "/v1/venues/{venue_id}/assets", sent, venue_id=venue)
    assert made.headers["Location"] == f"/v1/venues/{venue}/assets/{asset}"
    key = {"venue_id": venue, "asset_id": asset}
    await walk("PATCH", "/v1/venues/{venue_id}/assets/{asset_id}", {"venue_asset_aliases": ["XXBT"]}, **key)
    [shown] = (await walk("GET", "/v1/venues/{venue_id}/assets", query="?venue_asset_symbol=XXBT", venue_id=venue)).body[
        "venue_assets"
    ]
    assert shown["asset_id"] == asset
    assert len((await walk("GET", "/v1/venue-assets", query=f"?asset_id={asset}")).body["venue_assets"]) == 1
    assert (await walk("GET", "/v1/venues/{venue_id}/assets/{asset_id}", **key)).body["venue_asset"]["trading_enabled"] is True
    await walk("POST", "/v1/venues/{venue_id}/assets/{asset_id}/delist", {"reason": "gone"}, **key)
    await walk("DELETE", "/v1/venues/{venue_id}/assets/{asset_id}", **key)
    await _evidence(walk, venue, asset)
    await _listing(walk, venue, symbol)


async def _listing(walk: Walk, venue: str, symbol: str) -> None:
    sent = {"symbol_id": symbol, "venue_symbol": "BTC/USDT", "maker_fee_decimal": "-0.00025"}
    made = await walk("POST", "/v1/venues/{venue_id}/symbols", sent, venue_id=venue)
    listing = made.body["venue_symbol"]["listing_id"]
    assert made.headers["Location"] == f"/v1/listings/{listing}"
    await walk("PATCH", "/v1/listings/{listing_id}", {"taker_fee_decimal": "0.001"}, listing_id=listing)
    assert (await walk("GET", "/v1/listings/{listing_id}", listing_id=listing)).body["venue_symbol"][
        "taker_fee_decimal"
    ] == "0.001"
    meant = await walk("GET", "/v1/venues/{venue_id}/symbols/{venue_symbol}", venue_id=venue, venue_symbol="BTC/USDT")
    assert (meant.body["symbol"]["symbol_id"], meant.body["venue_symbol"]["maker_fee_decimal"]) == (symbol, "-0.00025")
    for template, query in (
        ("/v1/venues/{venue_id}/symbols", "?venue_symbol=BTC%2FUSDT"),
        ("/v1/listings", f"?symbol_id={symbol}"),
    ):
        [shown] = (await walk("GET", template, query=query, venue_id=venue)).body["venue_symbols"]
        assert shown["listing_id"] == listing
    ended = await walk("POST", "/v1/listings/{listing_id}/delist", {"delisted_at": "2020-01-01T00:00:00Z"}, listing_id=listing)
    assert ended.body["venue_symbol"]["is_active"] is False
    await walk("DELETE", "/v1/listings/{listing_id}", listing_id=listing)


async def _evidence(walk: Walk, venue: str, asset: str) -> None:
    item = {"kind": "EVIDENCE_KIND_NAME", "asset_id": asset, "value": "Bitcoin"}
    claim = {"venue_id": venue, "code": "XBT", "asset_id": asset, "level": "IDENTITY_LEVEL_VERIFIED", "evidence": [item]}
    assert (await walk("POST", "/v1/evidence", {"claims": [claim]})).body["created"] == 1
    for template, query in (("/v1/evidence", f"?asset_id={asset}"), ("/v1/venues/{venue_id}/evidence", "?code=XBT")):
        [shown] = (await walk("GET", template, query=query, venue_id=venue)).body["claims"]
        assert shown["evidence"][0]["value"] == "Bitcoin"
    [told] = (await walk("GET", "/v1/venues/{venue_id}/explain", query="?code=XBT", venue_id=venue)).body["explanations"]
    assert told["evidence_for"][0]["name"] == "Bitcoin"


async def _removal(walk: Walk, symbol: str, dollar: str) -> None:
    assert (await walk("DELETE", "/v1/symbols/{symbol_id}", symbol_id=symbol)).body["success"] is True
    twin = await walk.api.asset("USDT2")
    merged = await walk("POST", "/v1/assets/{from_asset_id}/merge", {"into_asset_id": dollar}, from_asset_id=twin)
    assert merged.body["asset"]["asset_id"] == dollar
    await walk("DELETE", "/v1/assets/{asset_id}", asset_id=dollar)
    assert (await walk.api.get(f"/v1/assets/{dollar}")).status == 404
