"""The review queue: questions of importers to operators, and the changes that a decision makes in its own transaction."""

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from cqar import errors
from cqar.contract.cqar.v1 import registry_pb2
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.model.binding import TEXT, instant
from cqar.model.entities import ASSET, VENUE, VENUE_ASSET, VENUE_SYMBOL
from cqar.model.entity import Row, new_id, timestamp
from cqar.model.rules import PROVISIONAL
from cqar.storage.postgres import Session, Sql
from cqar.writes import merge, operations, paging, procedures, review_subjects
from cqar.writes.apply.chunk import Chunk
from cqar.writes.apply.kinds import KINDS
from cqar.writes.apply.rows import read_rows
from cqar.writes.transaction import Transaction

#: Maximum number of reviews of one OpenReviews, and of candidates of one review.
MAX_REVIEWS = 1_000
MAX_CANDIDATES = 100
#: Maximum bytes of a proposal.
MAX_PROPOSAL = 65_536
#: The identity evidence of a venue asset that a person has decided.
EVIDENCE = "review"

_COLUMNS = "review_id, kind, status, venue_id, code, proposal, source, decision, notes, decided_by, decided_at, created_at"
_SELECT = f"SELECT {_COLUMNS} FROM reviews r"
_KNOWN = Sql(
    "known_reviews",
    f"SELECT {_COLUMNS}, symbol_type FROM reviews r WHERE r.venue_id = ANY($1::text[])"
    f" AND r.status IN ({pb.REVIEW_STATUS_OPEN}, {pb.REVIEW_STATUS_REJECTED}) ORDER BY r.review_id FOR UPDATE",
)
_OPEN = Sql(
    "open_reviews",
    "INSERT INTO reviews AS r (review_id, venue_id, kind, code, symbol_type, proposal, source)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::int[], $6::bytea[], $7::text[])"
    f" RETURNING {_COLUMNS}",
)
_RENEW = Sql(
    "renew_reviews",
    "UPDATE reviews r SET proposal = n.proposal, source = n.source"
    " FROM unnest($1::text[], $2::bytea[], $3::text[]) n (review_id, proposal, source) WHERE r.review_id = n.review_id"
    " RETURNING r.review_id",
)
_LOCK = Sql("lock_review", f"{_SELECT} WHERE r.review_id = $1 FOR UPDATE")
_DECIDE = Sql(
    "decide_review",
    "UPDATE reviews r SET status = $2, decision = $3, notes = $4, decided_by = $5, decided_at = now() WHERE r.review_id = $1"
    f" RETURNING {_COLUMNS}",
)
_LIST = Sql(
    "list_reviews",
    f"{_SELECT} WHERE r.status = $1 AND ($2::text IS NULL OR r.venue_id = $2) AND ($3::int IS NULL OR r.kind = $3)"
    " AND ($4::text IS NULL OR r.review_id > $4) ORDER BY r.review_id LIMIT $5",
)
_UNVERIFIED = Sql(
    "unverified_flags",
    f"SELECT flag_id FROM quality_flags WHERE asset_id = $1 AND flag_type = {assets_pb2.FLAG_TYPE_UNVERIFIED}"
    " AND resolved_at IS NULL AND deleted_at IS NULL ORDER BY flag_id",
)

#: Fields of a Review that the registry sets, not its source.
_OWN = ("review_id", "status", "created_at", "decided_at", "decided_by", "decision", "notes")


def _message(row: Row) -> Any:
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
    return pb.OpenReviewsResponse(reviews=[_message(found[each.key]) for each in proposals], opened=opened)


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
    if given.kind not in _ANSWERS:
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
    venue, kind = (paging.checked(request, name) for name in ("venue_id", "kind"))
    status = paging.checked(request, "status") or pb.REVIEW_STATUS_OPEN
    limit = paging.size(request)
    scope = f"ListReviewsResponse {venue} {kind} {status}"
    start = paging.position(scope, request.page_token, [str])[0] if request.page_token else None
    rows = await session.rows(_LIST, status, venue, kind, start, limit + 1)
    response = pb.ListReviewsResponse()
    last = paging.fill(response.reviews, map(_message, rows[:limit]))
    if last < len(rows):
        response.next_page_token = paging.token(scope, [rows[last - 1]["review_id"]])
    return response


# ---- answering -----------------------------------------------------------------------------------------------------


async def accept_review(tx: Transaction, request: Any) -> Message:
    """AcceptReview: the changes and the decision in one transaction. Raises NotFound, Precondition, Invalid."""
    review = await _locked(tx, request)
    answers = _ANSWERS[review.kind]
    default = pb.REVIEW_DECISION_ASSET if pb.REVIEW_DECISION_ASSET in answers else 0
    decision = request.decision or default
    if decision not in answers:
        names = " or ".join(pb.ReviewDecision.Name(each).removeprefix("REVIEW_DECISION_") for each in answers)
        raise errors.Invalid("decision", "NOT_HERE", f"does not apply to this kind of review; use {names}")
    await answers[decision](tx, review, request)
    return await _decided(tx, review, pb.REVIEW_STATUS_ACCEPTED, decision, request, pb.AcceptReviewResponse())


async def reject_review(tx: Transaction, request: Any) -> Message:
    """RejectReview: changes nothing else. Raises NotFound, Precondition."""
    review = await _locked(tx, request)
    return await _decided(tx, review, pb.REVIEW_STATUS_REJECTED, None, request, pb.RejectReviewResponse())


async def _locked(tx: Transaction, request: Any) -> Any:
    errors.require(request, ("review_id",))
    row = await tx.session.row(_LOCK, TEXT["listing_id"](request.review_id, "review_id"))
    if row is None:
        raise errors.NotFound("review", request.review_id)
    review = _message(row)
    if review.status != pb.REVIEW_STATUS_OPEN:
        how = pb.ReviewStatus.Name(review.status).removeprefix("REVIEW_STATUS_").lower()
        raise errors.Precondition("DECIDED", f"review:{review.review_id}", f"review {review.review_id!r} is already {how}")
    return review


async def _decided(tx: Transaction, review: Any, status: int, decision: int | None, request: Any, response: Any) -> Message:
    notes = TEXT["resolution_notes"](request.notes, "notes") if request.notes else None
    row = await tx.session.row(_DECIDE, review.review_id, status, decision, notes, tx.call.principal.name)
    if row is None:
        raise errors.NotFound("review", review.review_id)
    response.review.CopyFrom(_message(row))
    return response  # type: ignore[no-any-return]  # the message that came in


async def _apply(tx: Transaction, rows: Sequence[registry_pb2.ApplyRow]) -> list[str]:
    """Write rows with the rules of Apply in this transaction.

    Returns their ids; raises Precondition for the first rejection.
    """
    proposals = read_rows(registry_pb2.ApplyRequest(rows=rows))
    refs: dict[str, str | None] = {}
    for kind in KINDS:
        chunk = [row for row in proposals if row.kind is kind]
        if not chunk:
            continue
        await Chunk(tx, refs).run(chunk)
        for row in chunk:
            if row.rejected:
                raise errors.Precondition("REFUSED", row.result.field or kind.field, row.result.reason)
            refs[row.ref] = row.result.id
    return [row.result.id for row in proposals]


def _chosen(review: Any, request: Any) -> str:
    """The asset that the request names, or the only candidate."""
    if request.asset_id:
        return TEXT["asset_id"](request.asset_id, "asset_id")
    if len(review.candidate_asset_ids) != 1:
        count = len(review.candidate_asset_ids)
        raise errors.Invalid.missing("asset_id", f"the review has {count} candidates")
    return str(review.candidate_asset_ids[0])


async def _means(tx: Transaction, review: Any, asset_id: str, listed_at: datetime | None = None) -> None:
    """Map the venue's code to the asset: create its venue asset, or add the code as an alias."""
    stored = await tx.session.row(operations.lock_sql(VENUE_ASSET), review.venue_id, asset_id)
    row = venues_pb2.VenueAsset()
    row.CopyFrom(review.venue_asset)
    row.venue_id, row.asset_id, row.identity_evidence = review.venue_id, asset_id, EVIDENCE
    if not row.venue_asset_symbol:
        row.venue_asset_symbol = review.code
    if stored is not None:
        codes = [*(stored["venue_asset_aliases"] or ()), row.venue_asset_symbol, *row.venue_asset_aliases]
        row.venue_asset_symbol = stored["venue_asset_symbol"]
        del row.venue_asset_aliases[:]
        row.venue_asset_aliases.extend(dict.fromkeys(code for code in codes if code != row.venue_asset_symbol))
    if listed_at is not None:
        row.listed_at.CopyFrom(timestamp(listed_at))
    await _apply(tx, [registry_pb2.ApplyRow(venue_asset=row)])


async def _is_asset(tx: Transaction, review: Any, request: Any) -> None:
    await _means(tx, review, _chosen(review, request))


async def _is_new_asset(tx: Transaction, review: Any, _request: Any) -> None:
    asset = assets_pb2.Asset(symbol=review.code, name=review.code, asset_type=assets_pb2.ASSET_TYPE_NATIVE)
    ident = assets_pb2.AssetIdentifier(
        source=assets_pb2.DATA_SOURCE_INTERNAL, external_id=f"{review.venue_id}:{review.code}", is_primary=True
    )
    [asset_id] = await _apply(tx, [registry_pb2.ApplyRow(asset=asset, identifiers=[ident])])
    await _means(tx, review, asset_id)


async def _was_asset(tx: Transaction, review: Any, request: Any) -> None:
    """Merge the provisional asset into the chosen one."""
    asset_id = _chosen(review, request)
    await merge.merge(tx, review.asset_id, asset_id, check=await review_subjects.check_merged(tx, review))
    await _means(tx, review, asset_id)


async def _was_new_asset(tx: Transaction, review: Any, _request: Any) -> None:
    """Make the provisional asset permanent."""
    before = await tx.session.row(operations.lock_sql(ASSET), review.asset_id)
    if before is None:
        raise errors.NotFound(ASSET.name, review.asset_id)
    if before["category"] == PROVISIONAL:
        await operations.replace(tx, ASSET, before, {**dict(before), "category": None})
    notes = f"review {review.review_id}"
    for row in await tx.session.rows(_UNVERIFIED, review.asset_id):
        await procedures.resolve_flag(tx, contract.ResolveQualityFlagRequest(flag_id=row["flag_id"], resolution_notes=notes))
    await _means(tx, review, review.asset_id)


async def _without_code(tx: Transaction, review: Any, ends: datetime | None) -> None:
    """Remove the code from the old venue asset, or end it at a time."""
    stored = await tx.session.row(operations.lock_sql(VENUE_ASSET), review.venue_id, review.asset_id)
    if stored is None:
        return
    if ends is not None:
        await operations.replace(tx, VENUE_ASSET, stored, {**dict(stored), "delisted_at": ends})
        return
    rest = [code for code in (stored["venue_asset_symbol"], *(stored["venue_asset_aliases"] or ())) if code != review.code]
    if rest:
        after = {**dict(stored), "venue_asset_symbol": rest[0], "venue_asset_aliases": rest[1:] or None}
        await operations.replace(tx, VENUE_ASSET, stored, after)
    else:
        await operations.remove(tx, VENUE_ASSET, stored)


def _start(tx: Transaction, request: Any, proposed: Any, since: datetime | None) -> datetime:
    """When the new meaning starts: as requested, else as proposed if that is after the old start, else now."""
    if request.HasField("at"):
        return instant(request.at, "at")
    if proposed.HasField("listed_at"):
        given = instant(proposed.listed_at, "listed_at")
        if since is None or given > since:
            return given
    return tx.now


async def _code_reused(tx: Transaction, review: Any, request: Any) -> None:
    stored = await tx.session.row(operations.lock_sql(VENUE_ASSET), review.venue_id, review.asset_id)
    at = _start(tx, request, review.venue_asset, None if stored is None else stored["listed_at"])
    await _without_code(tx, review, at)
    await _means(tx, review, _chosen(review, request), at)


async def _code_corrected(tx: Transaction, review: Any, request: Any) -> None:
    await _without_code(tx, review, None)
    await _means(tx, review, _chosen(review, request))


async def _standing(tx: Transaction, review: Any) -> Row:
    stored = await tx.session.row(operations.lock_sql(VENUE_SYMBOL), review.listing_id)
    if stored is None:
        raise errors.NotFound(VENUE_SYMBOL.name, review.listing_id)
    review_subjects.check_venue(stored, review.venue_id)
    return stored


async def _new_listing(tx: Transaction, review: Any, listed_at: datetime | None) -> None:
    listing = venues_pb2.VenueSymbol()
    listing.CopyFrom(review.venue_symbol)
    listing.venue_id, listing.venue_symbol, listing.symbol_id = review.venue_id, review.code, "ref:symbol"
    listing.ClearField("listed_at")
    if listed_at is not None:
        listing.listed_at.CopyFrom(timestamp(listed_at))
    mode = registry_pb2.CREATE_ONLY
    symbol = registry_pb2.ApplyRow(ref="symbol", symbol=review.symbol, mode=mode)
    await _apply(tx, [symbol, registry_pb2.ApplyRow(venue_symbol=listing)])


async def _listing_reused(tx: Transaction, review: Any, request: Any) -> None:
    stored = await _standing(tx, review)
    at = _start(tx, request, review.venue_symbol, stored["listed_at"])
    if stored["listed_at"] is not None and at <= stored["listed_at"]:
        raise errors.Invalid("at", "BAD_RANGE", f"is not after {stored['listed_at'].isoformat()}, when the old listing began")
    if stored["delisted_at"] is None or stored["delisted_at"] > at:
        await operations.replace(tx, VENUE_SYMBOL, stored, {**dict(stored), "delisted_at": at})
    await _new_listing(tx, review, at)


async def _listing_corrected(tx: Transaction, review: Any, _request: Any) -> None:
    """Remove the wrong listing and create the right one with the same start."""
    stored = await _standing(tx, review)
    await operations.remove(tx, VENUE_SYMBOL, stored)
    await _new_listing(tx, review, stored["listed_at"])


#: Kind of review -> decision -> the function that makes its changes.
_ANSWERS: Mapping[int, Mapping[int, Callable[[Transaction, Any, Any], Any]]] = {
    pb.REVIEW_KIND_CANDIDATES: {pb.REVIEW_DECISION_ASSET: _is_asset, pb.REVIEW_DECISION_NEW_ASSET: _is_new_asset},
    pb.REVIEW_KIND_PROVISIONAL: {pb.REVIEW_DECISION_ASSET: _was_asset, pb.REVIEW_DECISION_NEW_ASSET: _was_new_asset},
    pb.REVIEW_KIND_CODE_CONFLICT: {
        pb.REVIEW_DECISION_REUSE: _code_reused,
        pb.REVIEW_DECISION_CORRECTION: _code_corrected,
    },
    pb.REVIEW_KIND_LISTING_CONFLICT: {
        pb.REVIEW_DECISION_REUSE: _listing_reused,
        pb.REVIEW_DECISION_CORRECTION: _listing_corrected,
    },
}
