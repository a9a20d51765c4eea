"""Real inputs that break naive registries, one test per kind."""

from cqar.contract.cqar.v1 import registry_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from tests.client import Client
from tests.registry.factory import FUTURE, OPTION, PERPETUAL, SPOT, Factory, at


async def test_one_id_of_a_venue_is_a_spot_and_a_swap_market(registry: Client, feed: Client, factory: Factory) -> None:
    btc, usdt = await factory.asset("BTC"), await factory.asset("USDT")
    spot, swap = await factory.symbol(btc, usdt), await factory.symbol(btc, usdt, PERPETUAL)
    binance = await factory.venue()
    first = await factory.listing(binance, spot, "BTCUSDT")
    second = await Factory(feed).listing(binance, swap, "BTCUSDT")
    assert first.listing_id != second.listing_id
    for client in (registry, feed):
        refused = await client.refused("GetVenueSymbol", venue_id=binance, venue_symbol="BTCUSDT")
        assert {(each[0], each[1]) for each in refused.preconditions} == {("AMBIGUOUS", spot), ("AMBIGUOUS", swap)}
        assert (await Factory(client).resolved(binance, "BTCUSDT", symbol_type=PERPETUAL)).symbol.symbol_id == swap


async def test_a_ticker_is_reused_for_another_coin(registry: Client, feed: Client, factory: Factory) -> None:
    litentry, lighter = await factory.pair("LIT", symbol_type=PERPETUAL), await factory.pair("LIT", symbol_type=PERPETUAL)
    binance = await factory.venue()
    await factory.listing(binance, litentry, "LITUSDT", delisted_at=at(-300))
    await Factory(feed).listing(binance, lighter, "LITUSDT", listed_at=at(-10))
    for client in (registry, feed):
        assert (await Factory(client).resolved(binance, "LITUSDT")).symbol.symbol_id == lighter
        assert (await Factory(client).resolved(binance, "LITUSDT", as_of=at(-400))).symbol.symbol_id == litentry
        refused = await client.refused("GetVenueSymbol", venue_id=binance, venue_symbol="LITUSDT", as_of=at(-100))
        assert refused.code == "NOT_FOUND"


async def test_a_rename_keeps_the_asset_and_a_new_contract_is_a_new_deployment(registry: Client, factory: Factory) -> None:
    matic, ethereum, polygon = await factory.asset("MATIC"), await factory.chain(), await factory.chain("Polygon")
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
    new = await factory.asset("POL")
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


async def test_two_assets_collapse_into_one_label(factory: Factory) -> None:
    eth, kraken = await factory.asset("ETH"), await factory.venue("Kraken")
    first, second = await factory.symbol(await factory.asset("REP"), eth), await factory.symbol(await factory.asset("REP"), eth)
    await factory.listing(kraken, first, "XREPXETH")
    await factory.listing(kraken, second, "REPV2ETH")
    labels = {(await factory.resolved(kraken, text)).symbol.symbol for text in ("XREPXETH", "REPV2ETH")}
    assert labels == {"REP/ETH"}
    assert (await factory.resolved(kraken, "REPV2ETH")).symbol.symbol_id == second


async def test_xbt_is_bitcoin_at_one_venue_and_another_coin_at_the_next(registry: Client, factory: Factory) -> None:
    bitcoin, other = await factory.asset("BTC"), await factory.asset("XBT")
    for venue, asset in ((await factory.venue("Kraken"), bitcoin), (await factory.venue("MEXC"), other)):
        await registry.call("CreateVenueAsset", venue_id=venue, asset_id=asset, venue_asset_symbol="XBT")
        [found] = (await registry.call("ListVenueAssets", venue_id=venue, venue_asset_symbol="XBT")).venue_assets
        assert found.asset_id == asset


async def test_one_ticker_is_two_coins_on_one_chain(registry: Client, factory: Factory) -> None:
    chain = await factory.chain()
    coins = {}
    for address in ("0x" + "69" * 20, "0x" + "be" * 20):
        coins[address] = await factory.asset("PEPE", asset_type=assets.ASSET_TYPE_ERC20)
        await registry.call("CreateAssetDeployment", asset_id=coins[address], chain_id=chain, contract_address=address)
    candidates = (await registry.call("SearchAssets", query="PEPE")).assets
    assert {each.asset_id for each in candidates} == set(coins.values())
    for address, coin in coins.items():
        [found] = (await registry.call("ListAssetDeployments", chain_id=chain, address=address)).deployments
        assert found.asset_id == coin


async def test_quantity_multipliers_are_data_of_the_listing_whatever_the_text(
    registry: Client, feed: Client, factory: Factory
) -> None:
    symbol = await factory.pair("SHIB", symbol_type=PERPETUAL)
    for venue, text, multiplier in (
        ("Binance", "1000SHIBUSDT", "1000"),
        ("Bybit", "SHIB1000USDT", "1000"),
        ("Hyperliquid", "kSHIB", "1000"),
        ("Gate", "MBABYDOGE_USDT", "1000000"),
        ("BitMEX", "SHIBUSD", "-100000000"),
    ):
        at_venue = await factory.venue(venue)
        await Factory(feed).listing(at_venue, symbol, text, quantity_multiplier_decimal=multiplier)
        for client in (registry, feed):
            found = await Factory(client).resolved(at_venue, text)
            assert found.venue_symbol.quantity_multiplier_decimal == multiplier
            assert (found.base_asset.symbol, found.symbol.symbol_id) == ("SHIB", symbol)
    plain = await factory.venue("OKX")
    assert not (await factory.listing(plain, symbol, "SHIB-USDT-SWAP")).HasField("quantity_multiplier_decimal")


async def test_tickers_of_any_script_go_through_byte_by_byte(registry: Client, feed: Client, factory: Factory) -> None:
    venue = await factory.venue()
    for text in ("币安人生USDT", "我踏马来了USDT", "龙虾USDT", "人生K线_USDT", "币安人生3L_USDT", "币安人生U"):
        symbol = await Factory(feed).pair(text)
        await Factory(feed).listing(venue, symbol, text)
        for client in (registry, feed):
            found = await Factory(client).resolved(venue, text)
            assert (found.venue_symbol.venue_symbol, found.base_asset.symbol) == (text, text)
            assert found.symbol.symbol == f"{text}/USDT"


async def test_case_carries_meaning(registry: Client, feed: Client, factory: Factory) -> None:
    venue = await factory.venue()
    texts = ("rTSLA", "RTSLA", "sBTCUSDT", "SBTCUSDT", "kPEPE", "KPEPE", "pi_xbtusd", "FI_XBTUSD_260327", "AAPLxUSD")
    symbols = {}
    for text in texts:
        symbols[text] = await Factory(feed).pair(text)
        await Factory(feed).listing(venue, symbols[text], text)
    for client in (registry, feed):
        for text, symbol in symbols.items():
            assert (await Factory(client).resolved(venue, text)).symbol.symbol_id == symbol
        assert (await client.refused("GetVenueSymbol", venue_id=venue, venue_symbol="Rtsla")).code == "NOT_FOUND"


async def test_punctuation_breaks_no_key_and_no_subject(registry: Client, feed: Client, factory: Factory) -> None:
    venue = await factory.venue()
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
        await Factory(feed).listing(venue, await Factory(feed).pair(), text)
    for client in (registry, feed):
        for text in texts:
            assert (await Factory(client).resolved(venue, text)).venue_symbol.venue_symbol == text


async def test_a_venue_renumbers_its_ids_and_the_listing_stays(registry: Client, feed: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair("PURR", "USDC"), await factory.venue("Hyperliquid")
    listing = await factory.listing(venue, symbol, "10000")
    assert (await Factory(feed).resolved(venue, "10000")).venue_symbol.listing_id == listing.listing_id
    request = registry_pb2.UpdateVenueSymbolRequest(listing_id=listing.listing_id, venue_symbol="PURR/USDC")
    await feed.raw("/cqar.v1.Registry/UpdateVenueSymbol", request.SerializeToString())
    for client in (registry, feed):
        found = await Factory(client).resolved(venue, "PURR/USDC")
        assert (found.venue_symbol.listing_id, found.symbol.symbol_id) == (listing.listing_id, symbol)
        assert (await client.refused("GetVenueSymbol", venue_id=venue, venue_symbol="10000")).code == "NOT_FOUND"


async def test_inverse_and_quanto_contracts_settle_where_they_say(factory: Factory) -> None:
    btc, eth, usd = await factory.asset("BTC"), await factory.asset("ETH"), await factory.asset("USD")
    bitmex = await factory.venue("BitMEX")
    inverse = await factory.symbol(btc, usd, PERPETUAL, settlement_asset_id=btc, margin_kind="inverse")
    quanto = await factory.symbol(eth, usd, PERPETUAL, settlement_asset_id=btc, margin_kind="quanto")
    await factory.listing(bitmex, inverse, "XBTUSD", quantity_multiplier_decimal="-100000000", contract_size_decimal="1")
    await factory.listing(bitmex, quanto, "ETHUSD")
    found = await factory.resolved(bitmex, "XBTUSD")
    assert (found.symbol.margin_kind, found.symbol.settlement_asset_id) == ("inverse", btc)
    assert (found.venue_symbol.quantity_multiplier_decimal, found.symbol.contract_size_decimal) == ("-100000000", "1")
    found = await factory.resolved(bitmex, "ETHUSD")
    assert (found.symbol.margin_kind, found.symbol.settlement_asset_id, found.symbol.symbol) == ("quanto", btc, "ETH/USD:BTC")


async def test_a_weekly_and_a_quarterly_of_one_expiry_are_one_contract(registry: Client, factory: Factory) -> None:
    btc, usd, okx = await factory.asset("BTC"), await factory.asset("USD"), await factory.venue("OKX")
    terms = {"symbol_type": FUTURE, "base_asset_id": btc, "quote_asset_id": usd, "settlement_asset_id": btc, "expiry": at(30)}
    contract = (await registry.call("CreateSymbol", **terms)).symbol
    assert (await registry.refused("CreateSymbol", **terms, symbol="BTC this week")).code == "ALREADY_EXISTS"
    for text in ("BTC-USD-220624", "BTC-USD-QUARTER"):
        await factory.listing(okx, contract.symbol_id, text)
        assert (await factory.resolved(okx, text)).symbol.symbol_id == contract.symbol_id


async def test_a_contract_that_lacks_a_part_is_refused_and_never_labelled(registry: Client, factory: Factory) -> None:
    btc = await factory.asset("BTC")
    refused = await registry.refused(
        "CreateSymbol", symbol_type=OPTION, base_asset_id=btc, strike_price_decimal="40000", option_type=2, expiry=at(1)
    )
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("quote_asset_id", "REQUIRED")])
    assert not (await registry.call("ListSymbols")).symbols


async def test_many_options_share_an_expiry_and_an_expiry_is_an_instant(registry: Client, factory: Factory) -> None:
    btc, usd, usdt = await factory.asset("BTC"), await factory.asset("USD"), await factory.asset("USDT")
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
                    ids.add(await factory.symbol(btc, usd, OPTION, **terms))
    assert len(ids) == 24
    found = (await registry.call("ListSymbols", symbol_type=OPTION, page_size=100)).symbols
    assert {each.strike_price_decimal for each in found} == {"0.24", "1.52", "48000"}


async def test_a_base_may_be_an_index_a_stock_or_a_commodity(registry: Client, factory: Factory) -> None:
    usdt = await factory.asset("USDT")
    for ticker, category in (("DEFI", "index"), ("NVDA", "stock"), ("GOLD", "commodity")):
        base = await factory.asset(ticker, asset_type=assets.ASSET_TYPE_SYNTHETIC, category=category)
        symbol = await factory.symbol(base, usdt, PERPETUAL)
        [found] = (await registry.call("ListAssets", category=category)).assets
        assert found.asset_id == (await registry.call("GetSymbol", symbol_id=symbol)).symbol.base_asset_id


async def test_the_tiniest_ticks_stay_and_a_tick_of_zero_is_refused(registry: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair("SOONS"), await factory.venue("MEXC")
    for text, tick in (("SOONSUSDT", "1e-19"), ("CLIPPYETHUSDT", "1e-16"), ("HTX", "1e-12")):
        await factory.listing(venue, symbol, text, tick_size_decimal=tick)
        found = (await factory.resolved(venue, text)).symbol
        assert (found.tick_size_decimal, found.tick_size) == (f"{float(tick):.19f}".rstrip("0"), float(tick))
    refused = await registry.refused(
        "CreateVenueSymbol", venue_id=venue, symbol_id=symbol, venue_symbol="X", tick_size_decimal="0"
    )
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("tick_size_decimal", "NOT_POSITIVE")])


async def test_rebates_are_legal(factory: Factory) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    for text, fee in (("XBTUSD", "-0.00025"), ("KNC_USDT", "-0.000152")):
        assert (await factory.listing(venue, symbol, text, maker_fee_decimal=fee)).maker_fee_decimal == fee


async def test_decimals_are_limited_by_the_chain(registry: Client, factory: Factory) -> None:
    asset = await factory.asset()
    evm, strict = await factory.chain("Ethereum", max_decimals=255), await factory.chain("Strict")
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


async def test_a_bridged_coin_is_a_separate_asset_related_to_the_original(registry: Client, factory: Factory) -> None:
    usdc, bridged = await factory.asset("USDC"), await factory.asset("USDC.e")
    await registry.call(
        "CreateAssetRelationship",
        source_asset_id=bridged,
        target_asset_id=usdc,
        relationship_type=assets.RELATIONSHIP_TYPE_BRIDGES,
    )
    chain = await factory.chain("Optimism")
    address = "0x" + "7f" * 20
    await registry.call("CreateAssetDeployment", asset_id=bridged, chain_id=chain, contract_address=address)
    refused = await registry.refused("CreateAssetDeployment", asset_id=usdc, chain_id=chain, contract_address=address)
    assert refused.code == "ALREADY_EXISTS"


async def test_a_pair_has_as_many_pools_as_it_likes(registry: Client, factory: Factory) -> None:
    chain = await factory.chain("Solana", "SOLANA")
    raydium = await factory.venue("Raydium", venue_type=venues.VENUE_TYPE_DEX, chain_id=chain)
    symbol = await factory.pair("SOL", "USDC")
    pools = ("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2", "3ucNos4NbumPLZNWztqGHNFFgkHeRMBQAVemeeomsUxv")
    for pool in pools:
        await factory.listing(raydium, symbol, pool)
    found = (await registry.call("ListVenueSymbols", venue_id=raydium, symbol_id=symbol)).venue_symbols
    assert {each.venue_symbol for each in found} == set(pools)
    # In base58 the case is part of the digits.
    refused = await registry.refused("GetVenueSymbol", venue_id=raydium, venue_symbol=pools[0].lower())
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("venue_symbol", "BAD_ADDRESS")])


async def test_look_alikes_are_kept_apart_and_invisible_characters_kept_out(registry: Client, factory: Factory) -> None:
    real = await factory.asset("USDT")
    fakes = {text: await factory.asset(text) for text in ("ՍSDT", "USDТ", "UЅⅮТ", "ꓔеther", "սՏⅮ")}  # noqa: RUF001 - the point
    found = (await registry.call("SearchAssets", query="USDT", limit=1)).assets
    assert [each.asset_id for each in found] == [real]
    for text, fake in fakes.items():
        assert (await registry.call("GetAsset", asset_id=fake)).asset.symbol == text
        assert (await registry.call("SearchAssets", query=text, limit=1)).assets[0].asset_id == fake
    for hidden in ("US\u200bDT", "US\u202eDT", "USDT\ufeff", "\u2066USDT"):
        refused = await registry.refused("CreateAsset", symbol=hidden, name="X", asset_type=1)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("symbol", "BAD_CHARACTER")])


async def test_the_code_of_a_venue_and_the_canonical_ticker_are_both_kept(registry: Client, factory: Factory) -> None:
    yoyow, venue = await factory.asset("YOYOW"), await factory.venue()
    await registry.call("CreateVenueAsset", venue_id=venue, asset_id=yoyow, venue_asset_symbol="YOYO")
    await factory.listing(venue, await factory.symbol(yoyow, await factory.asset("BTC")), "YOYOBTC")
    found = await factory.resolved(venue, "YOYOBTC")
    assert (found.base_asset.symbol, found.symbol.symbol) == ("YOYOW", "YOYOW/BTC")
    [code] = (await registry.call("ListVenueAssets", venue_id=venue, asset_id=yoyow)).venue_assets
    assert code.venue_asset_symbol == "YOYO"
    assert found.symbol.symbol_type == SPOT
