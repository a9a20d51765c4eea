"""The budget of strangers: callers that have not proven who they are.

Their calls, bytes and refusals count here and nowhere else, so strangers can only starve other strangers.
"""

import enum
from collections import Counter
from typing import Final

from cqar.lane import grpc
from cqar.lane.grpc import RpcError
from cqar.lane.limits import LeakyBucket, Limits


class Account(enum.Enum):
    """The budget that a call uses."""

    #: a caller that has proven who it is
    PROVEN = enum.auto()
    #: a caller whose proof is being checked
    UNPROVEN = enum.auto()
    #: a stranger's call that needs no proof, such as a health check
    PUBLIC = enum.auto()


_UNPROVEN: Final = Account.UNPROVEN

#: The status of refused calls beyond `Limits.stranger_refusals`: always the same bytes.
BRIEF: Final = RpcError(grpc.RESOURCE_EXHAUSTED, "too many calls without a valid key; retry later")
BRIEF_RESPONSE: Final = grpc.RESPONSE_HEADERS + BRIEF.trailers()


class Strangers:
    """What all strangers of a lane use together, and how often they were refused, by reason."""

    __slots__ = ("_limits", "_refusals", "bytes", "calls", "public", "refused")

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._refusals = LeakyBucket(limits.stranger_refusals, limits.stranger_refusals, now)
        #: calls whose proof is being checked, and public calls
        self.calls = 0
        self.public = 0
        #: bytes of their requests
        self.bytes = 0
        self.refused = Counter[str]()

    def admit(self, account: Account, held: int) -> None:
        """Reserve a place for a call. `held`: places that its connection has already. Raises RpcError."""
        limit = self._limits
        if account is _UNPROVEN:
            # No connection gets more places than are left for all others.
            if held >= limit.stranger_calls - self.calls:
                raise self._refuse("calls", "too many calls whose keys are being verified; retry later")
            self.calls += 1
        elif held >= limit.connection_public_calls or self.public >= limit.public_calls:
            raise self._refuse("public_calls", "too many concurrent calls without a key")
        else:
            self.public += 1

    def release(self, account: Account) -> None:
        """Release the place of a call."""
        if account is _UNPROVEN:
            self.calls -= 1
        else:
            self.public -= 1

    def over(self, held: int) -> bool:
        """Return whether a connection with `held` bytes, or all together, hold too many bytes."""
        limit = self._limits.stranger_bytes
        over = self.bytes > limit or held > limit >> 1
        if over:
            self.refused["bytes"] += 1
        return over

    def explains(self, now: float) -> bool:
        """Return whether a refusal may get a status of its own, which costs more than `BRIEF`."""
        size = self._limits.stranger_refusals
        if not self._refusals.add(1, now):
            return True
        self._refusals.level = float(size)
        self.refused["rate"] += 1
        return False

    def _refuse(self, reason: str, message: str) -> RpcError:
        self.refused[reason] += 1
        return RpcError(grpc.RESOURCE_EXHAUSTED, message)
