"""What a code means: what the registry has, what it was read from, and what is written from now on."""

from datetime import datetime
from typing import Final, NamedTuple

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqar.v1 import reviews_pb2
from cqar.importers.identity.evidence import Item, Level
from cqar.model import rules

PROVISIONAL: Final = rules.PROVISIONAL
#: What a person decided.
REVIEW: Final = "review"
#: How importers record evidence on the venue asset. Anything else was written by hand, and stays.
_RECORDED: Final = (REVIEW, "contract address", "remap", "external id", "ticker", "name", "class", "agreement", PROVISIONAL)


class Reading(NamedTuple):
    """How a code was read when its meaning was written."""

    ticker: str
    first_market: str = ""
    first_seen: datetime | None = None


class Stored(NamedTuple):
    """What a code means in the registry."""

    asset_id: str
    evidence: str = ""
    #: the number of the level; 0: unset
    level: int = 0

    @property
    def decided(self) -> bool:
        """A person decided it or wrote it by hand."""
        return self.evidence.startswith(REVIEW) or not (self.level or self.evidence.startswith(_RECORDED))


class Meaning(NamedTuple):
    """What a code means from now on."""

    #: an id, or `ref:<name>` of `row`; None: the registry has several meanings, and none is written
    asset: str | None
    level: Level
    #: as the venue asset records it
    evidence: str
    items: tuple[Item, ...] = ()
    candidates: tuple[str, ...] = ()
    #: the new asset
    row: pb.ApplyRow | None = None
    #: the evidence contradicts the meaning: why
    conflict: str = ""
    #: what the meaning rests on
    basis: Reading = Reading("")
    #: what a person is asked; empty: nothing
    question: str = ""

    @property
    def review_kind(self) -> reviews_pb2.ReviewKind | None:
        """The kind of the question about it; None: nothing is asked."""
        if not (self.question or self.conflict):
            return None
        provisional = self.evidence == PROVISIONAL and not self.conflict
        return reviews_pb2.REVIEW_KIND_PROVISIONAL if provisional else reviews_pb2.REVIEW_KIND_CODE_CONFLICT
