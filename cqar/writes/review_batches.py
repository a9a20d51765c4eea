"""DecideReviews: many decisions in bounded transactions. It can be interrupted and repeated."""

from collections.abc import Sequence
from typing import Any

from cqar import errors
from cqar.auth import authority
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.model.binding import TEXT
from cqar.model.entities import ASSET
from cqar.storage.postgres import Sql
from cqar.writes import asset_names, claim_decisions, halving, meanings, operations, review_state, reviews
from cqar.writes.transaction import Batch, Transaction

#: Maximum number of decisions of one call.
MAX_DECISIONS = 1_000
#: Maximum number of decisions in one transaction.
CHUNK = 100

_OF_CODE = Sql(
    "reviews_of_code",
    f"{reviews.SELECT} WHERE r.venue_id = $1 AND r.code = $2 AND r.kind = ANY($3::int[]) ORDER BY r.review_id FOR UPDATE",
)
_BY_ID = Sql("review_to_decide", f"{reviews.SELECT} WHERE r.review_id = $1 FOR UPDATE")
_ONE = (pb.REVIEW_DECISION_ASSET, pb.REVIEW_DECISION_REUSE, pb.REVIEW_DECISION_CORRECTION)


class _DryRunEndsError(Exception):
    """Rolls back the transaction of a dry run."""


async def decide_reviews(batch: Batch, request: pb.DecideReviewsRequest) -> pb.DecideReviewsResponse:
    """Make the decisions; returns a result for each.

    Raises Invalid, Exhausted, Forbidden, Unavailable. A fault of one decision is its result.
    """
    authority.unnamed(batch.call.principal, "DecideReviews")
    if batch.call.idempotency_key is not None:
        raise errors.Invalid("idempotency-key", "NOT_ALLOWED", "is not accepted: a repeated decision changes nothing; omit it")
    if len(request.decisions) > MAX_DECISIONS:
        msg = f"{len(request.decisions)} decisions exceed the limit of {MAX_DECISIONS} per call; split the request"
        raise errors.Exhausted(msg)
    run = _Run(batch, [_Item(each) for each in request.decisions])
    await (run.dry() if request.dry_run else run.write())
    return pb.DecideReviewsResponse(results=[each.result for each in run.items], revision=run.revision)


class _Item:
    """A decision and its result."""

    def __init__(self, decision: pb.Decision) -> None:
        self.decision = decision
        self.result = pb.DecisionResult()
        self.contradicts = False

    @property
    def key(self) -> tuple[str, ...]:
        """What it decides."""
        given = self.decision
        return (given.review_id,) if given.review_id else (given.venue_id, given.code)

    @property
    def content(self) -> bytes:
        """How it decides."""
        content = pb.Decision()
        content.CopyFrom(self.decision)
        content.ClearField("notes")
        return content.SerializeToString(deterministic=True)

    def refuse(self, error: errors.CqarError) -> None:
        """Set the result of a failed decision."""
        code, field, reason = halving.refusal(error)
        self.result.CopyFrom(pb.DecisionResult(outcome=pb.REFUSED, code=code, field=field, reason=reason))


class _Run:
    """One call: its decisions, and its last revision."""

    def __init__(self, batch: Batch, items: Sequence[_Item]) -> None:
        self._batch = batch
        self.items = items
        self.revision = 0
        ways: dict[tuple[str, ...], set[bytes]] = {}
        for each in items:
            ways.setdefault(each.key, set()).add(each.content)
        for each in items:
            each.contradicts = len(ways[each.key]) > 1

    async def write(self) -> None:
        chunk: list[list[_Item]] = []
        for together in _groups(self.items):
            if chunk and sum(map(len, chunk)) + len(together) > CHUNK:
                await self._try(chunk)
                chunk = []
            chunk.append(together)
        await self._try(chunk)

    async def _try(self, groups: Sequence[Sequence[_Item]]) -> None:
        self.revision = max(self.revision, await halving.write(self._batch, groups, _decide, _refuse))

    async def dry(self) -> None:
        """Do the same in one transaction, and roll it back."""
        try:
            async with self._batch.pool.transaction() as session:
                await _decide(Transaction(session, self._batch.call), _groups(self.items))
                raise _DryRunEndsError  # noqa: TRY301 - it is what rolls the transaction back
        except _DryRunEndsError:
            pass


def _refuse(together: Sequence[_Item], error: errors.CqarError) -> None:
    for each in together:
        each.refuse(error)


def _groups(items: Sequence[_Item]) -> list[list[_Item]]:
    """The decisions that are made together."""
    groups: list[list[_Item]] = []
    for each in items:
        last = groups[-1][-1].decision if groups else None
        if (
            last is not None
            and last.HasField("group")
            and each.decision.HasField("group")
            and last.group == each.decision.group
        ):
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


async def _decide(tx: Transaction, groups: Sequence[Sequence[_Item]]) -> None:
    for together in groups:
        at = 0
        try:
            async with tx.savepoint():
                for at, each in enumerate(together):  # noqa: B007 - the handler below reads it
                    if each.contradicts:
                        raise errors.Precondition("CONTRADICTION", "decision", "another decision of this call contradicts it")
                    each.result.Clear()
                    await _one(tx, each.decision, each.result)
        except (errors.Aborted, errors.Unavailable):
            raise
        except errors.CqarError as error:
            for each in together:
                each.refuse(_WITH_ANOTHER)
            together[at].refuse(error)


_WITH_ANOTHER = errors.Precondition("GROUP", "group", "another decision of its group is refused")


async def _one(tx: Transaction, given: pb.Decision, result: pb.DecisionResult) -> None:
    """Make one decision. Raises Invalid, NotFound, Precondition."""
    if given.decision not in pb.ReviewDecision.values() or not given.decision:
        raise errors.Invalid.missing("decision", "ASSET, NEW_ASSET, REUSE, CORRECTION or REJECT")
    found = await _reviews(tx, given)
    now = await review_state.current(tx.session, found)
    open_ = [each for each in found if each.status == pb.REVIEW_STATUS_OPEN and not now.superseded(each)]
    if not open_:
        await _repeated(tx, given, found, result)
        return
    # A code can be in conflict while its asset is provisional.
    conflict = pb.REVIEW_KIND_CODE_CONFLICT
    wants = given.decision in (pb.REVIEW_DECISION_REUSE, pb.REVIEW_DECISION_CORRECTION, pb.REVIEW_DECISION_REJECT)
    review = max(open_, key=lambda each: ((each.kind == conflict) == wants, each.review_id))
    result.outcome, result.review_id = pb.DECIDED, review.review_id
    how = await _fitting(tx, given, review)
    if how == pb.REVIEW_DECISION_REJECT:
        await reviews.reject(tx, review, given.notes)
        result.asset_id = review.asset_id
        return
    request = pb.AcceptReviewRequest(review_id=review.review_id, decision=how)
    for name in ("notes", "symbol", "name", "asset_class"):
        if given.HasField(name):
            setattr(request, name, getattr(given, name))
    if given.asset:
        request.asset_id = given.asset
    elif given.decision in _ONE and review.kind != pb.REVIEW_KIND_LISTING_CONFLICT:
        raise errors.Invalid.missing("asset", "name the asset that the code means")
    if given.HasField("at") and how == pb.REVIEW_DECISION_REUSE:
        request.at.CopyFrom(given.at)
    try:
        accepted = await reviews.accept(tx, review, request)
    except errors.CqarError as error:
        raise error.renamed(lambda field: "asset" if field == "asset_id" else field) from error
    result.asset_id = accepted.review.asset_id
    result.warnings.extend(accepted.warnings)


async def _fitting(tx: Transaction, given: pb.Decision, review: Any) -> pb.ReviewDecision:
    """The decision that means the same for this kind of review: files are applied to registries that ask differently."""
    if review.kind in (pb.REVIEW_KIND_PROVISIONAL, pb.REVIEW_KIND_CANDIDATES):
        return pb.REVIEW_DECISION_ASSET if given.decision in _ONE else given.decision
    if review.kind != pb.REVIEW_KIND_CODE_CONFLICT or given.decision != pb.REVIEW_DECISION_ASSET:
        return given.decision
    if given.asset and await asset_names.find(tx, given.asset, "asset") == review.asset_id:
        return pb.REVIEW_DECISION_REJECT
    if given.HasField("at"):
        return pb.REVIEW_DECISION_REUSE
    description = "the code means another asset so far: use CORRECTION if that was wrong, or REUSE if the venue reused the code"
    raise errors.Invalid("decision", "CONFLICT", description)


async def _reviews(tx: Transaction, given: pb.Decision) -> list[Any]:
    """The reviews that the decision may be about, oldest first, locked. Raises Invalid, NotFound."""
    if given.review_id:
        row = await tx.session.row(_BY_ID, TEXT["listing_id"](given.review_id, "review_id"))
        found = [] if row is None else [reviews.message(row)]
        if not found:
            raise errors.NotFound("review", given.review_id, "review_id")
        for name in ("venue_id", "code"):
            if getattr(given, name) not in ("", getattr(found[0], name)):
                raise errors.Invalid(name, "OTHER_REVIEW", f"is not that of the review, {getattr(found[0], name)!r}")
        return found
    errors.require(given, ("venue_id", "code"))
    place = TEXT["venue_id"](given.venue_id, "venue_id"), TEXT["venue_symbol"](given.code, "code")
    return [reviews.message(row) for row in await tx.session.rows(_OF_CODE, *place, sorted(review_state.CODES))]


async def _repeated(tx: Transaction, given: pb.Decision, found: Sequence[Any], result: pb.DecisionResult) -> None:
    """The result of a decision without an open question: it was made before, or it is outdated. Raises Precondition."""
    venue_id, code = (found[-1].venue_id, found[-1].code) if found else (given.venue_id, given.code)
    meant = [each for each in await review_state.meaning(tx.session, venue_id, code) if not each.provisional]
    decided = [each for each in found if each.status in (pb.REVIEW_STATUS_ACCEPTED, pb.REVIEW_STATUS_REJECTED)]
    last = max(decided, key=lambda each: each.decided_at.ToNanoseconds(), default=None)
    if last is not None:
        result.review_id = last.review_id
    if await _same(tx, given, last, [each.asset_id for each in meant]):
        result.asset_id = meant[0].asset_id if len(meant) == 1 else ""
        result.outcome = pb.ALREADY_DECIDED
        if given.decision in _ONE and not await claim_decisions.is_decided(tx, venue_id, code, result.asset_id):
            # It means the asset without a person's decision so far.
            place = venues_pb2.VenueAsset(venue_id=venue_id)
            await meanings.enter(tx, place, meanings.Decided(code, result.asset_id, None, given.notes))
            result.outcome = pb.DECIDED
        return
    if not found and not meant:
        raise errors.NotFound("question", f"{venue_id}:{code}")
    means = f"it means asset {meant[0].asset_id}" if meant else "it was decided differently"
    description = f"no question about {code!r} of {venue_id} is open: {means}; use `cqar identity set` to change it"
    raise errors.Precondition("GONE", "code", description)


async def _same(tx: Transaction, given: pb.Decision, last: Any, meant: Sequence[str]) -> bool:
    """Whether the code is decided like this already."""
    if last is not None and last.kind == pb.REVIEW_KIND_LISTING_CONFLICT:
        return bool(last.decision == given.decision)
    if given.decision == pb.REVIEW_DECISION_REJECT:
        return last is not None and last.status == pb.REVIEW_STATUS_REJECTED
    if given.decision == pb.REVIEW_DECISION_NEW_ASSET:
        made = last is not None and last.decision == pb.REVIEW_DECISION_NEW_ASSET and bool(meant)
        return made or await _is_named(tx, given, meant)
    if not given.asset:
        raise errors.Invalid.missing("asset", "name the asset that the code means")
    return list(meant) == [await asset_names.find(tx, given.asset, "asset")]


async def _is_named(tx: Transaction, given: pb.Decision, meant: Sequence[str]) -> bool:
    """Whether the code means an asset with the ticker and the name of the decision."""
    if len(meant) != 1 or not (given.symbol and given.name):
        return False
    asset = (await operations.lock_live(tx, ASSET, meant))[meant[0]]
    return (asset["symbol"], asset["name"]) == (given.symbol, given.name)
