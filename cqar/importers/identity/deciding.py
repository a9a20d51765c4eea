"""The review queue on the command line: list the questions and record the decisions."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import grpc
from google.protobuf import json_format

from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.run.wire import Registry, RegistryError

_KIND = "REVIEW_KIND_"
_STATUS = "REVIEW_STATUS_"
_DECISION = "REVIEW_DECISION_"


def describe(registry: Registry, venue_id: str | None, status: str, *, as_json: bool) -> Iterator[str]:
    """Lines about the reviews of a status. Raises RegistryError."""
    request = pb.ListReviewsRequest(status=f"{_STATUS}{status.upper()}")
    if venue_id is not None:
        request.venue_id = venue_id
    reviews = list(registry.pages(request, "reviews"))
    if as_json:
        for each in reviews:
            yield json.dumps(json_format.MessageToDict(each, preserving_proto_field_name=True), ensure_ascii=False)
        return
    for each in reviews:
        yield from _lines(registry, each)
    yield f"{len(reviews)} {status}"


def _lines(registry: Registry, review: Any) -> Iterator[str]:
    kind = pb.ReviewKind.Name(review.kind).removeprefix(_KIND).lower().replace("_", " ")
    yield f"{review.review_id}  {kind}: {review.code!r} at {review.venue_id}"
    yield f"  {review.reason}"
    if review.decision:
        decision = pb.ReviewDecision.Name(review.decision).removeprefix(_DECISION).lower().replace("_", " ")
        yield f"  decided by {review.decided_by}: {decision}{f', {review.notes}' if review.notes else ''}"
    named = [("now", review.asset_id)] if review.asset_id else []
    named += [("may be", each) for each in review.candidate_asset_ids]
    for (how, asset_id), name in zip(named, _names(registry, [each for _, each in named]), strict=True):
        yield f"  {how} {asset_id}  {name}"


def _names(registry: Registry, asset_ids: Sequence[str]) -> Iterator[str]:
    """Ticker and name of the assets."""
    for answer in registry.calls(contract.GetAssetRequest(asset_id=each) for each in asset_ids):
        if not isinstance(answer, RegistryError):
            yield f"{answer.asset.symbol}, {answer.asset.name}"
        elif answer.code is grpc.StatusCode.NOT_FOUND:
            yield "(deleted)"
        else:
            raise answer


def accept(
    registry: Registry, review_id: str, *, decision: str | None, asset_id: str | None, at: datetime | None, notes: str | None
) -> str:
    """Accept a review; a line about it. Raises RegistryError."""
    request = pb.AcceptReviewRequest(review_id=review_id, decision=decision and f"{_DECISION}{decision}")
    if asset_id is not None:
        request.asset_id = asset_id
    if at is not None:
        request.at.FromDatetime(at)
    if notes is not None:
        request.notes = notes
    answer: pb.AcceptReviewResponse = registry.call(request)
    return f"accepted, at revision {answer.revision}; the next import writes what waited for it"


def reject(registry: Registry, review_id: str, notes: str | None) -> str:
    """Reject a review; a line about it. Raises RegistryError."""
    request = pb.RejectReviewRequest(review_id=review_id)
    if notes is not None:
        request.notes = notes
    registry.call(request)
    return "rejected; nothing changes, and the question is not asked again"
