"""Real inputs that break naive registries, a test for each kind that is the registry's own to get right."""

from cqar.contract.cqar.v1 import registry_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from tests.client import Client
from tests.registry.world import FUTURE, OPTION, PERPETUAL, SPOT, World, at


async def test_one_id_of_a_venue_is_a_spot_and_a_swap_market(registry: Client, feed: Client, world: World) -> None:
    btc, usdt = await world.asset("BTC"), await world.asset("USDT")
    spot, swap = await world.symbol(btc, usdt), await world.symbol(btc, usdt, PERPETUAL)
    binance = await world.venue()
    first = await world.listing(binance, spot, "BTCUSDT")
    second = await World(feed).listing(binance, swap, "BTCUSDT")
    assert first.listing_id != second.listing_id
    for client in (registry, feed):
        refused = await client.refused("GetVenueSymbol", venue_id=binance, venue_symbol="BTCUSDT")
        assert {(each[0], each[1]) for each in refused.preconditions} == {("AMBIGUOUS", spot), ("AMBIGUOUS", swap)}
        assert (await World(client).resolved(binance, "BTCUSDT", symbol_type=PERPETUAL)).symbol.symbol_id == swap


async def test_a_ticker_is_reused_for_another_coin(registry: Client, feed: Client, world: World) -> None:
    litentry, lighter = await world.pair("LIT", symbol_type=PERPETUAL), await world.pair("LIT", symbol_type=PERPETUAL)
    binance = await world.venue()
    await world.listing(binance, litentry, "LITUSDT", delisted_at=at(-300))
    await World(feed).listing(binance, lighter, "LITUSDT", listed_at=at(-10))
    for client in (registry, feed):
        assert (await World(client).resolved(binance, "LITUSDT")).symbol.symbol_id == lighter
        assert (await World(client).resolved(binance, "LITUSDT", as_of=at(-400))).symbol.symbol_id == litentry
        refused = await client.refused("GetVenueSymbol", venue_id=binance, venue_symbol="LITUSDT", as_of=at(-100))
        assert refused.code == "NOT_FOUND"


async def test_a_rename_keeps_the_asset_and_a_new_contract_is_a_new_deployment(registry: Client, world: World) -> None:
    matic, ethereum, polygon = await world.asset("MATIC"), await world.chain(), await world.chain("Polygon")
    await registry.call("CreateAssetDeployment", asset_id=matic, chain_id=polygon, is_native=True)
    old = (
        await registry.call(
            "CreateAssetDeployment", asset_id=matic, chain_id=ethereum, contract_address="0x" + "12" * 20, retired_at=at(-1)
        )
    ).deployment
    # On the one chain only the name changed.
    renamed = (await registry.call("UpdateAsset", asset_id=matic, symbol="POL", name="Polygon")).asset
    assert (renamed.asset_id, renamed.symbol) == (matic, "POL")
    # On the other a new contract replaced the old one, at a rate and from a day on.
    new = await world.asset("POL")
    await registry.call("CreateAssetDeployment", asset_id=new, chain_id=ethereum, contract_address="0x" + "34" * 20)
    await registry.call(
        "CreateAssetRelationship",
        source_asset_id=matic,
        target_asset_id=new,
        relationship_type=assets.RELATIONSHIP_TYPE_MIGRATES_TO,
        conversion_rate="1",
    )
    kept = (await registry.call("GetAssetDeployment", deployment_id=old.deployment_id)).deployment
    assert (kept.address, kept.retired_at) == (old.address, at(-1))


async def test_two_assets_collapse_into_one_label(world: World) -> None:
    eth, kraken = await world.asset("ETH"), await world.venue("Kraken")
    first, second = await world.symbol(await world.asset("REP"), eth), await world.symbol(await world.asset("REP"), eth)
    await world.listing(kraken, first, "XREPXETH")
    await world.listing(kraken, second, "REPV2ETH")
    labels = {(await world.resolved(kraken, text)).symbol.symbol for text in ("XREPXETH", "REPV2ETH")}
    assert labels == {"REP/ETH"}
    assert (await world.resolved(kraken, "REPV2ETH")).symbol.symbol_id == second


async def test_xbt_is_bitcoin_at_one_venue_and_another_coin_at_the_next(registry: Client, world: World) -> None:
    bitcoin, other = await world.asset("BTC"), await world.asset("XBT")
    for venue, asset in ((await world.venue("Kraken"), bitcoin), (await world.venue("MEXC"), other)):
        await registry.call("CreateVenueAsset", venue_id=venue, asset_id=asset, venue_asset_symbol="XBT")
        [found] = (await registry.call("ListVenueAssets", venue_id=venue, venue_asset_symbol="XBT")).venue_assets
        assert found.asset_id == asset


async def test_one_ticker_is_two_coins_on_one_chain(registry: Client, world: World) -> None:
    chain = await world.chain()
    coins = {}
    for address in ("0x" + "69" * 20, "0x" + "be" * 20):
        coins[address] = await world.asset("PEPE", asset_type=assets.ASSET_TYPE_ERC20)
        await registry.call("CreateAssetDeployment", asset_id=coins[address], chain_id=chain, contract_address=address)
    candidates = (await registry.call("SearchAssets", query="PEPE")).assets
    assert {each.asset_id for each in candidates} == set(coins.values())
    for address, coin in coins.items():
        [found] = (await registry.call("ListAssetDeployments", chain_id=chain, address=address)).deployments
        assert found.asset_id == coin


async def test_quantity_multipliers_are_data_of_the_listing_whatever_the_text(
    registry: Client, feed: Client, world: World
) -> None:
    symbol = await world.pair("SHIB", symbol_type=PERPETUAL)
    for venue, text, multiplier in (
        ("Binance", "1000SHIBUSDT", "1000"),
        ("Bybit", "SHIB1000USDT", "1000"),
        ("Hyperliquid", "kSHIB", "1000"),
        ("Gate", "MBABYDOGE_USDT", "1000000"),
        ("BitMEX", "SHIBUSD", "-100000000"),
    ):
        at_venue = await world.venue(venue)
        await World(feed).listing(at_venue, symbol, text, quantity_multiplier_decimal=multiplier)
        for client in (registry, feed):
            found = await World(client).resolved(at_venue, text)
            assert found.venue_symbol.quantity_multiplier_decimal == multiplier
            assert (found.base_asset.symbol, found.symbol.symbol_id) == ("SHIB", symbol)
    plain = await world.venue("OKX")
    assert not (await world.listing(plain, symbol, "SHIB-USDT-SWAP")).HasField("quantity_multiplier_decimal")


async def test_tickers_of_any_script_go_through_byte_by_byte(registry: Client, feed: Client, world: World) -> None:
    venue = await world.venue()
    for text in ("币安人生USDT", "我踏马来了USDT", "龙虾USDT", "人生K线_USDT", "币安人生3L_USDT", "币安人生U"):
        symbol = await World(feed).pair(text)
        await World(feed).listing(venue, symbol, text)
        for client in (registry, feed):
            found = await World(client).resolved(venue, text)
            assert (found.venue_symbol.venue_symbol, found.base_asset.symbol) == (text, text)
            assert found.symbol.symbol == f"{text}/USDT"


async def test_case_carries_meaning(registry: Client, feed: Client, world: World) -> None:
    venue = await world.venue()
    texts = ("rTSLA", "RTSLA", "sBTCUSDT", "SBTCUSDT", "kPEPE", "KPEPE", "pi_xbtusd", "FI_XBTUSD_260327", "AAPLxUSD")
    symbols = {}
    for text in texts:
        symbols[text] = await World(feed).pair(text)
        await World(feed).listing(venue, symbols[text], text)
    for client in (registry, feed):
        for text, symbol in symbols.items():
            assert (await World(client).resolved(venue, text)).symbol.symbol_id == symbol
        assert (await client.refused("GetVenueSymbol", venue_id=venue, venue_symbol="Rtsla")).code == "NOT_FOUND"


async def test_punctuation_breaks_no_key_and_no_subject(registry: Client, feed: Client, world: World) -> None:
    venue = await world.venue()
    texts = (
        *(
            "LBA/BTC",
            "tAAVE:USD",
            "ETH2.SETH",
            "P-ADA-1.52-291121",
            "ADA_USDT-20260304-0.24-C",
            "@107",
            "xyz:NVDA",
            "PURR/USDC",
        ),
        *(
            "BCH-USDT_BCH-USDT-SWAP",
            "BTC-CBUT-27MAR26-72000_82000_90000",
            ".BXBT",
            "-1000000MOGUSDTPI",
            "=1+1",
            "*",
            ">",
            "a b",
        ),
        *("%41", "a\\b", "'", '"', "{x}", "$1", "A::B", "A:B:C", ":", "/"),
    )
    for text in texts:
        await World(feed).listing(venue, await World(feed).pair(), text)
    for client in (registry, feed):
        for text in texts:
            assert (await World(client).resolved(venue, text)).venue_symbol.venue_symbol == text


async def test_a_venue_renumbers_its_ids_and_the_listing_stays(registry: Client, feed: Client, world: World) -> None:
    symbol, venue = await world.pair("PURR", "USDC"), await world.venue("Hyperliquid")
    listing = await world.listing(venue, symbol, "10000")
    assert (await World(feed).resolved(venue, "10000")).venue_symbol.listing_id == listing.listing_id
    request = registry_pb2.UpdateVenueSymbolRequest(listing_id=listing.listing_id, venue_symbol="PURR/USDC")
    await feed.raw("/cqar.v1.Registry/UpdateVenueSymbol", request.SerializeToString())
    for client in (registry, feed):
        found = await World(client).resolved(venue, "PURR/USDC")
        assert (found.venue_symbol.listing_id, found.symbol.symbol_id) == (listing.listing_id, symbol)
        assert (await client.refused("GetVenueSymbol", venue_id=venue, venue_symbol="10000")).code == "NOT_FOUND"


async def test_inverse_and_quanto_contracts_settle_where_they_say(world: World) -> None:
    btc, eth, usd = await world.asset("BTC"), await world.asset("ETH"), await world.asset("USD")
    bitmex = await world.venue("BitMEX")
    inverse = await world.symbol(btc, usd, PERPETUAL, settlement_asset_id=btc, margin_kind="inverse")
    quanto = await world.symbol(eth, usd, PERPETUAL, settlement_asset_id=btc, margin_kind="quanto")
    await world.listing(bitmex, inverse, "XBTUSD", quantity_multiplier_decimal="-100000000", contract_size_decimal="1")
    await world.listing(bitmex, quanto, "ETHUSD")
    found = await world.resolved(bitmex, "XBTUSD")
    assert (found.symbol.margin_kind, found.symbol.settlement_asset_id) == ("inverse", btc)
    assert (found.venue_symbol.quantity_multiplier_decimal, found.symbol.contract_size_decimal) == ("-100000000", "1")
    found = await world.resolved(bitmex, "ETHUSD")
    assert (found.symbol.margin_kind, found.symbol.settlement_asset_id, found.symbol.symbol) == ("quanto", btc, "ETH/USD:BTC")


async def test_a_weekly_and_a_quarterly_of_one_expiry_are_one_contract(registry: Client, world: World) -> None:
    btc, usd, okx = await world.asset("BTC"), await world.asset("USD"), await world.venue("OKX")
    terms = {"symbol_type": FUTURE, "base_asset_id": btc, "quote_asset_id": usd, "settlement_asset_id": btc, "expiry": at(30)}
    contract = (await registry.call("CreateSymbol", **terms)).symbol
    assert (await registry.refused("CreateSymbol", **terms, symbol="BTC this week")).code == "ALREADY_EXISTS"
    for text in ("BTC-USD-220624", "BTC-USD-QUARTER"):
        await world.listing(okx, contract.symbol_id, text)
        assert (await world.resolved(okx, text)).symbol.symbol_id == contract.symbol_id


async def test_a_contract_that_lacks_a_part_is_refused_and_never_labelled(registry: Client, world: World) -> None:
    btc = await world.asset("BTC")
    refused = await registry.refused(
        "CreateSymbol", symbol_type=OPTION, base_asset_id=btc, strike_price_decimal="40000", option_type=2, expiry=at(1)
    )
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("quote_asset_id", "REQUIRED")])
    assert not (await registry.call("ListSymbols")).symbols


async def test_many_options_share_an_expiry_and_an_expiry_is_an_instant(registry: Client, world: World) -> None:
    btc, usd, usdt = await world.asset("BTC"), await world.asset("USD"), await world.asset("USDT")
    noon, morning = at(30), at(30 - 4 / 24)
    ids = set()
    for expiry in (noon, morning):
        for strike in ("0.24", "1.52", "48000"):
            for kind in (markets.OPTION_TYPE_CALL, markets.OPTION_TYPE_PUT):
                for settle in (btc, usdt):
                    terms = {
                        "expiry": expiry,
                        "strike_price_decimal": strike,
                        "option_type": kind,
                        "settlement_asset_id": settle,
                    }
                    ids.add(await world.symbol(btc, usd, OPTION, **terms))
    assert len(ids) == 24
    found = (await registry.call("ListSymbols", symbol_type=OPTION, page_size=100)).symbols
    assert {each.strike_price_decimal for each in found} == {"0.24", "1.52", "48000"}


async def test_a_base_may_be_an_index_a_stock_or_a_commodity(registry: Client, world: World) -> None:
    usdt = await world.asset("USDT")
    for ticker, category in (("DEFI", "index"), ("NVDA", "stock"), ("GOLD", "commodity")):
        base = await world.asset(ticker, asset_type=assets.ASSET_TYPE_SYNTHETIC, category=category)
        symbol = await world.symbol(base, usdt, PERPETUAL)
        [found] = (await registry.call("ListAssets", category=category)).assets
        assert found.asset_id == (await registry.call("GetSymbol", symbol_id=symbol)).symbol.base_asset_id


async def test_the_tiniest_ticks_stay_and_a_tick_of_zero_is_refused(registry: Client, world: World) -> None:
    symbol, venue = await world.pair("SOONS"), await world.venue("MEXC")
    for text, tick in (("SOONSUSDT", "1e-19"), ("CLIPPYETHUSDT", "1e-16"), ("HTX", "1e-12")):
        await world.listing(venue, symbol, text, tick_size_decimal=tick)
        found = (await world.resolved(venue, text)).symbol
        assert (found.tick_size_decimal, found.tick_size) == (f"{float(tick):.19f}".rstrip("0"), float(tick))
    refused = await registry.refused(
        "CreateVenueSymbol", venue_id=venue, symbol_id=symbol, venue_symbol="X", tick_size_decimal="0"
    )
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("tick_size_decimal", "NOT_POSITIVE")])


async def test_rebates_are_legal(world: World) -> None:
    symbol, venue = await world.pair(), await world.venue()
    for text, fee in (("XBTUSD", "-0.00025"), ("KNC_USDT", "-0.000152")):
        assert (await world.listing(venue, symbol, text, maker_fee_decimal=fee)).maker_fee_decimal == fee


async def test_decimals_go_as_far_as_the_chain_says(registry: Client, world: World) -> None:
    asset = await world.asset()
    evm, strict = await world.chain("Ethereum", max_decimals=255), await world.chain("Strict")
    for decimals in (24, 69, 100, 0):
        address = f"0x{decimals + 1:040x}"
        made = (
            await registry.call(
                "CreateAssetDeployment", asset_id=asset, chain_id=evm, contract_address=address, decimals=decimals
            )
        ).deployment
        assert (made.HasField("decimals"), made.decimals) == (True, decimals)
    for chain, decimals in ((evm, 10_000), (strict, 24)):
        refused = await registry.refused(
            "CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address="0x" + "12" * 20, decimals=decimals
        )
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("decimals", "OUT_OF_RANGE")])


async def test_a_bridged_coin_is_an_asset_of_its_own_that_stands_for_the_other(registry: Client, world: World) -> None:
    usdc, bridged = await world.asset("USDC"), await world.asset("USDC.e")
    await registry.call(
        "CreateAssetRelationship",
        source_asset_id=bridged,
        target_asset_id=usdc,
        relationship_type=assets.RELATIONSHIP_TYPE_BRIDGES,
    )
    chain = await world.chain("Optimism")
    address = "0x" + "7f" * 20
    await registry.call("CreateAssetDeployment", asset_id=bridged, chain_id=chain, contract_address=address)
    refused = await registry.refused("CreateAssetDeployment", asset_id=usdc, chain_id=chain, contract_address=address)
    assert refused.code == "ALREADY_EXISTS"


async def test_a_pair_has_as_many_pools_as_it_likes(registry: Client, world: World) -> None:
    chain = await world.chain("Solana", "SOLANA")
    raydium = await world.venue("Raydium", venue_type=venues.VENUE_TYPE_DEX, chain_id=chain)
    symbol = await world.pair("SOL", "USDC")
    pools = ("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2", "3ucNos4NbumPLZNWztqGHNFFgkHeRMBQAVemeeomsUxv")
    for pool in pools:
        await world.listing(raydium, symbol, pool)
    found = (await registry.call("ListVenueSymbols", venue_id=raydium, symbol_id=symbol)).venue_symbols
    assert {each.venue_symbol for each in found} == set(pools)
    # In base58 the case is part of the digits.
    refused = await registry.refused("GetVenueSymbol", venue_id=raydium, venue_symbol=pools[0].lower())
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("venue_symbol", "BAD_ADDRESS")])


async def test_look_alikes_are_kept_apart_and_invisible_characters_kept_out(registry: Client, world: World) -> None:
    real = await world.asset("USDT")
    fakes = {text: await world.asset(text) for text in ("ՍSDT", "USDТ", "UЅⅮТ", "ꓔеther", "սՏⅮ")}  # noqa: RUF001 - the point
    found = (await registry.call("SearchAssets", query="USDT", limit=1)).assets
    assert [each.asset_id for each in found] == [real]
    for text, fake in fakes.items():
        assert (await registry.call("GetAsset", asset_id=fake)).asset.symbol == text
        assert (await registry.call("SearchAssets", query=text, limit=1)).assets[0].asset_id == fake
    for hidden in ("US\u200bDT", "US\u202eDT", "USDT\ufeff", "\u2066USDT"):
        refused = await registry.refused("CreateAsset", symbol=hidden, name="X", asset_type=1)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("symbol", "BAD_CHARACTER")])


async def test_the_code_of_a_venue_and_the_canonical_ticker_are_both_kept(registry: Client, world: World) -> None:
    yoyow, venue = await world.asset("YOYOW"), await world.venue()
    await registry.call("CreateVenueAsset", venue_id=venue, asset_id=yoyow, venue_asset_symbol="YOYO")
    await world.listing(venue, await world.symbol(yoyow, await world.asset("BTC")), "YOYOBTC")
    found = await world.resolved(venue, "YOYOBTC")
    assert (found.base_asset.symbol, found.symbol.symbol) == ("YOYOW", "YOYOW/BTC")
    [code] = (await registry.call("ListVenueAssets", venue_id=venue, asset_id=yoyow)).venue_assets
    assert code.venue_asset_symbol == "YOYO"
    assert found.symbol.symbol_type == SPOT
