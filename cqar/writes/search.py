"""Search by ticker and name: ranked candidates, never an answer. Nothing else in the registry resolves a ticker.

Exact matches of the ticker come first, then prefix matches, then trigram matches, which forgive typing errors.
"""

from typing import Any

from cqar import errors
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.model import binding
from cqar.model.entities import ASSET, SYMBOL
from cqar.model.entity import Entity
from cqar.storage.postgres import Session, Sql
from cqar.writes import paging


def _statement(entity: Entity, ticker: str, alike: str, score: str, filters: str) -> Sql:
    """$1 the text, $2 its LIKE prefix, $3 and $4 the rank and key to start after, $5 rows, $6... filters.

    Only PostgreSQL folds case, so that both sides of a comparison use the same rules.
    """
    rank = (
        f"(CASE WHEN t.{ticker} = $1 THEN 4 WHEN lower(t.{ticker}) = lower($1) THEN 3"
        f" WHEN lower(t.{ticker}) LIKE lower($2) THEN 2 ELSE 0 END + {score})::real"
    )
    key = entity.key[0]
    return Sql(
        f"search_{entity.plural}",
        f"SELECT * FROM (SELECT {entity.select}, {rank} AS rank FROM {entity.table} t WHERE t.deleted_at IS NULL"
        f" AND ({alike}) AND {filters}) found WHERE $3::real IS NULL OR (-rank, {key}) > (-$3::real, $4::text)"
        f" ORDER BY rank DESC, {key} LIMIT $5",
    )


ASSETS = _statement(
    ASSET,
    "symbol",
    "lower(t.symbol) % lower($1) OR lower(t.symbol) LIKE lower($2) OR lower(t.name) % lower($1) OR lower($1) <% lower(t.name)",
    "greatest(similarity(lower(t.symbol), lower($1)), word_similarity(lower($1), lower(t.name)))",
    "($6::int IS NULL OR t.asset_type = $6) AND ($7::text IS NULL OR t.category = $7) AND ($8::int IS NULL OR EXISTS"
    " (SELECT FROM quality_flags f WHERE f.asset_id = t.asset_id AND f.severity >= $8 AND f.resolved_at IS NULL"
    " AND f.deleted_at IS NULL))",
)
SYMBOLS = _statement(
    SYMBOL,
    "symbol",
    "lower(t.symbol) % lower($1) OR lower(t.symbol) LIKE lower($2) OR lower($1) <% lower(t.symbol)",
    "word_similarity(lower($1), lower(t.symbol))",
    "($6::int IS NULL OR t.symbol_type = $6) AND ($7::text IS NULL OR t.base_asset_id = $7)"
    " AND ($8::text IS NULL OR t.quote_asset_id = $8)",
)

_ASSET_FILTERS = ("asset_type", "category", "min_flag_severity")
_SYMBOL_FILTERS = ("symbol_type", "base_asset_id", "quote_asset_id")


async def assets(session: Session, request: pb.SearchAssetsRequest) -> pb.SearchAssetsResponse:
    """SearchAssets: candidates by ticker and name. Raises Invalid without a query."""
    return await _search(session, ASSETS, ASSET, request, _ASSET_FILTERS, pb.SearchAssetsResponse)


async def symbols(session: Session, request: pb.SearchSymbolsRequest) -> pb.SearchSymbolsResponse:
    """SearchSymbols: candidates by label. Raises Invalid without a query."""
    return await _search(session, SYMBOLS, SYMBOL, request, _SYMBOL_FILTERS, pb.SearchSymbolsResponse)


async def _search(
    session: Session, sql: Sql, entity: Entity, request: Any, fields: tuple[str, ...], response: type[paging.Response]
) -> paging.Response:
    if not request.query:
        raise errors.Invalid.missing("query", "send a ticker or a part of a name")
    query = binding.name(256)(request.query, "query")
    prefix = query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    values = [paging.checked(request, name) for name in fields]
    limit = _limit(request)
    scope = f"{response.DESCRIPTOR.name} {query} {values}"
    rank, key = paging.position(scope, request.page_token, (float, str)) if request.page_token else (None, None)
    rows = await session.rows(sql, query, prefix, rank, key, limit + 1, *values)
    page = response()
    answer: Any = page
    last = paging.fill(getattr(answer, entity.plural), map(entity.answer, rows[:limit]))
    if last < len(rows):
        answer.next_page_token = paging.token(scope, [rows[last - 1]["rank"], rows[last - 1][entity.key[0]]])
    return page


def _limit(request: Any) -> int:
    """The page size, by either of its names. Raises Invalid if both are set and differ."""
    if request.limit and request.page_size and request.limit != request.page_size:
        raise errors.Invalid("page_size", "ALSO_SET", f"is {request.page_size} but limit is {request.limit}; send one of them")
    return paging.size(request, "limit" if request.limit else "page_size")
