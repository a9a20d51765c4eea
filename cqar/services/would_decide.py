"""What would decide what a code means, as sentences: from its level, the evidence, and what the venue says. Pure."""

from collections.abc import Iterable, Iterator

from google.protobuf import json_format

from cqar.contract.cqar.v1 import identity_pb2 as pb
from cqar.writes import grouping
from cqar.writes.grouping import Said


def sentences(found: pb.Explanation) -> list[str]:
    """The sentences; none if it is decided. `found` has everything but these."""
    if not found.HasField("claim"):
        return list(_unrecorded(found))
    facts = json_format.MessageToDict(found.claim.facts) if found.claim.HasField("facts") else {}
    steps = _STEPS.get(found.level)
    rest = [] if steps is None else list(steps(found, grouping.said(facts, found.code)))
    if not rest and not found.open_review_id:
        return []
    return [*rest, _decision(found)]


def _unrecorded(found: pb.Explanation) -> Iterator[str]:
    """Without a claim: what was written by hand, or before evidence was recorded."""
    if not found.code:
        yield f"{found.venue_id} has no code for this asset: the listing was written by hand."
    elif found.level == pb.IDENTITY_LEVEL_UNSPECIFIED:
        yield f"No import has recorded {found.code}: the mapping was written by hand."
    else:
        yield f"No evidence is stored. The next import of {found.venue_id} records what the venue says of {found.code}."
    if found.open_review_id:
        yield _decision(found)


def _corroborated(_found: pb.Explanation, said: Said) -> Iterator[str]:
    if not said.addresses:
        yield "A contract address of the asset in the venue's data would verify it."


def _suggested(found: pb.Explanation, said: Said) -> Iterator[str]:
    asset = _either(found.rivals) or "the candidate"
    if not said.names:
        yield f"The venue gives no name. A name of {asset} would support it, another name would refute it."
    yield from _by_address(found, said)


def _contested(found: pb.Explanation, said: Said) -> Iterator[str]:
    refuted = {each.item.asset_id for each in found.evidence_against}
    open_ = [each for each in found.rivals if each.asset_id not in refuted]
    if found.blocked_reason:
        yield f"The evidence contradicts what {found.code} has meant so far: was the code reassigned, or was the mapping wrong?"
        return
    if len(open_) > 1:
        yield f"A name or a contract address that only one of {_either(open_)} has."
    elif not open_:
        yield from _missing(found, said)
    yield from _by_address(found, said)


def _unknown(found: pb.Explanation, said: Said) -> Iterator[str]:
    yield from _missing(found, said)
    if not said.addresses and not said.names:
        yield "The venue gives neither a name nor a contract address of the coin."


def _missing(found: pb.Explanation, said: Said) -> Iterator[str]:
    """The asset that the registry lacks."""
    if said.addresses:
        chain, text = said.addresses[0]
        yield f"An asset with the address {f'{chain}/{text}' if chain else text} in the registry."
    elif said.names:
        yield f"An asset with the ticker {said.ticker} and the name {said.names[0]} in the registry."
    else:
        yield f"An asset with the ticker {said.ticker} in the registry finds a candidate for {found.code}."


def _by_address(found: pb.Explanation, said: Said) -> Iterator[str]:
    if not said.addresses:
        yield f"A contract address in the data of {found.venue_id} would decide."


def _decision(found: pb.Explanation) -> str:
    if found.open_review_id:
        return f"A person decides: review {found.open_review_id} is open."
    return f"A person decides: cqar identity set {found.venue_id} {found.code} ASSET."


def _either(assets: Iterable[pb.ExplainedAsset]) -> str:
    """The names of up to three assets."""
    names = [f"{each.name} ({each.symbol})" for each in assets]
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown  # noqa: PLR2004 - as the docstring says


_STEPS = {
    pb.IDENTITY_LEVEL_CORROBORATED: _corroborated,
    pb.IDENTITY_LEVEL_SUGGESTED: _suggested,
    pb.IDENTITY_LEVEL_CONTESTED: _contested,
    pb.IDENTITY_LEVEL_UNKNOWN: _unknown,
}
