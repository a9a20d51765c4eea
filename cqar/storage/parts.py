"""Reading parts from PostgreSQL: the statements, and the rows that they return as parts at one snap."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import orjson

from cqar import errors, tasks
from cqar.model import entities
from cqar.model.cache_keys import kind_of
from cqar.model.entities import (
    API_KEY,
    ASSET,
    ASSET_IDENTIFIER,
    CHAIN,
    DEPLOYMENT,
    QUALITY_FLAG,
    SYMBOL,
    SYMBOL_IDENTIFIER,
    VENUE,
    VENUE_ASSET,
    VENUE_SYMBOL,
)
from cqar.model.entity import Entity, Row
from cqar.model.parts import PAIRS, Head, Stored, stored
from cqar.storage.postgres import Session, Sql


class _Source(NamedTuple):
    """How rows of one entity are found for parts of a kind: rows `t` that pass the condition over what root keys name."""

    kind: str
    entity: Entity
    #: SQL over `t`; $1 holds what the root keys name, of names in two parts the first, and $2 the second. Empty: `root`
    where: str


_NAMED = "= ANY($1::text[])"
_PAIRS = "IN (SELECT * FROM unnest($1::text[], $2::text[]))"
_SOURCED = "IN (SELECT k.source::int, k.id FROM unnest($1::text[], $2::text[]) k(source, id))"
_ACTIVE = "t.resolved_at IS NULL AND t.deleted_at IS NULL"
#: The venue assets that have a code as their own, or as an alias. OFFSET keeps the planner from reading all of a venue.
_CODED = (
    "(t.venue_id, t.asset_id) IN"
    " (SELECT a.venue_id, a.asset_id FROM unnest($1::text[], $2::text[]) k(venue_id, code) JOIN venue_assets a"
    " ON a.venue_id = k.venue_id AND a.venue_asset_symbol = k.code"
    " UNION SELECT a.venue_id, a.asset_id FROM unnest($1::text[], $2::text[]) k(venue_id, code), LATERAL"
    " (SELECT v.venue_id, v.asset_id FROM venue_assets v WHERE v.venue_asset_aliases @> ARRAY[k.code] OFFSET 0) a"
    " WHERE a.venue_id = k.venue_id)"
)


def _with_flags(assets: str) -> tuple[_Source, ...]:
    return (
        _Source("asset", ASSET, f"t.asset_id {assets}"),
        _Source("asset", QUALITY_FLAG, f"t.asset_id {assets} AND {_ACTIVE}"),
    )


def _rows(kind: str, entity: Entity, where: str) -> tuple[_Source, ...]:
    return (_Source(kind, entity, where),)


#: For each kind of root keys: where the rows of their own parts come from.
_ROOT: Mapping[str, tuple[_Source, ...]] = {
    "api_key": _rows("api_key", API_KEY, f"t.key_id {_NAMED}"),
    "asset": _with_flags(_NAMED),
    "chain": _rows("chain", CHAIN, f"t.chain_id {_NAMED}"),
    "caip2": _rows("caip2", CHAIN, f"t.caip2 {_NAMED}"),
    "venue": _rows("venue", VENUE, f"t.venue_id {_NAMED}"),
    "symbol": _rows("symbol", SYMBOL, f"t.symbol_id {_NAMED}"),
    "venue_asset": _rows("venue_asset", VENUE_ASSET, f"(t.venue_id, t.asset_id) {_PAIRS}"),
    "venue_code": _rows("venue_code", VENUE_ASSET, _CODED),
    "listings": _rows("listings", VENUE_SYMBOL, f"(t.venue_id, t.venue_symbol) {_PAIRS}"),
    "symbol_listings": _rows("symbol_listings", VENUE_SYMBOL, f"t.symbol_id {_NAMED}"),
    "deployment": _rows("deployment", DEPLOYMENT, f"(t.chain_id, t.address) {_PAIRS} AND t.deleted_at IS NULL"),
    "asset_identifiers": _rows("asset_identifiers", ASSET_IDENTIFIER, f"t.asset_id {_NAMED} AND t.deleted_at IS NULL"),
    "external_asset": _rows(
        "external_asset", ASSET_IDENTIFIER, f"(t.source, t.external_id) {_SOURCED} AND t.deleted_at IS NULL"
    ),
    "symbol_identifiers": _rows("symbol_identifiers", SYMBOL_IDENTIFIER, f"t.symbol_id {_NAMED} AND t.deleted_at IS NULL"),
    "external_symbol": _rows(
        "external_symbol", SYMBOL_IDENTIFIER, f"(t.data_source, t.external_id) {_SOURCED} AND t.deleted_at IS NULL"
    ),
}
_OF_ROOT = "IN (SELECT r.{0} FROM root r)"
_ASSETS_OF_ROOT = _with_flags(_OF_ROOT.format("asset_id"))
_SYMBOL_ASSETS = "IN (SELECT unnest(ARRAY[s.base_asset_id, s.quote_asset_id, s.settlement_asset_id]) FROM {0})"
_SYMBOLS_OF_ROOT = f"symbols s WHERE s.symbol_id {_OF_ROOT.format('symbol_id')}"
#: And where the other parts of answers about them come from, by the rows `root`.
_BESIDE: Mapping[str, tuple[_Source, ...]] = {
    "symbol": _with_flags(_SYMBOL_ASSETS.format("root s")),
    "venue_asset": _with_flags("= ANY($2::text[])"),
    "venue_code": _ASSETS_OF_ROOT,
    "listings": (
        _Source("venue", VENUE, f"t.venue_id {_NAMED}"),
        _Source("symbol", SYMBOL, f"t.symbol_id {_OF_ROOT.format('symbol_id')}"),
        *_with_flags(_SYMBOL_ASSETS.format(_SYMBOLS_OF_ROOT)),
    ),
    "symbol_listings": (
        _Source("symbol", SYMBOL, f"t.symbol_id {_NAMED}"),
        *_with_flags(_SYMBOL_ASSETS.format(f"symbols s WHERE s.symbol_id {_NAMED}")),
    ),
    "deployment": (_Source("chain", CHAIN, f"t.chain_id {_NAMED}"), *_ASSETS_OF_ROOT),
    "external_asset": _ASSETS_OF_ROOT,
}
#: The kinds of keys that a fill may start from.
ROOTS = frozenset(_ROOT)
#: SQL: the history of the head `h`: its epoch, and the timeline of the server, which a promotion changes.
HISTORY = "h.epoch || '.' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS history"
#: SQL: the head `h`, where parts are read.
_HEAD = f"h.epoch::text AS epoch, h.seq AS snap, {HISTORY}"
HEAD = Sql("head", f"SELECT {_HEAD} FROM head h")

#: How a column of a kind goes through JSON without loss.
_AS_TEXT = frozenset({"number", "json"})
#: Rows that are made parts of at once.
_AT_ONCE = 50


@cache
def fill_sql(kind: str) -> Sql:
    """All parts of answers about roots of a kind with the head they were read at: one statement, so one snapshot."""
    if kind not in _BESIDE:
        return Sql(f"fill_{kind}", _text(_ROOT[kind]))
    [own] = _ROOT[kind]
    # Found once, however many other rows are found by them.
    found = f"WITH root AS MATERIALIZED (SELECT t.* FROM {own.entity.table} t WHERE {own.where}) "
    return Sql(f"fill_{kind}", found + _text([own._replace(where=""), *_BESIDE[kind]]))


@cache
def rows_sql(kind: str) -> Sql:
    """The rows of parts of a kind, and nothing else, with the head they were read at."""
    return Sql(f"rows_{kind}", _text(_ROOT[kind]))


def _text(sources: Iterable[_Source]) -> str:
    rows = " UNION ALL ".join(map(_source_sql, sources))
    return f"SELECT {_HEAD}, x.kind, x.entity, x.row FROM head h LEFT JOIN LATERAL ({rows}) x ON true"


def _source_sql(source: _Source) -> str:
    kind, entity, where = source
    columns = [f"t.{each.name}::text" if each.kind in _AS_TEXT else f"t.{each.name}" for each in entity.columns.values()]
    columns += ["t.revision", *(["t.deleted_at"] if entity.soft else [])]
    inner = f"SELECT {', '.join(columns)} FROM {f'{entity.table} t WHERE {where}' if where else 'root t'}"
    return f"SELECT '{kind}' AS kind, '{entity.name}' AS entity, row_to_json(r)::text AS row FROM ({inner}) r"


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


def _names(key: str) -> list[str]:
    """What a part key names."""
    kind, _, rest = key.partition(":")
    return rest.split(":", 1) if kind in PAIRS else [rest]


async def read(session: Session, *keys: str) -> tuple[Head, dict[str, list[Stored]]]:
    """Read the parts under keys of one kind with the parts that answers about them are made of, at one snap.

    A part without rows is there, empty. With many keys, it is everybody else's turn now and then.
    """
    return await _read(session, fill_sql(kind_of(keys[0])), keys)


async def read_rows(session: Session, *keys: str) -> tuple[Head, dict[str, list[Stored]]]:
    """Read the parts under keys of one kind, and nothing else that answers are made of."""
    return await _read(session, rows_sql(kind_of(keys[0])), keys)


async def _read(session: Session, sql: Sql, keys: Sequence[str]) -> tuple[Head, dict[str, list[Stored]]]:
    root = kind_of(keys[0])
    found: dict[str, list[Stored]] = {key: [] for key in keys}
    rows = await session.rows(sql, *map(list, zip(*map(_names, keys), strict=True)))
    if not rows:
        raise errors.Unavailable(NO_HEAD)
    async for some in tasks.in_turns(rows, _AT_ONCE):
        for each in some:
            kind = each["kind"]
            if kind is None:
                continue
            entity = entities.BY_NAME[each["entity"]]
            row = _row(entity, each["row"])
            held = stored(entity, row)
            for key in entity.part_keys(row):
                # Of the root's kind, a row may have keys that were not asked for, whose parts would lack other rows.
                if kind_of(key) == kind and (kind != root or key in found):
                    found.setdefault(key, []).append(held)
    return _head(rows[0]), found


async def head(session: Session) -> Head:
    """Where the head stands. Raises Unavailable."""
    row = await session.row(HEAD)
    if row is None:
        raise errors.Unavailable(NO_HEAD)
    return _head(row)


def _head(row: Row) -> Head:
    return Head(row["epoch"], row["snap"], row["history"])


class Everything(NamedTuple):
    """The parts that lookups are made of, and whether nothing was cut off."""

    head: Head
    #: by their keys; a lone row stands for itself, since a list of it would take more room than the row
    found: dict[str, Stored | list[Stored]]
    whole: bool

    def take(self, keys: Iterable[str]) -> dict[str, Sequence[Stored]]:
        """Some of the parts, which it then has no more."""
        taken = {key: self.found.pop(key) for key in keys}
        return {key: rows if isinstance(rows, list) else (rows,) for key, rows in taken.items()}


async def read_all(session: Session, limit: int, at_once: int) -> Everything:
    """The parts that lookups are made of, of up to about `limit` rows, in a session that sees one snapshot.

    Rows are read `at_once` at a time, with everybody else's turn between. What the limit cuts off is at the leaves, and of
    no part is anything cut off.
    """
    at = await head(session)
    found: dict[str, Stored | list[Stored]] = {}
    whole, room = True, limit
    for sql, entity in ALL_ROWS.items():
        # A part without some of its rows would be a wrong one: flags come for all assets, of listings the last text goes.
        most = None if entity is QUALITY_FLAG else max(0, room)
        read, last = 0, list[Row]()
        async for rows in session.pages(sql, at_once, most):
            read += len(rows)
            sure = rows
            if entity is VENUE_SYMBOL:
                sure, last = _last_apart(entity, last + rows)
            _gather(entity, sure, found)
        cut = read == most
        if not cut:
            _gather(entity, last, found)
        room -= read
        whole = whole and not cut
    return Everything(at, found, whole)


def _last_apart(entity: Entity, rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Rows in the order of their parts: those before the last part, and those of it, of which more may come."""
    last, at = entity.part_keys(rows[-1])[0], len(rows)
    while at and entity.part_keys(rows[at - 1])[0] == last:
        at -= 1
    return rows[:at], rows[at:]


def _gather(entity: Entity, rows: Iterable[Row], into: dict[str, Stored | list[Stored]]) -> None:
    """Put rows into the parts that hold them, flags into those that there are."""
    for row in rows:
        held = stored(entity, row)
        for key in entity.part_keys(row):
            if kind_of(key) in ALL_KINDS and (entity is not QUALITY_FLAG or key in into):
                _add(into, key, held)


def _add(into: dict[str, Stored | list[Stored]], key: str, row: Stored) -> None:
    """Put a row under a key."""
    there = into.get(key)
    if there is None:
        into[key] = row
    elif isinstance(there, list):
        there.append(row)
    else:
        into[key] = [there, row]


#: Shared parts first: what is cut off by the limit is then at the leaves.
ALL_ROWS: Mapping[Sql, Entity] = {
    Sql(
        f"all_{entity.plural}",
        f"SELECT {entity.select} FROM {entity.table} t{' WHERE ' + _ACTIVE if entity is QUALITY_FLAG else ''}"
        f"{' ORDER BY t.venue_id, t.venue_symbol' if entity is VENUE_SYMBOL else ''} LIMIT $1",
    ): entity
    for entity in (API_KEY, CHAIN, VENUE, ASSET, QUALITY_FLAG, SYMBOL, VENUE_SYMBOL, VENUE_ASSET, DEPLOYMENT)
}

#: The kinds of parts that are made of all these rows; of other kinds, parts are made when somebody asks.
ALL_KINDS = frozenset({"api_key", "chain", "caip2", "venue", "asset", "symbol", "listings", "venue_asset", "deployment"})

NO_HEAD = "the row of `head` is missing: restore it from a backup or run the migrations anew"
