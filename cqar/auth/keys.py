"""API keys: format, hash and verification.

A key is `cqar_<env>_<id>_<secret><checksum>`. The checksum detects typing errors and truncated pastes without a lookup, and
lets scanners find leaked keys. The database stores the HMAC-SHA256 of the whole key; the pepper is not in the database.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from typing import Final

from cqar.model.call import Key

_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID: Final = 12
_SECRET: Final = 40
_CHECKSUM: Final = 7
_FORM = re.compile(rf"cqar_([a-z0-9]{{1,16}})_([a-z0-9]{{{_ID}}})_([a-z0-9]{{{_SECRET}}})([a-z0-9]{{{_CHECKSUM}}})")


def make(env: str) -> Key:
    """A new key for an environment, whose name is 1 to 16 of a-z0-9."""
    key_id, secret = (_random(length) for length in (_ID, _SECRET))
    body = f"cqar_{env}_{key_id}_{secret}"
    return Key(key_id, body + _checksum(body))


def parse(text: str) -> Key | None:
    """The key in the text, or None if the format or the checksum is wrong."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    body, checksum = text[:-_CHECKSUM], found[4]
    return Key(found[2], text) if hmac.compare_digest(_checksum(body), checksum) else None


def digest(text: str, pepper: bytes) -> str:
    """The hash that is stored of a key, in hexadecimal."""
    return hmac.new(pepper, text.encode(), hashlib.sha256).hexdigest()


def proves(text: str, pepper: bytes, stored: str) -> bool:
    """Whether the key has the stored hash, compared in constant time."""
    return hmac.compare_digest(digest(text, pepper), stored)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), []
    for _ in range(_CHECKSUM):
        number, rest = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
