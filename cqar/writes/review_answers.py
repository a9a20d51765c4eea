"""The changes that a decision of a review makes, by the kind of the review. They are part of the decision's transaction."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cqar import errors
from cqar.contract.cqar.v1 import registry_pb2
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.model import rules
from cqar.model.binding import TEXT, instant
from cqar.model.entities import ASSET, SYMBOL, VENUE_ASSET, VENUE_SYMBOL
from cqar.model.entity import Row, timestamp
from cqar.storage.postgres import Sql
from cqar.writes import (
    asset_names,
    claim_decisions,
    grouping,
    meanings,
    merge,
    operations,
    prepare,
    procedures,
    review_subjects,
)
from cqar.writes.transaction import Transaction

_UNVERIFIED = Sql(
    "unverified_flags",
    f"SELECT flag_id FROM quality_flags WHERE asset_id = $1 AND flag_type = {assets_pb2.FLAG_TYPE_UNVERIFIED}"
    " AND resolved_at IS NULL AND deleted_at IS NULL ORDER BY flag_id",
)
_NATIVE, _SYNTHETIC = assets_pb2.ASSET_TYPE_NATIVE, assets_pb2.ASSET_TYPE_SYNTHETIC
#: Class of an asset -> its category and its type.
CLASSES: Mapping[str, tuple[str | None, int]] = {
    "crypto": (None, _NATIVE),
    "fiat": ("fiat", _NATIVE),
    "equity": ("stock", _SYNTHETIC),
    "commodity": ("commodity", _SYNTHETIC),
    "index": ("index", _SYNTHETIC),
    "tokenized": ("tokenized", _NATIVE),
    "leveraged": ("leveraged", _NATIVE),
    "lp": ("lp", _NATIVE),
}


async def answer(tx: Transaction, review: Any, decision: int, request: Any) -> str:
    """Make the changes. `request`: an AcceptReviewRequest. Returns the asset that the code means now, if it is about a code.

    Raises Invalid for a decision that does not apply to the kind of review, NotFound, Precondition.
    """
    answers = ANSWERS[review.kind]
    if decision not in answers:
        names = " or ".join(pb.ReviewDecision.Name(each).removeprefix("REVIEW_DECISION_") for each in answers)
        raise errors.Invalid("decision", "NOT_HERE", f"does not apply to this kind of review; use {names}")
    if decision != pb.REVIEW_DECISION_NEW_ASSET:
        _only_for_new(request)
    asset_id: str = await answers[decision](tx, review, request)
    return asset_id


def _only_for_new(request: Any) -> None:
    for name in ("symbol", "name", "asset_class"):
        if request.HasField(name):
            raise errors.Invalid(name, "NOT_ALLOWED", "describes a new asset; leave it unset for this decision")


async def _chosen(tx: Transaction, review: Any, request: Any) -> str:
    """The asset that the request names, or the only candidate."""
    if request.asset_id:
        asset_id = await asset_names.find(tx, request.asset_id, "asset_id")
        if asset_id == review.asset_id:
            raise errors.Invalid("asset_id", "SAME_ASSET", "is what the code means now; use NEW_ASSET, or reject the review")
        await asset_names.refuse_provisional(tx, asset_id, "asset_id")
        return asset_id
    if len(review.candidate_asset_ids) != 1:
        count = len(review.candidate_asset_ids)
        raise errors.Invalid.missing("asset_id", f"the review has {count} candidates")
    return str(review.candidate_asset_ids[0])


async def _means(tx: Transaction, review: Any, request: Any, asset_id: str, since: datetime | None = None) -> str:
    given = venues_pb2.VenueAsset()
    given.CopyFrom(review.venue_asset)
    given.ClearField("blocked_reason")
    given.venue_id = review.venue_id
    await meanings.enter(tx, given, meanings.Decided(review.code, asset_id, since, request.notes))
    return asset_id


# ---- a code without a meaning, or with a provisional one -----------------------------------------------------------


async def _is_asset(tx: Transaction, review: Any, request: Any) -> str:
    return await _means(tx, review, request, await _chosen(tx, review, request))


async def _is_new_asset(tx: Transaction, review: Any, request: Any) -> str:
    symbol, name, category, kind = await _new(tx, review, request)
    asset = assets_pb2.Asset(symbol=symbol, name=name, asset_type=kind)
    if category is not None:
        asset.category = category
    ident = assets_pb2.AssetIdentifier(
        source=assets_pb2.DATA_SOURCE_INTERNAL, external_id=f"{review.venue_id}:{review.code}", is_primary=True
    )
    [asset_id] = await meanings.write(tx, [registry_pb2.ApplyRow(asset=asset, identifiers=[ident])])
    return await _means(tx, review, request, asset_id)


async def _new(tx: Transaction, review: Any, request: Any) -> tuple[str, str, str | None, Any]:
    """Symbol, name, category and type of a new asset: as requested, else as the venue says. Raises Invalid."""
    facts = claim_decisions.facts_of(await claim_decisions.find(tx, review.venue_id, review.code))
    said = grouping.said(facts, review.code)
    symbol = TEXT["symbol"](request.symbol or said.ticker, "symbol")
    name = TEXT["name"](request.name or next(iter(said.names), symbol), "name")
    if request.asset_class and request.asset_class not in CLASSES:
        raise errors.Invalid("asset_class", "UNKNOWN_VALUE", f"is not a class of asset; use one of {', '.join(CLASSES)}")
    return (symbol, name, *CLASSES.get(request.asset_class or said.asset_class, CLASSES["crypto"]))


async def _was_asset(tx: Transaction, review: Any, request: Any) -> str:
    """Merge the provisional asset into the chosen one."""
    asset_id = await _chosen(tx, review, request)
    check = await review_subjects.check_merged(tx, review)
    await meanings.take_over(tx, review.venue_id, review.code, (review.asset_id, asset_id), check)
    return await _means(tx, review, request, asset_id)


async def _was_new_asset(tx: Transaction, review: Any, request: Any) -> str:
    """Make the provisional asset permanent."""
    before = await tx.session.row(operations.lock_sql(ASSET), review.asset_id)
    if before is None:
        raise errors.NotFound(ASSET.name, review.asset_id)
    if before["category"] == rules.PROVISIONAL:
        symbol, name, category, kind = await _new(tx, review, request)
        after = {**dict(before), "symbol": symbol, "name": name, "category": category, "asset_type": kind}
        await _renamed(tx, before, after)
    notes = f"review {review.review_id}"
    for row in await tx.session.rows(_UNVERIFIED, review.asset_id):
        await procedures.resolve_flag(tx, contract.ResolveQualityFlagRequest(flag_id=row["flag_id"], resolution_notes=notes))
    return await _means(tx, review, request, review.asset_id)


async def _renamed(tx: Transaction, before: Row, after: Row) -> None:
    """Change the asset, and with its ticker the labels of symbols that are derived from it."""
    named = await tx.session.rows(merge.SYMBOLS, before["asset_id"]) if after["symbol"] != before["symbol"] else ()
    derived = [row for row in named if row["symbol"] == await prepare.label(tx, prepare.terms_of(row))]
    await operations.replace(tx, ASSET, before, after)
    for row in derived:
        label = await prepare.label(tx, prepare.terms_of(row))
        await operations.replace(tx, SYMBOL, row, {**dict(row), "symbol": label})


# ---- conflicts of codes --------------------------------------------------------------------------------------------


def _start(tx: Transaction, request: Any, proposed: Any, since: datetime | None) -> datetime:
    """When the new meaning starts: as requested, else as proposed if that is after the old start, else now."""
    if request.HasField("at"):
        return instant(request.at, "at")
    if proposed.HasField("listed_at"):
        given = instant(proposed.listed_at, "listed_at")
        if since is None or given > since:
            return given
    return tx.now


async def _code_reused(tx: Transaction, review: Any, request: Any) -> str:
    stored = await tx.session.row(operations.lock_sql(VENUE_ASSET), review.venue_id, review.asset_id)
    at = _start(tx, request, review.venue_asset, None if stored is None else stored["listed_at"])
    asset_id = await _chosen(tx, review, request)
    await meanings.leave(tx, review.venue_id, review.code, (review.asset_id, asset_id), at)
    return await _means(tx, review, request, asset_id, at)


async def _code_corrected(tx: Transaction, review: Any, request: Any) -> str:
    asset_id = await _chosen(tx, review, request)
    ids = (review.asset_id, asset_id)
    held = (await operations.lock_live(tx, ASSET, [review.asset_id])).get(review.asset_id)
    if held is not None and held["category"] == rules.PROVISIONAL:
        await meanings.take_over(tx, review.venue_id, review.code, ids, review_subjects.check_provisional)
    else:
        await meanings.leave(tx, review.venue_id, review.code, ids)
    return await _means(tx, review, request, asset_id)


# ---- conflicts of listings -----------------------------------------------------------------------------------------


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
    await meanings.write(tx, [symbol, registry_pb2.ApplyRow(venue_symbol=listing)])


async def _listing_reused(tx: Transaction, review: Any, request: Any) -> str:
    stored = await _standing(tx, review)
    at = _start(tx, request, review.venue_symbol, stored["listed_at"])
    if stored["listed_at"] is not None and at <= stored["listed_at"]:
        raise errors.Invalid("at", "BAD_RANGE", f"is not after {stored['listed_at'].isoformat()}, when the old listing began")
    if stored["delisted_at"] is None or stored["delisted_at"] > at:
        await operations.replace(tx, VENUE_SYMBOL, stored, {**dict(stored), "delisted_at": at, "blocked_reason": None})
    await _new_listing(tx, review, at)
    return ""


async def _listing_corrected(tx: Transaction, review: Any, _request: Any) -> str:
    """Remove the wrong listing and create the right one with the same start; a wrong start is replaced alone."""
    stored = await _standing(tx, review)
    if review.venue_symbol.symbol_id == stored["symbol_id"]:
        begins = instant(review.venue_symbol.listed_at, "listed_at")
        await operations.replace(tx, VENUE_SYMBOL, stored, {**dict(stored), "listed_at": begins, "blocked_reason": None})
        return ""
    await operations.remove(tx, VENUE_SYMBOL, stored)
    await _new_listing(tx, review, stored["listed_at"])
    return ""


#: Kind of review -> decision -> the function that makes its changes.
ANSWERS: Mapping[int, Mapping[int, Callable[[Transaction, Any, Any], Any]]] = {
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
