"""Search by ticker and name: candidates in an order, never an answer. Nothing else in the registry resolves a ticker.

Exact ticker first, then what begins with the text, then what is alike by trigrams, so that typing errors are forgiven.
"""

from typing import Any

from google.protobuf.message import Message

from cqar import binding, errors, paging
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.entities import ASSET, SYMBOL
from cqar.entity import Entity
from cqar.store import Session, Sql


def _statement(entity: Entity, ticker: str, alike: str, score: str, filters: str) -> Sql:
    """$1 the text, $2 in lower case, $3 its LIKE prefix, $4 and $5 rank and key to start after, $6 rows, $7... filters."""
    rank = (
        f"(CASE WHEN t.{ticker} = $1 THEN 4 WHEN lower(t.{ticker}) = $2 THEN 3"
        f" WHEN lower(t.{ticker}) LIKE $3 THEN 2 ELSE 0 END + {score})::real"
    )
    key = entity.key[0]
    return Sql(
        f"search_{entity.plural}",
        f"SELECT * FROM (SELECT {entity.select}, {rank} AS rank FROM {entity.table} t WHERE t.deleted_at IS NULL"
        f" AND ({alike}) AND {filters}) found WHERE $4::real IS NULL OR (-rank, {key}) > (-$4::real, $5::text)"
        f" ORDER BY rank DESC, {key} LIMIT $6",
    )


ASSETS = _statement(
    ASSET,
    "symbol",
    "lower(t.symbol) % $2 OR lower(t.symbol) LIKE $3 OR lower(t.name) % $2 OR $2 <% lower(t.name)",
    "greatest(similarity(lower(t.symbol), $2), word_similarity($2, lower(t.name)))",
    "($7::int IS NULL OR t.asset_type = $7) AND ($8::text IS NULL OR t.category = $8) AND ($9::int IS NULL OR EXISTS"
    " (SELECT FROM quality_flags f WHERE f.asset_id = t.asset_id AND f.severity >= $9 AND f.resolved_at IS NULL"
    " AND f.deleted_at IS NULL))",
)
SYMBOLS = _statement(
    SYMBOL,
    "symbol",
    "lower(t.symbol) % $2 OR lower(t.symbol) LIKE $3 OR $2 <% lower(t.symbol)",
    "word_similarity($2, lower(t.symbol))",
    "($7::int IS NULL OR t.symbol_type = $7) AND ($8::text IS NULL OR t.base_asset_id = $8)"
    " AND ($9::text IS NULL OR t.quote_asset_id = $9)",
)
STATEMENTS = (ASSETS, SYMBOLS)

_ASSET_FILTERS = ("asset_type", "category", "min_flag_severity")
_SYMBOL_FILTERS = ("symbol_type", "base_asset_id", "quote_asset_id")


async def assets(session: Session, request: Any) -> Message:
    """SearchAssets: candidates by ticker and name. Raises Invalid without a query."""
    return await _search(session, ASSETS, ASSET, request, _ASSET_FILTERS, pb.SearchAssetsResponse)


async def symbols(session: Session, request: Any) -> Message:
    """SearchSymbols: candidates by label. Raises Invalid without a query."""
    return await _search(session, SYMBOLS, SYMBOL, request, _SYMBOL_FILTERS, pb.SearchSymbolsResponse)


async def _search(
    session: Session, sql: Sql, entity: Entity, request: Any, fields: tuple[str, ...], response: type[Message]
) -> Message:
    if not request.query:
        raise errors.Invalid("query", "REQUIRED", "is not given; send a ticker or a part of a name")
    query = binding.name(256)(request.query, "query")
    low = query.lower()
    prefix = low.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    values = [paging.Filter(name, "").value(request) for name in fields]
    limit = paging.size(request, "limit" if request.HasField("limit") else "page_size")
    scope = f"{response.DESCRIPTOR.name} {query} {values}"
    rank, key = paging.position(scope, request.page_token) if request.page_token else (None, None)
    rows = await session.rows(sql, query, low, prefix, rank, key, limit + 1, *values)
    answer: Any = response()
    getattr(answer, entity.plural).extend(entity.answer(row) for row in rows[:limit])
    if len(rows) > limit:
        answer.next_page_token = paging.token(scope, [rows[limit - 1]["rank"], rows[limit - 1][entity.key[0]]])
    return answer  # type: ignore[no-any-return]  # a message of the given class
