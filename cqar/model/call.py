"""Who asks, and how: what accompanies a request through the layers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Key(NamedTuple):
    """An API key: its public id, and its whole text, which is secret."""

    key_id: str
    text: str

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Key({self.key_id})"


class Role(IntEnum):
    """What a principal may do; each role may do what the ones below it may. The numbers are those of `cqar.v1.Role`."""

    READER = 1
    WRITER = 2
    ADMIN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Whoever holds the key of a call; written into audit and events as the actor."""

    name: str
    role: Role
    #: the venues that the key is confined to; none: all
    venues: frozenset[str] = frozenset()
    #: whether an answer that is not fresh is worse than none
    strict: bool = False


#: The principal of every call while keys are off.
ANYONE = Principal(name="anonymous", role=Role.ADMIN)


class Minted(NamedTuple):
    """A new API key, and what is stored of it."""

    key: Key
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call: the RPC's name, its principal, the caller's idempotency key, where its facts come from, and its metadata."""

    method: str
    principal: Principal = ANYONE
    idempotency_key: str | None = None
    source: str = "api"
    #: what came with it, for whoever passes it on
    metadata: Sequence[tuple[str, str | bytes]] = ()
    #: makes an API key; None where the process has no pepper
    mint: Callable[[], Minted] | None = None
