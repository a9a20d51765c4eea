"""Bounds of the numbers of a market: a number beyond them is left out and reported, since a wrong one costs money.

Each rule is about a kind of number, whatever the exchange. A number that an exchange means all the same can be set by hand.
"""

from decimal import Decimal
from typing import Final, NamedTuple

from cqar import exact

#: The largest fee, or rebate, that is believed: 5 %. A larger one is mostly a percentage read as a fraction.
MOST_FEE: Final = Decimal("0.05")
#: From here on, a maximum is a placeholder.
ENDLESS: Final = Decimal(10) ** 15
#: The largest signed and unsigned integers of 32 bits.
_WIDTHS: Final = frozenset(map(Decimal, (2**31 - 1, 2**31, 2**32 - 1, 2**32)))
#: How the largest signed integer of 64 bits begins, in any unit; scaled, it loses digits at its end.
_LONG: Final = str(2**63)[:10]
#: Nines that a placeholder has at least: 999999 or 9999.99, not 99.9.
_NINES: Final = 6


class Doubt(NamedTuple):
    """A number that is not read."""

    field: str
    #: the number, as the registry would have stored it
    value: Decimal
    #: beyond_bound, sentinel, filler or two_readings
    kind: str
    detail: str

    @property
    def routine(self) -> bool:
        """Whether it is expected: exchanges write placeholders for "none"."""
        return self.kind in ("sentinel", "filler")


class Bounds:
    """Checks the numbers of one market and collects those that are left out."""

    def __init__(self) -> None:
        self.doubts: list[Doubt] = []

    def fee(self, field: str, own: Decimal | None, unified: Decimal | None) -> Decimal | None:
        """Return a fee as a fraction: that of the payload, else of ccxt."""
        fee = self.agreed(field, own, unified)
        if fee is None or fee.copy_abs() <= MOST_FEE:
            return fee
        self._doubt(field, fee, "beyond_bound", f"{exact.plain(fee)} is more than {exact.plain(MOST_FEE)}, which is 5 %")
        return None

    def most(self, field: str, value: Decimal | None) -> Decimal | None:
        """Return a maximum; exchanges write zero, all nines or the largest integer for "none"."""
        if value is None or value <= 0:
            return None
        if not _is_sentinel(value):
            return value
        self._doubt(field, value, "sentinel", f"{exact.plain(value)} is a placeholder for no maximum")
        return None

    def leverage(self, value: Decimal | None) -> Decimal | None:
        """Return the maximum leverage; ccxt fills in 1 where an exchange gives none."""
        if value == 1:
            self._doubt("max_leverage", value, "filler", "1 is what ccxt fills in")
            return None
        return self.most("max_leverage", value)

    def agreed(self, field: str, own: Decimal | None, unified: Decimal | None) -> Decimal | None:
        """Return the number of the payload, else that of ccxt; neither if one of them is in another unit."""
        if own is None or unified is None or not _differ_by_a_power_of_ten(own, unified):
            return unified if own is None else own
        detail = f"the payload says {exact.plain(own)} and ccxt {exact.plain(unified)}: one of them is in another unit"
        self._doubt(field, own, "two_readings", detail)
        return None

    def _doubt(self, field: str, value: Decimal, kind: str, detail: str) -> None:
        self.doubts.append(Doubt(field, value, kind, f"{field} is not stored: {detail}"))


def _is_sentinel(value: Decimal) -> bool:
    digits = _digits(value)
    nines = len(digits) >= _NINES and not digits.strip("9")
    return value >= ENDLESS or value in _WIDTHS or nines or digits.startswith(_LONG)


def _differ_by_a_power_of_ten(one: Decimal, two: Decimal) -> bool:
    if not one or not two:
        return False
    return one.copy_abs() != two.copy_abs() and _digits(one).rstrip("0") == _digits(two).rstrip("0")


def _digits(value: Decimal) -> str:
    """The digits of a number from the first that is not zero."""
    return exact.plain(value.copy_abs()).replace(".", "").lstrip("0")
