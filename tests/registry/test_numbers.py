"""Numbers are exact from end to end, with a double for clients that do not use decimals."""

from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from tests.client import Client
from tests.registry.factory import Factory, stamp


async def test_a_decimal_comes_back_plain_and_exact(registry: Client, feed: Client, factory: Factory) -> None:
    venue = await factory.venue()
    for sent, shown in (
        ("1e-19", "0.0000000000000000001"),
        ("1E-8", "0.00000001"),
        ("100000000000000000000000000000.000000000000000001", "100000000000000000000000000000.000000000000000001"),
        ("9" * 40 + "." + "9" * 40, "9" * 40 + "." + "9" * 40),
        ("0.1000", "0.1"),
        ("+.5", "0.5"),
        ("12e3", "12000"),
    ):
        symbol = await factory.pair(tick_size_decimal=sent)
        await Factory(feed).listing(venue, symbol, sent, tick_size_decimal=sent)
        for client in (registry, feed):
            found = await Factory(client).resolved(venue, sent)
            assert found.symbol.tick_size_decimal == found.venue_symbol.tick_size_decimal == shown
            assert found.symbol.tick_size == float(sent)
            assert (await client.call("GetSymbol", symbol_id=symbol)).symbol.tick_size_decimal == shown


async def test_what_is_no_number_or_too_long_for_one_is_refused(registry: Client, factory: Factory) -> None:
    sent = {"symbol_type": 1, "base_asset_id": await factory.asset(), "quote_asset_id": await factory.asset()}
    for text, rule in (
        ("NaN", "NOT_A_NUMBER"),
        ("Infinity", "NOT_A_NUMBER"),
        ("1,5", "NOT_A_NUMBER"),
        ("0x1", "NOT_A_NUMBER"),
        ("\u0661", "NOT_A_NUMBER"),
        ("1_000", "NOT_A_NUMBER"),
        (" 1", "NOT_A_NUMBER"),
        ("9" * 41, "TOO_MANY_DIGITS"),
        ("1e-41", "TOO_MANY_DIGITS"),
        ("1e999999999", "TOO_MANY_DIGITS"),
        ("1" * 10_000, "TOO_MANY_DIGITS"),
    ):
        refused = await registry.refused("CreateSymbol", **sent, tick_size_decimal=text)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("tick_size_decimal", rule)]), text
    refused = await registry.refused("CreateSymbol", **sent, tick_size=1e300)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("tick_size", "TOO_MANY_DIGITS")])


async def test_a_double_means_its_shortest_decimal(registry: Client, factory: Factory) -> None:
    for double, text in (
        (0.1, "0.1"),
        (1e-8, "0.00000001"),
        (0.1 + 0.2, "0.30000000000000004"),
        (123456789.125, "123456789.125"),
    ):
        symbol = await factory.pair(tick_size=double)
        found = (await registry.call("GetSymbol", symbol_id=symbol)).symbol
        assert (found.tick_size, found.tick_size_decimal) == (double, text)


async def test_both_forms_agree_or_the_request_is_refused(registry: Client, factory: Factory) -> None:
    sent = {"symbol_type": 1, "base_asset_id": await factory.asset(), "quote_asset_id": await factory.asset()}
    refused = await registry.refused("CreateSymbol", **sent, tick_size=0.1, tick_size_decimal="0.2")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("tick_size_decimal", "DECIMAL_MISMATCH")])
    made = await registry.call("CreateSymbol", **sent, tick_size=0.1, tick_size_decimal="0.10000000000000000001")
    assert made.symbol.tick_size_decimal == "0.10000000000000000001"


async def test_a_client_that_sends_back_the_double_it_read_changes_nothing(registry: Client, factory: Factory) -> None:
    symbol = await factory.pair(tick_size_decimal="0.100000000000000000000001")
    before = (await registry.call("GetSymbol", symbol_id=symbol)).symbol
    same = await registry.call("UpdateSymbol", symbol_id=symbol, tick_size=before.tick_size)
    assert same.symbol == before
    changed = await registry.call("UpdateSymbol", symbol_id=symbol, tick_size=0.2)
    assert changed.symbol.tick_size_decimal == "0.2"


async def test_zero_is_not_unset(registry: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair(min_order_size_decimal="0"), await factory.venue()
    made = await factory.listing(venue, symbol, maker_fee=0.0, min_notional_decimal="-0.0")
    assert (made.HasField("maker_fee"), made.maker_fee_decimal, made.min_notional_decimal) == (True, "0", "0")
    assert not made.HasField("taker_fee")
    found = (await registry.call("GetSymbol", symbol_id=symbol)).symbol
    assert (found.HasField("min_order_size"), found.min_order_size_decimal) == (True, "0")
    assert not found.HasField("min_notional")


async def test_a_time_comes_back_to_the_microsecond(registry: Client, feed: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    for at, moment in enumerate(
        (
            datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(2025, 3, 30, 1, 30, 0, 1, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC),
        )
    ):
        made = await Factory(feed).listing(venue, symbol, f"X{at}", listed_at=stamp(moment))
        assert made.listed_at == stamp(moment)
        for client in (registry, feed):
            found = await Factory(client).resolved(venue, f"X{at}", as_of=stamp(moment))
            assert found.venue_symbol.listed_at == stamp(moment)
        [listed] = (await registry.call("ListVenueSymbols", venue_id=venue, venue_symbol=f"X{at}")).venue_symbols
        assert listed.listed_at == stamp(moment)


async def test_what_is_finer_than_a_microsecond_is_cut_off_and_what_is_no_time_refused(
    registry: Client, factory: Factory
) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    made = await factory.listing(venue, symbol, listed_at=Timestamp(seconds=1, nanos=1_999))
    assert made.listed_at == Timestamp(seconds=1, nanos=1_000)
    broken: list[Any] = [
        Timestamp(seconds=253_402_300_800),
        Timestamp(seconds=-62_135_596_801),
        Timestamp(nanos=1_000_000_000),
        stamp(datetime.min.replace(tzinfo=UTC)),
        stamp(datetime.max.replace(tzinfo=UTC)),
    ]
    for moment in broken:
        refused = await registry.refused(
            "CreateVenueSymbol", venue_id=venue, symbol_id=symbol, venue_symbol="Y", listed_at=moment
        )
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("listed_at", "BAD_TIME")])
