"""Numbers in the payload of an exchange: rules for where a number is and what its unit is.

A rule maps the payload of one market to an exact number, or to None if the payload has none. Rules are declared in
`cqar.importers.exchanges.declarations`; a number without a rule is not read.
"""

from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from typing import Any, Final

from cqar import exact
from cqar.errors import Invalid

Payload = Mapping[str, Any]
Rule = Callable[[Payload], Decimal | None]

#: More decimal places than any market has: a larger number is not a number of places.
_MOST_PLACES = 40
#: Room for all digits of a number, so that scaling never rounds.
_WIDE: Final = Context(prec=4 * exact.DIGITS)


def number(value: Any) -> Decimal | None:
    """A JSON number, or its text, as Decimal; None if the registry cannot hold it."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        return exact.parse(str(value), "number")
    except Invalid:
        return None


def _value(payload: Payload, path: tuple[str, ...]) -> Any:
    value: Any = payload
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def places_as_step(count: Decimal | None) -> Decimal | None:
    """The step for n decimal places: 10 to the power of -n."""
    whole = _whole(count)
    return None if whole is None else Decimal(1).scaleb(-whole)


def _whole(count: Decimal | None) -> int | None:
    """A plausible whole number of decimal places."""
    if count is None or not count.is_finite() or abs(count) > _MOST_PLACES or count != int(count):
        return None
    return int(count)


def at(*path: str) -> Rule:
    """The number at the path."""
    return lambda payload: number(_value(payload, path))


def places(*path: str) -> Rule:
    """The step for the number of decimal places at the path."""
    return lambda payload: places_as_step(number(_value(payload, path)))


def percent(*path: str) -> Rule:
    """The percentage at the path, as a fraction."""

    def read(payload: Payload) -> Decimal | None:
        value = number(_value(payload, path))
        return None if value is None else value.scaleb(-2, _WIDE)

    return read


def first_tier_percent(name: str) -> Rule:
    """The percentage of the first of some tiers [[volume, percentage], ...], as a fraction."""

    def read(payload: Payload) -> Decimal | None:
        tiers = payload.get(name)
        tier = tiers[0] if isinstance(tiers, list) and tiers else None
        value = number(tier[1]) if isinstance(tier, list) and len(tier) > 1 else None
        return None if value is None else value.scaleb(-2, _WIDE)

    return read


def scaled(name: str, scale: str) -> Rule:
    """The named integer, divided by 10 to the power of the integer named `scale`."""

    def read(payload: Payload) -> Decimal | None:
        value, power = number(payload.get(name)), _whole(number(payload.get(scale)))
        return None if value is None or power is None else number(value.scaleb(-power, _WIDE))

    return read


def quotient(value: Decimal, by: Decimal) -> Decimal | None:
    """The quotient if it is exact; a rounded one is a different number."""
    found = _WIDE.divide(value, by) if by else None
    return found if found is not None and _WIDE.multiply(found, by) == value and number(found) is not None else None


def filtered(kind: str, name: str) -> Rule:
    """A number of one of the `filters`, selected by filterType."""

    def read(payload: Payload) -> Decimal | None:
        filters = payload.get("filters")
        for each in filters if isinstance(filters, list) else ():
            if isinstance(each, Mapping) and each.get("filterType") == kind:
                return number(each.get(name))
        return None

    return read


def either(*rules: Rule) -> Rule:
    """The number of the first rule that finds one."""

    def read(payload: Payload) -> Decimal | None:
        return next((found for rule in rules if (found := rule(payload)) is not None), None)

    return read


def none(_payload: Payload) -> Decimal | None:
    """No number: none is declared for the payload."""
    return None
