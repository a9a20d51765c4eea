"""Times as microseconds since 1970, as answers and proofs compare them."""

import time
from typing import Any, Final

#: Later than every time that there may be.
NEVER: Final = 1 << 62


def now() -> int:
    """The time."""
    return time.time_ns() // 1_000


def of(message: Any, field: str, unset: int) -> int:
    """A time of a message; what is said where it is unset."""
    if not message.HasField(field):
        return unset
    at = getattr(message, field)
    return int(at.seconds * 1_000_000 + at.nanos // 1_000)
