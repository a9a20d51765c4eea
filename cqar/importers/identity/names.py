"""Whether two names mean one coin: what a venue calls a coin, against the names of an asset.

`Bitcoin`, `BITCOIN` and `Bitcoin Token` are alike; `Pearl Finance` and `Pearl Token` only share a word; `Bifrost` and
`BrillFoodCoin` share nothing. Names that differ only in a version (`BitTorrent`, `BitTorrent (Old)`) are alike: a name does not
tell an old contract from a new one.
"""

import re
import unicodedata
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

#: Words that some sources add to a name and others leave out.
_FILLERS: Final = frozenset(("the", "token", "tokens", "coin", "protocol", "finance", "network"))
#: Words that tell a contract of a coin from an earlier or later one.
_VERSIONS: Final = frozenset(("old", "new", "legacy", "v1", "v2", "v3"))
#: Words of names of tokens that stand for another asset.
_DERIVED: Final = frozenset(
    ("bridged", "peg", "pegged", "wrapped", "wormhole", "portal", "multichain", "anyswap", "axelar", "synthetic")
)
_PARENTHESISED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_WORDS = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
#: Shortest beginning of a word that two names can have in common.
_STEM: Final = 4


class Likeness(IntEnum):
    """How much two names have in common."""

    NOTHING = 0
    #: a word, the beginning of one, or the initials
    SHARED = 1
    #: the same but for words that sources add or leave out
    NEAR = 2
    EQUAL = 3


def key(name: str) -> str:
    """What names that are alike have in common: `bitcoin` for `Bitcoin (BTC) Token`. Empty where only fillers are left."""
    return "".join(_content(words(name)))


def words(name: str) -> list[str]:
    """The words of a name in lower case, without accents, and without what is in parentheses unless it is a derived token."""
    bare = _PARENTHESISED.sub(lambda found: found[0] if is_derived(found[0]) else " ", name)
    folded = unicodedata.normalize("NFKD", bare if _WORDS.search(bare) else name)
    plain = "".join(each for each in folded if not unicodedata.combining(each))
    return _WORDS.findall(plain.replace("'", "").lower())


def _content(found: Iterable[str]) -> list[str]:
    return [each for each in found if each not in _FILLERS and each not in _VERSIONS]


def alike(one: str, other: str) -> Likeness:
    """How much two names have in common."""
    mine, theirs = words(one), words(other)
    if not mine or not theirs:
        return Likeness.NOTHING
    if "".join(mine) == "".join(theirs):
        return Likeness.EQUAL
    left, right = _content(mine), _content(theirs)
    if left and right and ("".join(left) == "".join(right) or sorted(left) == sorted(right)):
        # Different fillers are different names: Pearl Finance is not Pearl Token.
        fillers = [_FILLERS.intersection(each) - {"the"} for each in (mine, theirs)]
        return Likeness.NEAR if not all(fillers) or fillers[0] == fillers[1] else Likeness.SHARED
    return Likeness.SHARED if _share(one, left, other, right) else Likeness.NOTHING


def _share(one: str, left: list[str], other: str, right: list[str]) -> bool:
    if set(left) & set(right):
        return True
    mine, theirs = "".join(left), "".join(right)
    for joined, parts in ((theirs, [*left, mine]), (mine, [*right, theirs])):
        if any(len(each) >= _STEM and each in joined for each in parts):
            return True
    if any(a[:_STEM] == b[:_STEM] and len(a) > _STEM and len(b) > _STEM for a in left for b in right):
        return True
    return any(a and a == b for a, b in ((_initials(one), theirs), (mine, _initials(other))))


def _initials(name: str) -> str:
    found = words(_CAMEL.sub(" ", name))
    return "".join(each[0] for each in found) if len(found) > 1 else ""


def shares_nothing(said: str, known: Iterable[str]) -> bool:
    """Whether what a venue calls a coin has nothing in common with any of its names, ids and tickers."""
    return all(alike(said, each) is Likeness.NOTHING for each in known)


def is_derived(name: str) -> bool:
    """Whether the name is one of a token that stands for another asset, such as `Binance-Peg Cardano`."""
    return not _DERIVED.isdisjoint(_WORDS.findall(name.lower()))
