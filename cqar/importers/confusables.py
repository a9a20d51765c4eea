"""Letters that look like others: a ticker in them may be taken for another one.

A map of our own, of the look-alikes of ASCII letters and digits that appear in tickers: Cyrillic, Greek, Armenian, Cherokee,
Lisu, Roman numerals, letterlike and currency signs. Everything that NFKC folds (full width, mathematical letters) is folded
before. It is no substitute for the table of Unicode TS 39; what it does not know it lets through.
"""

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_ALIKE = {
    "A": "АΑᎪꓮ",
    "B": "ВΒᏴꓐ",
    "C": "СϹᏟꓚⅭ",
    "D": "ᎠꓓⅮ",
    "E": "ЕΕᎬꓰ",
    "F": "Ϝꓝ",
    "G": "Ꮐꓖ",
    "H": "НΗᎻꓧ",
    "I": "ІΙӀꓲⅠ",
    "J": "ЈᎫꓙ",
    "K": "КΚᏦꓗK",
    "L": "ᏞꓡⅬԼ",
    "M": "МΜᎷꓟⅯ",
    "N": "ΝꓠՈ",
    "O": "ОΟՕꓳ",
    "P": "РΡᏢꓑ",
    "Q": "Ԛ",
    "R": "Ꭱꓣ",
    "S": "ЅՏᏚꓢ",
    "T": "ТΤᎢꓔ₮",
    "U": "ՍꓴԱ",
    "V": "ѴᏙꓦⅤ",
    "W": "ԜᎳꓪ",
    "X": "ХΧꓫⅩ",
    "Y": "ҮΥꓬ",
    "Z": "ΖᏃꓜ",
    "a": "аɑα",
    "c": "сϲⅽ",
    "d": "ԁⅾ",
    "e": "еҽ",
    "g": "ɡց",
    "h": "һհ",
    "i": "іıⅰ",
    "j": "ј",
    "l": "ӏⅼ",
    "m": "ⅿ",
    "n": "ոռ",
    "o": "оοօ",
    "p": "рρ",
    "q": "ԛզ",
    "s": "ѕ",
    "u": "սυ",
    "v": "ѵνⅴ",
    "w": "ԝա",
    "x": "хⅹ",
    "y": "уγ",
    "€": "Є",
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
