"""Options and parameter types that several commands share."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_ALL = Decimal(100)

#: Where admin answers.
admin_address = click.option("--address", metavar="HOST:PORT", help="Address of admin or hotpath.  [admin in the settings]")
#: Where hotpath answers.
hotpath_address = click.option("--address", metavar="HOST:PORT", help="Address of hotpath.  [hotpath in the settings]")


def as_json(help_text: str) -> Callable[[_Command], _Command]:
    """Return the option `--json`, the parameter `as_json`. Errors of the command are JSON then, too."""
    return click.option("--json", "as_json", is_flag=True, help=f"{help_text} Errors are JSON too.")


class Time(click.ParamType[datetime]):
    """A time in ISO 8601: UTC unless it names a zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> datetime:
        """Parse the text."""
        try:
            return instant(value)
        except ValueError:
            self.fail(f"invalid time {value!r}: use 2026-01-31 or 2026-01-31T08:00:00Z", param, context)


class Interval(click.ParamType[float]):
    """An interval such as 90s, 15m, 6h or 1d, in seconds."""

    name = "interval"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> float:
        """Parse the text."""
        found = re.fullmatch(r"(\d{1,6})([smhd])", str(value))
        if found is None or not int(found[1]):
            self.fail(f"invalid interval {value!r}: use 90s, 15m, 6h or 1d", param, context)
        return float(int(found[1]) * _SECONDS[found[2]])


class Share(click.ParamType[tuple[int, Decimal]]):
    """A number, or a percentage such as 50%: the number and the percentage, of which one is 0."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[int, Decimal]:
        """Parse the text."""
        found = re.fullmatch(r"(?:(\d{1,9})|(\d{1,3}(?:\.\d{1,9})?)%)", str(value))
        if found is None or Decimal(found[2] or 0) > _ALL:
            self.fail(f"invalid limit {value!r}: use a number such as 200, or a percentage such as 50%", param, context)
        return int(found[1] or 0), Decimal(found[2] or 0)


def instant(text: str) -> datetime:
    """Parse an ISO 8601 time, which is in UTC if it names no zone. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
