"""Typical days of users, with clients generated from the original contract, through hotpath's port.

Such a client was generated years ago: it knows no addition of this service, and must not need any.
"""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from cqar.hotpath.app import Hotpath
from tests.client import Client
from tests.contract.table import contract_from_table

# Numbers of the contract's enums.
NATIVE, ERC20, WRAPPED, RECEIPT = 1, 2, 9, 8
WRAPS, STAKES = 1, 3
SPOT, PERPETUAL, FUTURE, OPTION = 1, 2, 3, 4
CEX, DEX = 1, 2
SCAM, CRITICAL, HIGH = 1, 5, 4


@pytest.fixture
async def old(hotpath: Hotpath) -> AsyncIterator[Client]:
    """A client of hotpath that knows only the original contract."""
    messages = contract_from_table()
    names = {name.rpartition(".")[2]: kind for name, kind in messages.items() if name.startswith("cqc.services.v1.")}
    async with Client(hotpath.port, SimpleNamespace(**names)) as client:
        yield client


class Market:
    """What an admin has created beforehand."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.assets: dict[str, str] = {}

    async def asset(self, symbol: str, name: str, kind: int = NATIVE) -> str:
        made = await self.client.call("CreateAsset", symbol=symbol, name=name, asset_type=kind)
        self.assets[symbol] = made.asset.asset_id
        return str(made.asset.asset_id)

    async def symbol(self, base: str, quote: str, kind: int = SPOT, **fields: Any) -> str:
        ids = {"base_asset_id": self.assets[base], "quote_asset_id": self.assets[quote]}
        made = await self.client.call("CreateSymbol", symbol_type=kind, **ids, **fields)
        return str(made.symbol.symbol_id)


@pytest.fixture
async def market(old: Client) -> Market:
    """BTC and ETH against USDT at two venues."""
    made = Market(old)
    for symbol, name in (("BTC", "Bitcoin"), ("ETH", "Ethereum")):
        await made.asset(symbol, name)
    await made.asset("USDT", "Tether", ERC20)
    for venue in ("Binance", "Kraken"):
        await old.call("CreateVenue", name=venue, venue_type=CEX, api_endpoint=f"https://api.{venue.lower()}.com")
    return made


async def test_the_feeds_day_every_text_of_a_venue_becomes_a_canonical_symbol_with_its_specs(
    old: Client, market: Market
) -> None:
    texts = {
        ("binance", "BTCUSDT"): await market.symbol("BTC", "USDT", tick_size=0.01, lot_size=0.00001),
        ("binance", "ETHUSDT"): await market.symbol("ETH", "USDT", tick_size=0.01, lot_size=0.0001),
    }
    texts["kraken", "XBTUSDT"] = texts["binance", "BTCUSDT"]
    for (venue, text), symbol in texts.items():
        await old.call(
            "CreateVenueSymbol", venue_id=venue, symbol_id=symbol, venue_symbol=text, maker_fee=0.001, taker_fee=0.001
        )
    # The feed starts: who trades here, and what do they call it?
    listed = (await old.call("ListVenueSymbols", venue_id="binance")).venue_symbols
    assert {each.venue_symbol for each in listed} == {"BTCUSDT", "ETHUSDT"}
    # A tick comes in.
    for (venue, text), symbol in texts.items():
        found = (await old.call("GetVenueSymbol", venue_id=venue, venue_symbol=text)).venue_symbol
        assert (found.symbol_id, found.is_active, found.taker_fee) == (symbol, True, 0.001)
        specs = (await old.call("GetSymbol", symbol_id=symbol)).symbol
        assert specs.tick_size == 0.01
        assert specs.symbol == {"B": "BTC/USDT", "E": "ETH/USDT", "X": "BTC/USDT"}[text[0]]
        base = (await old.call("GetAsset", asset_id=specs.base_asset_id)).asset
        assert base.symbol == specs.symbol.partition("/")[0]
    # A text of another venue, of tomorrow, or with a typing error means nothing.
    for venue, text in (("kraken", "BTCUSDT"), ("binance", "NEWUSDT"), ("binance", "btcusdt"), ("nowhere", "BTCUSDT")):
        assert (await old.refused("GetVenueSymbol", venue_id=venue, venue_symbol=text)).code == "NOT_FOUND"


async def test_the_portfolios_day_all_that_is_eth_is_summed_up_and_what_is_flagged_is_seen(
    old: Client, feed: Client, market: Market
) -> None:
    chain = {"WETH": ("ETH", WRAPS), "stETH": ("ETH", STAKES), "wstETH": ("stETH", WRAPS)}
    for symbol, (target, kind) in chain.items():
        await market.asset(symbol, symbol, WRAPPED if kind == WRAPS else RECEIPT)
        ends = {"source_asset_id": market.assets[symbol], "target_asset_id": market.assets[target]}
        await old.call("CreateAssetRelationship", relationship_type=kind, **ends)
    group = (
        await old.call("CreateAssetGroup", name="ETH", description="counts as ether", group_type="exposure")
    ).group.group_id
    for symbol in ("ETH", *chain):
        await old.call("AddAssetToGroup", group_id=group, asset_id=market.assets[symbol], weight=1.0)
    # The evening's report: the members of the group, with their weights.
    members = (await old.call("GetAssetGroup", group_id=group)).group.members
    assert {each.asset_id: each.weight for each in members} == {market.assets[each]: 1.0 for each in ("ETH", *chain)}
    # Variants of variants, step by step as this client must.
    reached: set[str] = set()
    rest = [market.assets["ETH"]]
    while rest:
        asset = rest.pop()
        found = (await old.call("ListAssetRelationships", asset_id=asset)).relationships
        variants = {each.from_asset_id for each in found if each.to_asset_id == asset} - reached
        reached |= variants
        rest += variants
    assert reached == {market.assets[each] for each in chain}
    # A newer client gets there in one call.
    found = (
        await feed.call("ListAssetRelationships", asset_id=market.assets["ETH"], transitive=True, direction="to")
    ).relationships
    assert {each.from_asset_id for each in found} == reached
    # One of them is in trouble.
    await old.call(
        "RaiseQualityFlag",
        asset_id=market.assets["stETH"],
        flag_type=SCAM,
        severity=HIGH,
        description="depegs",
        raised_by="risk",
    )
    flags = (await old.call("ListQualityFlags", asset_id=market.assets["stETH"], min_severity=HIGH)).flags
    assert [(each.reason, each.source) for each in flags] == [("depegs", "risk")]
    # Sold: it leaves the group.
    assert (await old.call("RemoveAssetFromGroup", group_id=group, asset_id=market.assets["stETH"])).success
    members = (await old.call("GetAssetGroup", group_id=group)).group.members
    assert market.assets["stETH"] not in {each.asset_id for each in members}


async def test_the_gateways_day_an_order_finds_its_venue_and_a_blocked_asset_finds_none(old: Client, market: Market) -> None:
    symbol = await market.symbol("BTC", "USDT")
    for venue, text in (("binance", "BTCUSDT"), ("kraken", "XBTUSDT")):
        await old.call("CreateVenueSymbol", venue_id=venue, symbol_id=symbol, venue_symbol=text, taker_fee=0.002)
        for asset, code in (("BTC", "BTC" if venue == "binance" else "XXBT"), ("USDT", "USDT")):
            ids = {"venue_id": venue, "asset_id": market.assets[asset], "venue_asset_symbol": code}
            await old.call("CreateVenueAsset", **ids, trading_enabled=True, deposit_enabled=True, withdraw_enabled=False)

    async def tradable(venue: str) -> bool:
        found = [await old.call("GetVenueAsset", venue_id=venue, asset_id=market.assets[each]) for each in ("BTC", "USDT")]
        return all(each.venue_asset.trading_enabled and each.venue_asset.is_active for each in found)

    # An order for BTC/USDT: where, and by which name?
    listed = (await old.call("ListVenueSymbols", symbol_id=symbol)).venue_symbols
    assert {each.venue_id: each.venue_symbol for each in listed} == {"binance": "BTCUSDT", "kraken": "XBTUSDT"}
    assert [await tradable(each.venue_id) for each in listed] == [True, True]
    assert not (await old.call("GetVenueAsset", venue_id="kraken", asset_id=market.assets["BTC"])).venue_asset.withdraw_enabled
    # Bad news of USDT: from the next look on, no order passes, though this client knows nothing of blocking.
    flag = (
        await old.call(
            "RaiseQualityFlag",
            asset_id=market.assets["USDT"],
            flag_type=SCAM,
            severity=CRITICAL,
            description="!",
            raised_by="risk",
        )
    ).flag.flag_id
    assert [await tradable(each) for each in ("binance", "kraken")] == [False, False]
    refused = await old.refused("CreateVenueSymbol", venue_id="kraken", symbol_id=symbol, venue_symbol="XBT/USDT")
    assert refused.code == "FAILED_PRECONDITION"
    # All clear.
    await old.call("ResolveQualityFlag", flag_id=flag, resolution_notes="false alarm", resolved_by="risk")
    assert [await tradable(each) for each in ("binance", "kraken")] == [True, True]


async def test_the_admins_day_a_new_market_is_listed_from_nothing(old: Client, market: Market) -> None:
    # Is it known?
    assert not (await old.call("SearchAssets", query="PEPE", limit=5)).assets
    chain = (
        await old.call("CreateChain", name="Ethereum", chain_type="EVM", chain_id=1, native_asset_symbol="ETH")
    ).chain.chain_id
    pepe = await market.asset("PEPE", "Pepe", ERC20)
    address = "0x6982508145454ce325ddbe47a25d4ec3d2311933"
    deployment = (
        await old.call("CreateAssetDeployment", asset_id=pepe, chain_id=chain, contract_address=address, decimals=18)
    ).deployment
    assert deployment.address == "0x6982508145454Ce325dDbE47a25d4ec3d2311933"
    await old.call("CreateAssetIdentifier", asset_id=pepe, source=1, external_id="pepe", is_primary=True)
    symbol = await market.symbol("PEPE", "USDT", tick_size=1e-8, lot_size=1.0)
    # A mistake is told as such, and one that was made already too.
    refused = await old.refused(
        "CreateVenueSymbol", venue_id="binance", symbol_id=symbol, venue_symbol="PEPEUSDT", maker_fee=1.5
    )
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("maker_fee", "OUT_OF_RANGE")])
    await old.call("CreateVenueSymbol", venue_id="binance", symbol_id=symbol, venue_symbol="PEPEUSDT", maker_fee=0.001)
    refused = await old.refused("CreateVenueSymbol", venue_id="binance", symbol_id=symbol, venue_symbol="PEPEUSDT")
    assert refused.code == "ALREADY_EXISTS"
    await old.call(
        "CreateVenueAsset", venue_id="binance", asset_id=pepe, venue_asset_symbol="PEPE", deployment_id=deployment.deployment_id
    )
    # It is there, for everybody, at once.
    found = (await old.call("GetVenueSymbol", venue_id="binance", venue_symbol="PEPEUSDT")).venue_symbol
    assert (found.symbol_id, found.maker_fee) == (symbol, 0.001)
    assert (await old.call("GetSymbol", symbol_id=symbol)).symbol.tick_size == 1e-8
    assert (await old.call("GetAssetIdentifier", asset_id=pepe, source=1)).identifier.external_id == "pepe"
    assert [each.asset_id for each in (await old.call("SearchAssets", query="pepe", limit=5)).assets] == [pepe]
    assert [each.symbol_id for each in (await old.call("SearchSymbols", query="PEPE/USDT", limit=5)).symbols] == [symbol]
    assert [each.symbol_id for each in (await old.call("ListSymbols", base_asset_id=pepe)).symbols] == [symbol]
    # The tick size was wrong; the symbol in use cannot go; and what this client cannot say it cannot make.
    corrected = (await old.call("UpdateSymbol", symbol_id=symbol, tick_size=1e-9)).symbol
    assert (corrected.tick_size, corrected.lot_size) == (1e-9, 1.0)
    assert (await old.refused("DeleteSymbol", symbol_id=symbol)).code == "FAILED_PRECONDITION"
    assert (await old.refused("DeleteAsset", asset_id=pepe)).code == "FAILED_PRECONDITION"
    ids = {"base_asset_id": pepe, "quote_asset_id": market.assets["USDT"]}
    for kind in (FUTURE, OPTION):
        assert (await old.refused("CreateSymbol", symbol_type=kind, **ids)).code == "INVALID_ARGUMENT"
    assert (await old.call("CreateSymbol", symbol_type=PERPETUAL, **ids)).symbol.settlement_asset_id == market.assets["USDT"]
