"""The kinds of cache parts: one declaration each, from which SQL, caches, Redis, the relay and preloading follow.

THE file for a new kind of part: its key function in `cqar.model.cache_keys`, a declaration here, and the key in
`part_keys` of its entities. A declaration that does not fit fails at import and names the kind and the field.

SQL conditions are over a row `t`. `$1` holds the first names of the keys, `$2` the second names of keys with two.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from cqar.model import cache_keys, entities
from cqar.model.cache_keys import kind_of
from cqar.model.entity import Entity

#: SQL per entity: which of its rows are in parts at all. Other entities have all their rows in parts.
_IN_PARTS: Final[Mapping[Entity, str]] = {
    entities.QUALITY_FLAG: "t.resolved_at IS NULL AND t.deleted_at IS NULL",
    entities.DEPLOYMENT: "t.deleted_at IS NULL",
    entities.ASSET_IDENTIFIER: "t.deleted_at IS NULL",
    entities.SYMBOL_IDENTIFIER: "t.deleted_at IS NULL",
}


def in_parts(entity: Entity) -> str:
    """SQL: the condition for a row of the entity to be in parts; empty for all of them."""
    return _IN_PARTS.get(entity, "")


class Beside(NamedTuple):
    """Parts of another kind that answers about a part also need, so that one statement reads them along."""

    kind: "PartKind"
    #: SQL that completes the columns of that kind: `t.<column>`, or `(t.<column>, t.<column>)`; the rows of the part itself
    #: are `root`
    which: str

    @property
    def names(self) -> str:
        """SQL of the names in the keys that are read, if `which` selects them: a subquery in parentheses."""
        return self.which.removeprefix("IN ") if self.which.startswith("IN (SELECT ") else ""


@dataclass(frozen=True, kw_only=True)
class PartKind:
    """A kind of parts: which rows share a key, and how caches treat them."""

    name: str
    #: makes the key from as many names as there are `columns`
    key: Callable[..., str]
    #: whose rows it holds; of several, a part has one row of the first, and rows of the others that belong to it
    entities: tuple[Entity, ...]
    #: the columns that the key names, one or two
    columns: tuple[str, ...]
    #: SQL condition that finds the rows, if not by equality of `columns`
    where: str = ""
    #: the parts of other kinds that answers about it need
    beside: tuple[Beside, ...] = ()
    #: answers about something else need it too: caches evict it last
    shared: bool = False
    #: a part has at most one row, so a change to that row is the whole part
    single_row: bool = False
    #: answers about something else may do without the row. Only stored rows name such parts, never callers, so a part without
    #: rows is cached like any other
    optional: bool = False
    #: held in PostgreSQL and in the memory of processes only, never in Redis
    private: bool = False
    #: workers load all parts of this kind when they start
    preloaded: bool = False
    #: seconds that Redis keeps it; None for private kinds
    ttl: int | None = None

    @property
    def arity(self) -> int:
        """How many names a key has after its kind."""
        return len(self.columns)

    def names(self, key: str) -> list[str]:
        """The names in a key of this kind."""
        return key.partition(":")[2].split(":", self.arity - 1)

    def __post_init__(self) -> None:
        """Raise TypeError for a declaration that contradicts itself or its entities."""
        for field, what in (*self._key_faults(), *self._row_faults(), *self._cache_faults()):
            msg = f"part kind {self.name}: {field}: {what}"
            raise TypeError(msg)

    def _key_faults(self) -> Iterator[tuple[str, str]]:
        if self.arity not in {1, 2}:
            yield "columns", f"a key has one name or two, not {self.arity}"
            return
        sample = ["1", "a:b"][-self.arity :]
        if self.key(*sample) != ":".join((self.name, *sample)):
            yield "key", f"makes {self.key(*sample)!r}"

    def _row_faults(self) -> Iterator[tuple[str, str]]:
        if not self.entities:
            yield "entities", "are missing"
        for entity in self.entities:
            if missing := set(self.columns) - entity.columns.keys():
                yield "columns", f"{entity.name} has no {sorted(missing)}"
            elif self.name not in map(kind_of, entity.part_keys(_sample(entity))):
                yield "entities", f"part_keys of {entity.name} makes no key of this kind"
        if len(self.entities) > 1:
            for field in ("single_row", "beside", "where"):
                if getattr(self, field):
                    yield field, "needs exactly one entity"

    def _cache_faults(self) -> Iterator[tuple[str, str]]:
        for each in self.beside:
            if not each.kind.shared:
                yield "beside", f"{each.kind.name} is not shared"
            if each.kind.optional and not each.names:
                yield "beside", f"{each.kind.name} is optional, so its names must be selected"
        if self.optional and not self.shared:
            yield "optional", "answers about something else need no part of a kind that is not shared"
        if self.preloaded and self.where:
            yield "preloaded", "rows found by a condition of their own are not read in the order of their keys"
        if (self.ttl is None) != self.private:
            yield "ttl", "is required, except for private kinds, which Redis never holds"


def _sample(entity: Entity) -> dict[str, object]:
    """A row that is in parts, with a value in each column that a key may name."""
    values = {"text": "x", "texts": ["x"], "integer": 1, "flag": True}
    row = {name: values.get(column.kind) for name, column in entity.columns.items()}
    return {**row, "deleted_at": None, "resolved_at": None}


# ---- the kinds ----------------------------------------------------------------------------------------------------
# Preloading follows this order: shared kinds first, so that a cache that is too small lacks the others.

_HOUR: Final = 3600
_QUARTER: Final = 900

API_KEY = PartKind(
    name="api_key",
    key=cache_keys.api_key_key,
    entities=(entities.API_KEY,),
    columns=("key_id",),
    single_row=True,
    private=True,
    preloaded=True,
)
CHAIN = PartKind(
    name="chain",
    key=cache_keys.chain_key,
    entities=(entities.CHAIN,),
    columns=("chain_id",),
    shared=True,
    single_row=True,
    preloaded=True,
    ttl=_HOUR,
)
CAIP2 = PartKind(
    name="caip2",
    key=cache_keys.caip2_key,
    entities=(entities.CHAIN,),
    columns=("caip2",),
    shared=True,
    single_row=True,
    preloaded=True,
    ttl=_HOUR,
)
VENUE = PartKind(
    name="venue",
    key=cache_keys.venue_key,
    entities=(entities.VENUE,),
    columns=("venue_id",),
    shared=True,
    single_row=True,
    preloaded=True,
    ttl=_HOUR,
)
ASSET = PartKind(
    name="asset",
    key=cache_keys.asset_key,
    entities=(entities.ASSET, entities.QUALITY_FLAG),
    columns=("asset_id",),
    shared=True,
    preloaded=True,
    ttl=300,  # flags block trading
)

IDENTITY = PartKind(
    name="identity",
    key=cache_keys.identity_key,
    entities=(entities.VENUE_ASSET,),
    columns=("venue_id", "asset_id"),
    shared=True,
    single_row=True,
    optional=True,
    preloaded=True,
    ttl=_QUARTER,
)

_SIDES: Final = "s.base_asset_id, s.quote_asset_id, s.settlement_asset_id"
_ASSETS_OF_ROOT: Final = Beside(ASSET, "IN (SELECT r.asset_id FROM root r)")


def _assets_of(symbols: str) -> Beside:
    """The assets of symbols `s`, which follow FROM."""
    return Beside(ASSET, f"IN (SELECT unnest(ARRAY[{_SIDES}]) FROM {symbols})")


SYMBOL = PartKind(
    name="symbol",
    key=cache_keys.symbol_key,
    entities=(entities.SYMBOL,),
    columns=("symbol_id",),
    beside=(_assets_of("root s"),),
    shared=True,
    single_row=True,
    preloaded=True,
    ttl=_HOUR,
)
LISTINGS = PartKind(
    name="listings",
    key=cache_keys.listings_key,
    entities=(entities.VENUE_SYMBOL,),
    columns=("venue_id", "venue_symbol"),
    beside=(
        Beside(VENUE, "= ANY($1::text[])"),
        Beside(SYMBOL, "IN (SELECT r.symbol_id FROM root r)"),
        _assets_of("symbols s WHERE s.symbol_id IN (SELECT r.symbol_id FROM root r)"),
        Beside(IDENTITY, f"IN (SELECT r.venue_id, unnest(ARRAY[{_SIDES}]) FROM root r JOIN symbols s USING (symbol_id))"),
    ),
    preloaded=True,
    ttl=_QUARTER,
)
VENUE_ASSET = PartKind(
    name="venue_asset",
    key=cache_keys.venue_asset_key,
    entities=(entities.VENUE_ASSET,),
    columns=("venue_id", "asset_id"),
    beside=(Beside(ASSET, "= ANY($2::text[])"),),
    single_row=True,
    preloaded=True,
    ttl=_QUARTER,
)
DEPLOYMENT = PartKind(
    name="deployment",
    key=cache_keys.deployment_key,
    entities=(entities.DEPLOYMENT,),
    columns=("chain_id", "address"),
    beside=(Beside(CHAIN, "= ANY($1::text[])"), _ASSETS_OF_ROOT),
    single_row=True,
    preloaded=True,
    ttl=_QUARTER,
)
VENUE_CODE = PartKind(
    name="venue_code",
    key=cache_keys.venue_code_key,
    entities=(entities.VENUE_ASSET,),
    columns=("venue_id", "venue_asset_symbol"),
    # The code is the venue's main one or an alias. OFFSET keeps the planner from reading all of a venue.
    where="(t.venue_id, t.asset_id) IN"
    " (SELECT a.venue_id, a.asset_id FROM unnest($1::text[], $2::text[]) k(venue_id, code) JOIN venue_assets a"
    " ON a.venue_id = k.venue_id AND a.venue_asset_symbol = k.code"
    " UNION SELECT a.venue_id, a.asset_id FROM unnest($1::text[], $2::text[]) k(venue_id, code), LATERAL"
    " (SELECT v.venue_id, v.asset_id FROM venue_assets v WHERE v.venue_asset_aliases @> ARRAY[k.code] OFFSET 0) a"
    " WHERE a.venue_id = k.venue_id)",
    beside=(_ASSETS_OF_ROOT,),
    ttl=_QUARTER,
)
SYMBOL_LISTINGS = PartKind(
    name="symbol_listings",
    key=cache_keys.symbol_listings_key,
    entities=(entities.VENUE_SYMBOL,),
    columns=("symbol_id",),
    beside=(Beside(SYMBOL, "= ANY($1::text[])"), _assets_of("symbols s WHERE s.symbol_id = ANY($1::text[])")),
    ttl=_QUARTER,
)
ASSET_IDENTIFIERS = PartKind(
    name="asset_identifiers",
    key=cache_keys.asset_identifiers_key,
    entities=(entities.ASSET_IDENTIFIER,),
    columns=("asset_id",),
    ttl=_QUARTER,
)
EXTERNAL_ASSET = PartKind(
    name="external_asset",
    key=cache_keys.external_asset_key,
    entities=(entities.ASSET_IDENTIFIER,),
    columns=("source", "external_id"),
    beside=(_ASSETS_OF_ROOT,),
    ttl=_QUARTER,
)
SYMBOL_IDENTIFIERS = PartKind(
    name="symbol_identifiers",
    key=cache_keys.symbol_identifiers_key,
    entities=(entities.SYMBOL_IDENTIFIER,),
    columns=("symbol_id",),
    ttl=_QUARTER,
)
EXTERNAL_SYMBOL = PartKind(
    name="external_symbol",
    key=cache_keys.external_symbol_key,
    entities=(entities.SYMBOL_IDENTIFIER,),
    columns=("data_source", "external_id"),
    ttl=_QUARTER,
)

ALL: Final = (
    API_KEY,
    CHAIN,
    CAIP2,
    VENUE,
    ASSET,
    SYMBOL,
    IDENTITY,
    LISTINGS,
    VENUE_ASSET,
    DEPLOYMENT,
    VENUE_CODE,
    SYMBOL_LISTINGS,
    ASSET_IDENTIFIERS,
    EXTERNAL_ASSET,
    SYMBOL_IDENTIFIERS,
    EXTERNAL_SYMBOL,
)
BY_NAME: Final[Mapping[str, PartKind]] = {each.name: each for each in ALL}


def of(key: str) -> PartKind:
    """The kind of a key. Raises KeyError for a kind that this version does not know."""
    return BY_NAME[kind_of(key)]


def names(having: Callable[[PartKind], bool]) -> frozenset[str]:
    """The names of the kinds that pass."""
    return frozenset(each.name for each in ALL if having(each))


def check(kinds: Sequence[PartKind]) -> None:
    """Raise TypeError for a name declared twice, and for a key that an entity's `part_keys` makes and no kind declares."""
    declared = {(each.name, entity.name) for each in kinds for entity in each.entities}
    if len({each.name for each in kinds}) != len(kinds):
        msg = "part kinds: name: two declarations share one"
        raise TypeError(msg)
    for entity in entities.BY_NAME.values():
        for key in entity.part_keys(_sample(entity)):
            if (kind_of(key), entity.name) not in declared:
                msg = f"part kind {kind_of(key)}: entities: part_keys of {entity.name} makes such keys"
                raise TypeError(msg)


check(ALL)
