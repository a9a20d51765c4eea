"""State that all connections of a lane share."""

import asyncio

from cqar.lane.hpack import HeaderCache
from cqar.lane.limits import Limits, Usage
from cqar.lane.routing import ROUTING_FIELDS
from cqar.lane.service import Service
from cqar.lane.strangers import Strangers
from cqar.lane.unpacking import Unpacker


class ServerState:
    """One per lane."""

    __slots__ = (
        "auth_version",
        "fast_path",
        "header_cache",
        "limits",
        "loop",
        "now",
        "service",
        "strangers",
        "unpacker",
        "usage",
    )

    def __init__(self, service: Service, limits: Limits, loop: asyncio.AbstractEventLoop, *, fast_path: bool) -> None:
        self.service = service
        self.limits = limits
        self.loop = loop
        self.header_cache = HeaderCache(ROUTING_FIELDS | {name.encode() for name in service.routing_fields})
        self.usage = Usage(limits)
        self.strangers = Strangers(limits, loop.time())
        self.unpacker = Unpacker()
        #: incremented by `Lane.revoke`: routes of an earlier version are computed again
        self.auth_version = 0
        #: whether requests may take the fast path; responses are the same either way
        self.fast_path = fast_path
        #: the event loop's time at the last tick, at most about a second ago
        self.now = loop.time()
