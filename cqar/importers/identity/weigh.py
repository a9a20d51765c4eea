"""Weigh evidence: which candidate a code means, and how sure that is. One table of rules and one pure function.

| evidence | for | against |
| --- | --- | --- |
| decision of a person | decides | decides |
| contract address of the row, or of the coin's only network | decides | another on its chain refutes, else doubts |
| contract address in a list of networks | decides where the candidate is native or canonical, else supports | the same |
| class | supports, unless it is only "a coin" | refutes |
| the venue's own name | supports | refutes; beside a declared id or an address it is noted |
| declared id | decides where the venue vets listings and the code never means another coin, else supports | - |
| ISO 4217 | decides | - |
| renaming | noted | refutes |
| agreement of another venue, by name or address | supports | noted |
| time | - | refutes |
| ticker | finds candidates | - |

A doubt keeps a candidate from being more than a suggestion: the venue gives an address that the registry does not know, and
coins of one name and ticker are not rare.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from cqar.importers.identity.evidence import Candidate, Facts, Item, Kind, Level, compare


class Weight(IntEnum):
    """What an item does to its candidate."""

    NOTED = 0
    DOUBTS = 1
    SUPPORTS = 2
    DECIDES = 3
    REFUTES = 4


class Rule(NamedTuple):
    """The weights of a kind: of strong and weak items for a candidate, and of strong and weak items against it."""

    strong: Weight
    weak: Weight
    against: Weight
    weak_against: Weight = Weight.NOTED
    #: an item against a candidate that one of these kinds is for is only noted
    yields_to: frozenset[Kind] = frozenset()


#: Who names a coin by its id or contract may call it as it likes: Upbit calls Cardano "Ada".
_NAMED_OTHERWISE: Final = frozenset((Kind.DECISION, Kind.ADDRESS, Kind.ADDRESS_IN_LIST, Kind.DECLARED_ID, Kind.ISO_4217))
RULES: Final[Mapping[Kind, Rule]] = MappingProxyType(
    {
        Kind.DECISION: Rule(Weight.DECIDES, Weight.DECIDES, Weight.REFUTES),
        Kind.ADDRESS: Rule(Weight.DECIDES, Weight.SUPPORTS, Weight.REFUTES, Weight.DOUBTS),
        Kind.ADDRESS_IN_LIST: Rule(Weight.DECIDES, Weight.SUPPORTS, Weight.REFUTES, Weight.DOUBTS),
        Kind.CLASS: Rule(Weight.SUPPORTS, Weight.NOTED, Weight.REFUTES),
        Kind.NAME: Rule(Weight.SUPPORTS, Weight.NOTED, Weight.REFUTES, yields_to=_NAMED_OTHERWISE),
        Kind.DECLARED_ID: Rule(Weight.DECIDES, Weight.SUPPORTS, Weight.NOTED),
        Kind.ISO_4217: Rule(Weight.DECIDES, Weight.NOTED, Weight.NOTED),
        Kind.RENAMING: Rule(Weight.NOTED, Weight.NOTED, Weight.REFUTES),
        Kind.AGREEMENT: Rule(Weight.SUPPORTS, Weight.NOTED, Weight.NOTED),
        Kind.TIME: Rule(Weight.NOTED, Weight.NOTED, Weight.REFUTES),
        Kind.TICKER: Rule(Weight.NOTED, Weight.NOTED, Weight.NOTED),
    }
)
#: What makes an asset with the ticker more than a suggestion.
_CORROBORATES: Final = frozenset((Kind.ADDRESS, Kind.ADDRESS_IN_LIST, Kind.CLASS, Kind.NAME, Kind.AGREEMENT))
#: Without one of these, a candidate has only been found: it is not weighed against those that have one.
_FOUND_BY: Final = frozenset((Kind.TICKER, Kind.DECLARED_ID, Kind.ADDRESS, Kind.ADDRESS_IN_LIST, Kind.AGREEMENT, Kind.CLASS))


class Verdict(NamedTuple):
    """What a code means: the asset if it is VERIFIED or CORROBORATED, else None and the candidates, the likeliest first."""

    level: Level
    asset: str | None
    items: tuple[Item, ...]
    ranked: tuple[str, ...]

    def refuting(self, asset_id: str) -> Item | None:
        """The first item that refutes a candidate."""
        own = [each for each in self.items if each.asset == asset_id]
        return next((each for each in own if weight(each, own) is Weight.REFUTES), None)


class _Case(NamedTuple):
    """A candidate with what speaks for and against it."""

    candidate: Candidate
    #: the kinds of the items for it
    kinds: frozenset[Kind]
    weights: frozenset[Weight]
    #: the kinds that support it
    supports: frozenset[Kind]

    @property
    def refuted(self) -> bool:
        return Weight.REFUTES in self.weights

    @property
    def decided(self) -> bool:
        return Weight.DECIDES in self.weights

    @property
    def supported(self) -> bool:
        known = Kind.TICKER in self.kinds and Weight.DOUBTS not in self.weights
        return known and bool(self.supports & _CORROBORATES)

    @property
    def rank(self) -> tuple[bool, int, bool, bool, str]:
        best = max((each for each in self.weights if each not in (Weight.REFUTES, Weight.DOUBTS)), default=Weight.NOTED)
        candidate = self.candidate
        return (self.refuted, -best, Kind.TICKER not in self.kinds, candidate.derived, candidate.asset_id)


def weight(item: Item, items: Sequence[Item]) -> Weight:
    """What an item does, given the other items about its candidate."""
    rule = RULES[item.kind]
    if not item.against:
        return rule.strong if item.strong else rule.weak
    yields = any(other.kind in rule.yields_to and not other.against for other in items)
    if yields:
        return Weight.NOTED
    return rule.against if item.strong else rule.weak_against


def weigh(facts: Facts, candidates: Iterable[Candidate], items: Iterable[Item] = ()) -> Verdict:
    """Weigh the candidates of a code. `items`: evidence besides what `evidence.compare` finds in the facts."""
    given = list(items)
    every: list[Item] = []
    cases = []
    for each in candidates:
        own = [*(item for item in given if item.asset == each.asset_id), *compare(facts, each)]
        weights = [weight(item, own) for item in own]
        supports = frozenset(item.kind for item, has in zip(own, weights, strict=True) if has is Weight.SUPPORTS)
        cases.append(_Case(each, frozenset(item.kind for item in own if not item.against), frozenset(weights), supports))
        every += own
    cases.sort(key=lambda case: case.rank)
    level, asset = _verdict(cases)
    return Verdict(level, asset, tuple(every), tuple(case.candidate.asset_id for case in cases))


def _verdict(cases: Sequence[_Case]) -> tuple[Level, str | None]:
    people = [each for each in cases if Kind.DECISION in each.kinds]
    if people:
        return (Level.VERIFIED, people[0].candidate.asset_id) if len(people) == 1 else (Level.CONTESTED, None)
    deciding = _originals([each for each in cases if each.decided])
    if deciding:
        if len(deciding) == 1 and not deciding[0].refuted:
            return Level.VERIFIED, deciding[0].candidate.asset_id
        return Level.CONTESTED, None
    standing = [each for each in cases if not each.refuted]
    supported = [each for each in standing if each.supported]
    if len(supported) == 1 and not (supported[0].candidate.derived and len(standing) > 1):
        return Level.CORROBORATED, supported[0].candidate.asset_id
    found = [each for each in standing if each.kinds & _FOUND_BY] or standing
    # Who means a token that stands for another asset says so.
    found = [each for each in found if not each.candidate.derived] or found
    if len(found) == 1:
        return Level.SUGGESTED, None
    return (Level.CONTESTED if cases else Level.UNKNOWN), None


def _originals(cases: Sequence[_Case]) -> list[_Case]:
    """Without the forms of another case: an address of wrapped bitcoin does not make BTC another coin."""
    ids = {each.candidate.asset_id for each in cases}
    return [each for each in cases if not each.candidate.form_of & ids]
