"""Group the codes that wait for a decision into questions, one for each coin. Pure.

Codes are of one question if their venues mean one coin by what they say themselves: the same ticker, with the same name or a
common contract address, and nothing that contradicts it. A code whose venue says neither, or that may be either of two coins,
stands under the question with the most markets among those of its ticker; a decision applies to it only if it says so.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cqar.contract.cqar.v1 import reviews_pb2 as pb

_EVM = re.compile(r"0[xX][0-9a-fA-F]{40}")
#: Asides in names, and everything but letters and digits.
_ASIDE = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_OTHER = re.compile(r"[\W_]+")


class Said(NamedTuple):
    """What a venue says of a code."""

    ticker: str = ""
    names: tuple[str, ...] = ()
    asset_class: str = ""
    #: (CAIP-2 id or empty, address)
    addresses: tuple[tuple[str, str], ...] = ()


class Asked(NamedTuple):
    """A code that waits for a decision."""

    review_id: str
    kind: int
    venue_id: str
    code: str
    said: Said
    #: listings of the venue that stand on it
    markets: int = 0


class Question(NamedTuple):
    """The codes of one coin: those whose venues say so, and those that may be it."""

    sure: tuple[Asked, ...]
    unsure: tuple[Asked, ...]

    @property
    def codes(self) -> tuple[Asked, ...]:
        """All codes, with those first that are decided together."""
        return self.sure + self.unsure

    @property
    def markets(self) -> int:
        """The listings that stand on the codes."""
        return sum(each.markets for each in self.codes)


def said(facts: Mapping[str, Any] | None, code: str) -> Said:
    """What the facts of a claim say. Unknown or malformed facts are ignored."""
    given = facts or {}
    ticker, asset_class = given.get("ticker"), given.get("class")
    ticker = ticker if isinstance(ticker, str) and ticker else code
    # Some venues repeat the code as the name.
    names = [each for each in _texts(given.get("names")) if each not in {code, code.upper(), ticker}]
    classes = asset_class if isinstance(asset_class, str) else ""
    return Said(ticker, tuple(names), classes, tuple(_addresses(given.get("addresses"))))


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str) and each] if isinstance(value, list) else []


def _addresses(value: Any) -> Iterable[tuple[str, str]]:
    """Addresses as text, or as an object with `text` and `chain`."""
    for each in value if isinstance(value, list) else ():
        text, chain = (each.get("text") or each.get("address"), each.get("chain")) if isinstance(each, dict) else (each, "")
        if isinstance(text, str) and text:
            yield (chain if isinstance(chain, str) else ""), text


def name_key(name: str, ticker: str = "") -> str:
    """What spellings of one name have in common: letters and digits in lower case, without accents and the ticker as an aside.

    Other asides count: `BitTorrent (Old)` is another coin.

    >>> name_key("Peanut the Squirrel (PNUT)", "PNUT") == name_key("PEANUT THE SQUIRREL")
    True
    """
    bare = _ASIDE.sub(lambda found: "" if _plain(found[1]) == _plain(ticker) else found[0], name)
    return _plain(bare) or _plain(name)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text)
    return _OTHER.sub("", "".join(each for each in folded if not unicodedata.combining(each))).casefold()


def address_key(address: str) -> str:
    """The address for comparison: EVM ignores case."""
    return address.lower() if _EVM.fullmatch(address) else address


class _Cluster:
    """Codes of one coin so far, and what their venues say of it."""

    def __init__(self, first: Asked) -> None:
        self.kind = first.kind
        self.members: list[Asked] = []
        self._names: set[str] = set()
        self._classes: set[str] = set()
        self._addresses: dict[str, set[str]] = {}
        self.add(first)

    def add(self, asked: Asked) -> None:
        self.members.append(asked)
        self._names |= {name_key(each, asked.said.ticker) for each in asked.said.names}
        self._classes |= {asked.said.asset_class} - {""}
        for chain, text in asked.said.addresses:
            self._addresses.setdefault(chain, set()).add(address_key(text))

    def fits(self, asked: Asked) -> int:
        """2: a common address; 1: the same name; 0: neither, or a contradiction."""
        given = asked.said
        if self.kind != asked.kind or (given.asset_class and self._classes and given.asset_class not in self._classes):
            return 0
        known = set[str]().union(*self._addresses.values())
        if any(address_key(text) in known for _, text in given.addresses):
            return 2
        if any(chain and self._addresses.get(chain) for chain, _ in given.addresses):
            # Two contracts on one chain.
            return 0
        return int(not self._names.isdisjoint(name_key(each, given.ticker) for each in given.names))

    @property
    def markets(self) -> int:
        return sum(each.markets for each in self.members)


def group(asked: Iterable[Asked]) -> list[Question]:
    """The questions, those with the most markets first."""
    by_ticker: dict[tuple[str, int], list[Asked]] = {}
    questions: list[Question] = []
    for each in asked:
        if each.kind == pb.REVIEW_KIND_LISTING_CONFLICT:
            questions.append(Question((each,), ()))
        else:
            by_ticker.setdefault((each.said.ticker, each.kind == pb.REVIEW_KIND_CODE_CONFLICT), []).append(each)
    for same in by_ticker.values():
        questions += _of_ticker(same)
    return sorted(questions, key=lambda each: (-each.markets, each.codes[0].review_id))


def _of_ticker(asked: Sequence[Asked]) -> list[Question]:
    speaking = [each for each in asked if each.said.names or each.said.addresses]
    # What says the most comes first, so that the order of reviews does not decide what is grouped.
    speaking.sort(key=lambda each: (not each.said.addresses, not each.said.names, -each.markets, each.venue_id, each.code))
    clusters: list[_Cluster] = []
    unsure: list[Asked] = []
    for each in speaking:
        fits = [(cluster.fits(each), cluster) for cluster in clusters]
        best = [cluster for fit, cluster in fits if fit and fit == max(fit for fit, _ in fits)]
        if len(best) > 1:
            # It may be either coin.
            unsure.append(each)
        elif best:
            best[0].add(each)
        else:
            clusters.append(_Cluster(each))
    unsure += [each for each in asked if not each.said.names and not each.said.addresses]
    unsure.sort(key=lambda each: (-each.markets, each.venue_id, each.code))
    if not clusters:
        # The answer to a question about one code is about that code.
        return [Question((unsure[0],), ()) if len(unsure) == 1 else Question((), tuple(unsure))]
    top = max(clusters, key=lambda each: each.markets)
    return [Question(tuple(each.members), tuple(unsure) if each is top else ()) for each in clusters]
