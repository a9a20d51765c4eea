"""What the connections of one lane share."""

import asyncio

from cqar.lane.hpack import Memory
from cqar.lane.limits import Limits, Usage
from cqar.lane.routing import DECIDING
from cqar.lane.service import Service


class Shared:
    """One a lane."""

    __slots__ = ("epoch", "fast", "limits", "loop", "memory", "now", "service", "usage")

    def __init__(self, service: Service, limits: Limits, loop: asyncio.AbstractEventLoop, *, fast: bool) -> None:
        self.service = service
        self.limits = limits
        self.loop = loop
        self.memory = Memory(DECIDING | {name.encode() for name in service.deciding})
        self.usage = Usage(limits)
        #: whatever was decided in an earlier epoch is decided anew
        self.epoch = 0
        #: whether requests may take the short way; the answers are the same
        self.fast = fast
        #: the loop's time as of the last look at all connections, about a second ago at most
        self.now = loop.time()
