"""The review queue: questions of importers to operators, and the changes that a decision makes in its own transaction."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from cqar import errors
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.model.binding import TEXT
from cqar.model.entities import VENUE
from cqar.model.entity import Row, new_id, timestamp
from cqar.storage.postgres import Session, Sql
from cqar.writes import listing_blocks, meanings, operations, paging, review_answers, review_state, review_subjects
from cqar.writes.transaction import Transaction

#: Maximum number of reviews of one OpenReviews, and of candidates of one review.
MAX_REVIEWS = 1_000
MAX_CANDIDATES = 100
#: Maximum bytes of a proposal.
MAX_PROPOSAL = 65_536

COLUMNS = "review_id, kind, status, venue_id, code, proposal, source, decision, notes, decided_by, decided_at, created_at"
SELECT = f"SELECT {COLUMNS} FROM reviews r"
_KNOWN = Sql(
    "known_reviews",
    f"SELECT {COLUMNS}, symbol_type FROM reviews r WHERE r.venue_id = ANY($1::text[])"
    f" AND r.status IN ({pb.REVIEW_STATUS_OPEN}, {pb.REVIEW_STATUS_REJECTED}) ORDER BY r.review_id FOR UPDATE",
)
_OPEN = Sql(
    "open_reviews",
    "INSERT INTO reviews AS r (review_id, venue_id, kind, code, symbol_type, proposal, source)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::int[], $6::bytea[], $7::text[])"
    f" RETURNING {COLUMNS}",
)
_RENEW = Sql(
    "renew_reviews",
    "UPDATE reviews r SET proposal = n.proposal, source = n.source"
    " FROM unnest($1::text[], $2::bytea[], $3::text[]) n (review_id, proposal, source) WHERE r.review_id = n.review_id"
    " RETURNING r.review_id",
)
_LOCK = Sql("lock_review", f"{SELECT} WHERE r.review_id = $1 FOR UPDATE")
_DECIDE = Sql(
    "decide_review",
    "UPDATE reviews r SET status = $2, decision = $3, notes = $4, decided_by = $5, decided_at = now() WHERE r.review_id = $1"
    f" RETURNING {COLUMNS}",
)
_REOPEN = Sql(
    "reopen_review",
    f"UPDATE reviews r SET status = {pb.REVIEW_STATUS_OPEN}, decision = NULL, notes = NULL, decided_by = NULL,"
    f" decided_at = NULL WHERE r.review_id = $1 RETURNING {COLUMNS}",
)
_LIST = Sql(
    "list_reviews",
    f"{SELECT} WHERE r.status = $1 AND ($2::text IS NULL OR r.venue_id = $2) AND ($3::int IS NULL OR r.kind = $3)"
    " AND ($4::text IS NULL OR r.code = $4) AND ($5::int IS NULL OR EXISTS (SELECT FROM identity_claims c"
    " WHERE c.venue_id = r.venue_id AND c.code = r.code AND c.level = $5))"
    " AND ($6::text IS NULL OR r.review_id > $6) ORDER BY r.review_id LIMIT $7",
)
#: The stored status of reviews whose status is derived.
_STORED: Mapping[int, int] = {pb.REVIEW_STATUS_SUPERSEDED: pb.REVIEW_STATUS_OPEN}
#: What a merge calls the assets -> what a request to accept does.
_MERGED = {"from_asset_id": "review_id", "into_asset_id": "asset_id"}
#: Fields of a Review that the registry sets, not its source.
_OWN = ("review_id", "status", "created_at", "decided_at", "decided_by", "decision", "notes")


def message(row: Row) -> Any:
    """The review of a row."""
    review: Any = pb.Review.FromString(row["proposal"])
    review.review_id, review.kind, review.status = row["review_id"], row["kind"], row["status"]
    review.venue_id, review.code, review.source = row["venue_id"], row["code"], row["source"]
    review.created_at.CopyFrom(timestamp(row["created_at"]))
    if row["decided_at"] is not None:
        review.decided_at.CopyFrom(timestamp(row["decided_at"]))
        review.decided_by = row["decided_by"]
        review.decision = row["decision"] or 0
        review.notes = row["notes"] or ""
    return review


# ---- asking --------------------------------------------------------------------------------------------------------


async def open_reviews(tx: Transaction, request: Any) -> Message:
    """OpenReviews: at most one open review per venue, kind and code.

    Raises Invalid naming the review by its index, NotFound, and Precondition as `review_subjects`.
    """
    if len(request.reviews) > MAX_REVIEWS:
        msg = f"{len(request.reviews)} reviews exceed the limit of {MAX_REVIEWS} per call; split the request"
        raise errors.Exhausted(msg)
    proposals = []
    for at, given in enumerate(request.reviews):
        try:
            proposals.append(_Proposed(given, tx.call.principal.name))
        except errors.Invalid as error:
            raise error.renamed(functools.partial("reviews[{}].{}".format, at)) from None
    places = {each.key[0] for each in proposals}
    missing = places - set(await operations.lock_live(tx, VENUE, places))
    if missing:
        raise errors.NotFound(VENUE.name, min(missing), "venue_id")
    found, opened = await _settle(tx, proposals, sorted(places))
    # After the reviews are locked: decisions lock in this order, too.
    await review_subjects.check_opened(tx, request.reviews)
    reviews = [message(found[each.key]) for each in proposals]
    await listing_blocks.block(tx, reviews)
    return pb.OpenReviewsResponse(reviews=reviews, opened=opened)


class _Proposed:
    """A requested review, checked: its key and its proposal. Raises Invalid."""

    def __init__(self, given: Any, asker: str) -> None:
        venue_id, code = _place(given)
        self.source = TEXT["source"](given.source, "source") if given.source else asker
        self.proposal = _proposal(given)
        #: at most one open review per key
        self.key = (venue_id, given.kind, code, given.symbol.symbol_type)


async def _settle(tx: Transaction, proposals: Sequence[_Proposed], places: list[str]) -> tuple[dict[tuple[Any, ...], Row], int]:
    """The current row of each review, by key, and how many are new."""
    found: dict[tuple[Any, ...], Row] = {}
    refused: dict[tuple[Any, ...], Row] = {}
    for row in await tx.session.rows(_KNOWN, places):
        key = (row["venue_id"], row["kind"], row["code"], row["symbol_type"])
        if row["status"] == pb.REVIEW_STATUS_OPEN:
            found[key] = row
        else:
            refused[(*key, row["proposal"])] = row
    new: dict[tuple[Any, ...], _Proposed] = {}
    renewed: dict[tuple[Any, ...], _Proposed] = {}
    for each in proposals:
        stored = found.get(each.key) or refused.get((*each.key, each.proposal))
        if stored is None:
            new[each.key] = each
        elif stored["proposal"] != each.proposal:
            renewed[each.key] = each
        if stored is not None:
            found[each.key] = {**dict(stored), "proposal": each.proposal, "source": each.source}
    if renewed:
        rows = [[found[key]["review_id"], each.proposal, each.source] for key, each in renewed.items()]
        await tx.session.rows(_RENEW, *map(list, zip(*rows, strict=True)))
    if new:
        rows = [[new_id(), *key, each.proposal, each.source] for key, each in new.items()]
        inserted = {row["review_id"]: row for row in await tx.session.rows(_OPEN, *map(list, zip(*rows, strict=True)))}
        found.update({key: inserted[row[0]] for key, row in zip(new, rows, strict=True)})
    return found, len(new)


def _place(given: Any) -> tuple[str, str]:
    """Venue and code of a review, checked together with its kind and candidates."""
    if given.kind not in review_answers.ANSWERS:
        raise errors.Invalid("kind", "UNKNOWN_VALUE", f"{given.kind} is not a kind of review")
    errors.require(given, ("venue_id", "code"))
    review_subjects.check_fields(given)
    if len(given.candidate_asset_ids) > MAX_CANDIDATES:
        raise errors.Invalid("candidate_asset_ids", "TOO_MANY", f"exceed the limit of {MAX_CANDIDATES}")
    return TEXT["venue_id"](given.venue_id, "venue_id"), TEXT["venue_symbol"](given.code, "code")


def _proposal(given: Any) -> bytes:
    """The proposal of a source, serialized deterministically."""
    said = pb.Review()
    said.CopyFrom(given)
    for name in (*_OWN, "source"):
        said.ClearField(name)
    data: bytes = said.SerializeToString(deterministic=True)
    if len(data) > MAX_PROPOSAL:
        raise errors.Invalid("reason", "TOO_LONG", f"the review has {len(data)} bytes; at most {MAX_PROPOSAL} are allowed")
    return data


async def list_reviews(session: Session, request: Any) -> Message:
    """ListReviews: a page in the order in which reviews were opened. Raises Invalid."""
    filters = [paging.checked(request, name) for name in ("venue_id", "kind")]
    filters.append(TEXT["venue_symbol"](request.code, "code") if request.code else None)
    filters.append(paging.checked(request, "level"))
    status = paging.checked(request, "status") or pb.REVIEW_STATUS_OPEN
    limit = paging.size(request)
    scope = f"ListReviewsResponse {filters} {status}"
    start = paging.position(scope, request.page_token, [str])[0] if request.page_token else None
    found: list[Any] = []
    more = True
    while more and not found:
        rows = await session.rows(_LIST, _STORED.get(status, status), *filters, start, limit + 1)
        more = len(rows) > limit
        start = rows[:limit][-1]["review_id"] if rows else start
        found = await _with_status(session, [message(row) for row in rows[:limit]], status)
    response = pb.ListReviewsResponse()
    last = paging.fill(response.reviews, found)
    if last < len(found):
        response.next_page_token = paging.token(scope, [found[last - 1].review_id])
    elif more:
        response.next_page_token = paging.token(scope, [start])
    return response


async def _with_status(session: Session, found: list[Any], status: int) -> list[Any]:
    """Of reviews that are stored as open, those that are; or those that other changes have superseded."""
    if status not in (pb.REVIEW_STATUS_OPEN, pb.REVIEW_STATUS_SUPERSEDED):
        return found
    now = await review_state.current(session, found)
    kept = [each for each in found if now.superseded(each) == (status == pb.REVIEW_STATUS_SUPERSEDED)]
    for each in kept:
        each.status = status
    return kept


# ---- answering -----------------------------------------------------------------------------------------------------


async def accept_review(tx: Transaction, request: Any) -> Message:
    """AcceptReview: the changes and the decision in one transaction. Raises NotFound, Precondition, Invalid."""
    review = await _locked(tx, request)
    return await accept(tx, review, request)


async def accept(tx: Transaction, review: Any, request: Any) -> pb.AcceptReviewResponse:
    """Accept a review that is locked and open. `request`: an AcceptReviewRequest."""
    default = pb.REVIEW_DECISION_ASSET if pb.REVIEW_DECISION_ASSET in review_answers.ANSWERS[review.kind] else 0
    decision = request.decision or default
    try:
        asset_id = await review_answers.answer(tx, review, decision, request)
    except errors.CqarError as error:
        raise error.renamed(lambda field: _MERGED.get(field, field)) from error
    response = pb.AcceptReviewResponse()
    response.review.CopyFrom(await decide(tx, review, pb.REVIEW_STATUS_ACCEPTED, decision, request.notes))
    if asset_id:
        response.review.asset_id = asset_id
        response.warnings.extend(await meanings.warnings(tx, review.venue_id, asset_id))
    return response


async def reject_review(tx: Transaction, request: Any) -> Message:
    """RejectReview: what the code or the listing has meant so far stays. Raises NotFound, Precondition."""
    review = await _locked(tx, request)
    return pb.RejectReviewResponse(review=await reject(tx, review, request.notes))


async def reject(tx: Transaction, review: Any, notes: str) -> Any:
    """Reject a review that is locked and open; returns it. A conflict of codes is decided for the old meaning."""
    if review.kind == pb.REVIEW_KIND_CODE_CONFLICT and review.asset_id in await _meant(tx, review):
        decided = meanings.Decided(review.code, review.asset_id, None, notes)
        await meanings.keep(tx, review.venue_id, decided)
    await listing_blocks.lift(tx, review)
    return await decide(tx, review, pb.REVIEW_STATUS_REJECTED, None, notes)


async def _meant(tx: Transaction, review: Any) -> list[str]:
    return [row["asset_id"] for row in await meanings.living(tx, review.venue_id, review.code)]


async def reopen_review(tx: Transaction, request: Any) -> Message:
    """ReopenReview: a rejected review is open again. Raises NotFound, Precondition."""
    errors.require(request, ("review_id",))
    review = await _stored(tx, request.review_id)
    if review.status != pb.REVIEW_STATUS_REJECTED:
        description = f"review {review.review_id!r} is {_name(review)}; only a rejected one can be opened again"
        raise errors.Precondition("NOT_REJECTED", f"review:{review.review_id}", description)
    try:
        row = await tx.session.row(_REOPEN, review.review_id)
    except errors.AlreadyExists:
        description = f"a newer review of {review.code!r} at {review.venue_id} is open"
        raise errors.Precondition("OPEN", f"review:{review.review_id}", description) from None
    if row is None:
        raise errors.NotFound("review", review.review_id)
    if review.kind == pb.REVIEW_KIND_CODE_CONFLICT and review.asset_id in await _meant(tx, review):
        await meanings.contest(tx, review)
    await listing_blocks.block(tx, [message(row)])
    return pb.ReopenReviewResponse(review=message(row))


async def _stored(tx: Transaction, review_id: str) -> Any:
    row = await tx.session.row(_LOCK, TEXT["listing_id"](review_id, "review_id"))
    if row is None:
        raise errors.NotFound("review", review_id)
    return message(row)


async def _locked(tx: Transaction, request: Any) -> Any:
    errors.require(request, ("review_id",))
    review = await _stored(tx, request.review_id)
    check_open(review)
    return review


def check_open(review: Any) -> None:
    """Raise Precondition if the review is decided."""
    if review.status != pb.REVIEW_STATUS_OPEN:
        description = f"review {review.review_id!r} is already {_name(review)}"
        raise errors.Precondition("DECIDED", f"review:{review.review_id}", description)


def _name(review: Any) -> str:
    return pb.ReviewStatus.Name(review.status).removeprefix("REVIEW_STATUS_").lower()


async def decide(tx: Transaction, review: Any, status: int, decision: int | None, notes: str) -> Any:
    """Record the decision of a locked review; returns it as it is now."""
    noted = TEXT["resolution_notes"](notes, "notes") if notes else None
    row = await tx.session.row(_DECIDE, review.review_id, status, decision, noted, tx.call.principal.name)
    if row is None:
        raise errors.NotFound("review", review.review_id)
    return message(row)
