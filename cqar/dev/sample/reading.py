"""Read the YAML of the sample into facts. Scalars stay text until their type is known, so no number becomes a double."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec
import yaml

from cqar.dev.sample.checks import Entry, FactError, check
from cqar.dev.sample.facts import Asset, Chain, Deployment, Fact, Facts, Flag, Group, Listing, Relationship, Text, Venue

_T = TypeVar("_T")


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Listings of one type at one venue: a line of column names, then one line per listing; `-` is unset."""

    venue: Text
    type: Text
    rows: Text
    common: dict[str, str] = {}

    def lines(self) -> Iterator[dict[str, str]]:
        """Return each row as a mapping of its columns and the common values. Raises ValueError."""
        columns, *rows = [line.split() for line in self.rows.splitlines() if line.strip()]
        if len(set(columns)) < len(columns):
            msg = f"rows: a column occurs twice in {' '.join(columns)}"
            raise ValueError(msg)
        for row in rows:
            if len(row) != len(columns):
                msg = f"row {row[0]!r} has {len(row)} values for {len(columns)} columns"
                raise ValueError(msg)
            given = {column: value for column, value in zip(columns, row, strict=True) if value != "-"}
            yield {"venue": self.venue, "type": self.type, **self.common, **given}


class _Loader(yaml.BaseLoader):
    """YAML in which every scalar is text and every key of a mapping is unique."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - as in the base
        """Return the mapping. Raises yaml.YAMLError if a key occurs twice."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, times in Counter(keys).items():
            if times > 1:
                msg = f"the key {key!r} occurs {times} times"
                raise yaml.constructor.ConstructorError(problem=msg, problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


#: The sections of a file and the type of their entries.
SECTIONS: Final[Mapping[str, type[Fact | _Table]]] = MappingProxyType(
    {
        "assets": Asset,
        "relationships": Relationship,
        "groups": Group,
        "flags": Flag,
        "chains": Chain,
        "deployments": Deployment,
        "venues": Venue,
        "listings": _Table,
    }
)


def read(directory: Traversable | None = None) -> Facts:
    """Read the facts in all *.yaml of the directory; by default those of the sample.

    Raises FactError: what does not parse, breaks a rule, refers to nothing or stands twice.
    """
    found: dict[str, list[Entry]] = {section: [] for section in SECTIONS}
    files = resources.files("cqar.dev.sample") if directory is None else directory
    for file in sorted(files.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".yaml"):
            for section, entries in _sections(file):
                found[section] += entries
    check([entry for entries in found.values() for entry in entries])
    facts: dict[str, Any] = {section: tuple(entry.fact for entry in entries) for section, entries in found.items()}
    return Facts(**facts)


def _sections(file: Traversable) -> Iterator[tuple[str, list[Entry]]]:
    try:
        document = _Loader(file.read_text(encoding="utf-8")).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        msg = f"{file.name}: {error}"
        raise FactError(msg) from error
    if not isinstance(document, dict):
        msg = f"{file.name}: is not a mapping of {', '.join(SECTIONS)}"
        raise FactError(msg)
    for section, raw in document.items():
        if section not in SECTIONS or not isinstance(raw, list):
            msg = f"{file.name}: {section!r} is not one of the lists {', '.join(SECTIONS)}"
            raise FactError(msg)
        yield section, list(_entries(f"{file.name}: {section}", section, raw))


def _entries(place: str, section: str, raw: list[object]) -> Iterator[Entry]:
    for number, each in enumerate(raw, 1):
        where = f"{place}, entry {number}{_label(each)}"
        fact = _convert(where, each, SECTIONS[section])
        if isinstance(fact, _Table):
            yield from _rows(where, fact)
        else:
            yield Entry(where, fact)


def _rows(place: str, table: _Table) -> Iterator[Entry]:
    try:
        for row in table.lines():
            where = f"{place}, row {row.get('text', '')!r}"
            yield Entry(where, _convert(where, row, Listing))
    except FactError:
        raise
    except ValueError as error:
        msg = f"{place}: {error}"
        raise FactError(msg) from error


def _convert(place: str, raw: object, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(raw, kind, strict=False)
    except msgspec.ValidationError as error:
        msg = f"{place}: {error}"
        raise FactError(msg) from error


def _label(raw: object) -> str:
    """Return a name that identifies an entry in messages."""
    if not isinstance(raw, dict):
        return ""
    named = next((raw[field] for field in ("key", "symbol", "slug", "name", "asset", "from", "venue") if field in raw), None)
    return "" if named is None else f" {named!r}"
