"""Numbers that cannot be right are left out and reported, whatever the exchange."""

from decimal import Decimal
from typing import Any

import pytest

from cqar.importers.exchanges.declarations import Exchange, declared
from cqar.importers.exchanges.payload import at, percent, places
from cqar.importers.sources.markets import DECIMAL_PLACES, TICK_SIZE
from tests.importers.test_markets import SPOT, SWAP, read

RULED = Exchange(tick=at("tick"), lot=at("lot"), maker=percent("fee"), contract_size=at("size"))


def doubts(row: dict[str, Any], exchange: Exchange = RULED, mode: str = TICK_SIZE) -> list[tuple[str, str]]:
    return [(each.field, each.kind) for each in read(row, exchange, mode).doubts]


@pytest.mark.parametrize("fee", ["0.2", "-0.1", "0.0500001", "1.5"])
def test_a_fee_above_five_percent_is_left_out(fee: str) -> None:
    row = {**SPOT, "maker": fee, "taker": fee}
    specs = read(row).specs
    assert (specs.maker_fee, specs.taker_fee) == (None, None)
    assert doubts(row) == [("maker_fee", "beyond_bound"), ("taker_fee", "beyond_bound")]
    assert not any(each.routine for each in read(row).doubts)


@pytest.mark.parametrize("fee", ["0.05", "-0.05", "0", "-0.00025"])
def test_a_fee_of_up_to_five_percent_is_read(fee: str) -> None:
    assert read({**SPOT, "maker": fee}).specs.maker_fee == Decimal(fee)


def test_a_fee_of_the_payload_has_the_same_bound() -> None:
    assert read({**SPOT, "info": {"fee": "6"}}, RULED).specs.maker_fee is None
    assert read({**SPOT, "info": {"fee": "0.6"}}, RULED).specs.maker_fee == Decimal("0.006")


@pytest.mark.parametrize(
    "value",
    [
        *("999999", "9999999999", "9999.99", "0.999999", "999999.9990", "1e15", "10000000000000000", "1e38"),
        *(str(2**63), str(2**63 - 1), "92233720368.54775807", str(2**31 - 1), str(2**32 - 1)),
    ],
)
def test_a_maximum_that_means_none_is_left_out(value: str) -> None:
    row = {**SWAP, "limits": {"amount": {"max": value}, "cost": {"max": value}, "leverage": {"max": value}}}
    specs = read(row).specs
    assert (specs.max_order_size, specs.max_order_value, specs.max_leverage) == (None, None, None)
    fields = ("max_order_size", "max_order_value", "max_leverage")
    assert doubts(row) == [(field, "sentinel") for field in fields]
    assert all(each.routine for each in read(row).doubts)


@pytest.mark.parametrize("value", ["99999", "9999999998", "999.99", "9000000", "92233", "1000000", "100000000000000", "99.5"])
def test_a_maximum_of_another_form_is_read(value: str) -> None:
    row = {**SWAP, "limits": {"amount": {"max": value}, "cost": {"max": value}}}
    specs = read(row).specs
    assert (specs.max_order_size, specs.max_order_value) == (Decimal(value), Decimal(value))


def test_a_maximum_in_contracts_has_the_same_bound() -> None:
    row = {**SWAP, "info": {"maxOrderQty": "99999999"}}
    assert read(row, declared("phemex")).specs.max_order_size is None


def test_a_minimum_is_no_maximum() -> None:
    assert read({**SPOT, "limits": {"amount": {"min": "999999"}}}).specs.min_order_size == Decimal(999_999)


def test_a_leverage_of_one_is_a_filler() -> None:
    assert read({**SWAP, "limits": {"leverage": {"max": 1}}}).specs.max_leverage is None
    assert doubts({**SWAP, "limits": {"leverage": {"max": "1.0"}}}) == [("max_leverage", "filler")]
    assert read({**SWAP, "limits": {"leverage": {"max": 2}}}).specs.max_leverage == 2


@pytest.mark.parametrize(("own", "unified"), [("100", "0.000001"), ("0.1", "1"), ("25", "0.0250"), ("0.5", "5e20")])
@pytest.mark.parametrize(("rule", "precision", "field"), [("lot", "amount", "lot_size"), ("tick", "price", "tick_size")])
def test_two_readings_of_a_step_that_differ_by_a_power_of_ten_are_both_left_out(
    own: str, unified: str, rule: str, precision: str, field: str
) -> None:
    row = {**SPOT, "precision": {precision: unified}, "info": {rule: own}}
    market = read(row, RULED)
    assert getattr(market.specs, field) is None
    [doubt] = market.doubts
    assert (doubt.field, doubt.kind, doubt.value, doubt.routine) == (field, "two_readings", Decimal(own), False)


@pytest.mark.parametrize(("own", "unified"), [("0.5", "0.5"), ("0.5", "0.1"), ("0.25", "0.5"), ("0.5", None)])
def test_other_readings_of_a_step_are_those_of_the_payload(own: str, unified: str | None) -> None:
    row = {**SPOT, "precision": {"amount": unified}, "info": {"lot": own}}
    assert (read(row, RULED).specs.lot_size, doubts(row)) == (Decimal(own), [])


def test_a_reading_in_decimal_places_is_compared_as_the_step_that_it_means() -> None:
    row = {**SPOT, "precision": {"price": 2}, "info": {"tick": "0.001"}}
    assert doubts(row, mode=DECIMAL_PLACES) == [("tick_size", "two_readings")]
    assert doubts({**row, "info": {"tick": "0.01"}}, mode=DECIMAL_PLACES) == []


def test_two_readings_of_a_fee_that_differ_by_a_power_of_ten_are_both_left_out() -> None:
    row = {**SPOT, "maker": "0.002", "info": {"fee": "0.002"}}
    assert read(row, RULED).specs.maker_fee is None
    assert doubts(row) == [("maker_fee", "two_readings")]
    assert doubts({**row, "info": {"fee": "0.2"}}) == []


def test_the_contract_size_of_ccxt_is_not_compared_with_a_declared_rule() -> None:
    """A rule is declared where ccxt gives another number: BitMEX's is 10^8 too large, that of OKX lacks a factor."""
    market = read({**SWAP, "contractSize": 100, "info": {"size": "1"}}, RULED)
    assert (market.specs.contract_size, market.doubts) == (Decimal(1), ())


def test_lots_in_the_smallest_unit_are_found_by_the_reading_of_ccxt() -> None:
    row = {**SPOT, "precision": {"amount": "0.000001", "price": "0.5"}, "info": {"lotSize": 100, "tickSize": "0.5"}}
    market = read(row, declared("bitmex"))
    assert (market.specs.lot_size, market.specs.tick_size) == (None, Decimal("0.5"))
    assert [(each.field, each.kind) for each in market.doubts] == [("lot_size", "two_readings")]


def test_a_step_of_decimal_places_agrees_with_itself() -> None:
    own = Exchange(lot=places("places"))
    assert read({**SPOT, "precision": {"amount": "1e-8"}, "info": {"places": 8}}, own).specs.lot_size == Decimal("1e-8")
