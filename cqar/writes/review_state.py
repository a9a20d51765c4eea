"""Which open reviews are still questions: a review is superseded once the code is gone or means something else."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple

from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.model.entity import Row
from cqar.model.rules import PROVISIONAL
from cqar.storage.postgres import Session, Sql

#: The kinds of reviews about codes.
CODES = frozenset({pb.REVIEW_KIND_CANDIDATES, pb.REVIEW_KIND_PROVISIONAL, pb.REVIEW_KIND_CODE_CONFLICT})


def _meant(name: str, aliases: str) -> Sql:
    """What the codes of venues, $1 and $2, mean. `aliases`: FROM of the venue assets `t` that have a code `k` as an alias."""
    columns = "k.venue_id, k.code, t.asset_id, t.delisted_at, t.blocked_reason"
    return Sql(
        name,
        "WITH k AS (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS k(venue_id, code)),"
        f" c AS (SELECT {columns} FROM k JOIN venue_assets t ON t.venue_id = k.venue_id AND t.venue_asset_symbol = k.code"
        f" UNION SELECT {columns} FROM {aliases})"
        " SELECT c.venue_id, c.code, c.asset_id, c.blocked_reason, a.category FROM c JOIN assets a USING (asset_id)"
        " WHERE COALESCE(c.delisted_at > now(), true) AND a.deleted_at IS NULL ORDER BY c.venue_id, c.code, c.asset_id",
    )


#: For a few codes, which an index finds among aliases; and for many, which are joined with all aliases of their venues.
_MEANT = _meant(
    "meanings_of_code", "k JOIN venue_assets t ON t.venue_id = k.venue_id AND t.venue_asset_aliases @> ARRAY[k.code]"
)
_MEANT_MANY = _meant(
    "meanings_of_codes",
    "k JOIN (SELECT v.*, unnest(v.venue_asset_aliases) AS alias FROM venue_assets v"
    " WHERE v.venue_asset_aliases IS NOT NULL) t ON t.venue_id = k.venue_id AND t.alias = k.code",
)
_FEW = 20
_LISTED = Sql(
    "symbols_of_listings",
    "SELECT t.listing_id, t.venue_id, t.listed_at, s.* FROM venue_symbols t JOIN symbols s USING (symbol_id)"
    " WHERE t.listing_id = ANY($1::text[]) AND COALESCE(t.delisted_at > now(), true)",
)
_SIDES = ("base_asset_id", "quote_asset_id", "settlement_asset_id")


class Meaning(NamedTuple):
    """An asset that a code means now."""

    asset_id: str
    provisional: bool
    blocked: bool = False


class Current:
    """What the codes and the listings of reviews mean now."""

    def __init__(self, meant: Iterable[Row] = (), listed: Iterable[Row] = ()) -> None:
        self._meant: dict[tuple[str, str], list[Meaning]] = {}
        for row in meant:
            meaning = Meaning(row["asset_id"], row["category"] == PROVISIONAL, row["blocked_reason"] is not None)
            self._meant.setdefault((row["venue_id"], row["code"]), []).append(meaning)
        self._listed: Mapping[str, Row] = {row["listing_id"]: row for row in listed}

    def of(self, venue_id: str, code: str) -> Sequence[Meaning]:
        """The assets that the code means."""
        return self._meant.get((venue_id, code), ())

    def superseded(self, review: Any) -> bool:
        """Whether the open review has no question left."""
        if review.kind == pb.REVIEW_KIND_LISTING_CONFLICT:
            listed = self._listed.get(review.listing_id)
            if listed is not None and review.venue_symbol.symbol_id:
                return _began(review.venue_symbol, listed)
            return listed is None or _same_terms(review.symbol, listed)
        meant = self.of(review.venue_id, review.code)
        if review.kind == pb.REVIEW_KIND_CANDIDATES:
            return any(not each.provisional for each in meant)
        own = [each for each in meant if each.asset_id == review.asset_id]
        if review.kind == pb.REVIEW_KIND_PROVISIONAL:
            return not any(each.provisional for each in own)
        # A contradiction that blocked trading is over once an import has opened it again.
        return not own or (bool(review.venue_asset.blocked_reason) and not any(each.blocked for each in own))


def _began(proposed: Any, row: Row) -> bool:
    """Whether the listing begins when the review proposes, or later."""
    begins = row["listed_at"]
    return begins is not None and begins >= proposed.listed_at.ToDatetime(tzinfo=UTC)


def _same_terms(symbol: Any, row: Row) -> bool:
    """Whether the listing has the proposed symbol already, but for the terms that the text does not change."""
    if symbol.symbol_type != row["symbol_type"]:
        return False
    sides = [(getattr(symbol, name) or None, row[name]) for name in _SIDES]
    return all(proposed == stored for proposed, stored in sides[:2]) and sides[2][0] in (None, sides[2][1])


async def current(session: Session, reviews: Collection[Any]) -> Current:
    """What the codes and the listings of the reviews mean now."""
    codes = [each for each in reviews if each.kind in CODES]
    keys = [[each.venue_id for each in codes], [each.code for each in codes]]
    listings = [each.listing_id for each in reviews if each.kind == pb.REVIEW_KIND_LISTING_CONFLICT]
    meant = await session.rows(_MEANT if len(codes) <= _FEW else _MEANT_MANY, *keys) if codes else ()
    return Current(meant, await session.rows(_LISTED, listings) if listings else ())


async def meaning(session: Session, venue_id: str, code: str) -> Sequence[Meaning]:
    """The assets that a code means now."""
    return Current(await session.rows(_MEANT, [venue_id], [code])).of(venue_id, code)
