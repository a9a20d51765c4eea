"""Evidence about what a venue means by a code: its kinds, and what a venue's row and an asset say about each other.

Pure: `compare` makes the items of one candidate from facts alone. `cqar.importers.identity.weigh` weighs them.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from cqar.importers.exchanges import facts
from cqar.importers.exchanges.facts import Address, AssetClass
from cqar.importers.identity import names
from cqar.importers.identity.names import Likeness
from cqar.importers.run import caip2

#: Categories of assets -> what a venue calls their class; all others are coins and tokens.
CLASSES: Final[Mapping[str, AssetClass]] = MappingProxyType(
    {
        "fiat": facts.FIAT,
        "commodity": facts.COMMODITY,
        "index": facts.INDEX,
        "stock": facts.EQUITY,
        "tokenized": facts.TOKENIZED,
        "leveraged": facts.LEVERAGED,
        "lp": facts.LP,
    }
)


class Kind(IntEnum):
    """The kinds of evidence; the numbers are those of cqar.v1.EvidenceKind."""

    DECISION = 1
    ADDRESS = 2
    ADDRESS_IN_LIST = 3
    CLASS = 4
    NAME = 5
    DECLARED_ID = 6
    ISO_4217 = 7
    RENAMING = 8
    AGREEMENT = 9
    TIME = 10
    TICKER = 11


class Level(IntEnum):
    """How sure it is what a code means, the surest first; the numbers are those of cqar.v1.IdentityLevel."""

    VERIFIED = 1
    CORROBORATED = 2
    SUGGESTED = 3
    CONTESTED = 4
    UNKNOWN = 5

    @property
    def message_name(self) -> str:
        """The name of the value in messages."""
        return f"IDENTITY_LEVEL_{self.name}"


class Item(NamedTuple):
    """A piece of evidence for or against one candidate."""

    kind: Kind
    #: the id of the asset, or `ref:<name>` of a new one
    asset: str
    #: what was read: the address, the name, the id
    value: str = ""
    against: bool = False
    #: a weak item has less weight, by `weigh.RULES`
    strong: bool = True
    #: who says it: the venue's row, cqar's declarations, another venue
    source: str = ""


class Place(NamedTuple):
    """A contract address, or the native coin, of an asset."""

    #: CAIP-2 id, else the registry's id of the chain
    chain: str
    #: in lower case where its chain ignores case; empty: the native coin
    address: str = ""
    #: the asset is native here, or this is its canonical contract
    home: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue says of a code, collected from all its rows."""

    #: as the venue writes it, with its case
    code: str
    #: what ccxt reads it as
    ticker: str
    factor: Decimal | None = None
    names: tuple[str, ...] = ()
    asset_class: AssetClass | None = None
    addresses: tuple[Address, ...] = ()
    ids: tuple[tuple[str, str], ...] = ()
    #: the code is a quote or settles
    as_money: bool = False
    #: everyone can list a coin under this code
    permissionless: bool = False
    #: the oldest market with the code as its base, and when it began
    first_market: str = ""
    first_seen: datetime | None = None

    @property
    def renamed(self) -> bool:
        """Whether ccxt reads the code as another one. A multiple and a token's index are no renaming."""
        indexed = any(source == facts.TOKEN_INDEX for source, _ in self.ids)
        return self.factor is None and not indexed and self.code.upper() != self.ticker.upper()


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An asset that a code may mean."""

    asset_id: str
    symbol: str
    name: str
    #: further names
    known_as: tuple[str, ...] = ()
    #: ids elsewhere. A name that is like an id is not evidence: the first coin of a name has the plain word as its id
    ids: tuple[str, ...] = ()
    asset_class: AssetClass = facts.CRYPTO
    places: tuple[Place, ...] = ()
    #: addresses of assets that it is wrapped, bridged or migrated to or from, and of its retired contracts
    excused: frozenset[str] = frozenset()
    #: assets that it is a form of: wrapped, bridged or migrated
    form_of: frozenset[str] = frozenset()
    first_seen: datetime | None = None

    @property
    def derived(self) -> bool:
        """Whether it stands for another asset, by its relationships or its name."""
        return bool(self.form_of) or names.is_derived(self.name)


#: Forms of addresses that only one chain has.
_FORMS: Final = (
    (re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}"), caip2.TRON),
    (re.compile(r"[1-9A-HJ-NP-Za-km-z]{43,44}"), caip2.SOLANA),
    (re.compile(r"(?:EQ|UQ)[0-9A-Za-z_-]{46}"), caip2.TON),
)
_EVM: Final = re.compile(r"0x[0-9a-fA-F]{40}")


def is_evm(address: str) -> bool:
    """Whether an address has the form that all EVM chains share."""
    return _EVM.fullmatch(address) is not None


def normal(address: str) -> str:
    """An address for comparison: EVM ignores case."""
    return address.lower() if is_evm(address) else address


def is_spelled_once(address: str) -> bool:
    """Whether an address of this form has one spelling, apart from case on EVM chains."""
    return is_evm(address) or any(form.fullmatch(address) for form, chain in _FORMS if chain != caip2.TON)


def chain_of(address: Address) -> str | None:
    """The chain of an address: what the venue says, else the only chain with addresses of its form."""
    return address.chain or next((chain for form, chain in _FORMS if form.fullmatch(address.text)), None)


def compare(said: Facts, candidate: Candidate) -> Iterator[Item]:
    """The evidence for and against a candidate that follows from facts: ticker, names, class, addresses, time."""
    yield from _ticker(said, candidate)
    yield from _names(said, candidate)
    yield from _class(said, candidate)
    yield from _addresses(said, candidate)
    if said.first_seen is not None and candidate.first_seen is not None and said.first_seen < candidate.first_seen:
        began = f"{said.first_market or said.code} since {said.first_seen:%Y-%m-%d}"
        yield Item(Kind.TIME, candidate.asset_id, began, against=True)


def _ticker(said: Facts, candidate: Candidate) -> Iterator[Item]:
    symbol = candidate.symbol.upper()
    if said.permissionless:
        # Anyone who lists a coin there chooses the text.
        return
    if symbol == said.ticker.upper():
        yield Item(Kind.TICKER, candidate.asset_id, candidate.symbol)
        if said.renamed:
            yield Item(Kind.RENAMING, candidate.asset_id, f"{said.code} is {said.ticker}")
    elif said.renamed and symbol == said.code.upper():
        yield Item(Kind.RENAMING, candidate.asset_id, f"{said.code} is {said.ticker}", against=True)


def own_names(said: Facts) -> tuple[str, ...]:
    """The names that say more than the code: some venues repeat it."""
    return tuple(each for each in said.names if each not in {said.code, said.code.upper(), said.ticker})


def _names(said: Facts, candidate: Candidate) -> Iterator[Item]:
    known = (candidate.name, *candidate.known_as)
    for name in own_names(said):
        likeness = max(names.alike(name, each) for each in known)
        if likeness >= Likeness.NEAR:
            yield Item(Kind.NAME, candidate.asset_id, name)
        elif names.shares_nothing(name, (*known, *candidate.ids, candidate.symbol)):
            yield Item(Kind.NAME, candidate.asset_id, name, against=True)


def _class(said: Facts, candidate: Candidate) -> Iterator[Item]:
    if said.asset_class is None:
        return
    if said.asset_class == candidate.asset_class:
        # "A coin" singles out none.
        yield Item(Kind.CLASS, candidate.asset_id, said.asset_class, strong=said.asset_class != facts.CRYPTO)
    else:
        yield Item(Kind.CLASS, candidate.asset_id, said.asset_class, against=True)


def _addresses(said: Facts, candidate: Candidate) -> Iterator[Item]:
    others = [each for each in candidate.places if each.address]
    known, unknown = False, []
    for address in said.addresses:
        kind = Kind.ADDRESS if address.sole else Kind.ADDRESS_IN_LIST
        text, chain = normal(address.text), chain_of(address)
        at = [each for each in others if each.address == text and chain in (None, each.chain)]
        if at:
            known = True
            yield Item(kind, candidate.asset_id, address.text, strong=address.sole or any(each.home for each in at))
        elif text in candidate.excused:
            known = True
        elif any(each.chain == chain for each in others):
            yield Item(kind, candidate.asset_id, address.text, against=True)
        else:
            unknown.append(Item(kind, candidate.asset_id, address.text, against=True, strong=False))
    if not known:
        yield from unknown[:1]
