"""What would change if the evidence about a code is weighed again. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from google.protobuf import json_format

from cqar.contract.cqar.v1 import identity_pb2
from cqar.importers.identity.evidence import Item, Level
from cqar.importers.identity.meaning import PROVISIONAL, Meaning, Stored

#: The code moves to a provisional asset, with a question.
TO_PROVISIONAL: Final = "provisional"
#: The code moves from a provisional asset to the asset that the evidence gives.
TO_ASSET: Final = "asset"
#: The evidence contradicts the meaning: it stays, and its markets are blocked.
CONFLICT: Final = "conflict"
#: The contradiction is gone.
UNBLOCKED: Final = "unblocked"
LEVEL: Final = "level"
#: A question that is not open yet.
QUESTION: Final = "question"
#: Only the recorded evidence changes.
EVIDENCE: Final = "evidence"
UNCHANGED: Final = "unchanged"
#: A person decided it; it is not judged.
DECIDED: Final = "decided"
#: The kinds of changes, the gravest first.
KINDS: Final = (CONFLICT, TO_PROVISIONAL, TO_ASSET, UNBLOCKED, LEVEL, QUESTION, EVIDENCE)
MOVES: Final = frozenset((TO_PROVISIONAL, TO_ASSET))


class State(NamedTuple):
    """What a code means."""

    #: an id, or `ref:<name>` of an asset that does not exist yet
    asset_id: str
    #: the number of the level; 0: unset
    level: int
    evidence: str

    @property
    def level_name(self) -> str:
        """The name of the level; empty if it is unset."""
        return Level(self.level).name if self.level else ""


class Change(NamedTuple):
    """A code, and what changes."""

    code: str
    kind: str
    before: State
    after: State
    reason: str
    items: tuple[Item, ...]
    candidates: tuple[str, ...]
    #: the number of the venue's listings that stand on the asset
    listings: int


class Known(NamedTuple):
    """What the registry has of a code."""

    stored: Collection[Stored]
    claim: identity_pb2.IdentityClaim | None
    #: kinds of its open reviews
    asked: frozenset[int]
    listings: int

    @property
    def state(self) -> State:
        """What it means so far."""
        first = next(iter(self.stored))
        return State(first.asset_id, first.level if self.claim is None else self.claim.level, first.evidence)


def change(known: Known, meaning: Meaning, claim: identity_pb2.IdentityClaim | None, code: str) -> Change:
    """What the meaning changes. `claim`: as it would be recorded; None if none would be."""
    before = known.state
    after = State(meaning.asset or before.asset_id, int(meaning.level), meaning.evidence)
    kind = next(_kinds(known, meaning, claim, after), UNCHANGED)
    reason = meaning.conflict or meaning.question
    return Change(code, kind, before, after, reason, meaning.items, meaning.candidates, known.listings)


def _kinds(known: Known, meaning: Meaning, claim: identity_pb2.IdentityClaim | None, after: State) -> Iterator[str]:
    """How it changes, the gravest first."""
    blocked = "" if known.claim is None else known.claim.blocked_reason
    review = meaning.review_kind
    if meaning.asset is None:
        # It means several assets: only a person can decide which one.
        yield from () if review in known.asked else (CONFLICT,)
        return
    if after.asset_id != known.state.asset_id:
        yield TO_PROVISIONAL if meaning.evidence == PROVISIONAL else TO_ASSET
    if meaning.conflict and meaning.conflict != blocked:
        yield CONFLICT
    if blocked and not meaning.conflict:
        yield UNBLOCKED
    if after.level != known.state.level:
        yield LEVEL
    if review is not None and review not in known.asked:
        yield QUESTION
    if known.claim is None or (claim is not None and content(claim) != content(known.claim)):
        yield EVIDENCE


def content(claim: identity_pb2.IdentityClaim) -> tuple[Any, ...]:
    """What a claim says, without its source and times, and without decisions."""
    items = {
        (each.kind, each.asset_id, each.against, each.value.strip(), each.source)
        for each in claim.evidence
        if each.kind != identity_pb2.EVIDENCE_KIND_DECISION
    }
    said = json_format.MessageToDict(claim.facts)
    return claim.asset_id, claim.level, tuple(claim.candidate_asset_ids), claim.blocked_reason, items, said


def counts(changes: Collection[Change], decided: int) -> Mapping[str, int]:
    """The number of codes by what happens to them."""
    found = dict.fromkeys((*KINDS, UNCHANGED), 0)
    for each in changes:
        found[each.kind] += 1
    return {"codes": len(changes) + decided, **found, DECIDED: decided}
