"""What links a call to others: the request id, and the trace context of W3C, which are read, logged and passed on.

No spans are made here: a caller's context goes through to whatever the call leads to, so that a trace has no hole.
"""

import re
import secrets
from collections.abc import Iterable

#: The names of metadata and headers.
REQUEST_ID = "x-request-id"
TRACE_PARENT = "traceparent"

_ID = re.compile(r"[!-~]{1,128}")
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def request_id(given: str | bytes | None) -> str:
    """The caller's id of the request, or one of our own where it gave none, or not 1 to 128 printable characters."""
    return given if isinstance(given, str) and _ID.fullmatch(given) else secrets.token_hex(16)


def trace_id(parent: str | bytes | None) -> str | None:
    """The trace that a `traceparent` is of: 32 hexadecimal digits. None where there is none."""
    found = _PARENT.fullmatch(parent) if isinstance(parent, str) else None
    return found[1] if found else None


def value(metadata: Iterable[tuple[str, str | bytes]], name: str) -> str | bytes | None:
    """The first value of the name in metadata."""
    return next((each for key, each in metadata if key == name), None)
