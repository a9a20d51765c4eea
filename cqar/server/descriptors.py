"""File descriptors: how many a process may open, and how many of them connections of clients may use."""

import resource
from typing import Final

#: More than any process of cqar needs; some systems have no limit, or one that the kernel does not accept.
_ENOUGH: Final = 65_536
#: Descriptors for everything else: PostgreSQL, Redis, NATS, admin, HTTP, logs.
_RESERVED: Final = 256


def raise_limit() -> int:
    """Raise the soft limit to the hard limit, at most to `_ENOUGH`. Returns the soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limit()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return limit()
    return wanted


def limit() -> int:
    """The soft limit of this process."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _ENOUGH if soft == resource.RLIM_INFINITY else soft


def connections(most: int) -> int:
    """The number of client connections, at most `most`, that leaves descriptors for everything else."""
    available = limit()
    return max(1, min(most, available - min(_RESERVED, available // 2)))
