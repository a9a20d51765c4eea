"""Numbers are received, stored and sent exactly."""

import decimal
import math
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cqar import exact
from cqar.errors import Invalid

Broken = Callable[..., list[tuple[str, str]]]
quick = settings(deadline=None, max_examples=200)
#: Numbers within the rule: up to 40 digits before and 40 after the point.
numbers = st.builds(
    lambda sign, digits, scale: Decimal((sign, tuple(map(int, str(digits))), -scale)),
    st.integers(0, 1),
    st.integers(0, 10**40 - 1),
    st.integers(0, 40),
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("0e999999999999", "0"),
        ("1", "1"),
        ("+1", "1"),
        ("007", "7"),
        ("1000", "1000"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("1.50", "1.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-0.00025", "-0.00025"),
        ("1e-8", "0.00000001"),
        ("1e-19", "0.0000000000000000001"),
        ("1e-24", "0.000000000000000000000001"),
        ("1e-40", "0." + "0" * 39 + "1"),
        ("1" + "0" * 39, "1" + "0" * 39),
        ("1e39", "1" + "0" * 39),
        ("-100000000", "-100000000"),
        ("0.1e-39", "0." + "0" * 39 + "1"),
        ("100e-42", "0." + "0" * 39 + "1"),
        ("0" * 100 + "1." + "0" * 90, "1"),
        ("0" * 199 + "1", "1"),
        ("9" * 40 + "." + "9" * 40, "9" * 40 + "." + "9" * 40),
    ],
)
def test_a_number_in_any_form_comes_out_plain(text: str, plain: str) -> None:
    assert exact.plain(exact.parse(text, "tick_size_decimal")) == plain


@pytest.mark.parametrize(
    "text", ["", " ", "1 ", " 1", "1\n", "1_000", "1,5", "0x10", "--1", "+-1", "e5", "1e", "1e+", ".", "-"]
)
def test_what_is_not_a_plain_or_exponent_number_is_refused(text: str, broken: Broken) -> None:
    assert broken(lambda: exact.parse(text, "lot_size_decimal")) == [("lot_size_decimal", "NOT_A_NUMBER")]


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "NaN",
        "sNaN1",
        "inf",
        "-Infinity",
        "\u0661",
        "\uff11",
        "1e\u0661",
        "1\u200b",
        "\u22121",
        "\x00",
        "\ud800",
        "1.2.3",
        "1e5.0",
    ],
)
def test_what_only_a_library_takes_for_a_number_is_refused(text: str, broken: Broken) -> None:
    assert broken(lambda: exact.parse(text, "lot_size_decimal")) == [("lot_size_decimal", "NOT_A_NUMBER")]


@pytest.mark.parametrize(
    "text",
    [
        "1e-41",
        "-1e-41",
        "1e40",
        "1" + "0" * 40,
        "0." + "0" * 40 + "1",
        "1.5e-40",
        "1e400000000",
        "-1e-400000000",
        "1e" + "9" * 150,
        "9" * 10_000,
        "0" * 200 + "1",
        "0" * 10_000_000,
    ],
)
def test_a_number_of_too_many_digits_is_refused_without_building_it(text: str, broken: Broken) -> None:
    assert broken(lambda: exact.parse(text, "min_notional_decimal")) == [("min_notional_decimal", "TOO_MANY_DIGITS")]


@quick
@given(numbers)
def test_what_a_client_reads_it_may_send_back(number: Decimal) -> None:
    plain = exact.plain(number)
    read = exact.parse(plain, "f")
    assert read == number
    assert exact.plain(read) == plain
    assert exact.parse(f"{number:E}", "f") == number
    assert "e" not in plain.lower()
    assert plain == "0" or not (plain.startswith(("-0.", "0.")) and plain.endswith("0"))


@quick
@given(st.text("0123456789+-.eE", max_size=12))
def test_any_text_is_a_number_within_the_rule_or_refused(text: str) -> None:
    try:
        number = exact.parse(text, "f")
    except Invalid:
        return
    assert number == Decimal(text)
    whole, _, fraction = exact.plain(number).lstrip("-").partition(".")
    assert max(len(whole), len(fraction)) <= 40


@quick
@given(numbers, st.integers(1, 6))
def test_no_decimal_context_changes_a_number(number: Decimal, precision: int) -> None:
    text = exact.plain(number)
    with decimal.localcontext(prec=precision, rounding=decimal.ROUND_UP, Emax=9, Emin=-9):
        assert exact.plain(exact.parse(text, "f")) == text
        assert exact.nearest(exact.parse(text, "f")) == float(text)


@quick
@given(st.floats(1e-20, 1e20) | st.floats(-1e20, -1e-20) | st.just(0.0))
def test_a_double_means_its_shortest_decimal_and_comes_back_unchanged(value: float) -> None:
    number = exact.from_double(value, "tick_size")
    assert exact.nearest(number) == value
    assert number == Decimal(repr(value))


@pytest.mark.parametrize(
    ("value", "plain"), [(0.1, "0.1"), (1e-8, "0.00000001"), (1e22, "1" + "0" * 22), (-0.0, "0"), (3.0, "3")]
)
def test_doubles_read_as_people_write_them(value: float, plain: str) -> None:
    assert exact.plain(exact.from_double(value, "tick_size")) == plain


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_double_that_is_no_number_is_refused(value: float, broken: Broken) -> None:
    assert broken(lambda: exact.from_double(value, "tick_size")) == [("tick_size", "NOT_FINITE")]
    assert broken(lambda: exact.pick(value, None, "tick_size", Decimal(1))) == [("tick_size", "NOT_FINITE")]
    assert broken(lambda: exact.pick(value, "1", "tick_size")) == [("tick_size_decimal", "DECIMAL_MISMATCH")]


@pytest.mark.parametrize("value", [5e-324, 1e300, 1e-41])
def test_a_double_of_too_many_digits_is_refused(value: float, broken: Broken) -> None:
    assert broken(lambda: exact.from_double(value, "tick_size")) == [("tick_size", "TOO_MANY_DIGITS")]


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity")])
def test_what_is_not_finite_is_never_given_out(value: Decimal) -> None:
    with pytest.raises(ValueError, match="no plain form"):
        exact.plain(value)


def test_unset_stays_unset() -> None:
    assert exact.pick(None, None, "tick_size") is None
    assert exact.pick(None, None, "tick_size", Decimal(1)) is None


def test_the_exact_text_wins_over_the_double_beside_it() -> None:
    text = "0.1000000000000000000000000001"
    assert exact.pick(0.1, text, "tick_size") == Decimal(text)
    assert exact.pick(None, text, "tick_size") == Decimal(text)


def test_a_double_and_a_text_that_differ_are_refused_and_the_text_is_named(broken: Broken) -> None:
    assert broken(lambda: exact.pick(0.1, "0.2", "tick_size")) == [("tick_size_decimal", "DECIMAL_MISMATCH")]
    assert broken(lambda: exact.pick(0.0, "0." + "0" * 39 + "1", "tick_size")) == [("tick_size_decimal", "DECIMAL_MISMATCH")]
    assert broken(lambda: exact.pick(0.1, "", "tick_size")) == [("tick_size_decimal", "NOT_A_NUMBER")]


def test_a_client_that_sends_back_the_double_it_read_changes_nothing() -> None:
    stored = Decimal("0.10000000000000000000000012345")
    assert exact.pick(exact.nearest(stored), None, "tick_size", stored) is stored
    assert exact.pick(0.2, None, "tick_size", stored) == Decimal("0.2")
    assert exact.pick(0.1, "0.1", "tick_size", stored) == Decimal("0.1")


@quick
@given(numbers, numbers)
def test_the_double_of_a_stored_number_always_means_that_number(stored: Decimal, other: Decimal) -> None:
    assert exact.pick(exact.nearest(stored), None, "f", stored) == stored
    assert exact.pick(exact.nearest(stored), exact.plain(stored), "f", other) == stored
