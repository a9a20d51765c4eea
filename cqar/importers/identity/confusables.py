"""Letters that look like others: a ticker in them may be taken for another one.

Our own map of the look-alikes of ASCII letters and digits that appear in tickers: Cyrillic, Greek, Armenian, Cherokee,
Lisu, Roman numerals, letterlike and currency signs. Characters that NFKC folds (full width,
mathematical letters) are folded first. It does not replace the table of Unicode TS 39: unknown look-alikes pass.
"""

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_ALIKE = {
    "A": "\u0410\u0391\u13aa\ua4ee",
    "B": "\u0412\u0392\u13f4\ua4d0",
    "C": "\u0421\u03f9\u13df\ua4da\u216d",
    "D": "\u13a0\ua4d3\u216e",
    "E": "\u0415\u0395\u13ac\ua4f0",
    "F": "\u03dc\ua4dd",
    "G": "\u13c0\ua4d6",
    "H": "\u041d\u0397\u13bb\ua4e7",
    "I": "\u0406\u0399\u04c0\ua4f2\u2160",
    "J": "\u0408\u13ab\ua4d9",
    "K": "\u041a\u039a\u13e6\ua4d7\u212a",
    "L": "\u13de\ua4e1\u216c\u053c",
    "M": "\u041c\u039c\u13b7\ua4df\u216f",
    "N": "\u039d\ua4e0\u0548",
    "O": "\u041e\u039f\u0555\ua4f3",
    "P": "\u0420\u03a1\u13e2\ua4d1",
    "Q": "\u051a",
    "R": "\u13a1\ua4e3",
    "S": "\u0405\u054f\u13da\ua4e2",
    "T": "\u0422\u03a4\u13a2\ua4d4\u20ae",
    "U": "\u054d\ua4f4\u0531",
    "V": "\u0474\u13d9\ua4e6\u2164",
    "W": "\u051c\u13b3\ua4ea",
    "X": "\u0425\u03a7\ua4eb\u2169",
    "Y": "\u04ae\u03a5\ua4ec",
    "Z": "\u0396\u13c3\ua4dc",
    "a": "\u0430\u0251\u03b1",
    "c": "\u0441\u03f2\u217d",
    "d": "\u0501\u217e",
    "e": "\u0435\u04bd",
    "g": "\u0261\u0581",
    "h": "\u04bb\u0570",
    "i": "\u0456\u0131\u2170",
    "j": "\u0458",
    "l": "\u04cf\u217c",
    "m": "\u217f",
    "n": "\u0578\u057c",
    "o": "\u043e\u03bf\u0585",
    "p": "\u0440\u03c1",
    "q": "\u051b\u0566",
    "s": "\u0455",
    "u": "\u057d\u03c5",
    "v": "\u0475\u03bd\u2174",
    "w": "\u051d\u0561",
    "x": "\u0445\u2179",
    "y": "\u0443\u03b3",
    "\u20ac": "\u0404",
}
_FOLD: Final[Mapping[int, str]] = MappingProxyType(
    {ord(alike): letter for letter, others in _ALIKE.items() for alike in others}
)


def skeleton(ticker: str) -> str | None:
    """The ASCII ticker that this one looks like, in upper case; None where it is ASCII itself or looks like none."""
    if ticker.isascii():
        return None
    folded = unicodedata.normalize("NFKC", ticker.translate(_FOLD)).translate(_FOLD)
    return folded.upper() if folded.isascii() and folded else None
