"""Texts in the payload of an exchange: rules for where a code, a name, a type or a class is.

A rule maps the payload of one market to a text, or to None if the payload has none. Rules are declared in
`cqar.importers.exchanges.fields`; a text without a rule is not read.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cqar.importers.exchanges.facts import AssetClass
from cqar.importers.exchanges.payload import Payload, number

Text = Callable[[Payload], str | None]
Flag = Callable[[Payload], bool]
Classifier = Callable[[Payload], AssetClass | None]

#: What JavaScript and Python write for a missing value.
NOTHING = frozenset({"", "undefined", "null", "None", "NaN"})


def found(value: Any) -> str | None:
    """Text, or a whole number as text; None if there is none."""
    if isinstance(value, str):
        value = value.strip()
        return None if value in NOTHING else value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def at(payload: Payload, path: tuple[str | int, ...]) -> Any:
    """The value at a path of names and, in lists, of positions."""
    value: Any = payload
    for name in path:
        if isinstance(name, int):
            value = value[name] if isinstance(value, list) and -len(value) <= name < len(value) else None
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    return value


def text(*path: str | int) -> Text:
    """The text at the path."""
    return lambda payload: found(at(payload, path))


def part(*path: str | int, of: str, place: int) -> Text:
    """The part at a place of the text at the path, split at the separator `of`."""

    def read(payload: Payload) -> str | None:
        whole = found(at(payload, path))
        parts = [] if whole is None else whole.split(of)
        return found(parts[place]) if len(parts) > 1 and -len(parts) <= place < len(parts) else None

    return read


def first(*rules: Text) -> Text:
    """The text of the first rule that finds one."""

    def read(payload: Payload) -> str | None:
        return next((value for rule in rules if (value := rule(payload)) is not None), None)

    return read


def mapped(rule: Text, meanings: Mapping[str, str]) -> Text:
    """What is declared for the text of the rule; None for another text."""
    return lambda payload: meanings.get(rule(payload) or "")


def unsaid(_payload: Payload) -> str | None:
    """No text: none is declared for the payload."""
    return None


def classed(rule: Text, meanings: Mapping[str, AssetClass]) -> Classifier:
    """The class that is declared for the text of the rule, in any case."""
    folded = {text.lower(): asset_class for text, asset_class in meanings.items()}
    return lambda payload: folded.get((rule(payload) or "").lower())


def tagged(*path: str | int, tags: Mapping[str, AssetClass]) -> Classifier:
    """The class of the first declared tag in a list of tags, in nested lists, or in text separated by commas."""

    def read(payload: Payload) -> AssetClass | None:
        return next((tags[tag] for tag in _tags(at(payload, path)) if tag in tags), None)

    return read


def _tags(value: Any) -> list[str]:
    if isinstance(value, list):
        return [tag for each in value for tag in _tags(each)]
    return value.split(",") if isinstance(value, str) else []


def first_class(*rules: Classifier) -> Classifier:
    """The class of the first rule that finds one."""

    def read(payload: Payload) -> AssetClass | None:
        return next((value for rule in rules if (value := rule(payload)) is not None), None)

    return read


def unclassed(_payload: Payload) -> AssetClass | None:
    """No class: none is declared for the payload."""
    return None


def true(*path: str | int) -> Flag:
    """Whether the value at the path is true, 1 or "yes"."""
    return lambda payload: str(at(payload, path)).lower() in ("true", "1", "yes")


def always(_payload: Payload) -> bool:
    """True for every market of the exchange."""
    return True


def never(_payload: Payload) -> bool:
    """False for every market of the exchange."""
    return False


def any_of(*rules: Flag) -> Flag:
    """Whether one of the rules holds."""
    return lambda payload: any(rule(payload) for rule in rules)


def present(rule: Text) -> Flag:
    """Whether the rule finds a text."""
    return lambda payload: rule(payload) is not None


def milliseconds(*path: str | int) -> Callable[[Payload], int | None]:
    """The time in milliseconds since 1970 at the path; zero and negative numbers mean "none"."""

    def read(payload: Payload) -> int | None:
        value = number(found(at(payload, path)))
        return int(value) if value is not None and value.is_finite() and value > 0 and value == int(value) else None

    return read


def no_time(_payload: Payload) -> int | None:
    """No time: none is declared for the payload."""
    return None
