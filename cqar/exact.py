"""Exact decimal numbers, and the doubles that stand beside them on the wire.

A number is finite and has at most 40 digits before and 40 after the point. Nothing here rounds and nothing depends on the
thread's decimal context: values are built from their digits, and the double is the nearest one.
"""

import math
import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

from cqar.errors import Invalid
from cqar.text import quoted

#: Digits allowed before the point and, again, after it; leading and trailing zeros do not count.
DIGITS: Final = 40
#: Characters of a number's text; room for 80 digits, sign, point, exponent and some idle zeros.
LENGTH: Final = 200

_NUMBER = re.compile(r"([+-]?)(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?")


#: Numbers that are remembered: markets have the same few ticks and lots over and over.
_REMEMBERED = 8192


@lru_cache(_REMEMBERED)
def parse(text: str, field: str) -> Decimal:
    """The number that the text says, exactly; its str() is plain down to 1e-6. Minus zero is zero.

    ASCII digits with an optional sign, point and exponent: `1000`, `-0.25`, `.5`, `1e-19`.
    Raises Invalid: NOT_A_NUMBER or TOO_MANY_DIGITS.
    """
    if len(text) > LENGTH:
        raise Invalid(field, "TOO_MANY_DIGITS", f"{quoted(text)} is longer than {LENGTH} characters")
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise Invalid(field, "NOT_A_NUMBER", f"{quoted(text)} is not a decimal number; write it like 0.001 or 1e-3")
    sign, whole, fraction, exponent = match.groups("")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return Decimal(0)
    scale = len(fraction) - int(exponent or 0) - (len(digits) - len(significant))
    if scale > DIGITS or len(significant) - scale > DIGITS:
        rule = f"at most {DIGITS} digits before and {DIGITS} after the point are allowed"
        raise Invalid(field, "TOO_MANY_DIGITS", f"{quoted(text)} has too many digits; {rule}")
    if scale < 0:
        significant += "0" * -scale
    return Decimal(f"{sign}{significant}E-{max(scale, 0)}")


@lru_cache(_REMEMBERED)
def plain(value: Decimal) -> str:
    """The number as clients get it: no exponent, no trailing zeros, `0` for any zero. ValueError where it is not finite."""
    if not value.is_finite():
        msg = f"{value} has no plain form"
        raise ValueError(msg)
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def nearest(value: Decimal) -> float:
    """The double nearest to the number, ties to even."""
    return float(value)


def from_double(value: float, field: str) -> Decimal:
    """The shortest decimal that reads back as this double. Raises Invalid: NOT_FINITE or TOO_MANY_DIGITS."""
    if not math.isfinite(value):
        raise Invalid(field, "NOT_FINITE", f"{value} is not a finite number")
    return parse(repr(float(value)), field)


def pick(double: float | None, text: str | None, field: str, stored: Decimal | None = None) -> Decimal | None:
    """The number that a request means by its double `field` and the exact twin `<field>_decimal`; None where both are unset.

    Given both, they must agree: the double is the nearest one to the text. A double alone means its shortest decimal, or
    `stored` where it is the double of that, so that a client which sends back what it read changes nothing.
    Raises Invalid: DECIMAL_MISMATCH on the twin, or as `parse` and `from_double`.
    """
    if text is None:
        if double is None:
            return None
        if stored is not None and nearest(stored) == double:
            return stored
        return from_double(double, field)
    twin = f"{field}_decimal"
    number = parse(text, twin)
    if double is not None and nearest(number) != double:
        rule = f"{quoted(text)} and {field} {double!r} are different numbers; send one of them, or the nearest double"
        raise Invalid(twin, "DECIMAL_MISMATCH", rule)
    return number
