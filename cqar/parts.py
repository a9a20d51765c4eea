"""Parts: the rows under one lookup key, which caches hold, and the statements that read them.

A part is the truth at its snap: a revision at which PostgreSQL was read. Keys: see `cqar.entities`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import msgspec
import orjson

from cqar import entities, errors, events
from cqar.entities import API_KEY, ASSET, CHAIN, QUALITY_FLAG, SYMBOL, VENUE, VENUE_ASSET, VENUE_SYMBOL
from cqar.entity import Entity, Row
from cqar.store import Session, Sql


class Stored(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One row of a part: its entity, id and message bytes, which end with its revision."""

    entity: str
    row_id: str
    value: bytes
    #: softly deleted: kept for the answers that name it
    deleted: bool = False


class Head(NamedTuple):
    """Where the head stood when parts were read: their snap, and the history that it counts in."""

    epoch: str
    snap: int
    #: the epoch with the timeline of the server: of a failover that lost commits, what Redis has is of another history
    history: str


class Missing(Exception):
    """A part that an answer needs is not at hand."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def stored(entity: Entity, row: Row) -> Stored:
    """A row of `entity.select` as a part holds it."""
    value = events.with_revision(entity.stored(row).SerializeToString(), row["revision"])
    deleted = entity.soft and row["deleted_at"] is not None
    return Stored(entity.name, entity.row_id(row), value, deleted)


class _Source(NamedTuple):
    """How rows of one entity are found for a fill: rows `t` that pass the condition over the roots."""

    entity: Entity
    #: SQL over `t` with $1 and $2 for what the root key names
    where: str


_ACTIVE = "t.resolved_at IS NULL AND t.deleted_at IS NULL"
_SYMBOL_ASSETS = (
    "SELECT unnest(ARRAY[s.base_asset_id, s.quote_asset_id, s.settlement_asset_id]) FROM symbols s WHERE s.symbol_id {0}"
)
_LISTED = "IN (SELECT l.symbol_id FROM venue_symbols l WHERE l.venue_id = $1 AND l.venue_symbol = $2)"


def _with_flags(assets: str) -> tuple[_Source, ...]:
    return _Source(ASSET, f"t.asset_id {assets}"), _Source(QUALITY_FLAG, f"t.asset_id {assets} AND {_ACTIVE}")


#: For each kind of root key: where the parts of an answer about it come from. $1, $2: what the key names.
_CLOSURES: Mapping[str, tuple[_Source, ...]] = {
    "api_key": (_Source(API_KEY, "t.key_id = $1"),),
    "asset": _with_flags("= $1"),
    "chain": (_Source(CHAIN, "t.chain_id = $1"),),
    "venue": (_Source(VENUE, "t.venue_id = $1"),),
    "symbol": (_Source(SYMBOL, "t.symbol_id = $1"), *_with_flags(f"IN ({_SYMBOL_ASSETS.format('= $1')})")),
    "venue_asset": (_Source(VENUE_ASSET, "t.venue_id = $1 AND t.asset_id = $2"), *_with_flags("= $2")),
    "listings": (
        _Source(VENUE, "t.venue_id = $1"),
        _Source(VENUE_SYMBOL, "t.venue_id = $1 AND t.venue_symbol = $2"),
        _Source(SYMBOL, f"t.symbol_id {_LISTED}"),
        *_with_flags(f"IN ({_SYMBOL_ASSETS.format(_LISTED)})"),
    ),
}
#: The kinds of keys that a fill may start from.
ROOTS = frozenset(_CLOSURES)
#: Kinds of parts that nothing holds but PostgreSQL and the memory of processes.
PRIVATE = frozenset({"api_key"})

#: Of each kind of key: where the rows of many parts come from. $1: what the keys name; of two names, $1 and $2.
_ROWS: Mapping[str, tuple[_Source, ...]] = {
    **{entity.name: (_Source(entity, f"t.{entity.key[0]} = ANY($1)"),) for entity in (API_KEY, CHAIN, VENUE, SYMBOL)},
    "asset": _with_flags("= ANY($1)"),
    "venue_asset": (_Source(VENUE_ASSET, "(t.venue_id, t.asset_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))"),),
    "listings": (_Source(VENUE_SYMBOL, "(t.venue_id, t.venue_symbol) IN (SELECT * FROM unnest($1::text[], $2::text[]))"),),
}

#: Of each row, the key of the part that holds it here.
_KEYS: Mapping[str, Callable[[Row], str]] = {
    "api_key": lambda row: entities.api_key_key(row["key_id"]),
    "asset": lambda row: entities.asset_key(row["asset_id"]),
    "quality_flag": lambda row: entities.asset_key(row["asset_id"]),
    "chain": lambda row: entities.chain_key(row["chain_id"]),
    "venue": lambda row: entities.venue_key(row["venue_id"]),
    "symbol": lambda row: entities.symbol_key(row["symbol_id"]),
    "venue_asset": lambda row: entities.venue_asset_key(row["venue_id"], row["asset_id"]),
    "venue_symbol": lambda row: entities.listings_key(row["venue_id"], row["venue_symbol"]),
}

#: SQL: the history of the head `h`: its epoch, and the timeline of the server, which a promotion changes.
HISTORY = "h.epoch || '.' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS history"
#: SQL: the head `h`, where parts are read.
_HEAD = f"h.epoch::text AS epoch, h.seq AS snap, {HISTORY}"
HEAD = Sql("head", f"SELECT {_HEAD} FROM head h")

#: How a column of a kind goes through JSON without loss.
_AS_TEXT = frozenset({"number", "json"})


@cache
def fill_sql(kind: str) -> Sql:
    """All parts of an answer about one root with the head they were read at: one statement, so one snapshot."""
    sources = " UNION ALL ".join(_source_sql(each) for each in _CLOSURES[kind])
    return Sql(
        f"fill_{kind}",
        f"SELECT {_HEAD}, x.entity, x.row FROM head h LEFT JOIN LATERAL ({sources}) x ON true",
    )


@cache
def rows_sql(kind: str) -> Sql:
    """The rows of many parts of a kind with the head they were read at: one statement, so one snapshot."""
    sources = " UNION ALL ".join(_source_sql(each) for each in _ROWS[kind])
    return Sql(
        f"rows_{kind}",
        f"SELECT {_HEAD}, x.entity, x.row FROM head h LEFT JOIN LATERAL ({sources}) x ON true",
    )


def _source_sql(source: _Source) -> str:
    entity = source.entity
    columns = [f"t.{each.name}::text" if each.kind in _AS_TEXT else f"t.{each.name}" for each in entity.columns.values()]
    columns += ["t.revision", *(["t.deleted_at"] if entity.soft else [])]
    inner = f"SELECT {', '.join(columns)} FROM {entity.table} t WHERE {source.where}"
    return f"SELECT '{entity.name}' AS entity, row_to_json(r)::text AS row FROM ({inner}) r"


def _row(entity: Entity, text: str) -> dict[str, Any]:
    """A row as asyncpg would have given it, from its JSON."""
    row: dict[str, Any] = orjson.loads(text)
    for name, column in entity.columns.items():
        value = row[name]
        if value is not None and column.kind == "number":
            row[name] = Decimal(value)
        elif value is not None and column.kind == "time":
            row[name] = datetime.fromisoformat(value)
    return row


def root_of(key: str) -> tuple[str, list[str]]:
    """The kind of a part key and what it names."""
    kind, _, rest = key.partition(":")
    return kind, rest.split(":", 1) if kind in _PAIRS else [rest]


_PAIRS = frozenset({"listings", "venue_asset"})


async def read(session: Session, key: str) -> tuple[Head, dict[str, list[Stored]]]:
    """Read the part under `key` with the parts that answers about it are made of; without rows it is there, empty."""
    kind, names = root_of(key)
    found: dict[str, list[Stored]] = {key: []}
    rows = await session.rows(fill_sql(kind), *names)
    if not rows:
        raise errors.Unavailable(NO_HEAD)
    for each in rows:
        if each["entity"] is not None:
            entity = entities.BY_NAME[each["entity"]]
            row = _row(entity, each["row"])
            found.setdefault(_KEYS[entity.name](row), []).append(stored(entity, row))
    return _head(rows[0]), found


def _head(row: Row) -> Head:
    return Head(row["epoch"], row["snap"], row["history"])


def by_kind(keys: Iterable[str]) -> dict[str, list[str]]:
    """Part keys by their kind."""
    found: dict[str, list[str]] = {}
    for key in keys:
        found.setdefault(entities.kind_of(key), []).append(key)
    return found


async def read_rows(session: Session, kind: str, keys: Sequence[str]) -> tuple[Head, dict[str, list[Stored]]]:
    """Read the parts under keys of one kind, and nothing else that answers are made of."""
    found: dict[str, list[Stored]] = {key: [] for key in keys}
    rows = await session.rows(rows_sql(kind), *map(list, zip(*(root_of(key)[1] for key in keys), strict=True)))
    if not rows:
        raise errors.Unavailable(NO_HEAD)
    for each in rows:
        if each["entity"] is not None:
            entity = entities.BY_NAME[each["entity"]]
            row = _row(entity, each["row"])
            held = found.get(_KEYS[entity.name](row))
            if held is not None:
                held.append(stored(entity, row))
    return _head(rows[0]), found


class Everything(NamedTuple):
    """The rows that lookups are made of, and whether nothing was cut off."""

    head: Head
    rows: list[tuple[Entity, Row]]
    whole: bool


async def read_all(session: Session, limit: int) -> Everything:
    """The rows that lookups are made of, up to about `limit`, in a session that sees one snapshot.

    `gather` makes parts of them. What the limit cuts off is at the leaves, and of no part is anything cut off.
    """
    head = await session.row(HEAD)
    if head is None:
        raise errors.Unavailable(NO_HEAD)
    found: list[tuple[Entity, Row]] = []
    whole = True
    for sql, entity in ALL_ROWS.items():
        # A part without some of its rows would be a wrong one: flags come for all assets, of listings the last text goes.
        most = None if entity is QUALITY_FLAG else max(0, limit - len(found))
        rows = await session.rows(sql, most)
        whole = whole and len(rows) != most
        if entity is VENUE_SYMBOL and rows and len(rows) == most:
            last = _KEYS[entity.name](rows[-1])
            rows = [row for row in rows if _KEYS[entity.name](row) != last]
        found += [(entity, row) for row in rows]
    return Everything(_head(head), found, whole)


def gather(rows: Iterable[tuple[Entity, Row]], into: dict[str, list[Stored]]) -> None:
    """Put rows of `read_all`, in its order, into the parts that hold them."""
    for entity, row in rows:
        key = _KEYS[entity.name](row)
        if entity is not QUALITY_FLAG or key in into:
            into.setdefault(key, []).append(stored(entity, row))


#: Shared parts first: what is cut off by the limit is then at the leaves.
ALL_ROWS: Mapping[Sql, Entity] = {
    Sql(
        f"all_{entity.plural}",
        f"SELECT {entity.select} FROM {entity.table} t{' WHERE ' + _ACTIVE if entity is QUALITY_FLAG else ''}"
        f"{' ORDER BY t.venue_id, t.venue_symbol' if entity is VENUE_SYMBOL else ''} LIMIT $1",
    ): entity
    for entity in (API_KEY, CHAIN, VENUE, ASSET, QUALITY_FLAG, SYMBOL, VENUE_SYMBOL, VENUE_ASSET)
}

#: The kinds of parts that all these rows make up.
ALL_KINDS = frozenset({"api_key", "chain", "venue", "asset", "symbol", "listings", "venue_asset"})

NO_HEAD = "the row of `head` is missing: restore it from a backup or run the migrations anew"
