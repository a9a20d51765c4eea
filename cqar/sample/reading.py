"""Reads the sample's YAML into facts: every scalar stays text until its type is known, so no number is ever a double."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import yaml

from cqar import addresses
from cqar.errors import Invalid
from cqar.sample.facts import (
    Asset,
    Chain,
    Deployment,
    Facts,
    Flag,
    Group,
    Listing,
    Relationship,
    Text,
    Venue,
)


_T = TypeVar("_T")


class FactError(ValueError):
    """A file of facts is wrong; the message names the file and the entry."""


class _Entry(NamedTuple):
    """A fact and where it stands."""

    place: str
    fact: Any


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Listings of one type at one venue: a line of column names, then a line each listing; `-` is unset."""

    venue: Text
    type: Text
    rows: Text
    common: dict[str, str] = {}

    def lines(self) -> Iterator[dict[str, str]]:
        """Each row as a mapping of its columns and the common values. Raises ValueError."""
        columns, *rows = [line.split() for line in self.rows.splitlines() if line.strip()]
        for row in rows:
            if len(row) != len(columns):
                msg = f"row {row[0]!r} has {len(row)} values for {len(columns)} columns"
                raise ValueError(msg)
            given = {column: value for column, value in zip(columns, row, strict=True) if value != "-"}
            yield {"venue": self.venue, "type": self.type, **self.common, **given}


class _Loader(yaml.BaseLoader):
    """YAML in which every scalar is text and no key stands twice in a mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - as in the base
        """The mapping. Raises yaml.YAMLError where a key stands twice."""
        for key, times in Counter(key.value for key, _ in node.value).items():
            if times > 1:
                msg = f"the key {key!r} stands {times} times"
                raise yaml.constructor.ConstructorError(problem=msg, problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


#: What a file may hold, and what its entries are.
SECTIONS: Final = MappingProxyType(
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
    """The facts of all *.yaml in the directory; of the sample that cqar brings along where none is given.

    Raises FactError: what does not parse, breaks a rule, refers to nothing or stands twice.
    """
    found: dict[str, list[_Entry]] = {section: [] for section in SECTIONS}
    files = resources.files("cqar.sample") if directory is None else directory
    for file in sorted(files.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".yaml"):
            for section, entries in _sections(file):
                found[section] += entries
    _check_keys(found)
    _check_references(found)
    _check_addresses(found)
    return Facts(**{section: tuple(entry.fact for entry in entries) for section, entries in found.items()})


def _sections(file: Traversable) -> Iterator[tuple[str, list[_Entry]]]:
    loader = _Loader(file.read_text(encoding="utf-8"))
    try:
        document = loader.get_single_data()
    except yaml.YAMLError as error:
        msg = f"{file.name}: {error}"
        raise FactError(msg) from error
    finally:
        loader.dispose()  # type: ignore[no-untyped-call]
    if not isinstance(document, dict):
        msg = f"{file.name}: is no mapping of {', '.join(SECTIONS)}"
        raise FactError(msg)
    for section, raw in document.items():
        if section not in SECTIONS or not isinstance(raw, list):
            msg = f"{file.name}: {section!r} is not one of the lists {', '.join(SECTIONS)}"
            raise FactError(msg)
        yield section, list(_entries(f"{file.name}: {section}", section, raw))


def _entries(place: str, section: str, raw: list[object]) -> Iterator[_Entry]:
    for number, each in enumerate(raw, 1):
        where = f"{place}, entry {number}{_label(each)}"
        fact = _convert(where, each, SECTIONS[section])
        if isinstance(fact, _Table):
            yield from _rows(where, fact)
        else:
            yield _Entry(where, fact)


def _rows(place: str, table: _Table) -> Iterator[_Entry]:
    try:
        for row in table.lines():
            where = f"{place}, row {row.get('text', '')!r}"
            yield _Entry(where, _convert(where, row, Listing))
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
    """What a person recognizes an entry by."""
    if not isinstance(raw, dict):
        return ""
    named = next((raw[field] for field in ("key", "symbol", "slug", "name", "asset", "from", "venue") if field in raw), None)
    return "" if named is None else f" {named!r}"


# ---- across facts --------------------------------------------------------------------------------------------------


def _check_keys(found: dict[str, list[_Entry]]) -> None:
    for section, entries in found.items():
        seen: dict[Hashable, str] = {}
        for entry in entries:
            for key in _keys(section, entry.fact):
                if key in seen:
                    msg = f"{entry.place}: {' '.join(map(str, key))} stands already in {seen[key]}"
                    raise FactError(msg)
                seen[key] = entry.place
    _check_intervals(found["listings"])


def _keys(section: str, fact: Any) -> Iterator[tuple[str, ...]]:
    """What must not stand twice in a section."""
    match section:
        case "assets":
            yield "key", fact.ref
            yield from (("id", source, external) for source, external in fact.ids.items())
        case "chains":
            yield "slug", fact.slug
            yield "caip2", fact.caip2
        case "deployments":
            yield fact.place, "on", fact.chain
            if fact.canonical:
                yield "canonical deployment of", fact.asset
        case "relationships":
            yield fact.source, fact.type, fact.target
        case "groups":
            yield "name", fact.name
            yield from ((fact.name, "member", member.asset) for member in fact.members)
        case "flags":
            yield fact.asset, fact.type
        case "venues":
            yield "slug", fact.slug
            for each in fact.assets:
                yield fact.slug, "asset", each.asset
                yield from ((fact.slug, "code", code) for code in (each.code, *each.aliases))


def _check_intervals(listings: list[_Entry]) -> None:
    """One text of one venue and type may mean several symbols, one after the other."""
    seen: dict[tuple[str, str, str], list[_Entry]] = {}
    for entry in listings:
        others = seen.setdefault((entry.fact.venue, entry.fact.text, entry.fact.type), [])
        for other in others:
            if entry.fact.overlaps(other.fact):
                msg = f"{entry.place}: stands already in {other.place}"
                raise FactError(msg)
        others.append(entry)


def _check_references(found: dict[str, list[_Entry]]) -> None:
    known = {
        "asset": {entry.fact.ref for entry in found["assets"]},
        "chain": {entry.fact.slug for entry in found["chains"]},
        "venue": {entry.fact.slug for entry in found["venues"]},
    }
    for section, entries in found.items():
        for entry in entries:
            for kind, name in _references(section, entry.fact):
                if name not in known[kind]:
                    msg = f"{entry.place}: there is no {kind} {name!r}"
                    raise FactError(msg)


def _references(section: str, fact: Any) -> Iterable[tuple[str, str]]:
    """The kind and the name of what a fact refers to."""
    match section:
        case "chains":
            return [("asset", fact.native)]
        case "deployments":
            return [("asset", fact.asset), ("chain", fact.chain)]
        case "relationships":
            return [("asset", fact.source), ("asset", fact.target)]
        case "groups":
            return [("asset", member.asset) for member in fact.members]
        case "flags":
            return [("asset", fact.asset)]
        case "venues":
            return [("asset", each.asset) for each in fact.assets]
        case "listings":
            assets = (fact.base, fact.quote, fact.settle)
            return [("venue", fact.venue), *(("asset", asset) for asset in assets if asset is not None)]
    return []


def _check_addresses(found: dict[str, list[_Entry]]) -> None:
    """Addresses stand in the registry's own spelling, so that what is there already is found."""
    chains: dict[str, Chain] = {entry.fact.slug: entry.fact for entry in found["chains"]}
    for entry in found["deployments"]:
        if entry.fact.native:
            continue
        chain = chains[entry.fact.chain]
        try:
            text = addresses.normalize(chain.type, entry.fact.address, "address", caip2=chain.caip2).text
        except Invalid as error:
            msg = f"{entry.place}: {error}"
            raise FactError(msg) from error
        if text != entry.fact.address:
            msg = f"{entry.place}: write the address as {text}"
            raise FactError(msg)
