"""What a review may be about: checked when it is opened and again when it is decided.

A decision may write rows that a writer may not: a merge of assets requires the role admin. So a review of a writer merges
nothing but a provisional asset of the review's venue, and a conflict of listings is about a listing of that venue.
"""

from collections.abc import Callable, Sequence
from typing import Any

from cqar import errors
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.model.binding import TEXT
from cqar.model.call import Role
from cqar.model.entities import ASSET, VENUE_ASSET, VENUE_SYMBOL
from cqar.model.entity import Row
from cqar.model.rules import PROVISIONAL
from cqar.storage.postgres import Sql
from cqar.writes import operations
from cqar.writes.transaction import Transaction

#: The field that names the subject of a review, by the kinds that require one.
_SUBJECTS = {pb.REVIEW_KIND_PROVISIONAL: "asset_id", pb.REVIEW_KIND_LISTING_CONFLICT: "listing_id"}
_USED = Sql(
    "venue_assets_of_reviews",
    f"SELECT {VENUE_ASSET.select} FROM venue_assets t"
    " WHERE (t.venue_id, t.asset_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))"
    " ORDER BY t.venue_id, t.asset_id FOR SHARE OF t",
)


def check_fields(given: Any) -> None:
    """Raise Invalid if a review does not name its subject as its kind requires."""
    field = _SUBJECTS.get(given.kind)
    if field is not None:
        errors.require(given, (field,))
        TEXT[field](getattr(given, field), field)


async def check_opened(tx: Transaction, reviews: Sequence[Any]) -> None:
    """Lock the subjects of new reviews. Raises NotFound, Precondition for the first that the caller may not open."""
    await _check_assets(tx, [each for each in reviews if each.kind == pb.REVIEW_KIND_PROVISIONAL])
    await _check_listings(tx, [each for each in reviews if each.kind == pb.REVIEW_KIND_LISTING_CONFLICT])


async def _check_assets(tx: Transaction, reviews: Sequence[Any]) -> None:
    if not reviews or may_merge_any(tx):
        return
    stored = await operations.lock_live(tx, ASSET, {each.asset_id for each in reviews})
    places = [[each.venue_id for each in reviews], [each.asset_id for each in reviews]]
    used = {(row["venue_id"], row["asset_id"]) for row in await tx.session.rows(_USED, *places)}
    for each in reviews:
        if each.asset_id not in stored:
            raise errors.NotFound(ASSET.name, each.asset_id, "asset_id")
        check_provisional(stored[each.asset_id])
        if (each.venue_id, each.asset_id) not in used:
            raise _not_of_venue("asset", each.asset_id, each.venue_id)


async def _check_listings(tx: Transaction, reviews: Sequence[Any]) -> None:
    stored = await operations.lock_live(tx, VENUE_SYMBOL, {each.listing_id for each in reviews}) if reviews else {}
    for each in reviews:
        if each.listing_id not in stored:
            raise errors.NotFound(VENUE_SYMBOL.name, each.listing_id, "listing_id")
        check_venue(stored[each.listing_id], each.venue_id)


async def check_merged(tx: Transaction, review: Any) -> Callable[[Row], None]:
    """The check of the asset that an accepted review merges, for `merge.merge` to make once it holds the lock.

    Raises Precondition.
    """
    if may_merge_any(tx):
        return lambda _asset: None
    if not await tx.session.rows(_USED, [review.venue_id], [review.asset_id]):
        raise _not_of_venue("asset", review.asset_id, review.venue_id)
    return check_provisional


def may_merge_any(tx: Transaction) -> bool:
    """Whether the caller may merge any two assets, as `MergeAssets` does."""
    principal = tx.call.principal
    return principal.role >= Role.ADMIN and not principal.venues


def check_provisional(asset: Row) -> None:
    """Raise Precondition unless the asset is provisional."""
    if asset["category"] != PROVISIONAL:
        asset_id = asset["asset_id"]
        description = f"asset {asset_id!r} is not provisional; merging it with another requires the role admin: MergeAssets"
        raise errors.Precondition("NOT_PROVISIONAL", f"asset:{asset_id}", description)


def check_venue(listing: Row, venue_id: str) -> None:
    """Raise Precondition unless the listing is one of the venue."""
    if listing["venue_id"] != venue_id:
        raise _not_of_venue("venue_symbol", listing["listing_id"], venue_id)


def _not_of_venue(kind: str, row_id: str, venue_id: str) -> errors.Precondition:
    return errors.Precondition("OTHER_VENUE", f"{kind}:{row_id}", f"{kind} {row_id!r} is not of venue {venue_id!r}")
