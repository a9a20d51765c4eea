"""Search: ranked candidates for people; it never decides."""

from typing import Any

from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from tests.client import Client
from tests.registry.factory import PERPETUAL, Factory


async def _found(registry: Client, query: str, **fields: Any) -> list[str]:
    return [each.asset_id for each in (await registry.call("SearchAssets", query=query, **fields)).assets]


async def test_the_exact_ticker_comes_first_then_other_case_then_what_begins_so(registry: Client, factory: Factory) -> None:
    longer = await factory.asset("BTCB", name="Bitcoin BEP2")
    lower = await factory.asset("btc", name="lower case")
    exact = await factory.asset("BTC", name="Bitcoin")
    named = await factory.asset("XYZ", name="BTC tracker")
    await factory.asset("DOGE", name="Dogecoin")
    found = await _found(registry, "BTC")
    assert found[:3] == [exact, lower, longer]
    assert set(found) == {exact, lower, longer, named}
    assert (await _found(registry, "btc"))[:2] == [lower, exact]


async def test_typing_errors_are_forgiven(registry: Client, factory: Factory) -> None:
    bitcoin, ethereum = await factory.asset("BTC", name="Bitcoin"), await factory.asset("ETH", name="Ethereum")
    for query in ("bitcon", "Bitcoin", "BITCOIN", "bit coin", "itcoin"):
        assert (await _found(registry, query))[0] == bitcoin, query
    for query in ("etherium", "Ethereun", "ether"):
        assert (await _found(registry, query))[0] == ethereum, query
    assert await _found(registry, "zzzzzz") == []


async def test_any_script_and_any_punctuation_can_be_searched(registry: Client, factory: Factory) -> None:
    life, odd = await factory.asset("币安人生", name="Binance Life"), await factory.asset("100%_\\", name="Odd")
    assert await _found(registry, "币安人生") == [life]
    assert await _found(registry, "币安") == [life]
    assert await _found(registry, "100%_\\") == [odd]
    assert await _found(registry, "%") == []
    assert await _found(registry, "_") == []


async def test_one_ticker_of_several_assets_gives_all_of_them(registry: Client, factory: Factory) -> None:
    ids = {await factory.asset("PEPE", name=f"Pepe {at}") for at in range(3)}
    assert set(await _found(registry, "PEPE")) == ids


async def test_a_search_is_narrowed_by_type_category_and_severity(registry: Client, factory: Factory) -> None:
    coin = await factory.asset("PEPE", category="meme")
    token = await factory.asset("PEPE", asset_type=assets.ASSET_TYPE_ERC20)
    await factory.flag(token, assets.FLAG_SEVERITY_HIGH)
    gone = await factory.flag(coin, assets.FLAG_SEVERITY_CRITICAL)
    await registry.call("ResolveQualityFlag", flag_id=gone)
    assert await _found(registry, "PEPE", category="meme") == [coin]
    assert await _found(registry, "PEPE", asset_type=assets.ASSET_TYPE_ERC20) == [token]
    assert await _found(registry, "PEPE", min_flag_severity=assets.FLAG_SEVERITY_MEDIUM) == [token]
    assert await _found(registry, "PEPE", min_flag_severity=assets.FLAG_SEVERITY_CRITICAL) == []
    refused = await registry.refused("SearchAssets", query="X", min_flag_severity=9)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("min_flag_severity", "UNKNOWN_VALUE")])


async def test_pages_of_a_search_hold_each_candidate_once_in_one_order(registry: Client, factory: Factory) -> None:
    for at in range(25):
        await factory.asset(f"COIN{at % 5}", name=f"The coin number {at}")
    whole = await _found(registry, "COIN", limit=100)
    assert len(whole) == 25
    pages, token = [], ""
    while True:
        page = await registry.call("SearchAssets", query="COIN", limit=7, page_token=token)
        pages += [each.asset_id for each in page.assets]
        token = page.next_page_token
        if not token:
            break
        for fields in ({"query": "COIN1"}, {"query": "COIN", "category": "x"}):
            refused = await registry.refused("SearchAssets", limit=7, page_token=token, **fields)
            assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("page_token", "BAD_TOKEN")])
    assert pages == whole


async def test_limit_and_page_size_are_one_thing(registry: Client, factory: Factory) -> None:
    for _ in range(3):
        await factory.asset("COIN")
    assert len(await _found(registry, "COIN", limit=2)) == 2
    assert len(await _found(registry, "COIN", page_size=2)) == 2
    assert len(await _found(registry, "COIN", limit=2, page_size=2)) == 2
    for fields, violation in (
        ({"limit": 2, "page_size": 3}, ("page_size", "ALSO_SET")),
        ({"limit": -1}, ("limit", "NEGATIVE")),
        ({"page_size": -1}, ("page_size", "NEGATIVE")),
    ):
        refused = await registry.refused("SearchAssets", query="COIN", **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [violation])


async def test_a_search_needs_a_text_that_could_be_a_name(registry: Client) -> None:
    for method in ("SearchAssets", "SearchSymbols"):
        for query, rule in (("", "REQUIRED"), ("  ", "EMPTY"), ("a\x00", "BAD_CHARACTER"), ("x" * 257, "TOO_LONG")):
            refused = await registry.refused(method, query=query)
            assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("query", rule)])


async def test_symbols_are_found_by_label_and_narrowed_by_type_and_assets(registry: Client, factory: Factory) -> None:
    btc, eth, usdt = await factory.asset("BTC"), await factory.asset("ETH"), await factory.asset("USDT")
    spot, swap, other = (
        await factory.symbol(btc, usdt),
        await factory.symbol(btc, usdt, PERPETUAL),
        await factory.symbol(eth, btc),
    )

    async def ids(query: str, **fields: Any) -> list[str]:
        return [each.symbol_id for each in (await registry.call("SearchSymbols", query=query, **fields)).symbols]

    assert (await ids("BTC/USDT"))[:2] == [spot, swap]
    assert (await ids("btc/usdt"))[0] == spot
    assert set(await ids("BTC")) == {spot, swap, other}
    assert await ids("BTC/USDT", symbol_type=PERPETUAL) == [swap]
    assert await ids("BTC", base_asset_id=eth) == [other]
    assert await ids("BTC", quote_asset_id=usdt) == [spot, swap]
    assert await ids("DOGE") == []
