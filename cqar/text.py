"""Text as the registry stores it: names, keys, slugs, addresses on the web, and free metadata.

Text is NFC and holds no control, format (bidi marks are among them), unassigned or surrogate characters and no line or
paragraph separators. Everything else is kept exactly as given: case, punctuation, and any script. What is unassigned is
said by the Unicode tables of the running Python. Lengths count characters unless they say bytes.
"""

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn
from urllib.parse import urlsplit

from cqar.errors import Invalid

#: Characters of an asset's ticker.
ASSET_SYMBOL: Final = 64
#: Characters of a name: of an asset, chain, venue, group.
NAME: Final = 256
#: Characters of a venue's own spelling of a symbol or an asset.
VENUE_SYMBOL: Final = 128
#: Characters of a description or reason.
DESCRIPTION: Final = 4000
#: Characters of a URL.
URL: Final = 2000
#: Characters of a slug.
SLUG: Final = 64
#: Bytes of metadata as compact JSON in UTF-8.
METADATA: Final = 16384
#: Objects and lists inside each other in metadata; three protobuf levels each, of the hundred that readers accept.
METADATA_DEPTH: Final = 30

_QUOTED = 60
_REFUSED = frozenset({"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"})
_KINDS = {
    "Cc": "a control character",
    "Cf": "an invisible format or direction character",
    "Cn": "an unassigned character",
    "Cs": "half of a surrogate pair",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_URL = re.compile(r"(?:https?|wss?)://[^\s\\<>\"]+", re.IGNORECASE)
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*\.?|[0-9a-f:.]*:[0-9a-f:.]*")


def quoted(value: str) -> str:
    """The value for a message to a client: in quotes, ASCII with escapes, shortened to about 60 characters."""
    shown = ""
    for character in value[: _QUOTED + 1]:
        piece = ascii(character)[1:-1]
        if len(shown) + len(piece) > _QUOTED:
            return f"'{shown}...'"
        shown += piece
    return f"'{shown}'"


def clean(text: str, field: str, max_length: int, *, trim: bool, empty: bool = False) -> str:
    """The text as it may be stored and looked up: NFC, printable, of 1 to `max_length` characters.

    `trim` is for names: outer whitespace is dropped. Without it the text is a key, where outer whitespace is refused.
    `empty` lets nothing at all pass. Raises Invalid: EMPTY, TOO_LONG, OUTER_SPACE, NOT_NFC or BAD_CHARACTER.
    """
    if text.isascii() and text.isprintable() and 0 < len(text) <= max_length and text[0] != " " and text[-1] != " ":
        return text
    return _cleaned(text, field, max_length, trim=trim, empty=empty)


def _cleaned(text: str, field: str, max_length: int, *, trim: bool, empty: bool) -> str:
    """`clean` for what is not plain ASCII within its limits."""
    if trim:
        text = text.strip()
    if not text:
        if empty:
            return text
        raise Invalid(field, "EMPTY", "is empty; give at least one visible character")
    if len(text) > max_length:
        raise Invalid(field, "TOO_LONG", f"{quoted(text)} has {len(text)} characters; at most {max_length} are allowed")
    if text[0].isspace() or text[-1].isspace():
        raise Invalid(field, "OUTER_SPACE", f"{quoted(text)} begins or ends with whitespace; send it without")
    fault = _fault(text)
    if fault:
        raise Invalid(field, *fault)
    return text


def _fault(text: str) -> tuple[str, str] | None:
    """Which rule of characters the text breaks, with the sentence; None where it breaks none."""
    if not text.isprintable():
        for place, character in enumerate(text):
            category = unicodedata.category(character)
            if category in _REFUSED:
                what = f"{_KINDS[category]} (U+{ord(character):04X}) at position {place}"
                return "BAD_CHARACTER", f"{quoted(text)} holds {what}; remove it"
    if not unicodedata.is_normalized("NFC", text):
        return "NOT_NFC", f"{quoted(text)} is not in Unicode normal form C; send its NFC form"
    return None


def slug(text: str) -> str:
    """The name as a slug: NFKD, lower case, runs of other than a-z0-9 as one '-', none outside. May be empty or too long."""
    return _NOT_SLUG.sub("-", unicodedata.normalize("NFKD", text).lower()).strip("-")


def given_slug(text: str, field: str) -> str:
    """A slug that the client chose, unchanged. Raises Invalid: BAD_SLUG."""
    if len(text) > SLUG or not _SLUG.fullmatch(text):
        rule = f"a slug is 1 to {SLUG} of a-z and 0-9, with single '-' between"
        raise Invalid(field, "BAD_SLUG", f"{quoted(text)} is not a slug; {rule}")
    return text


def derived_slug(name: str, field: str) -> str:
    """The slug of a name whose client gave none. Raises Invalid on the slug's field: BAD_SLUG where none of 1-64 comes out."""
    made = slug(name)
    if not made:
        raise Invalid(field, "BAD_SLUG", f"no slug can be made from {quoted(name)}; give one")
    if len(made) > SLUG:
        raise Invalid(field, "BAD_SLUG", f"the slug made from {quoted(name)} is longer than {SLUG}; give a shorter one")
    return made


def url(text: str, field: str) -> str:
    """The http, https, ws or wss URL, with a host and without credentials, unchanged. Raises Invalid: BAD_URL or as `clean`."""
    clean(text, field, URL, trim=False)
    if not _URL.fullmatch(text):
        rule = "it begins with http://, https://, ws:// or wss:// and has no space, quote, <, > or backslash"
        raise Invalid(field, "BAD_URL", f"{quoted(text)} is not a URL; {rule}")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or not _HOST.fullmatch(host):
        raise Invalid(field, "BAD_URL", f"{quoted(text)} has no valid host or port")
    if "@" in parts.netloc:
        raise Invalid(field, "BAD_URL", "the URL holds credentials before '@'; the registry is public, remove them")
    return text


def metadata(value: Mapping[str, object], field: str) -> dict[str, object]:
    """The metadata as plain dicts and lists, at most 16 KB as compact JSON; the texts in it follow the text rule.

    Texts may be empty and may have outer spaces; numbers are finite and fit a double exactly, as a protobuf Struct
    carries them. Raises Invalid: TOO_DEEP, TOO_LARGE, NOT_FINITE, NOT_A_DOUBLE, NOT_JSON, NOT_NFC or BAD_CHARACTER.
    """
    copied = _object(value, field, 1)
    size = len(json.dumps(copied, ensure_ascii=False, separators=(",", ":")).encode())
    if size > METADATA:
        raise Invalid(field, "TOO_LARGE", f"the metadata has {size} bytes as JSON; at most {METADATA} are allowed")
    return copied


def _object(value: Mapping[str, object], field: str, depth: int) -> dict[str, object]:
    copied: dict[str, object] = {}
    for key, held in value.items():
        if not isinstance(key, str):
            _refuse_type(key, field)
        copied[_text(key, field)] = _held(held, field, depth)
    return copied


def _held(value: object, field: str, depth: int) -> object:
    """One value inside of metadata, at most METADATA_DEPTH deep."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, field)
    if isinstance(value, int | float):
        return _number(value, field)
    if depth >= METADATA_DEPTH:
        raise Invalid(field, "TOO_DEEP", f"the metadata is nested more than {METADATA_DEPTH} deep; flatten it")
    if isinstance(value, Mapping):
        return _object(value, field, depth + 1)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [_held(each, field, depth + 1) for each in value]
    return _refuse_type(value, field)


def _refuse_type(value: object, field: str) -> NoReturn:
    raise Invalid(field, "NOT_JSON", f"the metadata holds a {type(value).__name__}; JSON values under text keys are allowed")


def _text(value: str, field: str) -> str:
    fault = None if value.isascii() and value.isprintable() else _fault(value)
    if fault:
        raise Invalid(field, *fault)
    return value


def _number(value: float, field: str) -> float:
    try:
        double = float(value)
    except OverflowError:
        double = None
    if double is not None and not math.isfinite(double):
        raise Invalid(field, "NOT_FINITE", f"the metadata holds the number {value}; only finite ones are allowed")
    if double != value:
        raise Invalid(field, "NOT_A_DOUBLE", "the metadata holds an integer that no double can carry exactly; send it as text")
    return value
