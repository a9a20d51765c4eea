"""Numbers, contract terms, labels, intervals and relationships follow the contract, or all violations are reported."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cqar.contract.cqc.services.v1.asset_registry_pb2 import CreateAssetRelationshipRequest
from cqar.errors import Invalid
from cqar.model import entities, rules
from cqar.model.binding import Binding
from cqar.model.rules import CALL, FUTURE, MARGIN, OPTION, PERPETUAL, PUT, SPOT, Terms

Broken = Callable[..., list[tuple[str, str]]]
Check = Callable[[Decimal, str], Decimal]
quick = settings(deadline=None, max_examples=300)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_RATE = Binding(CreateAssetRelationshipRequest, entities.RELATIONSHIP, (), entities.RELATIONSHIP.renames)
EXPIRY = datetime(2026, 3, 27, 8, tzinfo=UTC)


# ---- numbers


@pytest.mark.parametrize(
    ("value", "limit"), [(0, None), (18, None), (0, 0), (24, 255), (100, 255), (255, 255), (8, 8), (255, 1000), (18, 18)]
)
def test_decimals_go_to_the_limit_of_the_chain(value: int, limit: int | None) -> None:
    assert rules.decimals(value, limit, "decimals") == value


@pytest.mark.parametrize(
    ("value", "limit"), [(-1, None), (19, None), (24, 18), (1, 0), (256, 255), (256, 1000), (10_000, None)]
)
def test_decimals_beyond_the_limit_are_refused(value: int, limit: int | None, broken: Broken) -> None:
    assert broken(lambda: rules.decimals(value, limit, "decimals")) == [("decimals", "OUT_OF_RANGE")]


def test_too_many_decimals_are_refused_with_the_limit_of_the_chain() -> None:
    for value in (19, 255):
        with pytest.raises(Invalid, match="max_decimals"):
            rules.decimals(value, None, "decimals")
    with pytest.raises(Invalid, match=r"^(?!.*max_decimals)"):
        rules.decimals(256, None, "decimals")


def test_a_chain_declares_at_most_255_decimals(broken: Broken) -> None:
    assert [rules.max_decimals(value, "max_decimals") for value in (0, 255)] == [0, 255]
    for value in (-1, 256):
        assert broken(lambda value=value: rules.max_decimals(value, "max_decimals")) == [("max_decimals", "OUT_OF_RANGE")]


@pytest.mark.parametrize(
    ("check", "value"),
    [
        *((rules.fee_maker, value) for value in ("-1", "-0.00025", "-0.000152", "0", "0.001", "1")),
        *((rules.fee_taker, value) for value in ("0", "0.0005", "1")),
        *((rules.positive, value) for value in ("1e-40", "0.5", "1e39")),
        *((rules.not_negative, value) for value in ("0", "1e-40", "1")),
        *((rules.not_zero, value) for value in ("-100000000", "1e-40", "1000")),
        *((rules.weight, value) for value in ("0", "0.25", "1", "60")),
    ],
)
def test_a_number_within_its_rule_is_kept(check: Check, value: str) -> None:
    assert check(Decimal(value), "field") == Decimal(value)


@pytest.mark.parametrize(
    ("check", "value", "rule"),
    [
        *((rules.fee_maker, value, "OUT_OF_RANGE") for value in ("-1.0000000001", "1.5", "10")),
        *((rules.fee_taker, value, "OUT_OF_RANGE") for value in ("-0.00025", "1.5", "1." + "0" * 39 + "1")),
        *((rules.positive, value, "NOT_POSITIVE") for value in ("0", "-0", "-1e-40")),
        *((rules.not_negative, value, "NEGATIVE") for value in ("-1e-40", "-1")),
        *((rules.not_zero, value, "ZERO") for value in ("0", "-0")),
        (rules.weight, "-0.1", "NEGATIVE"),
    ],
)
def test_a_number_outside_of_its_rule_is_refused(check: Check, value: str, rule: str, broken: Broken) -> None:
    assert broken(lambda: check(Decimal(value), "field")) == [("field", rule)]


@pytest.mark.parametrize("check", [rules.fee_maker, rules.fee_taker])
def test_a_fee_in_percent_is_refused_because_fees_are_fractions(check: Check) -> None:
    with pytest.raises(Invalid, match=r"1\.5 is .*fractions: 0\.001 is 0\.1 %"):
        check(Decimal("1.5"), "taker_fee")


def test_a_conversion_rate_is_a_positive_number_in_text(broken: Broken) -> None:
    def rate(given: str) -> Decimal:
        values = _RATE.values(CreateAssetRelationshipRequest(conversion_rate=given))
        return Decimal(values["conversion_rate"])

    assert rate("1e-3") == Decimal("0.001")
    assert broken(lambda: rate("0")) == [("conversion_rate", "NOT_POSITIVE")]
    assert broken(lambda: rate("-1")) == [("conversion_rate", "NOT_POSITIVE")]
    assert broken(lambda: rate("1:1")) == [("conversion_rate", "NOT_A_NUMBER")]


def test_the_least_order_is_below_the_most(broken: Broken) -> None:
    fields = ("min_order_size", "max_order_size")
    for least, most in ((None, None), (Decimal(1), None), (None, Decimal(1)), (Decimal(1), Decimal(2))):
        rules.order_sizes(least, most, fields)
    for least, most in ((Decimal(1), Decimal(1)), (Decimal(2), Decimal(1))):
        assert broken(lambda least=least, most=most: rules.order_sizes(least, most, fields)) == [
            ("max_order_size", "BAD_RANGE")
        ]


def test_a_listing_ends_after_it_begins(broken: Broken) -> None:
    fields = ("listed_at", "delisted_at")
    elsewhere = timezone(timedelta(hours=9))
    for begin, end in ((None, None), (NOW, None), (None, NOW), (NOW, NOW + MICROSECOND)):
        rules.interval(begin, end, fields)
    for begin, end in ((NOW, NOW), (NOW, NOW - MICROSECOND), (NOW, NOW.astimezone(elsewhere))):
        assert broken(lambda begin=begin, end=end: rules.interval(begin, end, fields)) == [("delisted_at", "BAD_RANGE")]


# ---- relationships and chains


RELATIONSHIP = ("source_asset_id", "target_asset_id", "relationship_type")


@pytest.mark.parametrize("relationship_type", rules.RELATIONSHIPS)
def test_a_relationship_links_two_assets(relationship_type: int, broken: Broken) -> None:
    rules.relationship("a", "b", relationship_type, RELATIONSHIP)
    refused = broken(lambda: rules.relationship("a", "a", relationship_type, RELATIONSHIP))
    assert refused == [("target_asset_id", "SELF_LINK")]


@pytest.mark.parametrize(("relationship_type", "rule"), [(0, "REQUIRED"), (9, "BAD_TYPE"), (-1, "BAD_TYPE")])
def test_a_relationship_has_a_known_type(relationship_type: int, rule: str, broken: Broken) -> None:
    refused = broken(lambda: rules.relationship("a", "b", relationship_type, RELATIONSHIP))
    assert refused == [("relationship_type", rule)]


def test_pairs_migrations_and_forks_may_form_cycles() -> None:
    liquidity_pair, migrates_to, forks_from = 5, 6, 7
    assert set(rules.RELATIONSHIPS) - rules.ACYCLIC == {liquidity_pair, migrates_to, forks_from}


@pytest.mark.parametrize(
    "text", ["eip155:1", "cosmos:cosmoshub-4", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "starknet:SN_MAIN"]
)
def test_a_caip2_chain_id_is_kept(text: str) -> None:
    assert rules.caip2(text, "caip2") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "eip155",
        "eip155:",
        ":1",
        "EIP155:1",
        "ab:1",
        "namespace9:1",
        "cosmos:shentu-2.2",
        "eip155:1\n",
        "a b:1",
        "abc:" + "x" * 33,
    ],
)
def test_a_chain_id_of_another_form_is_refused(text: str, broken: Broken) -> None:
    assert broken(lambda: rules.caip2(text, "caip2")) == [("caip2", "BAD_CAIP2")]


# ---- contract terms


def spot() -> Terms:
    """BTC/USDT."""
    return Terms(symbol_type=SPOT, base_asset_id="btc", quote_asset_id="usdt")


def perpetual() -> Terms:
    """BTC/USDT:USDT."""
    return replace(spot(), symbol_type=PERPETUAL)


def future() -> Terms:
    """BTC/USDT:USDT-260327."""
    return replace(spot(), symbol_type=FUTURE, expiry=EXPIRY)


def option() -> Terms:
    """BTC/USDT:USDT-260327-72000-C."""
    return replace(future(), symbol_type=OPTION, strike_price=Decimal(72000), option_type=CALL)


EVERY = [spot(), replace(spot(), symbol_type=MARGIN), perpetual(), future(), option()]


@pytest.mark.parametrize("given_terms", EVERY)
def test_every_type_is_accepted_with_what_it_needs(given_terms: Terms) -> None:
    done = rules.terms(given_terms, now=NOW)
    derivative = given_terms.symbol_type in rules.DERIVATIVES
    assert done == replace(
        given_terms, settlement_asset_id="usdt" if derivative else None, margin_kind="linear" if derivative else None
    )
    assert rules.terms(done, now=NOW) == done


@pytest.mark.parametrize("symbol_type", [0, 6, -1])
def test_a_symbol_has_a_known_type(symbol_type: int, broken: Broken) -> None:
    refused = broken(lambda: rules.terms(replace(spot(), symbol_type=symbol_type), now=NOW))
    assert refused == [("symbol_type", "BAD_TYPE" if symbol_type else "REQUIRED")]


@pytest.mark.parametrize("symbol_type", [SPOT, MARGIN])
def test_spot_and_margin_trade_two_assets(symbol_type: int, broken: Broken) -> None:
    same = Terms(symbol_type=symbol_type, base_asset_id="btc", quote_asset_id="btc")
    assert broken(lambda: rules.terms(same, now=NOW)) == [("quote_asset_id", "SAME_ASSET")]


@pytest.mark.parametrize("given_terms", EVERY)
@pytest.mark.parametrize("field", ["base_asset_id", "quote_asset_id"])
def test_a_symbol_needs_base_and_quote(given_terms: Terms, field: str, broken: Broken) -> None:
    lacking = Terms(**{**{name: getattr(given_terms, name) for name in Terms.__slots__}, field: ""})
    assert broken(lambda: rules.terms(lacking, now=NOW)) == [(field, "REQUIRED")]


@pytest.mark.parametrize("symbol_type", [SPOT, MARGIN])
def test_spot_and_margin_have_no_contract_terms_and_all_are_named(symbol_type: int, broken: Broken) -> None:
    full = replace(option(), symbol_type=symbol_type, settlement_asset_id="usdt", margin_kind="linear")
    assert broken(lambda: rules.terms(full, now=NOW)) == [
        ("strike_price_decimal", "NOT_ALLOWED"),
        ("expiry", "NOT_ALLOWED"),
        ("option_type", "NOT_ALLOWED"),
        ("settlement_asset_id", "NOT_ALLOWED"),
        ("margin_kind", "NOT_ALLOWED"),
    ]


def test_a_perpetual_never_expires(broken: Broken) -> None:
    refused = broken(lambda: rules.terms(replace(option(), symbol_type=PERPETUAL), now=NOW))
    assert refused == [("strike_price_decimal", "NOT_ALLOWED"), ("expiry", "NOT_ALLOWED"), ("option_type", "NOT_ALLOWED")]


def test_a_future_has_only_an_expiry(broken: Broken) -> None:
    refused = broken(lambda: rules.terms(replace(option(), symbol_type=FUTURE, expiry=None), now=NOW))
    assert refused == [("strike_price_decimal", "NOT_ALLOWED"), ("expiry", "REQUIRED"), ("option_type", "NOT_ALLOWED")]


@pytest.mark.parametrize("option_type", [None, 0])
def test_an_option_without_its_terms_is_refused_with_each_of_them(option_type: int | None, broken: Broken) -> None:
    bare = replace(spot(), symbol_type=OPTION, option_type=option_type)
    wanted = [("strike", "REQUIRED"), ("expiry", "REQUIRED"), ("option_type", "REQUIRED")]
    assert broken(lambda: rules.terms(bare, now=NOW, strike_field="strike")) == wanted


def test_every_wrong_value_of_an_option_is_named_at_once(broken: Broken) -> None:
    wrong = replace(option(), strike_price=Decimal(0), expiry=NOW, option_type=3, margin_kind="cash")
    assert broken(lambda: rules.terms(wrong, now=NOW)) == [
        ("strike_price_decimal", "NOT_POSITIVE"),
        ("expiry", "EXPIRED"),
        ("option_type", "BAD_TYPE"),
        ("margin_kind", "BAD_MARGIN_KIND"),
    ]


def test_a_new_option_expires_in_the_future_but_a_known_one_may_be_over(broken: Broken) -> None:
    assert broken(lambda: rules.terms(option(), now=EXPIRY)) == [("expiry", "EXPIRED")]
    assert rules.terms(option(), now=EXPIRY - MICROSECOND).expiry == EXPIRY
    assert rules.terms(option(), now=None).expiry == EXPIRY
    assert rules.terms(future(), now=EXPIRY + MICROSECOND).expiry == EXPIRY


@pytest.mark.parametrize("strike", ["0.24", "1.52", "72000", "1e-40"])
def test_any_strike_above_zero_is_exact(strike: str) -> None:
    assert rules.terms(replace(option(), strike_price=Decimal(strike)), now=NOW).strike_price == Decimal(strike)


def test_an_expiry_without_a_time_zone_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="time zone"):
        replace(option(), expiry=EXPIRY.replace(tzinfo=None))


def contract(base: str, quote: str, settlement: str | None, kind: str | None) -> Terms:
    """A perpetual."""
    return Terms(
        symbol_type=PERPETUAL, base_asset_id=base, quote_asset_id=quote, settlement_asset_id=settlement, margin_kind=kind
    )


@pytest.mark.parametrize(
    ("given_terms", "settlement", "kind"),
    [
        (contract("btc", "usdt", None, None), "usdt", "linear"),
        (contract("btc", "usdt", None, "linear"), "usdt", "linear"),
        (contract("btc", "usdt", "usdt", None), "usdt", "linear"),
        (contract("btc", "usd", "btc", None), "btc", "inverse"),
        (contract("btc", "usd", "btc", "inverse"), "btc", "inverse"),
        (contract("eth", "usd", "btc", None), "btc", "quanto"),
        (contract("eth", "usd", "btc", "quanto"), "btc", "quanto"),
        (contract("btc", "btc", None, None), "btc", "inverse"),
        (contract("btc", "btc", "btc", "inverse"), "btc", "inverse"),
    ],
)
def test_settlement_and_margin_kind_follow_where_they_are_not_given(given_terms: Terms, settlement: str, kind: str) -> None:
    done = rules.terms(given_terms, now=NOW)
    assert (done.settlement_asset_id, done.margin_kind) == (settlement, kind)


@pytest.mark.parametrize(
    ("given_terms", "violation"),
    [
        (contract("btc", "usd", None, "inverse"), ("settlement_asset_id", "REQUIRED")),
        (contract("eth", "usd", None, "quanto"), ("settlement_asset_id", "REQUIRED")),
        (contract("btc", "btc", None, "inverse"), ("settlement_asset_id", "REQUIRED")),
        (contract("btc", "usdt", "", None), ("settlement_asset_id", "REQUIRED")),
        (contract("btc", "usd", "btc", "linear"), ("margin_kind", "MARGIN_KIND_MISMATCH")),
        (contract("btc", "usd", "btc", "quanto"), ("margin_kind", "MARGIN_KIND_MISMATCH")),
        (contract("btc", "usdt", "usdt", "inverse"), ("margin_kind", "MARGIN_KIND_MISMATCH")),
        (contract("eth", "usd", "btc", "linear"), ("margin_kind", "MARGIN_KIND_MISMATCH")),
        (contract("btc", "btc", None, "linear"), ("margin_kind", "MARGIN_KIND_MISMATCH")),
        (contract("btc", "usdt", None, "Linear"), ("margin_kind", "BAD_MARGIN_KIND")),
        (contract("btc", "usdt", None, ""), ("margin_kind", "BAD_MARGIN_KIND")),
        (contract("btc", "usdt", None, "x" * 5000), ("margin_kind", "BAD_MARGIN_KIND")),
    ],
)
def test_contradictions_about_the_settlement_are_refused(
    given_terms: Terms, violation: tuple[str, str], broken: Broken
) -> None:
    assert broken(lambda: rules.terms(given_terms, now=NOW)) == [violation]


assets = st.sampled_from(["btc", "eth", "usd", ""])


@quick
@given(
    st.builds(
        Terms,
        symbol_type=st.integers(0, 6),
        base_asset_id=assets,
        quote_asset_id=assets,
        settlement_asset_id=st.none() | assets,
        margin_kind=st.none() | st.sampled_from(rules.MARGIN_KINDS),
        strike_price=st.none() | st.decimals(-1, 5, places=2),
        expiry=st.none() | st.datetimes(datetime(2025, 12, 30), datetime(2026, 1, 3), timezones=st.just(UTC)),  # noqa: DTZ001
        option_type=st.none() | st.integers(0, 3),
    )
)
def test_accepted_terms_are_complete_and_stay_as_they_are(given_terms: Terms) -> None:
    try:
        done = rules.terms(given_terms, now=NOW)
    except Invalid:
        return
    assert rules.terms(done, now=NOW) == done
    derivative = done.symbol_type in rules.DERIVATIVES
    assert derivative == (done.settlement_asset_id is not None) == (done.margin_kind in rules.MARGIN_KINDS)
    assert (done.symbol_type in {FUTURE, OPTION}) == (done.expiry is not None)
    assert (done.symbol_type == OPTION) == (done.strike_price is not None) == (done.option_type in {CALL, PUT})
    for name in ("base_asset_id", "quote_asset_id", "strike_price", "expiry"):
        assert getattr(done, name) == getattr(given_terms, name)
    assert rules.label(done, "B", "Q", "S").startswith("B/Q:S" if derivative else "B/Q")


# ---- labels


@pytest.mark.parametrize(
    ("given_terms", "tickers", "label"),
    [
        (spot(), ("BTC", "USDT", None), "BTC/USDT"),
        (replace(spot(), symbol_type=MARGIN), ("BTC", "USDT", None), "BTC/USDT"),
        (perpetual(), ("BTC", "USDT", "USDT"), "BTC/USDT:USDT"),
        (perpetual(), ("BTC", "USD", "BTC"), "BTC/USD:BTC"),
        (perpetual(), ("ETH", "USD", "BTC"), "ETH/USD:BTC"),
        (future(), ("BTC", "USD", "BTC"), "BTC/USD:BTC-260327"),
        (option(), ("BTC", "USDT", "USDT"), "BTC/USDT:USDT-260327-72000-C"),
        (
            replace(option(), option_type=PUT, strike_price=Decimal("0.240")),
            ("ADA", "USDT", "USDT"),
            "ADA/USDT:USDT-260327-0.24-P",
        ),
        (replace(option(), strike_price=Decimal("4E+4")), ("BTC", "USD", "BTC"), "BTC/USD:BTC-260327-40000-C"),
        (replace(option(), strike_price=Decimal("1E-8")), ("币安人生", "U", "U"), "币安人生/U:U-260327-0.00000001-C"),
    ],
)
def test_labels_are_written_as_ccxt_writes_them(given_terms: Terms, tickers: tuple[str, str, str | None], label: str) -> None:
    assert rules.label(given_terms, *tickers) == label


def test_the_date_of_a_label_is_that_of_the_expiry_in_utc() -> None:
    tokyo = datetime(2026, 3, 28, 8, 59, tzinfo=timezone(timedelta(hours=9)))
    assert rules.label(replace(future(), expiry=tokyo), "BTC", "JPY", "JPY") == "BTC/JPY:JPY-260327"


@pytest.mark.parametrize(
    ("given_terms", "tickers"),
    [
        (perpetual(), ("BTC", "USDT", None)),
        (perpetual(), ("BTC", "USDT", "")),
        (spot(), ("", "USDT", None)),
        (spot(), ("BTC", "", None)),
        (replace(future(), expiry=None), ("BTC", "USDT", "USDT")),
        (replace(option(), strike_price=None), ("BTC", "USDT", "USDT")),
        (replace(option(), option_type=None), ("BTC", "USDT", "USDT")),
    ],
)
def test_no_label_is_made_where_a_part_is_absent(given_terms: Terms, tickers: tuple[str, str, str | None]) -> None:
    with pytest.raises(ValueError, match="absent"):
        rules.label(given_terms, *tickers)
