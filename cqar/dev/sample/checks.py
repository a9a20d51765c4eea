"""Rules across facts: keys are unique, references resolve, addresses have the spelling of the registry."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cqar.dev.sample.facts import Asset, Chain, Deployment, Fact, Flag, Group, Listing, Relationship, Venue, meet
from cqar.errors import Invalid
from cqar.model import addresses


class FactError(ValueError):
    """A file of facts is invalid; the message names the file and the entry."""


class Entry(NamedTuple):
    """A fact and its place in a file."""

    place: str
    fact: Fact


def check(entries: Sequence[Entry]) -> None:
    """Check all facts against each other. Raises FactError at the first violation."""
    _check_keys(entries)
    _check_references(entries)
    _check_addresses(entries)


def _check_keys(entries: Sequence[Entry]) -> None:
    seen: dict[tuple[str, ...], str] = {}
    listings: dict[tuple[str, str, str], list[tuple[Listing, str]]] = {}
    for place, fact in entries:
        for key in _keys(fact):
            if key in seen:
                msg = f"{place}: {' '.join(key)} is already in {seen[key]}"
                raise FactError(msg)
            seen[key] = place
        if isinstance(fact, Listing):
            # A venue may give one text to several symbols of a type, one after the other.
            others = listings.setdefault((fact.venue, fact.text, fact.type), [])
            for other, elsewhere in others:
                if meet(fact.interval, other.interval):
                    msg = f"{place}: is already in {elsewhere}"
                    raise FactError(msg)
            others.append((fact, place))


def _keys(fact: Fact) -> Iterator[tuple[str, ...]]:
    """Yield the keys that no other fact may have."""
    match fact:
        case Asset():
            yield "asset", fact.ref
            yield "asset named", fact.symbol, fact.name
            yield from ((source, external) for source, external in fact.ids.items())
        case Chain():
            yield "chain", fact.slug
            yield "chain", fact.caip2
        case Deployment():
            yield fact.place, "on", fact.chain
            if fact.canonical:
                yield "canonical deployment of", fact.asset
        case Relationship():
            yield fact.source, fact.type, fact.target
        case Group():
            yield "group", fact.name
            yield from (("group", fact.name, member.asset) for member in fact.members)
        case Flag():
            yield "flag", fact.type, fact.asset
        case Venue():
            yield "venue", fact.slug
            yield from (("asset", each.asset, "at", fact.slug) for each in fact.assets)
            codes = [code for each in fact.assets for code in (each.code, *each.aliases)]
            yield from (("code", code, "at", fact.slug) for code in codes)


def _check_references(entries: Sequence[Entry]) -> None:
    known = {("asset", fact.ref) for _, fact in entries if isinstance(fact, Asset)}
    known |= {("chain", fact.slug) for _, fact in entries if isinstance(fact, Chain)}
    known |= {("venue", fact.slug) for _, fact in entries if isinstance(fact, Venue)}
    for place, fact in entries:
        for kind, name in _references(fact):
            if (kind, name) not in known:
                msg = f"{place}: {kind} {name!r} not found"
                raise FactError(msg)


def _references(fact: Fact) -> Iterator[tuple[str, str]]:
    """Yield kind and name of each fact that this one refers to."""
    match fact:
        case Chain():
            yield "asset", fact.native
        case Deployment():
            yield "asset", fact.asset
            yield "chain", fact.chain
        case Relationship():
            yield "asset", fact.source
            yield "asset", fact.target
        case Group():
            yield from (("asset", member.asset) for member in fact.members)
        case Flag():
            yield "asset", fact.asset
        case Venue():
            yield from (("asset", each.asset) for each in fact.assets)
        case Listing():
            yield "venue", fact.venue
            yield from (("asset", asset) for asset in (fact.base, fact.quote, fact.settle) if asset is not None)


def _check_addresses(entries: Sequence[Entry]) -> None:
    """Check the spelling of an address: in another spelling, an existing row would not be found."""
    chains = {fact.slug: fact for _, fact in entries if isinstance(fact, Chain)}
    for place, fact in entries:
        if not isinstance(fact, Deployment) or fact.address is None:
            continue
        chain = chains[fact.chain]
        try:
            text = addresses.normalize(chain.type, fact.address, "address", caip2=chain.caip2).text
        except Invalid as error:
            msg = f"{place}: {error}"
            raise FactError(msg) from error
        if text != fact.address:
            msg = f"{place}: write the address as {text}"
            raise FactError(msg)
