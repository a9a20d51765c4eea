"""Explain: why a venue's code means an asset, with the evidence for and against it, and what would decide."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import Message

from cqar import errors
from cqar.contract.cqar.v1 import identity_pb2 as pb
from cqar.contract.cqar.v1 import reviews_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.lookups import single
from cqar.lookups.single import LOOKUPS
from cqar.model.binding import TEXT
from cqar.model.entities import IDENTITY_CLAIM, VENUE_ASSET
from cqar.model.entity import Row
from cqar.services import lookups, would_decide
from cqar.storage.postgres import Session, Sql
from cqar.writes import operations, review_state, reviews

#: Maximum numbers of ids and of addresses that are shown of an asset.
_SHOWN = 20
_VENUE = Sql("explained_venue", "SELECT venue_id FROM venues WHERE venue_id = $1")
#: What a code means now; if it means nothing any more, what it meant.
_BY_CODE = Sql(
    "explained_code",
    f"SELECT {VENUE_ASSET.select}, COALESCE(t.delisted_at > now(), true) AS living FROM venue_assets t WHERE t.venue_id = $1"
    " AND (t.venue_asset_symbol = $2 OR t.venue_asset_aliases @> ARRAY[$2])"
    " ORDER BY living DESC, t.delisted_at DESC, t.asset_id",
)
_BY_ASSETS = Sql(
    "explained_records",
    f"SELECT {VENUE_ASSET.select} FROM venue_assets t WHERE t.venue_id = $1 AND t.asset_id = ANY($2::text[])",
)
_REVIEW = Sql(
    "explained_reviews",
    f"{reviews.SELECT} WHERE venue_id = $1 AND code = $2 AND status = {reviews_pb2.REVIEW_STATUS_OPEN}"
    f" AND kind IN ({', '.join(map(str, sorted(review_state.CODES)))}) ORDER BY review_id",
)
_ASSETS = Sql("explained_assets", "SELECT asset_id, symbol, name, category FROM assets WHERE asset_id = ANY($1::text[])")
_IDS = Sql(
    "explained_ids",
    "SELECT asset_id, source, external_id FROM asset_identifiers WHERE asset_id = ANY($1::text[]) AND deleted_at IS NULL"
    " ORDER BY is_primary DESC, source, external_id",
)
_ADDRESSES = Sql(
    "explained_addresses",
    "SELECT d.asset_id, COALESCE(c.caip2, c.chain_id) || '/' || d.address AS address FROM deployments d"
    " JOIN chains c USING (chain_id) WHERE d.asset_id = ANY($1::text[]) AND d.deleted_at IS NULL"
    " ORDER BY d.is_native DESC, d.is_canonical DESC, address",
)
_LOOKUP = LOOKUPS["GetVenueSymbol"]


class _Asked(NamedTuple):
    """A code to explain, and what the registry says of it."""

    code: str
    sides: Sequence[str]
    #: the asset that it means; empty: none
    asset_id: str
    record: Row | None
    claim: pb.IdentityClaim | None
    review_id: str


async def explain(session: Session, request: Any) -> Message:
    """Explain: of a code, or of the assets of a venue symbol. Raises Invalid, NotFound, Ambiguous."""
    errors.require(request, ("venue_id",))
    if bool(request.code) == bool(request.venue_symbol):
        raise errors.Invalid("code", "ONE_OF", "set either code or venue_symbol")
    venue_id = TEXT["venue_id"](request.venue_id, "venue_id")
    if await session.row(_VENUE, venue_id) is None:
        raise errors.NotFound("venue", venue_id, "venue_id")
    if request.code:
        asked = await _of_code(session, venue_id, TEXT["code"](request.code, "code"))
    else:
        asked = await _of_symbol(session, venue_id, request)
    known = await _known(session, asked)
    return pb.ExplainResponse(explanations=[_explanation(venue_id, each, known) for each in asked])


# ---- what the registry says ----------------------------------------------------------------------------------------


async def _of_code(session: Session, venue_id: str, code: str) -> list[_Asked]:
    """The assets that the code means; without any, those that it meant, or those of its claim. Raises NotFound."""
    records = await session.rows(_BY_CODE, venue_id, code)
    meant = [row for row in records if row["living"]] or list(records[:1])
    claim, review_id = await _claim(session, venue_id, code), await _review(session, venue_id, code)
    if not meant and claim is None:
        raise errors.NotFound("code", f"{venue_id}:{code}", "code")
    if not meant:
        return [_Asked(code, (), "", None, claim, review_id)]
    return [_Asked(code, (), row["asset_id"], row, claim, review_id) for row in meant]


async def _of_symbol(session: Session, venue_id: str, request: Any) -> list[_Asked]:
    """The codes of the assets of a venue symbol. Raises Invalid, NotFound, Ambiguous."""
    wanted = contract.GetVenueSymbolRequest(venue_id=venue_id, venue_symbol=request.venue_symbol)
    if request.HasField("symbol_type"):
        wanted.symbol_type = request.symbol_type
    single.check(_LOOKUP, wanted)
    found = (await lookups.from_database(session, _LOOKUP, wanted))[0].response.symbol
    sides: dict[str, list[str]] = {}
    for side in ("base", "quote", "settlement"):
        asset_id = getattr(found, f"{side}_asset_id")
        if asset_id:
            sides.setdefault(asset_id, []).append(side)
    records = {row["asset_id"]: row for row in await session.rows(_BY_ASSETS, venue_id, list(sides))}
    asked = []
    for asset_id, names in sides.items():
        record = records.get(asset_id)
        code = "" if record is None else _code_in(record, request.venue_symbol)
        claim, review_id = None, ""
        if code:
            claim, review_id = await _claim(session, venue_id, code), await _review(session, venue_id, code)
        asked.append(_Asked(code, names, asset_id, record, claim, review_id))
    return asked


def _code_in(record: Row, text: str) -> str:
    """The code of a venue asset that a venue symbol contains, the longest of several; else its main code."""
    folded = text.casefold()
    codes = [record["venue_asset_symbol"], *(record["venue_asset_aliases"] or ())]
    return str(max((each for each in codes if each.casefold() in folded), key=len, default=codes[0]))


async def _claim(session: Session, venue_id: str, code: str) -> pb.IdentityClaim | None:
    row = await session.row(operations.get_sql(IDENTITY_CLAIM), venue_id, code)
    return None if row is None else IDENTITY_CLAIM.answer(row)  # type: ignore[return-value]  # the entity's message


async def _review(session: Session, venue_id: str, code: str) -> str:
    """The open question about the code; empty if there is none, or other changes have answered it."""
    found = [reviews.message(row) for row in await session.rows(_REVIEW, venue_id, code)]
    now = await review_state.current(session, found)
    return next((each.review_id for each in found if not now.superseded(each)), "")


async def _known(session: Session, asked: Iterable[_Asked]) -> dict[str, pb.ExplainedAsset]:
    """The assets that the codes, their candidates and their evidence name, by id."""
    wanted = {each.asset_id for each in asked}
    for each in asked:
        if each.claim is not None:
            wanted.update((each.claim.asset_id, *each.claim.candidate_asset_ids, *(it.asset_id for it in each.claim.evidence)))
    ids = sorted(wanted - {""})
    found: dict[str, pb.ExplainedAsset] = {}
    for row in await session.rows(_ASSETS, ids):
        shown = {name: row[name] or "" for name in ("asset_id", "symbol", "name", "category")}
        found[row["asset_id"]] = pb.ExplainedAsset(**shown)
    for row in await session.rows(_IDS, ids):
        source = assets_pb2.DataSource.Name(row["source"]).removeprefix("DATA_SOURCE_").lower()
        _append(found[row["asset_id"]].ids, f"{source}:{row['external_id']}")
    for row in await session.rows(_ADDRESSES, ids):
        _append(found[row["asset_id"]].addresses, row["address"])
    return found


def _append(into: Any, text: str) -> None:
    if len(into) < _SHOWN:
        into.append(text)


# ---- the messages --------------------------------------------------------------------------------------------------


def _explanation(venue_id: str, asked: _Asked, known: Mapping[str, pb.ExplainedAsset]) -> pb.Explanation:
    record, claim = asked.record, asked.claim
    made = pb.Explanation(
        venue_id=venue_id,
        code=asked.code,
        sides=asked.sides,
        asset=known.get(asked.asset_id),
        level=_level(record, claim),
        blocked_reason=(record and record["blocked_reason"]) or "",
        identity_evidence=(record and record["identity_evidence"]) or "",
        claim=claim,
        open_review_id=asked.review_id,
    )
    if claim is not None:
        for item in claim.evidence:
            (made.evidence_against if item.against else made.evidence_for).append(_evidence(item, known))
        rivals = [each for each in claim.candidate_asset_ids if each != asked.asset_id and each in known]
        made.rivals.extend(known[each] for each in dict.fromkeys(rivals))
    made.would_decide.extend(would_decide.sentences(made))
    return made


def _level(record: Row | None, claim: pb.IdentityClaim | None) -> pb.IdentityLevel:
    """The level that lookups answer; without a venue asset, that of the claim."""
    unset = pb.IDENTITY_LEVEL_UNSPECIFIED
    if record is not None:
        level: pb.IdentityLevel = record["identity_level"] or unset
        return level
    return unset if claim is None else claim.level


def _evidence(item: pb.Evidence, known: Mapping[str, pb.ExplainedAsset]) -> pb.ExplainedEvidence:
    asset = known.get(item.asset_id)
    if asset is None:
        return pb.ExplainedEvidence(item=item)
    return pb.ExplainedEvidence(item=item, symbol=asset.symbol, name=asset.name)
