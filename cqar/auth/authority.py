"""Authentication and authorization: from the metadata `authorization` to a principal, and what that principal may do.

An `Authority` looks keys up in its source: in a worker the cache, in admin PostgreSQL. A verified key becomes a grant, which
is reused while the record that it is based on is valid.
"""

import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple, Protocol

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from cqar import clock, config, errors
from cqar.auth import keys
from cqar.clock import NEVER
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.model.call import ANYONE, Key, Minted, Principal, Role

#: Failed attempts per address, as burst and per second, before they are answered with RESOURCE_EXHAUSTED.
FAILURES = 20
#: Addresses whose failed attempts are remembered; the least recent failures are forgotten first.
_ADDRESSES = 10_000
#: Maximum number of cached grants; a registry has far fewer keys.
_PROOFS = 10_000
_MISSING = "missing authorization header"
_INVALID = "invalid API key"
_VENUE = "venue_id"


class Basis(Protocol):
    """What a grant is based on, such as a part of the cache: the grant is valid while it is live."""

    #: the recency bit
    used: bool

    @property
    def live(self) -> bool:
        """Whether the record is still current."""


class KeyRecord(NamedTuple):
    """The record of a key id: the stored key, or None if it does not exist.

    Without a basis, it is valid for the current call only.
    """

    stored: pb.ApiKey | None
    basis: Basis | None


class Source(ABC):
    """Where keys are looked up."""

    @abstractmethod
    async def find(self, key_id: str) -> KeyRecord:
        """The record of the key id. Raises Unavailable if it cannot be determined."""

    def trusted(self) -> bool:
        """Whether the bases of earlier records may be relied on."""
        return True


class Bucket:
    """A token bucket: `rate` tokens as burst and per second."""

    __slots__ = ("_full", "_left", "rate")

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._left = rate
        #: monotonic seconds at which `_left` was updated
        self._full = time.monotonic()

    def take(self) -> float:
        """Take a token: returns 0, or the seconds until one is available."""
        now = time.monotonic()
        self._left = min(self.rate, self._left + (now - self._full) * self.rate)
        self._full = now
        if self._left < 1:
            return (1 - self._left) / self.rate
        self._left -= 1
        return 0.0

    @property
    def empty(self) -> bool:
        """Whether no token is available."""
        return self._left + (time.monotonic() - self._full) * self.rate < 1


class Attempts:
    """Failed attempts, by address."""

    def __init__(self, rate: float = FAILURES) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def exhausted(self, address: str) -> bool:
        """Whether the address has failed too often recently."""
        bucket = self._buckets.get(address)
        return bucket is not None and bucket.empty

    def failed(self, address: str) -> None:
        """Count a failure. Raises Throttled if it is one too many."""
        bucket = self._buckets.setdefault(address, Bucket(self._rate))
        self._buckets.move_to_end(address)
        if len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)
        seconds = bucket.take()
        if seconds:
            raise _too_many(seconds)


def _too_many(seconds: float) -> errors.Throttled:
    return errors.Throttled("too many failed attempts from this address; check the API key and retry later", seconds)


class Grant:
    """A verified key, cached. Each use must check its basis, its expiry and its bucket."""

    __slots__ = ("basis", "bucket", "expires", "key_id", "principal", "used")

    def __init__(self, key_id: str, principal: Principal, expires: int, basis: Basis, bucket: Bucket | None) -> None:
        self.key_id = key_id
        self.principal = principal
        #: microseconds since 1970
        self.expires = expires
        self.basis = basis
        self.bucket = bucket
        #: whether it was used since the last report
        self.used = True


class _Always:
    """The basis of a grant that never ends."""

    live = True
    used = True


#: The grant of callers that were admitted already or need no key.
ADMITTED = Grant("", ANYONE, NEVER, _Always(), None)


class Authority:
    """Identifies callers by their keys. Belongs to one event loop."""

    def __init__(self, pepper: bytes, source: Source) -> None:
        self._pepper = pepper
        self._source = source
        self._grants: dict[str, Grant] = {}
        self._buckets: dict[str, Bucket] = {}
        self._proven: set[str] = set()
        self._used: set[str] = set()
        self.attempts = Attempts()
        #: called when there is a new grant
        self.granted: Callable[[], None] = lambda: None

    def grant(self, authorization: str) -> Grant | None:
        """The cached grant of this header; None if the key must be looked up."""
        grant = self._grants.get(authorization)
        if grant is None or not self._source.trusted():
            return None
        if not grant.basis.live or grant.expires <= clock.now():
            self._forget(authorization)
            return None
        return grant

    def known(self, authorization: str) -> Principal | None:
        """The principal of a cached grant for this header; None if the key must be looked up. Raises Throttled."""
        grant = self.grant(authorization)
        if grant is None:
            return None
        grant.basis.used = grant.used = True
        if grant.bucket is not None:
            _spend(grant.bucket)
        return grant.principal

    async def admit(self, authorization: str | None, address: str) -> Principal:
        """The principal that calls with this header from an address. Raises Unauthenticated, Throttled, Unavailable."""
        if not authorization:
            raise errors.Unauthenticated(_MISSING)
        principal = self.known(authorization)
        return await self._prove(authorization, address) if principal is None else principal

    def check_form(self, authorization: str | None, address: str) -> None:
        """Reject a malformed key without a lookup, before a call is passed on. Raises Unauthenticated, Throttled."""
        if not authorization:
            raise errors.Unauthenticated(_MISSING)
        key = self._key(authorization, address)
        if key.key_id not in self._proven and self.attempts.exhausted(address):
            raise _too_many(1.0)

    def take_used(self) -> set[str]:
        """The ids of the keys used since the last call."""
        used, self._used = self._used, set()
        for grant in self._grants.values():
            if grant.used:
                used.add(grant.key_id)
                grant.used = False
        return used

    def _key(self, authorization: str, address: str) -> Key:
        scheme, _, text = authorization.partition(" ")
        key = keys.parse(text) if scheme.lower() == "bearer" else None
        if key is None:
            self.attempts.failed(address)
            raise errors.Unauthenticated(_INVALID)
        return key

    async def _prove(self, authorization: str, address: str) -> Principal:
        key = self._key(authorization, address)
        # Guessing key ids must not keep the database busy; keys that were valid here before are still checked.
        if key.key_id not in self._proven and self.attempts.exhausted(address):
            raise _too_many(1.0)
        stored, basis = await self._source.find(key.key_id)
        if stored is None or not self._holds(key, stored):
            self.attempts.failed(address)
            raise errors.Unauthenticated(_INVALID)
        principal = Principal(
            name=stored.principal, role=Role(stored.role), venues=frozenset(stored.venue_ids), strict=stored.strict
        )
        bucket = self._bucket(key.key_id, stored.rate_limit)
        self._proven.add(key.key_id)
        self._used.add(key.key_id)
        if basis is not None:
            self._keep(authorization, Grant(key.key_id, principal, _end(stored), basis, bucket))
        if bucket is not None:
            _spend(bucket)
        return principal

    def _holds(self, key: Key, stored: pb.ApiKey) -> bool:
        proven = keys.proves(key.text, self._pepper, stored.hash)
        return proven and not stored.HasField("revoked_at") and clock.now() < _end(stored)

    def _bucket(self, key_id: str, rate: int) -> Bucket | None:
        """The key's bucket, which outlives grants."""
        if not rate:
            self._buckets.pop(key_id, None)
            return None
        bucket = self._buckets.get(key_id)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[key_id] = Bucket(rate)
        return bucket

    def _keep(self, authorization: str, grant: Grant) -> None:
        if len(self._grants) >= _PROOFS:
            self._used |= {each.key_id for each in self._grants.values() if each.used}
            self._grants.clear()
        self._grants[authorization] = grant
        self.granted()

    def _forget(self, authorization: str) -> None:
        grant = self._grants.pop(authorization)
        if grant.used:
            self._used.add(grant.key_id)


def _spend(bucket: Bucket) -> None:
    seconds = bucket.take()
    if seconds:
        msg = f"rate limit of this key exceeded: {bucket.rate} calls per second; retry later"
        raise errors.Throttled(msg, seconds)


def _end(stored: pb.ApiKey) -> int:
    """The expiry of the key, in microseconds since 1970."""
    return clock.of(stored, "expires_at", NEVER)


# ---- the pepper ----------------------------------------------------------------------------------------------------


def pepper(settings: config.Settings) -> bytes:
    """The pepper in the settings. Raises ConfigError if it is not set."""
    if not settings.pepper:
        message = "CQAR_AUTH=keys requires a pepper: set CQAR_PEPPER to at least 16 random characters and keep it"
        raise config.ConfigError(message)
    return settings.pepper.encode()


def minted(settings: config.Settings) -> Minted:
    """A new key, hashed with the pepper in the settings. Raises ConfigError if it is not set."""
    key = keys.make(settings.environment)
    return Minted(key, keys.digest(key.text, pepper(settings)))


# ---- what a principal may do ---------------------------------------------------------------------------------------


def permit(principal: Principal, role: Role, rpc: str) -> None:
    """Raise Forbidden, naming the required role, if the principal's role is too low."""
    if principal.role < role:
        msg = f"{rpc} requires the role {role.name.lower()}; this key has the role {principal.role.name.lower()}"
        raise errors.Forbidden(msg)


def confine(principal: Principal, request: Message, rpc: str) -> None:
    """Raise Forbidden if the principal is restricted to venues and the request is about another one, or about none."""
    if not principal.venues:
        return
    named = _venues(request)
    if named is None:
        unnamed(principal, rpc)
        return
    for each in named:
        if each not in principal.venues:
            msg = f"{rpc}: this key is restricted to other venues than {each!r}"
            raise errors.Forbidden(msg)


def unnamed(principal: Principal, rpc: str) -> None:
    """Raise Forbidden if the principal is restricted to venues, for calls that name none."""
    if principal.venues:
        msg = f"{rpc} is not limited to a venue, but this key is"
        raise errors.Forbidden(msg)


def _venues(request: Any) -> Iterable[str] | None:
    """The venues that the request names, itself or in the elements of its batch; None if it cannot name any."""
    field = _venue_field(request.DESCRIPTOR)
    if field is None:
        return None
    return (request.venue_id,) if field == _VENUE else (each.venue_id for each in getattr(request, field))


@cache
def _venue_field(described: Descriptor) -> str | None:
    """The field that names venues: `venue_id`, or the only repeated field whose elements have a `venue_id`."""
    if _VENUE in described.fields_by_name:
        return _VENUE
    repeated = [each for each in described.fields if each.is_repeated]
    batches = [(each.name, each.message_type) for each in repeated if each.message_type is not None]
    if len(batches) == 1 and _VENUE in batches[0][1].fields_by_name:
        return batches[0][0]
    return None
