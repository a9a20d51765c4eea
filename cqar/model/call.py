"""The call: who makes it and the context that accompanies a request through the layers."""

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
    """What a principal may do; each role includes the lower ones. The numbers are those of `cqar.v1.Role`."""

    READER = 1
    WRITER = 2
    ADMIN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """The holder of a key; recorded in audit and events as the actor."""

    name: str
    role: Role
    #: the venues that the key is restricted to; empty: all
    venues: frozenset[str] = frozenset()
    #: whether the caller prefers no answer to a stale one
    strict: bool = False


#: The principal of every call while keys are off.
ANYONE = Principal(name="anonymous", role=Role.ADMIN)


class Minted(NamedTuple):
    """A new API key and its stored hash."""

    key: Key
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call: the RPC's name, its principal, the idempotency key, the source of its facts, and its metadata."""

    method: str
    principal: Principal = ANYONE
    idempotency_key: str | None = None
    source: str = "api"
    #: the call's metadata, to pass on
    metadata: Sequence[tuple[str, str | bytes]] = ()
    #: creates an API key; None if the process has no pepper
    mint: Callable[[], Minted] | None = None
