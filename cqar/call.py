"""Who asks, and how: what accompanies a request through the layers."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Whoever holds the key of a call; written into audit and events as the actor."""

    name: str
    role: str


#: The principal of every call while keys are off.
ANYONE = Principal(name="anonymous", role="admin")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call: the RPC's name, its principal, the caller's idempotency key, and where its facts come from."""

    method: str
    principal: Principal = ANYONE
    idempotency_key: str | None = None
    source: str = "api"
