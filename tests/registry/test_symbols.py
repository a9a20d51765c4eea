"""Canonical symbols: each tradable contract exists once, whatever its label."""

from datetime import UTC, datetime
from typing import Any

from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from tests.client import Client
from tests.registry.factory import FUTURE, MARGIN, OPTION, PERPETUAL, SPOT, Factory, at, stamp

CALL, PUT = markets.OPTION_TYPE_CALL, markets.OPTION_TYPE_PUT


async def _made(registry: Client, **fields: Any) -> markets.Symbol:
    made: markets.Symbol = (await registry.call("CreateSymbol", **fields)).symbol
    return made


async def test_a_symbol_reads_back_as_it_was_registered(registry: Client, feed: Client, factory: Factory) -> None:
    base, quote = await factory.asset("BTC"), await factory.asset("USDC")
    made = (
        await feed.call(
            "CreateSymbol",
            symbol_type=OPTION,
            base_asset_id=base,
            quote_asset_id=quote,
            expiry=at(30),
            strike_price_decimal="0.24",
            option_type=PUT,
            tick_size_decimal="1e-19",
            lot_size=0.1,
            min_order_size_decimal="0",
            max_order_size_decimal="1e39",
            min_notional_decimal="5",
            contract_size_decimal="0.01",
        )
    ).symbol
    for client in (registry, feed):
        assert (await client.call("GetSymbol", symbol_id=made.symbol_id)).symbol == made
    assert (made.tick_size_decimal, made.tick_size) == ("0.0000000000000000001", 1e-19)
    assert (made.lot_size_decimal, made.min_order_size_decimal) == ("0.1", "0")
    assert made.max_order_size_decimal == "1" + "0" * 39
    assert (made.strike_price_decimal, made.strike_price, made.option_type, made.expiry) == ("0.24", 0.24, PUT, at(30))
    assert (made.settlement_asset_id, made.margin_kind, made.is_active) == (quote, "linear", True)
    assert (made.min_notional_decimal, made.contract_size_decimal) == ("5", "0.01")


async def test_the_label_is_made_as_ccxt_writes_it_and_a_given_one_stays(registry: Client, factory: Factory) -> None:
    btc, usd = await factory.asset("BTC"), await factory.asset("USD")
    day = stamp(datetime(2099, 3, 27, 8, tzinfo=UTC))
    for fields, label in (
        ({"symbol_type": SPOT}, "BTC/USD"),
        ({"symbol_type": MARGIN}, "BTC/USD"),
        ({"symbol_type": PERPETUAL}, "BTC/USD:USD"),
        ({"symbol_type": PERPETUAL, "settlement_asset_id": btc}, "BTC/USD:BTC"),
        ({"symbol_type": FUTURE, "expiry": day}, "BTC/USD:USD-990327"),
        (
            {"symbol_type": OPTION, "expiry": day, "strike_price_decimal": "1.520", "option_type": CALL},
            "BTC/USD:USD-990327-1.52-C",
        ),
        ({"symbol_type": FUTURE, "expiry": day, "settlement_asset_id": btc, "symbol": "XBTH99"}, "XBTH99"),
    ):
        made = await _made(registry, base_asset_id=btc, quote_asset_id=usd, **fields)
        assert made.symbol == label


async def test_base_and_quote_are_needed_and_exist(registry: Client, factory: Factory) -> None:
    one = await factory.asset()
    refused = await registry.refused("CreateSymbol")
    needed = [(name, "REQUIRED") for name in ("symbol_type", "base_asset_id", "quote_asset_id")]
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", needed)
    for fields, field in (
        ({"base_asset_id": one, "quote_asset_id": "nobody"}, "quote_asset_id"),
        ({"base_asset_id": "nobody", "quote_asset_id": one}, "base_asset_id"),
    ):
        refused = await registry.refused("CreateSymbol", symbol_type=SPOT, **fields)
        assert (refused.code, refused.fields) == ("NOT_FOUND", [(field, "NOT_FOUND")])
    refused = await registry.refused(
        "CreateSymbol", symbol_type=PERPETUAL, base_asset_id=one, quote_asset_id=await factory.asset(), settlement_asset_id="x"
    )
    assert (refused.code, refused.fields) == ("NOT_FOUND", [("settlement_asset_id", "NOT_FOUND")])


async def test_sizes_and_steps_are_what_can_be_traded(registry: Client, factory: Factory) -> None:
    sent = {"symbol_type": SPOT, "base_asset_id": await factory.asset(), "quote_asset_id": await factory.asset()}
    for fields, violation in (
        ({"tick_size": 0.0}, ("tick_size", "NOT_POSITIVE")),
        ({"tick_size": -1.0}, ("tick_size", "NOT_POSITIVE")),
        ({"lot_size_decimal": "0"}, ("lot_size", "NOT_POSITIVE")),
        ({"tick_size": float("nan")}, ("tick_size", "NOT_FINITE")),
        ({"lot_size": float("inf")}, ("lot_size", "NOT_FINITE")),
        ({"min_order_size_decimal": "-1"}, ("min_order_size_decimal", "NEGATIVE")),
        ({"max_order_size_decimal": "0"}, ("max_order_size_decimal", "NOT_POSITIVE")),
        ({"min_order_size_decimal": "2", "max_order_size_decimal": "2"}, ("max_order_size_decimal", "BAD_RANGE")),
        ({"min_order_size_decimal": "2", "max_order_size_decimal": "1"}, ("max_order_size_decimal", "BAD_RANGE")),
        ({"contract_size_decimal": "-1"}, ("contract_size_decimal", "NOT_POSITIVE")),
        ({"min_notional_decimal": "many"}, ("min_notional_decimal", "NOT_A_NUMBER")),
    ):
        refused = await registry.refused("CreateSymbol", **sent, **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [violation]), fields
    made = await _made(registry, **sent, min_order_size_decimal="1", max_order_size_decimal="2")
    assert not made.HasField("tick_size")


async def test_options_futures_and_perpetuals_have_what_they_need_and_nothing_else(registry: Client, factory: Factory) -> None:
    sent = {"base_asset_id": await factory.asset(), "quote_asset_id": await factory.asset()}
    option = {"symbol_type": OPTION, "expiry": at(1), "strike_price_decimal": "10", "option_type": CALL}
    for fields, violations in (
        ({**option, "expiry": None}, [("expiry", "REQUIRED")]),
        ({**option, "strike_price_decimal": None}, [("strike_price_decimal", "REQUIRED")]),
        ({**option, "option_type": None}, [("option_type", "REQUIRED")]),
        ({"symbol_type": OPTION}, [(name, "REQUIRED") for name in ("strike_price_decimal", "expiry", "option_type")]),
        ({**option, "expiry": at(-1)}, [("expiry", "EXPIRED")]),
        ({**option, "strike_price_decimal": "0"}, [("strike_price_decimal", "NOT_POSITIVE")]),
        ({"symbol_type": FUTURE}, [("expiry", "REQUIRED")]),
        ({"symbol_type": FUTURE, "expiry": at(1), "option_type": CALL}, [("option_type", "NOT_ALLOWED")]),
        ({"symbol_type": PERPETUAL, "expiry": at(1)}, [("expiry", "NOT_ALLOWED")]),
        ({"symbol_type": SPOT, "expiry": at(1)}, [("expiry", "NOT_ALLOWED")]),
        ({"symbol_type": SPOT, "settlement_asset_id": sent["quote_asset_id"]}, [("settlement_asset_id", "NOT_ALLOWED")]),
        ({"symbol_type": MARGIN, "margin_kind": "linear"}, [("margin_kind", "NOT_ALLOWED")]),
        ({"symbol_type": SPOT, "quote_asset_id": sent["base_asset_id"]}, [("quote_asset_id", "SAME_ASSET")]),
    ):
        asked = {name: value for name, value in {**sent, **fields}.items() if value is not None}
        refused = await registry.refused("CreateSymbol", **asked)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", violations), fields
    # A future of the past is history worth keeping.
    await _made(registry, **sent, symbol_type=FUTURE, expiry=at(-1))
    await _made(registry, **sent, **option)


async def test_settlement_and_margin_kind_follow_from_each_other_and_never_contradict(
    registry: Client, factory: Factory
) -> None:
    btc, usd, eth = await factory.asset("BTC"), await factory.asset("USD"), await factory.asset("ETH")

    async def kinds(base: str, quote: str, **fields: Any) -> tuple[str, str]:
        made = await _made(registry, symbol_type=PERPETUAL, base_asset_id=base, quote_asset_id=quote, **fields)
        await registry.call("DeleteSymbol", symbol_id=made.symbol_id)
        return made.settlement_asset_id, made.margin_kind

    assert await kinds(btc, usd) == (usd, "linear")
    assert await kinds(btc, usd, margin_kind="linear") == (usd, "linear")
    assert await kinds(btc, usd, settlement_asset_id=btc) == (btc, "inverse")
    assert await kinds(eth, usd, settlement_asset_id=btc) == (btc, "quanto")
    assert await kinds(btc, btc) == (btc, "inverse")
    for fields, violation in (
        ({"margin_kind": "inverse"}, ("settlement_asset_id", "REQUIRED")),
        ({"margin_kind": "quanto"}, ("settlement_asset_id", "REQUIRED")),
        ({"margin_kind": "linear", "settlement_asset_id": btc}, ("margin_kind", "MARGIN_KIND_MISMATCH")),
        ({"margin_kind": "inverse", "settlement_asset_id": usd}, ("margin_kind", "MARGIN_KIND_MISMATCH")),
        ({"margin_kind": "cross"}, ("margin_kind", "BAD_MARGIN_KIND")),
    ):
        refused = await registry.refused("CreateSymbol", symbol_type=PERPETUAL, base_asset_id=btc, quote_asset_id=usd, **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [violation])


async def test_a_symbol_is_unique_by_its_terms_alone_among_the_living(registry: Client, factory: Factory) -> None:
    btc, usd = await factory.asset("BTC"), await factory.asset("USD")
    sent = {"base_asset_id": btc, "quote_asset_id": usd}
    spot = await _made(registry, **sent, symbol_type=SPOT)
    refused = await registry.refused("CreateSymbol", **sent, symbol_type=SPOT, symbol="another label", tick_size=3.0)
    assert refused.code == "ALREADY_EXISTS"
    option = {"symbol_type": OPTION, "expiry": at(9), "strike_price_decimal": "1.520", "option_type": CALL}
    await _made(registry, **sent, **option)
    refused = await registry.refused("CreateSymbol", **sent, **{**option, "strike_price_decimal": "1.52"})
    assert refused.code == "ALREADY_EXISTS"
    for other in ({"strike_price_decimal": "1.53"}, {"option_type": PUT}, {"expiry": at(10)}, {"settlement_asset_id": btc}):
        await _made(registry, **sent, **{**option, **other})
    for kind in (MARGIN, PERPETUAL):
        await _made(registry, **sent, symbol_type=kind)
    await registry.call("DeleteSymbol", symbol_id=spot.symbol_id)
    again = await _made(registry, **sent, symbol_type=SPOT)
    assert again.symbol_id != spot.symbol_id


async def test_two_assets_of_one_ticker_have_symbols_of_one_label(registry: Client, factory: Factory) -> None:
    eth = await factory.asset("ETH")
    ids = {await factory.symbol(await factory.asset("REP"), eth) for _ in range(2)}
    found = (await registry.call("SearchSymbols", query="REP/ETH")).symbols
    assert {each.symbol_id for each in found} == ids
    assert {each.symbol for each in found} == {"REP/ETH"}


async def test_specs_of_a_symbol_are_corrected_and_unset(registry: Client, factory: Factory) -> None:
    symbol = await factory.pair(tick_size=0.5, lot_size=1.0, min_order_size_decimal="1", max_order_size_decimal="9")
    changed = (
        await registry.call(
            "UpdateSymbol",
            symbol_id=symbol,
            tick_size_decimal="0.1",
            is_active=False,
            clear=["lot_size", "max_order_size_decimal"],
        )
    ).symbol
    assert (changed.tick_size_decimal, changed.tick_size, changed.is_active) == ("0.1", 0.1, False)
    assert not changed.HasField("lot_size")
    assert not changed.HasField("max_order_size")
    refused = await registry.refused("UpdateSymbol", symbol_id=symbol, max_order_size_decimal="0.5")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("max_order_size_decimal", "BAD_RANGE")])
    refused = await registry.refused("UpdateSymbol", symbol_id="nobody", tick_size=1.0)
    assert refused.code == "NOT_FOUND"


async def test_a_cleared_label_is_derived_again(registry: Client, factory: Factory) -> None:
    symbol = await factory.pair(symbol="anything")
    changed = (await registry.call("UpdateSymbol", symbol_id=symbol, clear=["symbol"])).symbol
    assert changed.symbol == "BTC/USDT"


async def test_what_a_symbol_is_may_be_corrected_until_something_is_listed_on_it(registry: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    changed = (await registry.call("UpdateSymbol", symbol_id=symbol, symbol_type=PERPETUAL)).symbol
    assert (changed.symbol_type, changed.margin_kind, changed.settlement_asset_id) == (
        PERPETUAL,
        "linear",
        changed.quote_asset_id,
    )
    assert changed.symbol == "BTC/USDT:USDT"
    back = (await registry.call("UpdateSymbol", symbol_id=symbol, symbol_type=SPOT)).symbol
    assert (back.symbol, back.HasField("margin_kind"), back.HasField("settlement_asset_id")) == ("BTC/USDT", False, False)
    refused = await registry.refused("UpdateSymbol", symbol_id=symbol, symbol_type=FUTURE)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("expiry", "REQUIRED")])
    await factory.listing(venue, symbol, delisted_at=at(-1))
    for kind in (MARGIN, PERPETUAL):
        refused = await registry.refused("UpdateSymbol", symbol_id=symbol, symbol_type=kind)
        assert refused.code == "FAILED_PRECONDITION"
        assert [(each[0], each[1]) for each in refused.preconditions] == [("LISTED", "symbol_type")]
    await registry.call("UpdateSymbol", symbol_id=symbol, symbol_type=SPOT, tick_size=1.0)


async def test_a_correction_does_not_make_two_symbols_the_same(registry: Client, factory: Factory) -> None:
    btc, usd = await factory.asset("BTC"), await factory.asset("USD")
    await factory.symbol(btc, usd, SPOT)
    margin = await factory.symbol(btc, usd, MARGIN)
    refused = await registry.refused("UpdateSymbol", symbol_id=margin, symbol_type=SPOT)
    assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("base_asset_id", "TAKEN")])


async def test_a_listed_symbol_is_deleted_once_its_listings_have_ended(
    registry: Client, feed: Client, factory: Factory
) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    listing = await factory.listing(venue, symbol, "NEW", listed_at=at(1))
    refused = await registry.refused("DeleteSymbol", symbol_id=symbol)
    assert refused.code == "FAILED_PRECONDITION"
    assert [(each[0], each[1]) for each in refused.preconditions] == [("IN_USE", f"venue_symbol:{listing.listing_id}")]
    ended = await factory.pair("ETH")
    await factory.listing(venue, ended, "ETHUSDT", listed_at=at(-9), delisted_at=at(-1))
    await registry.call("CreateSymbolIdentifier", symbol_id=ended, data_source=1, external_id="eth-usdt")
    assert (await feed.call("DeleteSymbol", symbol_id=ended)).success
    for client in (registry, feed):
        assert (await client.refused("GetSymbol", symbol_id=ended)).code == "NOT_FOUND"
        # The history of the text still says what it meant.
        found = await client.call("GetVenueSymbol", venue_id=venue, venue_symbol="ETHUSDT")
        assert (found.symbol.symbol_id, found.venue_symbol.is_active) == (ended, False)
        assert (
            await client.call("GetVenueSymbol", venue_id=venue, venue_symbol="ETHUSDT", as_of=at(-2))
        ).venue_symbol.is_active
    assert (await registry.refused("GetSymbolIdentifier", data_source=1, external_id="eth-usdt")).code == "NOT_FOUND"
    assert (await registry.refused("CreateVenueSymbol", venue_id=venue, symbol_id=ended, venue_symbol="E")).code == "NOT_FOUND"


async def test_symbols_are_listed_by_type_base_and_quote(registry: Client, factory: Factory) -> None:
    btc, eth, usd = await factory.asset("BTC"), await factory.asset("ETH"), await factory.asset("USD")
    spot, perpetual, other = (
        await factory.symbol(btc, usd),
        await factory.symbol(btc, usd, PERPETUAL),
        await factory.symbol(eth, btc),
    )

    async def ids(**filters: Any) -> list[str]:
        answer = await registry.call("ListSymbols", **filters)
        assert answer.total_count == len(answer.symbols)
        return [each.symbol_id for each in answer.symbols]

    assert await ids() == [spot, perpetual, other]
    assert await ids(base_asset_id=btc) == [spot, perpetual]
    assert await ids(quote_asset_id=btc) == [other]
    assert await ids(symbol_type=SPOT) == [spot, other]
    assert await ids(symbol_type=SPOT, base_asset_id=btc, quote_asset_id=usd) == [spot]


async def test_a_client_that_cannot_say_strike_and_expiry_cannot_make_options_and_futures(
    registry: Client, factory: Factory
) -> None:
    sent = {"base_asset_id": await factory.asset(), "quote_asset_id": await factory.asset()}
    for kind in (OPTION, FUTURE):
        assert (await registry.refused("CreateSymbol", **sent, symbol_type=kind)).code == "INVALID_ARGUMENT"
