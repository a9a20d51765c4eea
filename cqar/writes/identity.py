"""SetIdentity: the way back from a wrong mapping, and the split of a code whose meaning changed at a time."""

from typing import Any

from google.protobuf.message import Message

from cqar import errors
from cqar.auth import authority
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.model.binding import TEXT, instant
from cqar.model.entities import ASSET, VENUE
from cqar.model.rules import PROVISIONAL
from cqar.storage.postgres import Sql
from cqar.writes import asset_names, claim_decisions, meanings, operations, review_state, review_subjects, reviews
from cqar.writes.transaction import Transaction

_OPEN = Sql(
    "open_reviews_of_code",
    f"{reviews.SELECT} WHERE r.venue_id = $1 AND r.code = $2 AND r.kind = ANY($3::int[])"
    f" AND r.status = {pb.REVIEW_STATUS_OPEN} ORDER BY r.review_id FOR UPDATE",
)
_BY_KIND = {pb.REVIEW_KIND_CODE_CONFLICT: pb.REVIEW_DECISION_CORRECTION}


async def set_identity(tx: Transaction, request: Any) -> Message:
    """SetIdentity: the code means the asset, always or since a time. Raises Invalid, NotFound, Forbidden, Precondition."""
    authority.unnamed(tx.call.principal, "SetIdentity")
    errors.require(request, ("venue_id", "code", "asset"))
    venue_id, code = TEXT["venue_id"](request.venue_id, "venue_id"), TEXT["venue_symbol"](request.code, "code")
    since = instant(request.since, "since") if request.HasField("since") else None
    asset_id = await asset_names.find(tx, request.asset, "asset")
    if not await operations.lock_live(tx, VENUE, [venue_id]):
        raise errors.NotFound(VENUE.name, venue_id, "venue_id")
    # Reviews before assets, as decisions lock them.
    asked = [reviews.message(row) for row in await tx.session.rows(_OPEN, venue_id, code, sorted(review_state.CODES))]
    before = await _before(tx, venue_id, code)
    if before != asset_id:
        await asset_names.refuse_provisional(tx, asset_id, "asset")
    response = pb.SetIdentityResponse(asset_id=asset_id)
    if before is not None and before != asset_id:
        response.previous_asset_id = before
        done = await moved(tx, (venue_id, code), (before, asset_id), since)
        response.moved = done.listings
        response.unclear.extend(done.left[:100])
    elif before is None and not asked and await claim_decisions.find(tx, venue_id, code) is None:
        raise errors.NotFound("code", f"{venue_id}:{code}", "code")
    if (await operations.lock_live(tx, ASSET, [asset_id])).get(asset_id) is None:
        raise errors.NotFound(ASSET.name, asset_id, "asset")
    place = venues_pb2.VenueAsset(venue_id=venue_id)
    await meanings.enter(tx, place, meanings.Decided(code, asset_id, since if before != asset_id else None, request.notes))
    for each in asked:
        how = _BY_KIND.get(each.kind, pb.REVIEW_DECISION_ASSET)
        if since is not None and each.kind in _BY_KIND:
            how = pb.REVIEW_DECISION_REUSE
        await reviews.decide(tx, each, pb.REVIEW_STATUS_ACCEPTED, how, request.notes)
    response.warnings.extend(await meanings.warnings(tx, venue_id, asset_id))
    return response


async def _before(tx: Transaction, venue_id: str, code: str) -> str | None:
    """The asset that the code means so far. Raises Ambiguous."""
    found = [row["asset_id"] for row in await meanings.living(tx, venue_id, code)]
    if len(found) > 1:
        msg = f"code: {code!r} means {len(found)} assets at {venue_id}; delete the venue assets that are wrong"
        raise errors.Ambiguous(msg, [(f"asset:{each}", "has the code") for each in found])
    return found[0] if found else None


async def moved(tx: Transaction, place: tuple[str, str], ids: tuple[str, str], since: Any = None) -> meanings.Moved:
    """Move the markets of a code, `place`, from one asset to another.

    A provisional asset that only this code uses is merged, unless it keeps its past.
    """
    venue_id, code = place
    old, _ = await meanings.lock_both(tx, ids, ("code", "asset"))
    if since is not None or old["category"] != PROVISIONAL:
        try:
            return await meanings.leave(tx, venue_id, code, ids, since)
        except errors.Invalid as error:
            raise error.renamed(lambda field: "since" if field == "at" else field) from error
    count = await meanings.listings(tx, venue_id, ids[0])
    await meanings.take_over(tx, venue_id, code, ids, review_subjects.check_provisional)
    return meanings.Moved(count)
