"""`cqar explain`: why codes mean assets, as aligned lines or as JSON."""

from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any

from google.protobuf import json_format

from cqar.contract.cqar.v1 import identity_pb2 as pb
from cqar.redaction import printable

_COLUMN = 12
#: What a venue says of a code, in this order; other facts follow.
_FACTS = ("ticker", "names", "class", "addresses", "ids")


def text(answer: pb.ExplainResponse) -> str:
    """Return the explanations as aligned lines, with an empty line between two of them."""
    blocks = ("\n".join(f"{name:<{_COLUMN}}{printable(value)}" for name, value in _lines(each)) for each in answer.explanations)
    return "\n\n".join(blocks)


def data(answer: pb.ExplainResponse) -> dict[str, Any]:
    """Return the response with the contract's field names."""
    return json_format.MessageToDict(answer, preserving_proto_field_name=True)


def _lines(found: pb.Explanation) -> Iterator[tuple[str, str]]:
    sides = f"  ({', '.join(found.sides)})" if found.sides else ""
    yield "code", f"{found.venue_id}  {found.code or 'none'}{sides}"
    yield from _block("means", _asset(found.asset) if found.HasField("asset") else ["nothing"])
    yield "level", level(found.level)
    if found.identity_evidence:
        yield "because", found.identity_evidence
    if found.blocked_reason:
        yield "trading", f"BLOCKED: {found.blocked_reason}"
    yield from _block("says", _said(found.claim))
    yield from _block("for", map(_evidence, found.evidence_for))
    yield from _block("against", map(_evidence, found.evidence_against))
    yield from _block("or", (line for each in found.rivals for line in _asset(each)))
    yield from _block("to decide", found.would_decide)
    if found.HasField("claim"):
        at = found.claim.updated_at.ToDatetime(tzinfo=UTC)
        yield "recorded", f"{at:%Y-%m-%d %H:%M:%S} UTC from {found.claim.source or 'api'}"


def level(number: int) -> str:
    """Return the name of a level."""
    if not number:
        return "none: written by hand, as good as VERIFIED"
    return pb.IdentityLevel.Name(number).removeprefix("IDENTITY_LEVEL_")


def _block(name: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the name before the first line only."""
    for at, line in enumerate(lines):
        yield ("" if at else name), line


def _asset(asset: pb.ExplainedAsset) -> Iterator[str]:
    words = [asset.symbol, asset.name, f"({asset.category})" if asset.category else "", asset.asset_id]
    yield "  ".join(filter(None, words))
    yield from (f"  {each}" for each in (*asset.ids, *asset.addresses))


def _said(claim: pb.IdentityClaim) -> Iterator[str]:
    facts = json_format.MessageToDict(claim.facts)
    for name in (*_FACTS, *sorted(facts.keys() - set(_FACTS))):
        if facts.get(name):
            yield f"{name}: {_fact(facts[name])}"


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        if "address" in value:
            return "/".join(str(value[name]) for name in ("chain", "address") if value.get(name))
        return ", ".join(f"{name} {_fact(each)}" for name, each in sorted(value.items()) if each not in (None, "", []))
    if isinstance(value, list):
        return ", ".join(map(_fact, value))
    return str(value)


def _evidence(found: pb.ExplainedEvidence) -> str:
    item = found.item
    kind = pb.EvidenceKind.Name(item.kind).removeprefix("EVIDENCE_KIND_").replace("_", " ").lower()
    asset = f"{found.name} ({found.symbol})" if found.symbol else item.asset_id
    seen = f"{item.seen_at.ToDatetime(tzinfo=UTC):%Y-%m-%d}" if item.HasField("seen_at") else ""
    where = ", ".join(filter(None, (item.source, seen)))
    return "  ".join(filter(None, (f"{kind:<17}", asset, item.value, f"[{where}]" if where else "")))
