"""ListQuestions: open reviews, grouped by coin, with what is known of their candidates."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import Message

from cqar import errors
from cqar.contract.cqar.v1 import identity_pb2
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.shared import enums_pb2
from cqar.model.binding import TEXT
from cqar.model.entities import IDENTITY_CLAIM
from cqar.storage.postgres import Session, Sql
from cqar.writes import claim_decisions, grouping, paging, review_state, reviews

#: Maximum numbers of addresses and of codes that are shown of a candidate, and of candidates of a question.
_ADDRESSES, _CODES, _CANDIDATES = 10, 20, 20
_UNDECIDED = frozenset({pb.REVIEW_KIND_PROVISIONAL, pb.REVIEW_KIND_CANDIDATES})
_OPEN = Sql("open_questions", f"{reviews.SELECT} WHERE r.status = {pb.REVIEW_STATUS_OPEN} ORDER BY r.review_id")
_CLAIMS = Sql(
    "claims_of_codes",
    f"SELECT {IDENTITY_CLAIM.select} FROM identity_claims t"
    " JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::text[])) AS k(venue_id, code) USING (venue_id, code)",
)
_MARKETS = Sql(
    "markets_of_assets",
    "WITH k AS (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS k(venue_id, asset_id)), s AS"
    " (SELECT k.*, s.symbol_id FROM k JOIN symbols s ON s.base_asset_id = k.asset_id AND s.deleted_at IS NULL UNION"
    " SELECT k.*, s.symbol_id FROM k JOIN symbols s ON s.quote_asset_id = k.asset_id AND s.deleted_at IS NULL UNION"
    " SELECT k.*, s.symbol_id FROM k JOIN symbols s ON s.settlement_asset_id = k.asset_id AND s.deleted_at IS NULL)"
    " SELECT s.venue_id, s.asset_id, count(*)::int AS markets FROM s"
    " JOIN venue_symbols t ON t.symbol_id = s.symbol_id AND t.venue_id = s.venue_id"
    " WHERE COALESCE(t.delisted_at > now(), true) GROUP BY s.venue_id, s.asset_id",
)
_ASSETS = Sql(
    "candidates",
    "SELECT a.asset_id, a.symbol, a.name, a.category, (SELECT min(i.external_id) FROM asset_identifiers i WHERE"
    f" i.asset_id = a.asset_id AND i.source = {assets_pb2.DATA_SOURCE_COINGECKO} AND i.deleted_at IS NULL) AS coingecko_id"
    " FROM assets a WHERE a.asset_id = ANY($1::text[]) AND a.deleted_at IS NULL",
)
_DEPLOYED = Sql(
    "addresses_of_candidates",
    "SELECT d.asset_id, COALESCE(c.caip2, c.chain_id) || '/' || d.address AS address FROM deployments d"
    " JOIN chains c USING (chain_id) WHERE d.asset_id = ANY($1::text[]) AND d.deleted_at IS NULL"
    " ORDER BY d.is_native DESC, d.is_canonical DESC, address",
)
_MEANT = Sql(
    "codes_of_candidates",
    "SELECT t.asset_id, t.venue_id || ':' || t.venue_asset_symbol AS code FROM venue_assets t"
    " WHERE t.asset_id = ANY($1::text[]) AND COALESCE(t.delisted_at > now(), true) ORDER BY t.venue_id",
)


class _Entry:
    """An open review with the claim about its code."""

    def __init__(self, review: Any, claim: Mapping[str, Any], markets: int) -> None:
        self.review = review
        self.level: Any = claim.get("level") or 0
        said = grouping.said(claim_decisions.facts_of(claim or None), review.code)
        self.asked = grouping.Asked(review.review_id, review.kind, review.venue_id, review.code, said, markets)
        self.blocked_reason = claim.get("blocked_reason") or ""
        self.candidates: list[str] = list(claim.get("candidate_asset_ids") or review.candidate_asset_ids)
        self.evidence: list[Mapping[str, Any]] = orjson.loads(claim.get("evidence") or "[]")


async def list_questions(session: Session, request: Any) -> Message:
    """ListQuestions: a page, those with the most markets first. Raises Invalid."""
    filters = {name: paging.checked(request, name) for name in ("venue_id", "kind", "level")}
    filters["code"] = TEXT["venue_symbol"](request.code, "code") if request.code else None
    limit = paging.size(request)
    scope = f"ListQuestionsResponse {filters} {request.include_unknown}"
    start = _start(scope, request.page_token) if request.page_token else None
    entries = {each.review.review_id: each for each in await _entries(session)}
    matching = [
        each
        for each in grouping.group(entry.asked for entry in entries.values())
        if _passes([entries[code.review_id] for code in each.codes], filters)
    ]
    everything = request.include_unknown or filters["code"] or filters["level"] == enums_pb2.IDENTITY_LEVEL_UNKNOWN
    found = matching if everything else [each for each in matching if not _unknown(each, entries)]
    response = pb.ListQuestionsResponse(
        total_questions=len(found),
        total_reviews=sum(len(each.codes) for each in found),
        total_unknown=len(matching) - len(found),
    )
    rest = [each for each in found if start is None or _place(each) > start]
    shown = await _questions(session, rest[:limit], entries)
    last = paging.fill(response.questions, shown)
    if last < len(rest):
        markets, review_id = _place(rest[last - 1])
        response.next_page_token = paging.token(scope, [f"{-markets}", review_id])
    return response


def _place(question: grouping.Question) -> tuple[int, str]:
    """Its place in the order of questions."""
    return -question.markets, question.codes[0].review_id


def _start(scope: str, token: str) -> tuple[int, str]:
    """The place after which a page starts. Raises Invalid."""
    markets, review_id = paging.position(scope, token, [str, str])
    if not markets.isdecimal() or len(markets) > 9:  # noqa: PLR2004 - no registry has more listings
        raise errors.Invalid("page_token", "BAD_TOKEN", "is not a page token of this list and filters; start without one")
    return -int(markets), review_id


def _unknown(question: grouping.Question, entries: Mapping[str, _Entry]) -> bool:
    """Whether there is nothing to choose: the code means a provisional asset, and no other asset is a candidate."""
    own = [entries[each.review_id] for each in question.codes]
    return all(each.review.kind in _UNDECIDED and not each.candidates for each in own)


def _passes(entries: Sequence[_Entry], filters: Mapping[str, Any]) -> bool:
    """Whether one of the codes has all that is asked for."""
    return any(
        filters["venue_id"] in (None, each.review.venue_id)
        and filters["code"] in (None, each.review.code)
        and filters["kind"] in (None, each.review.kind)
        and filters["level"] in (None, each.level)
        for each in entries
    )


async def _entries(session: Session) -> list[_Entry]:
    """All open reviews, except superseded ones."""
    found = [reviews.message(row) for row in await session.rows(_OPEN)]
    now = await review_state.current(session, found)
    found = [each for each in found if not now.superseded(each)]
    conflicts = {(each.venue_id, each.code) for each in found if each.kind == pb.REVIEW_KIND_CODE_CONFLICT}
    # What a provisional asset is cannot be decided while it is in doubt whether the code still means it.
    found = [each for each in found if each.kind not in _UNDECIDED or (each.venue_id, each.code) not in conflicts]
    venues = [each.venue_id for each in found]
    claims = {
        (row["venue_id"], row["code"]): dict(row) for row in await session.rows(_CLAIMS, venues, [each.code for each in found])
    }
    counted = await session.rows(_MARKETS, venues, [each.asset_id for each in found])
    markets = {(row["venue_id"], row["asset_id"]): row["markets"] for row in counted}
    return [
        _Entry(
            each,
            claims.get((each.venue_id, each.code), {}),
            1 if each.kind == pb.REVIEW_KIND_LISTING_CONFLICT else markets.get((each.venue_id, each.asset_id), 0),
        )
        for each in found
    ]


# ---- the messages --------------------------------------------------------------------------------------------------


async def _questions(
    session: Session, questions: Sequence[grouping.Question], entries: Mapping[str, _Entry]
) -> list[pb.Question]:
    ranked = [_ranked([entries[code.review_id] for code in each.codes]) for each in questions]
    known = await _known(session, {asset_id for each in ranked for asset_id in each})
    return [_question(each, entries, order, known) for each, order in zip(questions, ranked, strict=True)]


def _ranked(entries: Iterable[_Entry]) -> list[str]:
    """The candidates of all codes, those first that the most codes have, at the best places."""
    places: dict[str, list[int]] = {}
    for entry in entries:
        for place, asset_id in enumerate(entry.candidates):
            places.setdefault(asset_id, []).append(place)
    return sorted(places, key=lambda each: (-len(places[each]), min(places[each]), each))


async def _known(session: Session, asset_ids: set[str]) -> dict[str, pb.QuestionCandidate]:
    """What is known of the candidates; deleted ones are missing."""
    ids = sorted(asset_ids)
    found: dict[str, pb.QuestionCandidate] = {}
    for row in await session.rows(_ASSETS, ids):
        found[row["asset_id"]] = pb.QuestionCandidate(
            asset_id=row["asset_id"],
            symbol=row["symbol"],
            name=row["name"],
            category=row["category"] or "",
            coingecko_id=row["coingecko_id"] or "",
        )
    for row in await session.rows(_DEPLOYED, ids):
        if row["asset_id"] in found and len(found[row["asset_id"]].addresses) < _ADDRESSES:
            found[row["asset_id"]].addresses.append(row["address"])
    for row in await session.rows(_MEANT, ids):
        if row["asset_id"] in found and len(found[row["asset_id"]].codes) < _CODES:
            found[row["asset_id"]].codes.append(row["code"])
    return found


def _question(
    question: grouping.Question,
    entries: Mapping[str, _Entry],
    ranked: Sequence[str],
    known: Mapping[str, pb.QuestionCandidate],
) -> pb.Question:
    first = question.codes[0]
    kind: Any = first.kind
    made = pb.Question(question_id=first.review_id, kind=kind, ticker=first.said.ticker, markets=question.markets)
    own = [entries[each.review_id] for each in question.codes]
    for place, entry in enumerate(own):
        made.codes.append(_code(entry, included=place < len(question.sure)))
    for asset_id in [each for each in ranked if each in known][:_CANDIDATES]:
        candidate = made.candidates.add()
        candidate.CopyFrom(known[asset_id])
        candidate.evidence.extend(_evidence(own, asset_id))
    only = {
        tuple(each for each in entries[code.review_id].candidates if each in known) for code in question.sure or question.codes
    }
    if len(only) == 1 and len(next(iter(only))) == 1:
        made.suggested_asset_id = next(iter(only))[0]
    return made


def _code(entry: _Entry, *, included: bool) -> pb.QuestionCode:
    asked, review = entry.asked, entry.review
    return pb.QuestionCode(
        review_id=asked.review_id,
        venue_id=asked.venue_id,
        code=asked.code,
        asset_id=review.asset_id,
        level=entry.level,
        ticker=asked.said.ticker,
        names=asked.said.names,
        asset_class=asked.said.asset_class,
        addresses=[f"{chain}/{text}" if chain else text for chain, text in asked.said.addresses],
        markets=asked.markets,
        included=included,
        blocked_reason=entry.blocked_reason,
        reason=review.reason,
    )


def _evidence(entries: Iterable[_Entry], asset_id: str) -> list[identity_pb2.Evidence]:
    """The items about the asset, each once."""
    items: dict[bytes, identity_pb2.Evidence] = {}
    for entry in entries:
        for each in entry.evidence:
            if each.get("asset_id") == asset_id:
                item = json_format.ParseDict(dict(each), identity_pb2.Evidence(), ignore_unknown_fields=True)
                shown = identity_pb2.Evidence()
                shown.CopyFrom(item)
                shown.ClearField("seen_at")
                items.setdefault(shown.SerializeToString(deterministic=True), item)
    return list(items.values())
