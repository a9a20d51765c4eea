"""Whose numbers a lookup gives: the listing's own of the time asked, else those of the symbol, or none."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from cqar.contract.cqar.v1 import registry_pb2, resolver_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.shared import enums_pb2
from tests.client import Client
from tests.hotpath.stack import own_call
from tests.registry.factory import Factory, at

UNSET, LISTING, SYMBOL, MIXED, NOT_KNOWN_THEN = enums_pb2.SpecsSource.values()
TICK, LOT = {"tick_size_decimal": "0.01"}, {"lot_size_decimal": "0.5"}


async def looked_up(client: Client, venue: str, text: str, **fields: Any) -> contract.GetVenueSymbolResponse:
    """The response of the single lookup, after comparing both views of the batch with it."""
    found = await Factory(client).resolved(venue, text, **fields)
    for view in (resolver_pb2.SLIM, resolver_pb2.FULL):
        key = resolver_pb2.VenueSymbolKey(venue_id=venue, venue_symbol=text, **fields)
        request = resolver_pb2.ResolveVenueSymbolsRequest(keys=[key], view=view)
        data, _ = await client.raw("/cqar.v1.Resolver/ResolveVenueSymbols", request.SerializeToString())
        [result] = resolver_pb2.ResolveVenueSymbolsResponse.FromString(data).results
        assert result.specs_source == found.specs_source
        assert (result.tick_size_decimal, result.lot_size_decimal) == (
            found.symbol.tick_size_decimal,
            found.symbol.lot_size_decimal,
        )
        if view == resolver_pb2.FULL:
            assert (result.full.specs_source, result.full.symbol) == (found.specs_source, found.symbol)
    assert found.HasField("specs_source") is bool(found.specs_source)
    return found  # type: ignore[no-any-return]  # of the method that is called


@pytest.mark.parametrize(
    ("of_symbol", "of_listing", "source"),
    [
        ({}, {}, UNSET),
        ({}, TICK, LISTING),
        (LOT, {}, SYMBOL),
        (LOT, TICK, MIXED),
        ({"lot_size_decimal": "7"}, LOT, LISTING),
        ({"min_notional_decimal": "5"}, {"min_notional_decimal": "6"}, LISTING),
        ({"min_notional_decimal": "5"}, {}, SYMBOL),
        ({}, {"maker_fee_decimal": "0.001"}, UNSET),
    ],
)
async def test_an_answer_says_whose_numbers_it_gives(
    registry: Client, feed: Client, factory: Factory, of_symbol: dict[str, str], of_listing: dict[str, str], source: int
) -> None:
    symbol, venue = await factory.pair(**of_symbol), await factory.venue()
    await factory.listing(venue, symbol, "X", **of_listing)
    for client in (registry, feed):
        found = await looked_up(client, venue, "X")
        assert found.specs_source == source
        own = {name: value for name, value in of_listing.items() if name != "maker_fee_decimal"}
        for name, value in {**of_symbol, **own}.items():
            assert getattr(found.symbol, name) == value


async def test_numbers_of_a_time_before_their_last_change_are_not_known(
    registry: Client, feed: Client, factory: Factory
) -> None:
    symbol, venue = await factory.pair(**LOT), await factory.venue()
    fields: dict[str, Any] = {"maker_fee": 0.001, "max_leverage_decimal": "5", "min_order_value_decimal": "1"}
    fields |= {"quantity_multiplier_decimal": "1000", "min_notional_decimal": "2"}
    made = await factory.listing(venue, symbol, "X", listed_at=at(-100), **TICK, **fields)
    assert made.HasField("specs_since")
    changed = await own_call(registry, "UpdateVenueSymbol", listing_id=made.listing_id, tick_size_decimal="0.1")
    since = changed.venue_symbol.specs_since
    assert since.ToNanoseconds() > made.specs_since.ToNanoseconds()
    for client in (registry, feed):
        for moment in (at(-50), made.specs_since):
            found = await looked_up(client, venue, "X", as_of=moment)
            assert (found.specs_source, found.symbol.symbol_id, found.venue_symbol.is_active) == (
                NOT_KNOWN_THEN,
                symbol,
                True,
            )
            given = {each.name for each, _ in (*found.symbol.ListFields(), *found.venue_symbol.ListFields())}
            assert not [each for each in given if "size" in each or "fee" in each or "order" in each]
            assert not given & {"max_leverage", "max_leverage_decimal", "min_notional", "min_notional_decimal"}
            assert found.venue_symbol.quantity_multiplier_decimal == "1000"
        for then in ({}, {"as_of": since}, {"as_of": at(100)}):
            found = await looked_up(client, venue, "X", **then)
            assert (found.specs_source, found.symbol.tick_size_decimal) == (MIXED, "0.1")


async def test_numbers_that_are_recorded_after_the_end_of_a_listing_hold_while_it_lived(feed: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    for text, begins in (("X", {"listed_at": at(-100)}), ("Y", {})):
        made = await Factory(feed).listing(venue, symbol, text, delisted_at=at(-10), **begins, **TICK)
        assert made.specs_since == made.listed_at
        assert (await looked_up(feed, venue, text, as_of=at(-50))).specs_source == LISTING
        await own_call(feed, "UpdateVenueSymbol", listing_id=made.listing_id, tick_size_decimal="0.1")
        found = await looked_up(feed, venue, text, as_of=at(-50))
        assert (found.specs_source, found.symbol.tick_size_decimal) == (LISTING, "0.1")
    made = await Factory(feed).listing(venue, symbol, "Z", listed_at=at(-100), **TICK)
    await own_call(feed, "DelistVenueSymbol", listing_id=made.listing_id)
    assert (await looked_up(feed, venue, "Z", as_of=at(-50))).specs_source == NOT_KNOWN_THEN


async def test_a_listing_without_numbers_of_its_own_gives_those_of_the_symbol_at_any_time(
    feed: Client, factory: Factory
) -> None:
    symbol, venue = await factory.pair(**LOT), await factory.venue()
    made = await factory.listing(venue, symbol, "X", listed_at=at(-100))
    assert not made.HasField("specs_since")
    assert (await looked_up(feed, venue, "X", as_of=at(-50))).specs_source == SYMBOL


async def test_only_a_change_of_a_number_renews_the_time_and_no_request_sets_it(registry: Client, factory: Factory) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    made = await factory.listing(venue, symbol, "X", **TICK)

    async def updated(**fields: Any) -> Timestamp:
        changed = await own_call(registry, "UpdateVenueSymbol", listing_id=made.listing_id, **fields)
        assert (await looked_up(registry, venue, "X")).venue_symbol.specs_since == changed.venue_symbol.specs_since
        return changed.venue_symbol.specs_since  # type: ignore[no-any-return]  # of the method that is called

    assert await updated(is_active=False) == await updated(tick_size_decimal="0.010") == made.specs_since
    numbers = ("tick_size", "lot_size", "min_order_size", "max_order_size", "contract_size", "quantity_multiplier")
    names = (*numbers, "min_notional", "min_order_value", "max_order_value", "max_leverage", "maker_fee", "taker_fee")
    changes = [{f"{name}_decimal": "0.9" if name.startswith("min") else "1"} for name in names]
    renewed = [made.specs_since, *[await updated(**each) for each in changes], await updated(clear=["taker_fee"])]
    times = [each.ToNanoseconds() for each in renewed]
    assert times == sorted(set(times))
    row = registry_pb2.ApplyRow()
    row.venue_symbol.CopyFrom((await looked_up(registry, venue, "X")).venue_symbol)
    row.venue_symbol.specs_since.CopyFrom(at(-9))
    row.venue_symbol.tick_size_decimal = "2"
    data, _ = await registry.raw("/cqar.v1.Registry/Apply", registry_pb2.ApplyRequest(rows=[row]).SerializeToString())
    [result] = registry_pb2.ApplyResponse.FromString(data).results
    assert (result.outcome, list(result.changed_fields)) == (registry_pb2.UPDATED, ["tick_size"]), result
    assert (await looked_up(registry, venue, "X")).venue_symbol.specs_since.ToNanoseconds() > times[-1]
