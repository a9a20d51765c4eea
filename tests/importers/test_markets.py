"""ccxt markets: exact numbers, declared units, and no market with missing fields."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqar import exact
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.importers.exchanges.declarations import EXCHANGES, Exchange, declared
from cqar.importers.exchanges.facts import Code
from cqar.importers.run.documents import Refused, Source
from cqar.importers.sources import markets
from cqar.importers.sources.markets import DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE, Market

SPOT = {"id": "AAABBB", "type": "spot", "base": "AAA", "quote": "BBB", "baseId": "AAA", "quoteId": "BBB"}
SWAP = {**SPOT, "type": "swap", "settle": "BBB", "settleId": "BBB", "linear": True, "inverse": False, "contractSize": 1}
OPTION = {**SWAP, "type": "option", "expiry": 1_900_000_000_000, "strike": 1.5, "optionType": "put"}
PLAIN = Exchange()


def read(row: Any, exchange: Exchange = PLAIN, mode: str = TICK_SIZE) -> Market:
    source = Source(1, row if isinstance(row, bytes) else json.dumps(row).encode())
    return markets.parse(source, markets.decode(source), exchange, mode)


def refused(row: Any, exchange: Exchange = PLAIN, mode: str = TICK_SIZE) -> str:
    with pytest.raises(Refused) as caught:
        read(row, exchange, mode)
    return caught.value.kind


# ---- precision -----------------------------------------------------------------------------------------------------

NUMBERS = st.decimals(min_value=Decimal("1e-30"), max_value=Decimal("1e9"), allow_nan=False, places=30).filter(bool)


@given(NUMBERS)
def test_a_tick_size_is_read_exactly(tick: Decimal) -> None:
    text = f'{{"id":"A","type":"spot","base":"A","quote":"B","precision":{{"price":{tick},"amount":"{tick:e}"}}}}'
    specs = read(text.encode()).specs
    assert specs.tick_size == specs.lot_size == tick


@given(st.integers(-40, 40))
def test_decimal_places_become_the_step_they_mean(count: int) -> None:
    specs = read({**SPOT, "precision": {"price": count, "amount": str(count)}}, mode=DECIMAL_PLACES).specs
    expected = "1" + "0" * -count if count <= 0 else "0." + "0" * (count - 1) + "1"
    assert specs.tick_size is not None
    assert exact.plain(specs.tick_size) == expected
    assert specs.lot_size == specs.tick_size


@pytest.mark.parametrize("count", [0.5, "1e-8", 41, -41])
def test_an_invalid_number_of_decimal_places_is_rejected(count: Any) -> None:
    assert refused({**SPOT, "precision": {"price": count}}, mode=DECIMAL_PLACES) == "bad_precision"


@pytest.mark.parametrize("step", [0, -1, "0.000"])
@pytest.mark.parametrize("field", ["price", "amount"])
def test_a_step_of_zero_is_rejected(field: str, step: Any) -> None:
    assert refused({**SPOT, "precision": {field: step}}) == "bad_precision"


def test_significant_digits_do_not_become_a_step() -> None:
    specs = read({**SPOT, "precision": {"price": 5, "amount": 5}}, mode=SIGNIFICANT_DIGITS).specs
    assert (specs.tick_size, specs.lot_size) == (None, None)


@pytest.mark.parametrize(("given_", "mode"), [(0.01, TICK_SIZE), (2, DECIMAL_PLACES), (3, None)])
def test_the_payload_proves_the_precision_mode(given_: Any, mode: str | None) -> None:
    row = {**SPOT, "precision": {"price": given_}, "info": {"priceIncrement": "0.01"}}
    assert markets.mode_of([markets.decode(Source(1, json.dumps(row).encode()))], declared("kucoin")) == mode


def test_contradicting_payloads_prove_no_mode() -> None:
    rows = [
        markets.decode(Source(1, json.dumps({**SPOT, "precision": {"price": p}, "info": {"priceIncrement": "0.01"}}).encode()))
        for p in (0.01, 2)
    ]
    assert markets.mode_of(rows, declared("kucoin")) is None


# ---- numbers -------------------------------------------------------------------------------------------------------

PLACES_OF_NUMBERS: list[dict[str, Any]] = [
    {"maker": None},
    {"taker": None},
    {"contractSize": None},
    {"precision": {"price": None}},
    {"precision": {"amount": None}},
    {"limits": {"amount": {"min": None}}},
    {"limits": {"amount": {"max": None}}},
    {"limits": {"cost": {"min": None}}},
    {"limits": {"cost": {"max": None}}},
    {"limits": {"leverage": {"max": None}}},
]


def _filled(shape: Any, value: Any) -> Any:
    return {name: _filled(each, value) for name, each in shape.items()} if isinstance(shape, dict) else value


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "1e400", "1e999999999", "1e-999999999"])
@pytest.mark.parametrize("place", PLACES_OF_NUMBERS, ids=str)
@pytest.mark.parametrize("mode", [TICK_SIZE, DECIMAL_PLACES])
def test_values_outside_the_registry_range_are_rejected_by_name(place: dict[str, Any], value: str, mode: str) -> None:
    assert refused({**SWAP, **_filled(place, value)}, mode=mode) == "bad_number"


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "1e999999999", "", "x", None, True, [], {}, "1e-999999"])
@pytest.mark.parametrize("exchange", sorted(EXCHANGES))
def test_a_nonsense_payload_does_not_stop_the_import(exchange: str, value: Any) -> None:
    names = (
        *(
            "tickSize",
            "lotSize",
            "tick_size",
            "makerFee",
            "takerFee",
            "multiplier",
            "underlyingToSettleMultiplier",
            "maker_fee_rate",
        ),
        *(
            "quoteToSettleMultiplier",
            "szDecimals",
            "pair_decimals",
            "lot_decimals",
            "fees",
            "fees_maker",
            "filters",
            "precision",
        ),
        *(
            "quoteTickSizeEv",
            "baseTickSizeEv",
            "valueScale",
            "maxOrderQty",
            "priceFilter",
            "lotSizeFilter",
            "contractAddress",
            "fee",
        ),
    )
    row = {**SWAP, "info": dict.fromkeys(names, value)}
    market = read(row, declared(exchange))
    for name in markets.Specs.__struct_fields__:
        found = getattr(market.specs, name)
        assert found is None or exact.parse(str(found), name) == found


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)
JSON = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(["min", "price"]), SCALARS, max_size=2)


@given(
    st.sampled_from([SPOT, SWAP, OPTION]),
    st.dictionaries(
        st.sampled_from([*OPTION, "precision", "limits", "info", "created", "active", "quanto", "maker"]), JSON, max_size=4
    ),
    st.sampled_from(sorted(EXCHANGES)),
    st.sampled_from([TICK_SIZE, DECIMAL_PLACES, SIGNIFICANT_DIGITS]),
)
def test_only_the_malformed_row_is_rejected(row: dict[str, Any], wrong: dict[str, Any], name: str, mode: str) -> None:
    found = ending({**row, **wrong}, declared(name), mode)
    assert found in KINDS if isinstance(found, str) else found.id not in {"", "undefined", "null", "None", "NaN"}


def ending(row: Any, exchange: Exchange, mode: str) -> Market | str:
    """The market, or the kind of its refusal."""
    try:
        return read(row, exchange, mode)
    except Refused as refusal:
        return refusal.kind


#: Every reason for which a market is refused by its row alone.
KINDS = frozenset(
    (
        *("malformed", "incomplete", "unsupported_type", "unknown_expiry", "bad_time"),
        *("bad_number", "bad_precision", "bad_strike", "contradictory"),
    )
)


@pytest.mark.parametrize("raw", [b"", b"[]", b"1", b"null", b"\xff", b'{"id":"\\ud800","type":"spot"}', b"[" * 100_000, b"{}"])
def test_invalid_json_rows_are_malformed(raw: bytes) -> None:
    assert refused(raw) == "malformed"


# ---- parts of a symbol ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [None, "", "undefined", "null", "None", "NaN"])
@pytest.mark.parametrize("part", ["base", "quote", "settle"])
def test_a_derivative_with_a_missing_field_is_rejected(part: str, nothing: str | None) -> None:
    assert refused({**SWAP, part: nothing}) == "incomplete"


@pytest.mark.parametrize("nothing", ["", "undefined", "None"])
def test_a_market_without_an_id_is_rejected(nothing: str) -> None:
    assert refused({**SPOT, "id": nothing}) == "incomplete"


@pytest.mark.parametrize("nothing", [None, "", "undefined"])
def test_a_currency_without_a_venue_code_uses_its_ticker(nothing: str | None) -> None:
    market = read({**SPOT, "baseId": nothing})
    assert market.base == Code("AAA", "AAA")


def test_the_venue_code_is_stored_beside_the_ticker() -> None:
    market = read({**SWAP, "id": "XBTUSD", "base": "BTC", "baseId": "XBT", "settle": "BTC", "settleId": "xbt"})
    assert (market.base.code, market.base.ticker) == ("XBT", "BTC")
    assert market.settle is not None
    assert (market.settle.code, market.settle.ticker) == ("xbt", "BTC")


@pytest.mark.parametrize("text", ["币安人生USDT", "tAAVE:USD", "LBA/BTC", "@107", "kPEPE", "a b", "X" * 5000])
def test_an_id_is_stored_unchanged(text: str) -> None:
    assert read({**SPOT, "id": text}).id == text


def test_a_spot_market_has_no_settlement_asset() -> None:
    market = read({**SPOT, "settle": "BBB", "contractSize": 5})
    assert (market.settle, market.margin_kind, market.specs.contract_size) == (None, None, None)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("spot", markets_pb2.SYMBOL_TYPE_SPOT),
        ("margin", markets_pb2.SYMBOL_TYPE_MARGIN),
        ("swap", markets_pb2.SYMBOL_TYPE_PERPETUAL),
        ("future", markets_pb2.SYMBOL_TYPE_FUTURE),
        ("option", markets_pb2.SYMBOL_TYPE_OPTION),
    ],
)
def test_ccxt_types_map_to_symbol_types(kind: str, expected: int) -> None:
    row = {**OPTION, "type": kind} if kind in ("future", "option") else {**SWAP, "type": kind}
    assert read(row).symbol_type == expected


@pytest.mark.parametrize("kind", ["index", "interest_rate_swaps", "spreads", "move", "option_combo", "SPOT", ""])
def test_an_unsupported_type_is_rejected(kind: str) -> None:
    assert refused({**SWAP, "type": kind}) == "unsupported_type"


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ({"linear": True, "inverse": False}, "linear"),
        ({"linear": False, "inverse": True}, "inverse"),
        ({"linear": False, "inverse": False, "quanto": True}, "quanto"),
        ({"linear": True, "inverse": False, "quanto": True}, "quanto"),
        ({"linear": None, "inverse": None}, None),
    ],
)
def test_flags_determine_the_margin_type(flags: dict[str, Any], kind: str | None) -> None:
    assert read({**SWAP, **flags}).margin_kind == kind


def test_a_contract_that_is_linear_and_inverse_is_rejected() -> None:
    assert refused({**SWAP, "linear": True, "inverse": True}) == "contradictory"


@pytest.mark.parametrize("active", [True, False, None])
def test_the_active_flag_is_stored_or_stays_unset(*, active: bool | None) -> None:
    assert read({**SPOT, "active": active}).active is active


# ---- expiry and options --------------------------------------------------------------------------------------------


def test_an_option_is_read_with_all_its_terms() -> None:
    market = read(OPTION)
    assert market.expiry == datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC)
    assert (market.strike, market.option_type) == (Decimal("1.5"), markets_pb2.OPTION_TYPE_PUT)
    assert read({**OPTION, "optionType": "call"}).option_type == markets_pb2.OPTION_TYPE_CALL


@pytest.mark.parametrize("name", ["strike", "optionType", "expiry"])
def test_an_option_with_a_missing_term_is_rejected(name: str) -> None:
    assert refused({**OPTION, name: None}) == "incomplete"


@pytest.mark.parametrize("strike", [0, -1, "-0.5"])
def test_an_option_with_an_invalid_strike_is_rejected(strike: Any) -> None:
    assert refused({**OPTION, "strike": strike}) == "bad_strike"


def test_an_option_that_is_neither_call_nor_put_is_rejected() -> None:
    assert refused({**OPTION, "optionType": "move"}) == "unsupported_type"


@pytest.mark.parametrize("expiry", [-5, 10**17, 253_402_300_800_000])
def test_an_invalid_expiry_is_rejected(expiry: int) -> None:
    assert refused({**OPTION, "expiry": expiry}) == "bad_time"


@pytest.mark.parametrize(("name", "sentinel"), [("binance", 4_133_404_800_000), ("deribit", 32_503_708_800_000)])
def test_a_declared_sentinel_is_not_an_expiry(name: str, sentinel: int) -> None:
    assert read({**SWAP, "expiry": sentinel}, declared(name)).expiry is None
    assert refused({**SWAP, "expiry": sentinel}) == "unknown_expiry"
    assert refused({**SWAP, "type": "future", "expiry": sentinel}, declared(name)) == "incomplete"


@pytest.mark.parametrize("row", [OPTION, {**SWAP, "type": "future"}])
def test_an_expired_contract_is_read_with_its_interval(row: dict[str, Any]) -> None:
    market = read({**row, "expiry": 1_600_000_000_000, "created": 1_500_000_000_000, "active": False})
    assert (market.created, market.expiry) == (
        datetime(2017, 7, 14, 2, 40, tzinfo=UTC),
        datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC),
    )
    assert market.active is False


def test_times_keep_their_milliseconds() -> None:
    assert read({**OPTION, "expiry": 1_900_000_000_123, "created": 1}).expiry == datetime(
        2030, 3, 17, 17, 46, 40, 123_000, tzinfo=UTC
    )


# ---- fees and limits -----------------------------------------------------------------------------------------------


def test_a_fee_is_a_fraction_and_may_be_a_rebate() -> None:
    specs = read({**SPOT, "maker": -0.00025, "taker": "0.00075", "percentage": True}).specs
    assert (specs.maker_fee, specs.taker_fee) == (Decimal("-0.00025"), Decimal("0.00075"))


def test_a_fee_that_is_not_a_fraction_is_not_read() -> None:
    specs = read({**SPOT, "maker": 1, "taker": 1, "percentage": False}).specs
    assert (specs.maker_fee, specs.taker_fee) == (None, None)


def test_limits_are_stored_or_stay_unset_and_no_maximum_is_zero() -> None:
    limits = {"amount": {"min": 1e-8, "max": 0}, "cost": {"min": "5.00", "max": None}, "leverage": {"max": 125}}
    specs = read({**SWAP, "limits": limits}).specs
    assert (specs.min_order_size, specs.max_order_size) == (Decimal("1e-8"), None)
    assert (specs.min_notional, specs.max_order_value, specs.max_leverage) == (Decimal(5), None, Decimal(125))
    assert read(SWAP).specs == markets.Specs(contract_size=Decimal(1))
