"""Blocks of listings: while a question about the meaning of a listing is open, trading of it is blocked."""

from collections.abc import Iterable
from typing import Any

from cqar import text
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.model import rules
from cqar.model.entities import VENUE_SYMBOL
from cqar.writes import operations
from cqar.writes.transaction import Transaction


async def block(tx: Transaction, reviews: Iterable[Any]) -> None:
    """Block the listings that open reviews are about, unless they are blocked for another reason."""
    for review in reviews:
        if review.kind != pb.REVIEW_KIND_LISTING_CONFLICT or review.status != pb.REVIEW_STATUS_OPEN:
            continue
        listing = await tx.session.row(operations.lock_sql(VENUE_SYMBOL), review.listing_id)
        if listing is not None and listing["blocked_reason"] is None:
            reason = f"{rules.OPEN_QUESTION}{review.reason or 'the venue symbol may mean another symbol'}"[: text.DESCRIPTION]
            await operations.replace(tx, VENUE_SYMBOL, listing, {**dict(listing), "blocked_reason": reason})


async def lift(tx: Transaction, review: Any) -> None:
    """Lift the block of a review's listing, if it is one for an open question."""
    if review.kind != pb.REVIEW_KIND_LISTING_CONFLICT:
        return
    listing = await tx.session.row(operations.lock_sql(VENUE_SYMBOL), review.listing_id)
    if listing is not None and (listing["blocked_reason"] or "").startswith(rules.OPEN_QUESTION):
        await operations.replace(tx, VENUE_SYMBOL, listing, {**dict(listing), "blocked_reason": None})
