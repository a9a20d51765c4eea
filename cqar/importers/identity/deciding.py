"""The review queue on the command line: list the questions, and decide one by one."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from google.protobuf import json_format

from cqar.contract.cqar.v1 import identity_pb2
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.shared import enums_pb2
from cqar.importers.run.wire import PAGE, Registry

_KIND = "REVIEW_KIND_"
_STATUS = "REVIEW_STATUS_"
_DECISION = "REVIEW_DECISION_"
_LEVEL = "IDENTITY_LEVEL_"
_EVIDENCE = "EVIDENCE_KIND_"
#: Kinds of reviews by their names on the command line.
KINDS: Mapping[str, pb.ReviewKind] = {
    "provisional": pb.REVIEW_KIND_PROVISIONAL,
    "candidates": pb.REVIEW_KIND_CANDIDATES,
    "conflict": pb.REVIEW_KIND_CODE_CONFLICT,
    "listing": pb.REVIEW_KIND_LISTING_CONFLICT,
}
KIND_NAMES: Mapping[int, str] = {number: name for name, number in KINDS.items()}
#: Addresses and codes that are shown of a candidate.
_SHOWN = 3


def describe(
    registry: Registry, status: str, filters: Mapping[str, str | None], *, unknown: bool = False, as_json: bool
) -> Iterator[str]:
    """Lines about the reviews of a status. `filters`: venue, kind, level, code; `unknown`: also those without a candidate.

    Raises RegistryError.
    """
    if as_json or status != "open":
        reviews = registry.pages(narrowed(pb.ListReviewsRequest(status=f"{_STATUS}{status.upper()}"), filters), "reviews")
        count = 0
        for each in reviews:
            count += 1
            yield _json(each) if as_json else _line(each)
        if not as_json:
            yield f"{count} {status}"
        return
    request = narrowed(pb.ListQuestionsRequest(include_unknown=unknown), filters)
    page = pb.ListQuestionsResponse()
    for page in pages(registry, request):
        for question in page.questions:
            yield from lines(question)
    yield f"{counted(page.total_questions, 'question')} about {counted(page.total_reviews, 'code')}"
    if page.total_unknown:
        yield f"{counted(page.total_unknown, 'question')} without a candidate: --unknown lists them"


def pages(registry: Registry, request: pb.ListQuestionsRequest) -> Iterator[pb.ListQuestionsResponse]:
    """The pages of a list of questions. Raises RegistryError."""
    request.page_size = PAGE
    while True:
        page: pb.ListQuestionsResponse = registry.call(request)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def counted(number: int, noun: str) -> str:
    """The number with its noun: 1 row, 2 rows."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def narrowed(request: Any, filters: Mapping[str, str | None]) -> Any:
    """The request, narrowed by venue, kind, level and code."""
    for name, value in filters.items():
        if value is not None:
            level = enums_pb2.IdentityLevel.Value(f"{_LEVEL}{value.upper()}") if name == "level" else 0
            setattr(request, "venue_id" if name == "venue" else name, KINDS[value] if name == "kind" else level or value)
    return request


def _json(message: Any) -> str:
    return json.dumps(json_format.MessageToDict(message, preserving_proto_field_name=True), ensure_ascii=False)


def _word(text: str, prefix: str) -> str:
    return text.removeprefix(prefix).lower().replace("_", " ")


def _line(review: Any) -> str:
    """A review that is not open, on one line."""
    kind = _word(pb.ReviewKind.Name(review.kind), _KIND)
    line = f"{review.review_id}  {kind}  {review.venue_id}:{review.code}"
    if not review.HasField("decided_at"):
        return f"{line}  {review.reason}"
    decision = _word(pb.ReviewDecision.Name(review.decision), _DECISION) if review.decision else "rejected"
    notes = f", {review.notes}" if review.notes else ""
    return f"{line}  {decision} by {review.decided_by}{notes}"


def lines(question: Any) -> Iterator[str]:
    """A question: a line for it, one for each code, one for each candidate."""
    kind = "" if question.kind == pb.REVIEW_KIND_PROVISIONAL else f", {_word(pb.ReviewKind.Name(question.kind), _KIND)}"
    yield f"{question.ticker}: {counted(question.markets, 'market')}{kind}"
    for each in question.codes:
        yield f"  {'code' if each.included else 'perhaps'}  {_join(_code(each))}"
    for candidate in question.candidates:
        mark = "suggested" if candidate.asset_id == question.suggested_asset_id else "candidate"
        yield f"  {mark}  {_join(_candidate(candidate))}"


def _join(parts: Iterable[str]) -> str:
    return "  ".join(each for each in parts if each)


def _code(code: Any) -> Iterator[str]:
    yield code.review_id
    yield f"{code.venue_id}:{code.code}"
    yield _word(enums_pb2.IdentityLevel.Name(code.level), _LEVEL) if code.level else ""
    yield ", ".join(f'"{each}"' for each in code.names)
    yield code.asset_class
    yield ", ".join(code.addresses[:_SHOWN])
    yield f"blocked: {code.blocked_reason}" if code.blocked_reason else ""
    if not code.level:
        yield code.reason


def one_line(candidate: Any) -> str:
    """A candidate on one line, without its id here."""
    return _join(list(_candidate(candidate))[1:])


def _candidate(candidate: Any) -> Iterator[str]:
    yield candidate.asset_id
    yield candidate.symbol
    yield candidate.name
    yield candidate.category
    yield f"coingecko:{candidate.coingecko_id}" if candidate.coingecko_id else ""
    yield _some(candidate.addresses)
    yield _some(candidate.codes)
    yield ", ".join(dict.fromkeys(map(_evidence, candidate.evidence)))


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _evidence(item: Any) -> str:
    kind = _word(identity_pb2.EvidenceKind.Name(item.kind), _EVIDENCE)
    return f"{'against' if item.against else 'for'} it: {kind}{f' {item.value}' if item.value else ''}"


# ---- one decision --------------------------------------------------------------------------------------------------


Decided = tuple[Any, Sequence[str]]
"""The response to a decision, and lines about it."""


def accept(registry: Registry, review_id: str, *, at: datetime | None, **given: str | None) -> Decided:
    """Accept a review. `given`: decision, asset_id, symbol, name, asset_class, notes. Raises RegistryError."""
    decision = given.pop("decision")
    request = pb.AcceptReviewRequest(review_id=review_id, decision=decision and f"{_DECISION}{decision}")
    for name, value in given.items():
        if value is not None:
            setattr(request, name, value)
    if at is not None:
        request.at.FromDatetime(at)
    answer: pb.AcceptReviewResponse = registry.call(request)
    return answer, (f"accepted, at revision {answer.revision}", *answer.warnings)


def reject(registry: Registry, review_id: str, notes: str | None) -> Decided:
    """Reject a review. Raises RegistryError."""
    request = pb.RejectReviewRequest(review_id=review_id)
    if notes is not None:
        request.notes = notes
    undo = f"undo it with cqar review reopen {review_id}"
    return registry.call(request), (f"rejected: the meaning stays, and the question is not asked again; {undo}",)


def reopen(registry: Registry, review_id: str) -> Decided:
    """Open a rejected review again. Raises RegistryError."""
    answer: pb.ReopenReviewResponse = registry.call(pb.ReopenReviewRequest(review_id=review_id))
    return answer, (f"{answer.review.venue_id}:{answer.review.code} is open again",)


def set_identity(
    registry: Registry, place: tuple[str, str], asset: str, since: datetime | None, notes: str | None
) -> tuple[Any, Iterator[str]]:
    """Set what the code of a venue means; the response and lines about it. Raises RegistryError."""
    venue, code = place
    request = pb.SetIdentityRequest(venue_id=venue, code=code, asset=asset)
    if since is not None:
        request.since.FromDatetime(since)
    if notes is not None:
        request.notes = notes
    answer: pb.SetIdentityResponse = registry.call(request)
    return answer, _about_set(answer, f"{venue}:{code}")


def _about_set(answer: Any, name: str) -> Iterator[str]:
    before = f", before {answer.previous_asset_id}" if answer.previous_asset_id else ""
    yield f"{name} means {answer.asset_id}{before}; {counted(answer.moved, 'market')} moved"
    if answer.unclear:
        yield f"not moved, because they name no code of the asset: {', '.join(answer.unclear)}; the next import asks about them"
    yield from answer.warnings
