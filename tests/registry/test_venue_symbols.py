"""Listings: the canonical symbol that a venue's text means, at what time, and with which specs."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from tests.client import Client
from tests.registry.factory import FUTURE, PERPETUAL, SPOT, USDC, Factory, at


async def test_a_listing_reads_back_as_it_was_made(registry: Client, feed: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    sent = {
        "maker_fee_decimal": "-0.00025",
        "taker_fee": 0.001,
        "tick_size_decimal": "0.00000001",
        "lot_size_decimal": "1e-5",
        "min_order_size_decimal": "0.001",
        "max_order_size_decimal": "9000",
        "contract_size_decimal": "1",
        "quantity_multiplier_decimal": "-100000000",
        "min_order_value_decimal": "5",
        "max_order_value_decimal": "1e6",
        "min_notional_decimal": "10",
        "max_leverage_decimal": "125",
        "listed_at": at(-100),
        "delisted_at": at(100),
        "symbol_type": SPOT,
    }
    made = await Factory(feed).listing(venue, symbol, "BTCUSDT", **sent)
    assert made.listing_id
    assert (made.maker_fee, made.maker_fee_decimal, made.taker_fee_decimal) == (-0.00025, "-0.00025", "0.001")
    assert (made.tick_size_decimal, made.lot_size_decimal, made.max_order_size_decimal) == ("0.00000001", "0.00001", "9000")
    assert (made.quantity_multiplier_decimal, made.max_order_value, made.max_leverage) == ("-100000000", 1e6, 125)
    assert (made.min_notional_decimal, made.min_order_value_decimal) == ("10", "5")
    for client in (registry, feed):
        assert (await Factory(client).resolved(venue, "BTCUSDT")).venue_symbol == made
    [listed] = (await registry.call("ListVenueSymbols", venue_id=venue)).venue_symbols
    assert listed == made


async def test_the_listings_own_specs_stand_over_the_symbols(registry: Client, feed: Client, factory: Factory) -> None:
    symbol = await factory.pair(
        tick_size=0.5, lot_size=1.0, min_order_size_decimal="2", max_order_size_decimal="8", min_notional_decimal="3"
    )
    one, two = await factory.venue("One"), await factory.venue("Two")
    await factory.listing(one, symbol, tick_size_decimal="0.01", max_order_size_decimal="80", min_notional_decimal="7")
    await Factory(feed).listing(two, symbol)
    for client in (registry, feed):
        own = (await Factory(client).resolved(one, "BTCUSDT")).symbol
        assert (own.symbol_id, own.tick_size, own.tick_size_decimal, own.lot_size_decimal) == (symbol, 0.01, "0.01", "1")
        assert (own.min_order_size_decimal, own.max_order_size, own.max_order_size_decimal) == ("2", 80.0, "80")
        assert (own.min_notional, own.min_notional_decimal) == (7.0, "7")
        default = (await Factory(client).resolved(two, "BTCUSDT")).symbol
        assert (default.tick_size_decimal, default.max_order_size_decimal, default.min_notional_decimal) == ("0.5", "8", "3")
        assert (await client.call("GetSymbol", symbol_id=symbol)).symbol == default


async def test_an_answer_carries_symbol_base_and_quote(registry: Client, feed: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair("BTC", "USDT"), await factory.venue()
    await Factory(feed).listing(venue, symbol)
    for client in (registry, feed):
        found = await Factory(client).resolved(venue, "BTCUSDT")
        assert (found.base_asset.symbol, found.base_asset.name, found.quote_asset.symbol) == ("BTC", "BTC coin", "USDT")
        assert found.base_asset.asset_id == found.symbol.base_asset_id
        assert not found.base_asset.HasField("created_at")
        assert (found.symbol.symbol, found.trading_blocked, len(found.blocking_flags)) == ("BTC/USDT", False, 0)


async def test_venue_and_symbol_exist_and_the_type_is_the_symbols(registry: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    sent = {"venue_id": venue, "symbol_id": symbol, "venue_symbol": "X"}
    for fields, code, violation in (
        ({"venue_id": "nowhere"}, "NOT_FOUND", ("venue_id", "NOT_FOUND")),
        ({"symbol_id": "nothing"}, "NOT_FOUND", ("symbol_id", "NOT_FOUND")),
        ({"symbol_type": PERPETUAL}, "INVALID_ARGUMENT", ("symbol_type", "OTHER_TYPE")),
        ({"symbol_type": 9}, "INVALID_ARGUMENT", ("symbol_type", "UNKNOWN_VALUE")),
        ({"venue_symbol": ""}, "INVALID_ARGUMENT", ("venue_symbol", "REQUIRED")),
        ({"venue_symbol": "x" * 129}, "INVALID_ARGUMENT", ("venue_symbol", "TOO_LONG")),
        ({"venue_symbol": "BTC\u200bUSDT"}, "INVALID_ARGUMENT", ("venue_symbol", "BAD_CHARACTER")),
        ({"listed_at": at(1), "delisted_at": at(0)}, "INVALID_ARGUMENT", ("delisted_at", "BAD_RANGE")),
        ({"listed_at": Timestamp(seconds=2**60)}, "INVALID_ARGUMENT", ("listed_at", "BAD_TIME")),
        ({"quantity_multiplier_decimal": "0"}, "INVALID_ARGUMENT", ("quantity_multiplier_decimal", "ZERO")),
        ({"max_leverage_decimal": "0"}, "INVALID_ARGUMENT", ("max_leverage_decimal", "NOT_POSITIVE")),
        (
            {"min_order_value_decimal": "2", "max_order_value_decimal": "1"},
            "INVALID_ARGUMENT",
            ("max_order_value_decimal", "BAD_RANGE"),
        ),
    ):
        refused = await registry.refused("CreateVenueSymbol", **{**sent, **fields})
        assert (refused.code, refused.fields) == (code, [violation]), fields


async def test_fees_are_fractions_and_rebates_are_legal(registry: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    sent = {"venue_id": venue, "symbol_id": symbol, "venue_symbol": "X"}
    for fields, field in (
        ({"maker_fee": 1.5}, "maker_fee"),
        ({"maker_fee_decimal": "-1.01"}, "maker_fee"),
        ({"taker_fee": -0.0001}, "taker_fee"),
        ({"taker_fee_decimal": "1.000000001"}, "taker_fee"),
    ):
        refused = await registry.refused("CreateVenueSymbol", **sent, **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [(field, "OUT_OF_RANGE")])
    made = await factory.listing(venue, symbol, "X", maker_fee=-0.000152, taker_fee=0.0)
    assert (made.maker_fee_decimal, made.taker_fee_decimal) == ("-0.000152", "0")


async def test_a_listing_without_type_needs_the_venues_default_where_two_types_fit(
    registry: Client, feed: Client, factory: Factory
) -> None:
    base, quote = await factory.asset("BTC"), await factory.asset("USDT")
    spot, swap = await factory.symbol(base, quote), await factory.symbol(base, quote, PERPETUAL)
    bare, wanting, strange = [
        await factory.venue(name, **fields)
        for name, fields in (
            ("Bare", {}),
            ("Wanting", {"default_symbol_type": PERPETUAL}),
            ("Strange", {"default_symbol_type": FUTURE}),
        )
    ]
    for venue in (bare, wanting, strange):
        await factory.listing(venue, spot)
        await Factory(feed).listing(venue, swap)
    for client in (registry, feed):
        for venue in (bare, strange):
            for fields in ({}, {"symbol_type": 0}):
                refused = await client.refused("GetVenueSymbol", venue_id=venue, venue_symbol="BTCUSDT", **fields)
                assert refused.code == "FAILED_PRECONDITION"
                assert refused.preconditions == [
                    ("AMBIGUOUS", spot, "SYMBOL_TYPE_SPOT"),
                    ("AMBIGUOUS", swap, "SYMBOL_TYPE_PERPETUAL"),
                ]
            for kind, symbol in ((SPOT, spot), (PERPETUAL, swap)):
                assert (await Factory(client).resolved(venue, "BTCUSDT", symbol_type=kind)).symbol.symbol_id == symbol
            assert (
                await client.refused("GetVenueSymbol", venue_id=venue, venue_symbol="BTCUSDT", symbol_type=FUTURE)
            ).code == "NOT_FOUND"
        assert (await Factory(client).resolved(wanting, "BTCUSDT")).symbol.symbol_id == swap
        refused = await client.refused("GetVenueSymbol", venue_id=bare, venue_symbol="BTCUSDT", symbol_type=9)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("symbol_type", "UNKNOWN_VALUE")])


async def test_a_text_means_one_symbol_of_a_type_at_a_time(registry: Client, factory: Factory) -> None:
    one, two, venue = await factory.pair("LIT"), await factory.pair("LIT"), await factory.venue()
    await factory.listing(venue, one, "LITUSDT", listed_at=at(-20), delisted_at=at(-10))
    for fields in (
        {},
        {"listed_at": at(-15)},
        {"delisted_at": at(-15)},
        {"listed_at": at(-15), "delisted_at": at(-14)},
        {"listed_at": at(-30), "delisted_at": at(0)},
    ):
        refused = await registry.refused("CreateVenueSymbol", venue_id=venue, symbol_id=two, venue_symbol="LITUSDT", **fields)
        assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("venue_symbol", "TAKEN")]), fields
    # The end of one is the beginning of the next.
    await factory.listing(venue, two, "LITUSDT", listed_at=at(-10), delisted_at=at(-5))
    await factory.listing(venue, one, "LITUSDT", delisted_at=at(-20))
    await factory.listing(venue, two, "litusdt")
    await factory.listing(await factory.venue("Other"), one, "LITUSDT")


async def test_a_reused_ticker_means_what_it_meant_at_the_time(registry: Client, feed: Client, factory: Factory) -> None:
    old, new, venue = await factory.pair("LIT"), await factory.pair("LIT"), await factory.venue()
    await factory.listing(venue, old, "LITUSDT", listed_at=at(-300), delisted_at=at(-200))
    await Factory(feed).listing(venue, new, "LITUSDT", listed_at=at(-100))
    for client in (registry, feed):
        now = await Factory(client).resolved(venue, "LITUSDT")
        assert (now.symbol.symbol_id, now.venue_symbol.is_active) == (new, True)
        then = await Factory(client).resolved(venue, "LITUSDT", as_of=at(-250))
        assert (then.symbol.symbol_id, then.venue_symbol.is_active) == (old, True)
        for moment in (at(-301), at(-200), at(-150)):
            assert (
                await client.refused("GetVenueSymbol", venue_id=venue, venue_symbol="LITUSDT", as_of=moment)
            ).code == "NOT_FOUND"
        first = await Factory(client).resolved(venue, "LITUSDT", as_of=at(-300))
        assert first.symbol.symbol_id == old
        refused = await client.refused("GetVenueSymbol", venue_id=venue, venue_symbol="LITUSDT", as_of=Timestamp(nanos=-1))
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("as_of", "BAD_TIME")])


async def test_a_text_resolves_after_its_end_and_not_before_its_beginning(
    registry: Client, feed: Client, factory: Factory
) -> None:
    old, older, future, venue = await factory.pair("A"), await factory.pair("B"), await factory.pair("C"), await factory.venue()
    await factory.listing(venue, older, "X", listed_at=at(-40), delisted_at=at(-30))
    await factory.listing(venue, old, "X", listed_at=at(-20), delisted_at=at(-10))
    await factory.listing(venue, future, "X", listed_at=at(10))
    await Factory(feed).listing(venue, future, "SOON", listed_at=at(10))
    for client in (registry, feed):
        found = await Factory(client).resolved(venue, "X")
        assert (found.symbol.symbol_id, found.venue_symbol.is_active) == (old, False)
        assert (await client.refused("GetVenueSymbol", venue_id=venue, venue_symbol="SOON")).code == "NOT_FOUND"
        assert (await Factory(client).resolved(venue, "SOON", as_of=at(11))).venue_symbol.is_active


async def test_two_types_that_began_together_and_ended_are_ambiguous_still(registry: Client, factory: Factory) -> None:
    base, quote, venue = await factory.asset("BTC"), await factory.asset("USDT"), await factory.venue()
    spot, swap = await factory.symbol(base, quote), await factory.symbol(base, quote, PERPETUAL)
    began = at(-20)
    await factory.listing(venue, spot, "X", listed_at=began, delisted_at=at(-10))
    await factory.listing(venue, swap, "X", listed_at=began, delisted_at=at(-5))
    refused = await registry.refused("GetVenueSymbol", venue_id=venue, venue_symbol="X")
    assert [each[0] for each in refused.preconditions] == ["AMBIGUOUS"] * 2
    assert (await Factory(registry).resolved(venue, "X", as_of=at(-7))).symbol.symbol_id == swap


async def test_a_switched_off_listing_is_known_and_not_active(registry: Client, feed: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    await Factory(feed).listing(venue, symbol, is_active=False)
    for client in (registry, feed):
        found = await Factory(client).resolved(venue, "BTCUSDT")
        assert found.symbol.symbol_id == symbol
        assert not found.venue_symbol.is_active
        assert not (await Factory(client).resolved(venue, "BTCUSDT", as_of=at(-1))).venue_symbol.is_active


async def test_several_texts_may_mean_one_symbol(registry: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    texts = [
        "BTCUSDT",
        "btcusdt",
        "tBTCUST",
        "BTC/USDT",
        "P-ADA-1.52-291121",
        "@107",
        "xyz:NVDA",
        ".BXBT",
        "币安人生USDT",
        "-1000000MOGUSDTPI",
    ]
    for text in texts:
        await factory.listing(venue, symbol, text)
    for text in texts:
        found = await factory.resolved(venue, text)
        assert (found.venue_symbol.venue_symbol, found.symbol.symbol_id) == (text, symbol)
    listed = (await registry.call("ListVenueSymbols", symbol_id=symbol)).venue_symbols
    assert {each.venue_symbol for each in listed} == set(texts)
    [one] = (await registry.call("ListVenueSymbols", venue_symbol="xyz:NVDA")).venue_symbols
    assert one.venue_symbol == "xyz:NVDA"


async def test_a_pool_is_found_by_every_spelling_of_its_address(registry: Client, feed: Client, factory: Factory) -> None:
    chain = await factory.chain()
    dex = await factory.venue("Uniswap", venue_type=venues.VENUE_TYPE_DEX, chain_id=chain)
    symbol, other = await factory.pair("SOL", "USDC"), await factory.pair("SOL", "USDC")
    made = await Factory(feed).listing(dex, symbol, USDC.lower())
    assert made.venue_symbol == USDC
    refused = await registry.refused("CreateVenueSymbol", venue_id=dex, symbol_id=other, venue_symbol=USDC)
    assert refused.code == "ALREADY_EXISTS"
    for client in (registry, feed):
        for spelling in (USDC, USDC.lower(), "0x" + USDC[2:].upper()):
            assert (await Factory(client).resolved(dex, spelling)).symbol.symbol_id == symbol
        for wrong, rule in (("BTCUSDT", "BAD_ADDRESS"), (USDC.replace("A0b", "a0b"), "BAD_CHECKSUM")):
            refused = await client.refused("GetVenueSymbol", venue_id=dex, venue_symbol=wrong)
            assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("venue_symbol", rule)])
    for fields in ({"venue_id": dex}, {}):
        [listed] = (await registry.call("ListVenueSymbols", venue_symbol=USDC.lower(), **fields)).venue_symbols
        assert listed == made
    # Two pools of one pair are two listings.
    second = "0x" + "12" * 20
    await factory.listing(dex, symbol, second)
    assert len((await registry.call("ListVenueSymbols", symbol_id=symbol)).venue_symbols) == 2
    # A venue without a chain, or another kind of venue, keeps its texts as they are.
    cex = await factory.venue("Cex", chain_id=chain)
    assert (await factory.listing(cex, symbol, USDC.lower())).venue_symbol == USDC.lower()


async def test_listings_are_listed_while_they_live_and_all_of_them_on_request(registry: Client, factory: Factory) -> None:
    symbol, other, venue, elsewhere = (
        await factory.pair("A"),
        await factory.pair("B"),
        await factory.venue(),
        await factory.venue("Else"),
    )
    over = await factory.listing(venue, symbol, "OVER", delisted_at=at(-1))
    soon = await factory.listing(venue, symbol, "SOON", listed_at=at(1))
    now = await factory.listing(venue, other, "NOW", listed_at=at(-1))
    far = await factory.listing(elsewhere, symbol, "NOW")

    async def ids(**filters: Any) -> set[str]:
        return {each.listing_id for each in (await registry.call("ListVenueSymbols", **filters)).venue_symbols}

    assert await ids() == {soon.listing_id, now.listing_id, far.listing_id}
    assert await ids(include_delisted=True) == {over.listing_id, soon.listing_id, now.listing_id, far.listing_id}
    assert await ids(venue_id=venue) == {soon.listing_id, now.listing_id}
    assert await ids(symbol_id=symbol, include_delisted=True) == {over.listing_id, soon.listing_id, far.listing_id}
    assert await ids(venue_symbol="NOW") == {now.listing_id, far.listing_id}
    assert await ids(venue_id=venue, symbol_id=other, venue_symbol="NOW") == {now.listing_id}
    listed = (await registry.call("ListVenueSymbols", include_delisted=True)).venue_symbols
    assert {each.listing_id: each.is_active for each in listed} == {
        over.listing_id: False,
        soon.listing_id: False,
        now.listing_id: True,
        far.listing_id: True,
    }


async def test_a_text_that_no_venue_can_have_is_invalid_and_an_unknown_one_not_found(
    registry: Client, feed: Client, factory: Factory
) -> None:
    venue = await factory.venue()
    for client in (registry, feed):
        for fields, code in (
            ({"venue_id": venue, "venue_symbol": "NOPE"}, "NOT_FOUND"),
            ({"venue_id": "nowhere", "venue_symbol": "NOPE"}, "NOT_FOUND"),
            ({"venue_id": venue, "venue_symbol": "A\u202eB"}, "INVALID_ARGUMENT"),
            ({"venue_id": venue, "venue_symbol": " A"}, "INVALID_ARGUMENT"),
            ({"venue_id": venue, "venue_symbol": "x" * 129}, "INVALID_ARGUMENT"),
            ({"venue_id": "BINANCE", "venue_symbol": "A"}, "INVALID_ARGUMENT"),
        ):
            assert (await client.refused("GetVenueSymbol", **fields)).code == code, fields


async def test_a_reader_asks_for_a_state_at_least_as_new_as_it_knows(registry: Client, feed: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    await factory.listing(venue, symbol)
    head = int(registry.trailing["cqar-revision"])
    for client in (registry, feed):
        found = await Factory(client).resolved(venue, "BTCUSDT", min_revision=head)
        assert found.revision >= head
        for text in ("BTCUSDT", "NOPE"):
            refused = await client.refused("GetVenueSymbol", venue_id=venue, venue_symbol=text, min_revision=head + 1)
            assert refused.code == "FAILED_PRECONDITION"
            assert [(each[0], each[1]) for each in refused.preconditions] == [("MIN_REVISION", "min_revision")]
