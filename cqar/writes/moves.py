"""MoveCodes: codes that mean other assets by their evidence than so far, in bounded transactions.

It can be interrupted and repeated.
"""

from collections.abc import Sequence
from typing import Any, Final

from cqar import errors
from cqar.auth import authority
from cqar.contract.cqar.v1 import identity_pb2, registry_pb2
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.model.binding import TEXT
from cqar.model.entities import ASSET, ASSET_IDENTIFIER, VENUE, VENUE_ASSET
from cqar.model.entity import Row
from cqar.model.rules import PROVISIONAL
from cqar.storage.postgres import Sql
from cqar.writes import claim_decisions, claims, halving, identity, meanings, operations, reviews
from cqar.writes.transaction import Batch, Transaction, over

#: Maximum number of moves of one call.
MAX_MOVES: Final = 1_000
#: Maximum number of moves in one transaction.
CHUNK: Final = 100

_LOCK = Sql(
    "lock_reviews_of_venues",
    "SELECT r.review_id FROM reviews r WHERE r.venue_id = ANY($1::text[])"
    f" AND r.status = {pb.REVIEW_STATUS_OPEN} ORDER BY r.review_id FOR UPDATE",
)
_OWNER = Sql(
    "owner_of_internal_id",
    f"SELECT {ASSET_IDENTIFIER.select} FROM asset_identifiers t"
    f" WHERE t.source = {assets_pb2.DATA_SOURCE_INTERNAL} AND t.external_id = $1 AND t.deleted_at IS NULL FOR UPDATE OF t",
)


async def move_codes(batch: Batch, request: pb.MoveCodesRequest) -> pb.MoveCodesResponse:
    """Make the moves; returns a result for each.

    Raises Invalid, Exhausted, Forbidden, Unavailable. A fault of one move is its result.
    """
    authority.unnamed(batch.call.principal, "MoveCodes")
    if batch.call.idempotency_key is not None:
        raise errors.Invalid("idempotency-key", "NOT_ALLOWED", "is not accepted: a repeated move changes nothing; omit it")
    if len(request.moves) > MAX_MOVES:
        msg = f"{len(request.moves)} moves exceed the limit of {MAX_MOVES} per call; split the request"
        raise errors.Exhausted(msg)
    source = TEXT["source"](request.source, "source") if request.source else batch.call.source
    items = [_Item(each) for each in request.moves]

    async def work(tx: Transaction, chunk: Sequence[_Item]) -> None:
        await _all(tx, chunk, source)

    chunks = [items[at : at + CHUNK] for at in range(0, len(items), CHUNK)]
    revisions = [await halving.write(batch, each, work, _Item.refuse) for each in chunks]
    return pb.MoveCodesResponse(results=[each.result for each in items], revision=max(revisions, default=0))


class _Item:
    """A move and its result."""

    def __init__(self, move: pb.CodeMove) -> None:
        self.move = move
        self.result = pb.MoveResult()

    def refuse(self, error: errors.CqarError) -> None:
        """Set the result of a move that is not made."""
        code, field, reason = halving.refusal(error)
        self.result.CopyFrom(pb.MoveResult(outcome=pb.NOT_MOVED, code=code, field=field, reason=reason))


async def _all(tx: Transaction, items: Sequence[_Item], source: str) -> None:
    # Reviews before assets, as decisions lock them.
    await tx.session.rows(_LOCK, sorted({each.move.venue_id for each in items}))
    for each in items:
        try:
            async with tx.savepoint():
                each.result.Clear()
                await _one(tx, each.move, each.result)
        except (errors.Aborted, errors.Unavailable):
            raise
        except errors.CqarError as error:
            each.refuse(error)
    done = [each for each in items if each.result.outcome != pb.NOT_MOVED]
    recorded = [_claim(each) for each in done]
    await claims.record_claims(tx, identity_pb2.RecordClaimsRequest(claims=recorded, source=source))
    asked = [_review(each, source) for each in done if each.move.HasField("review")]
    await reviews.open_reviews(tx, pb.OpenReviewsRequest(reviews=asked))


def _claim(item: _Item) -> identity_pb2.IdentityClaim:
    claim = identity_pb2.IdentityClaim()
    claim.CopyFrom(item.move.claim)
    claim.venue_id, claim.code, claim.asset_id = item.move.venue_id, item.move.code, item.result.asset_id
    return claim


def _review(item: _Item, source: str) -> pb.Review:
    review = pb.Review()
    review.CopyFrom(item.move.review)
    review.kind = pb.REVIEW_KIND_PROVISIONAL
    review.venue_id, review.code, review.asset_id = item.move.venue_id, item.move.code, item.result.asset_id
    review.source = review.source or source
    return review


# ---- one move ------------------------------------------------------------------------------------------------------


async def _one(tx: Transaction, move: pb.CodeMove, result: pb.MoveResult) -> None:
    """Make one move. Raises Invalid, NotFound, Precondition."""
    errors.require(move, ("venue_id", "code", "from_asset_id"))
    venue_id, code = TEXT["venue_id"](move.venue_id, "venue_id"), TEXT["venue_symbol"](move.code, "code")
    source = TEXT["asset_id"](move.from_asset_id, "from_asset_id")
    if not await operations.lock_live(tx, VENUE, [venue_id]):
        raise errors.NotFound(VENUE.name, venue_id, "venue_id")
    meant = await meanings.living(tx, venue_id, code)
    before = await claim_decisions.find(tx, venue_id, code)
    target = await _target(tx, move)
    means = [row["asset_id"] for row in meant]
    if means == [target]:
        result.outcome, result.asset_id = pb.ALREADY_MOVED, target
        return
    if means != [source]:
        description = f"code {code!r} of {venue_id} does not mean asset {source!r} any more; read it again and retry"
        raise errors.Precondition("MOVED", "from_asset_id", description)
    _check_undecided(move, meant[0], before)
    moved = await identity.moved(tx, (venue_id, code), (source, target))
    await _enter(tx, move, target)
    await _unblock(tx, venue_id, source, before)
    result.outcome, result.asset_id, result.moved = pb.MOVED, target, moved.listings
    result.unclear.extend(moved.left[:100])
    result.warnings.extend(await meanings.warnings(tx, venue_id, target))


def _check_undecided(move: pb.CodeMove, stored: Row, claim: Row | None) -> None:
    """Raise Precondition if a person has decided what the code means, or has written it by hand."""
    if is_decided(stored) or claim_decisions.has_decision(claim):
        description = f"a person has decided what {move.code!r} of {move.venue_id} means; use SetIdentity to change it"
        raise errors.Precondition("DECIDED", "code", description)


def is_decided(stored: Row) -> bool:
    """Whether a person has decided the meanings of a venue asset, or has written it by hand."""
    evidence = stored["identity_evidence"]
    return evidence == meanings.EVIDENCE or not (evidence or stored["identity_level"])


async def _target(tx: Transaction, move: pb.CodeMove) -> str:
    """The asset of the request, else the provisional asset of the code, which is created unless it exists."""
    if move.to_asset_id:
        target = TEXT["asset_id"](move.to_asset_id, "to_asset_id")
        if target not in await operations.lock_live(tx, ASSET, [target]):
            raise errors.NotFound(ASSET.name, target, "to_asset_id")
        return target
    external_id = f"{move.venue_id}:{move.code}"
    for row in await tx.session.rows(_OWNER, external_id):
        owner = (await operations.lock_live(tx, ASSET, [row["asset_id"]])).get(row["asset_id"])
        if owner is not None and owner["category"] == PROVISIONAL:
            return str(owner["asset_id"])
        # A provisional asset of the code was merged into the owner.
        await operations.remove(tx, ASSET_IDENTIFIER, row)
    made = registry_pb2.ApplyRow(unverified=f"stands for a code of {move.venue_id} until a review decides what the code means")
    made.asset.symbol, made.asset.name = move.symbol or move.code, move.name or move.symbol or move.code
    made.asset.asset_type, made.asset.category = assets_pb2.ASSET_TYPE_NATIVE, PROVISIONAL
    made.identifiers.add(source=assets_pb2.DATA_SOURCE_INTERNAL, external_id=external_id, is_primary=True)
    return (await meanings.write(tx, [made]))[0]


async def _enter(tx: Transaction, move: pb.CodeMove, target: str) -> None:
    """Add the code to the venue asset, which is as sure as the least sure of its codes."""
    stored = await tx.session.row(operations.lock_sql(VENUE_ASSET), move.venue_id, target)
    row = venues_pb2.VenueAsset(venue_id=move.venue_id, asset_id=target, venue_asset_symbol=move.code)
    level = move.claim.level
    cleared: list[str] = []
    alone = stored is None or set(meanings.codes_of(stored)) <= {move.code}
    if stored is not None:
        row.venue_asset_symbol, *aliases = dict.fromkeys([*meanings.codes_of(stored), move.code])
        row.venue_asset_aliases.extend(aliases)
        cleared = ["delisted_at"] if over(stored, tx.now) else []
        cleared += ["blocked_reason"] if alone and stored["blocked_reason"] is not None else []
    if stored is None or alone or (not is_decided(stored) and level > (stored["identity_level"] or 0)):
        row.identity_level, row.identity_evidence = level, move.identity_evidence
    await meanings.write(tx, [registry_pb2.ApplyRow(venue_asset=row, clear=cleared)])


async def _unblock(tx: Transaction, venue_id: str, asset_id: str, claim: Any) -> None:
    """The contradiction has left the venue asset together with the code."""
    reason = None if claim is None else claim["blocked_reason"]
    stored = await tx.session.row(operations.lock_sql(VENUE_ASSET), venue_id, asset_id) if reason is not None else None
    if stored is not None and stored["blocked_reason"] == reason:
        await operations.replace(tx, VENUE_ASSET, stored, {**dict(stored), "blocked_reason": None})
