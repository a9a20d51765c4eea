"""Authentication and authorization: from the metadata `authorization` to a principal, and what that principal may do.

An `Authority` looks keys up in its source: in a worker the cache, in admin PostgreSQL. A verified key becomes a grant, which
is reused while the record that it is based on is valid.
"""

import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple, Protocol

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from cqar import clock, config, errors
from cqar.auth import keys
from cqar.auth.attempts import Attempts, Bucket
from cqar.clock import NEVER
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.model.call import ANYONE, Key, Minted, Principal, Role

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

    async def admit(self, authorization: str | None, client: str | None) -> Principal:
        """The principal that calls with this header. Raises Unauthenticated, Throttled, Unavailable.

        `client`: its address, or None if a worker passed the call on.
        """
        if not authorization:
            raise errors.Unauthenticated(_MISSING)
        principal = self.known(authorization)
        return await self._prove(authorization, client) if principal is None else principal

    def check_form(self, authorization: str | None, client: str | None) -> None:
        """Reject a malformed key without a lookup, before a call is passed on. Raises Unauthenticated, Throttled."""
        if not authorization:
            raise errors.Unauthenticated(_MISSING)
        self._key(authorization, client)
        self.attempts.check(client, authorization)

    async def check_again(self, authorization: str | None) -> None:
        """Verify the key of a stream again. It costs nothing of the key's rate.

        Raises Unauthenticated if the key has been revoked or has expired since, and Unavailable.
        """
        grant = self.grant(authorization or "")
        if grant is not None:
            grant.basis.used = grant.used = True
            return
        key = _parsed(authorization or "")
        if key is None or await self._verified(authorization or "", key) is None:
            raise errors.Unauthenticated(_INVALID)

    def mark(self, authorization: str) -> str:
        """What a worker adds to a call that it passes on with this header. Only a process with the pepper can make it."""
        return hmac.new(self._pepper, b"passed on\0" + authorization.encode(errors="replace"), hashlib.sha256).hexdigest()

    def passed_on(self, authorization: str | None, mark: str) -> bool:
        """Whether a worker with the same pepper has made the mark for a call with this header."""
        return hmac.compare_digest(self.mark(authorization or "").encode(), mark.encode())

    def take_used(self) -> set[str]:
        """The ids of the keys used since the last call."""
        used, self._used = self._used, set()
        for grant in self._grants.values():
            if grant.used:
                used.add(grant.key_id)
                grant.used = False
        return used

    def _key(self, authorization: str, client: str | None) -> Key:
        key = _parsed(authorization)
        if key is None:
            self.attempts.failed(client, authorization)
            raise errors.Unauthenticated(_INVALID)
        return key

    async def _prove(self, authorization: str, client: str | None) -> Principal:
        key = self._key(authorization, client)
        self.attempts.check(client, authorization)
        found = await self._verified(authorization, key)
        if found is None:
            self.attempts.failed(client, authorization)
            raise errors.Unauthenticated(_INVALID)
        if found.bucket is not None:
            _spend(found.bucket)
        return found.principal

    async def _verified(self, authorization: str, key: Key) -> Grant | None:
        """The grant of a key, looked up, or None if the key is not valid."""
        stored, basis = await self._source.find(key.key_id)
        if stored is None or not self._holds(key, stored):
            return None
        principal = Principal(
            name=stored.principal, role=Role(stored.role), venues=frozenset(stored.venue_ids), strict=stored.strict
        )
        bucket = self._bucket(key.key_id, stored.rate_limit)
        grant = Grant(key.key_id, principal, _end(stored), basis or _Always(), bucket)
        self._used.add(key.key_id)
        if basis is not None:
            self._keep(authorization, grant)
        return grant

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


def _parsed(authorization: str) -> Key | None:
    """The key in the header, or None if it is malformed."""
    scheme, _, text = authorization.partition(" ")
    return keys.parse(text) if scheme.lower() == "bearer" else None


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
