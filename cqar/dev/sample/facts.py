"""The sample's facts as typed values, each checked on its own. `cqar.dev.sample.reading` makes them from YAML.

Names of enum values are the contract's without their prefix: `NATIVE` is ASSET_TYPE_NATIVE. Numbers are exact. A value
that breaks a rule raises ValueError with a sentence that begins with the field.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple

from msgspec import Meta, Struct

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.model import addresses, rules

Text = Annotated[str, Meta(min_length=1)]
Instant = Annotated[datetime, Meta(tz=True)]
#: [start, end); None is unbounded.
Interval = tuple[datetime | None, datetime | None]

#: The contract's enums by the prefix of their values.
ENUMS: Final = MappingProxyType(
    {
        "ASSET_TYPE_": assets_pb2.AssetType,
        "DATA_SOURCE_": assets_pb2.DataSource,
        "RELATIONSHIP_TYPE_": assets_pb2.RelationshipType,
        "FLAG_TYPE_": assets_pb2.FlagType,
        "FLAG_SEVERITY_": assets_pb2.FlagSeverity,
        "SYMBOL_TYPE_": markets_pb2.SymbolType,
        "VENUE_TYPE_": venues_pb2.VenueType,
    }
)

_SPOT_LIKE = ("SPOT", "MARGIN")
#: Fields that expiring types need and others must not have.
_TERMS: Final = MappingProxyType({"FUTURE": {"expiry"}, "OPTION": {"expiry", "strike", "option"}})


def _check(field: str, prefix: str, name: str) -> None:
    names = [each.removeprefix(prefix) for each in ENUMS[prefix].keys()]  # noqa: SIM118 - no mapping, it only has keys()
    names.remove("UNSPECIFIED")
    if name not in names:
        msg = f"{field}: {name!r} is not one of {', '.join(names)}"
        raise ValueError(msg)


class Fact(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of a file."""


class Asset(Fact, frozen=True):
    """A canonical asset with the external ids that identify it."""

    symbol: Text
    name: Text
    type: Text
    #: External ids by source, in lower case; at least one.
    ids: Annotated[Mapping[str, Text], Meta(min_length=1)]
    #: The key by which other facts refer to it; by default the symbol.
    key: Text | None = None
    category: Text | None = None
    description: Text | None = None
    website: Text | None = None

    def __post_init__(self) -> None:
        _check("type", "ASSET_TYPE_", self.type)
        for source in self.ids:
            _check("ids", "DATA_SOURCE_", source.upper())

    @property
    def ref(self) -> str:
        """Return the key by which other facts refer to it."""
        return self.key or self.symbol


class Relationship(Fact, frozen=True, rename={"source": "from", "target": "to"}):
    """`source` WRAPS, BRIDGES, STAKES ... `target`; both are keys of assets."""

    source: Text
    type: Text
    target: Text
    rate: Decimal | None = None
    protocol: Text | None = None
    description: Text | None = None

    def __post_init__(self) -> None:
        _check("type", "RELATIONSHIP_TYPE_", self.type)
        _positive(self, "rate")
        if self.source == self.target:
            msg = "to: an asset has no relationship with itself"
            raise ValueError(msg)


class Member(Fact, frozen=True):
    """An asset in a group."""

    asset: Text
    weight: Decimal | None = None

    def __post_init__(self) -> None:
        _positive(self, "weight")


class Group(Fact, frozen=True):
    """Assets that a portfolio adds up."""

    name: Text
    members: Annotated[tuple[Member, ...], Meta(min_length=1)]
    type: Text | None = None
    description: Text | None = None


class Flag(Fact, frozen=True):
    """A quality flag of an asset."""

    asset: Text
    type: Text
    severity: Text
    reason: Text

    def __post_init__(self) -> None:
        _check("type", "FLAG_TYPE_", self.type)
        _check("severity", "FLAG_SEVERITY_", self.severity)


class Chain(Fact, frozen=True):
    """A chain; `native` is the key of the asset that pays its fees."""

    slug: Text
    name: Text
    type: Text
    caip2: Text
    native: Text
    network_id: Annotated[int, Meta(gt=0)] | None = None
    max_decimals: Annotated[int, Meta(ge=0, le=255)] | None = None
    explorer: Text | None = None
    rpc_urls: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        if self.type not in addresses.CHAIN_TYPES:
            msg = f"type: {self.type!r} is not one of {', '.join(addresses.CHAIN_TYPES)}"
            raise ValueError(msg)


class Deployment(Fact, frozen=True):
    """An asset on a chain: under an address in the chain's own spelling, or as its native coin."""

    asset: Text
    chain: Text
    decimals: Annotated[int, Meta(ge=0, le=255)]
    address: Text | None = None
    native: bool = False
    canonical: bool = False

    def __post_init__(self) -> None:
        if self.native == (self.address is not None):
            msg = "address: a deployment has an address or is native"
            raise ValueError(msg)

    @property
    def place(self) -> str:
        """The address, or `native`."""
        return self.address or addresses.NATIVE.text


class VenueAsset(Fact, frozen=True):
    """A venue's code for an asset."""

    asset: Text
    code: Text
    aliases: tuple[Text, ...] = ()
    deposit: bool = True
    withdraw: bool = True
    trading: bool = True


class Venue(Fact, frozen=True):
    """A venue with its assets."""

    slug: Text
    name: Text
    type: Text
    default_type: Text | None = None
    website: Text | None = None
    api: Text | None = None
    assets: tuple[VenueAsset, ...] = ()

    def __post_init__(self) -> None:
        _check("type", "VENUE_TYPE_", self.type)
        if self.default_type is not None:
            _check("default_type", "SYMBOL_TYPE_", self.default_type)


class Contract(NamedTuple):
    """The unique key of a canonical symbol; assets by their keys."""

    base: str
    quote: str
    settle: str | None
    type: str
    expiry: datetime | None
    strike: Decimal | None
    option: str | None

    @property
    def label(self) -> str:
        """Return the name for progress and errors."""
        expiry = f"{self.expiry:%Y-%m-%d}" if self.expiry else None
        strike = format(self.strike, "f") if self.strike else None
        pair = f"{self.base}/{self.quote}" + (f":{self.settle}" if self.settle else "")
        return " ".join(filter(None, (pair, self.type, expiry, strike, self.option)))


class Listing(Fact, frozen=True):
    """A canonical symbol at a venue, with the venue's own specs: steps and limits, fees as fractions."""

    venue: Text
    type: Text
    text: Text
    base: Text
    quote: Text
    tick: Decimal
    lot: Decimal
    settle: Text | None = None
    margin: Literal["linear", "inverse", "quanto"] | None = None
    expiry: Instant | None = None
    strike: Decimal | None = None
    option: Literal["C", "P"] | None = None
    min_size: Decimal | None = None
    max_size: Decimal | None = None
    min_notional: Decimal | None = None
    contract_size: Decimal | None = None
    multiplier: Decimal | None = None
    maker: Decimal | None = None
    taker: Decimal | None = None
    max_leverage: Decimal | None = None
    listed_at: Instant | None = None
    delisted_at: Instant | None = None

    def __post_init__(self) -> None:
        _check("type", "SYMBOL_TYPE_", self.type)
        _positive(self, "tick", "lot", "strike", "min_size", "max_size", "min_notional")
        _positive(self, "contract_size", "multiplier", "max_leverage")
        _between(self, "maker", -1, 1)
        _between(self, "taker", 0, 1)
        self._check_terms()
        if self.listed_at and self.delisted_at and self.listed_at >= self.delisted_at:
            msg = "delisted_at: must be after listed_at"
            raise ValueError(msg)

    def _check_terms(self) -> None:
        needed = _TERMS.get(self.type, set())
        for field in ("expiry", "strike", "option"):
            if (getattr(self, field) is not None) != (field in needed):
                msg = f"{field}: {'required for' if field in needed else 'not allowed for'} {self.type}"
                raise ValueError(msg)
        if self.type in _SPOT_LIKE and (self.settle or self.margin):
            msg = f"settle: {self.type} settles in the traded assets only"
            raise ValueError(msg)
        if self.margin in ("inverse", "quanto") and not self.settle:
            msg = f"settle: required, because a contract that is {self.margin} does not settle in its quote"
            raise ValueError(msg)
        follows = rules.margin_kind(self.base, self.quote, self.settle or self.quote)
        if self.margin not in (None, follows):
            msg = f"margin: {self.margin}, but by base, quote and settle the contract is {follows}"
            raise ValueError(msg)

    @property
    def canonical(self) -> Contract:
        """Return the canonical symbol of the listing."""
        settle = None if self.type in _SPOT_LIKE else self.settle or self.quote
        return Contract(self.base, self.quote, settle, self.type, self.expiry, self.strike, self.option)

    @property
    def interval(self) -> Interval:
        """Return the interval in which the text has this meaning."""
        return self.listed_at, self.delisted_at


class Facts(Struct, frozen=True, kw_only=True):
    """All facts of the sample; references resolve and keys are unique."""

    assets: tuple[Asset, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    groups: tuple[Group, ...] = ()
    flags: tuple[Flag, ...] = ()
    chains: tuple[Chain, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    venues: tuple[Venue, ...] = ()
    listings: tuple[Listing, ...] = ()


def meet(one: Interval, other: Interval) -> bool:
    """Return whether the intervals overlap."""
    return _before(one[0], other[1]) and _before(other[0], one[1])


def _before(start: datetime | None, end: datetime | None) -> bool:
    return start is None or end is None or start < end


def _positive(fact: Fact, *fields: str) -> None:
    for field in fields:
        value: Decimal | None = getattr(fact, field)
        if value is not None and not (value.is_finite() and value > 0):
            msg = f"{field}: {value} is not a positive number"
            raise ValueError(msg)


def _between(fact: Fact, field: str, low: int, high: int) -> None:
    value: Decimal | None = getattr(fact, field)
    if value is not None and not (value.is_finite() and low <= value <= high):
        msg = f"{field}: {value} is not a fraction from {low} to {high} (0.001 is 0.1 %)"
        raise ValueError(msg)
