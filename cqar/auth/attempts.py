"""Failed attempts to authenticate, throttled by the network of the client."""

import hashlib
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from cqar import errors

#: Failed attempts per network, as burst and per second, before they are answered with RESOURCE_EXHAUSTED.
FAILURES = 20
#: Networks and keys whose failed attempts are remembered; the least recent failures are forgotten first.
_ADDRESSES = 10_000
#: Seconds for which a key that failed is not looked up again for a network that fails too often.
_REFUSED = 1.0
#: Bits of an IPv6 address that name a customer of a provider.
_PREFIX = 64


class Bucket:
    """A token bucket: `rate` tokens as burst and per second."""

    __slots__ = ("_full", "_left", "rate")

    def __init__(self, rate: float, now: float | None = None) -> None:
        self.rate = rate
        self._left = rate
        #: monotonic seconds at which `_left` was updated
        self._full = time.monotonic() if now is None else now

    def take(self, now: float | None = None) -> float:
        """Take a token: returns 0, or the seconds until one is available. `now`: monotonic seconds, if not the clock's."""
        now = time.monotonic() if now is None else now
        self._left = min(self.rate, self._left + (now - self._full) * self.rate)
        self._full = now
        if self._left < 1:
            return (1 - self._left) / self.rate
        self._left -= 1
        return 0.0

    def empty(self, now: float) -> bool:
        """Whether no token is available."""
        return self._left + (now - self._full) * self.rate < 1


class Attempts:
    """Failed attempts, by the network of the client, and the keys that failed in the last second.

    A client is its address, or None if the call was passed on by a worker, which counts the attempts of its own clients.
    """

    def __init__(self, rate: float = FAILURES, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._refused: OrderedDict[bytes, float] = OrderedDict()

    def check(self, client: str | None, authorization: str) -> None:
        """Raise Throttled for a key that has just failed, from a network that fails too often. It needs no lookup.

        All other keys are looked up, because a good key must not be refused for the failures of its neighbours.
        """
        bucket = None if client is None else self._buckets.get(network(client))
        now = self._now()
        if bucket is None or not bucket.empty(now):
            return
        failed = self._refused.get(_digest(authorization))
        if failed is not None and now - failed < _REFUSED:
            raise _too_many(1.0)

    def failed(self, client: str | None, authorization: str) -> None:
        """Count a failure. Raises Throttled if it is one too many."""
        if client is None:
            return
        now, place = self._now(), network(client)
        bucket = self._buckets.get(place)
        if bucket is None:
            bucket = self._buckets[place] = Bucket(self._rate, now)
        _put(self._buckets, place, bucket)
        _put(self._refused, _digest(authorization), now)
        seconds = bucket.take(now)
        if seconds:
            raise _too_many(seconds)


def _put(entries: OrderedDict[Any, Any], key: object, value: object) -> None:
    """Add the newest entry, and drop the oldest one if there are too many."""
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > _ADDRESSES:
        entries.popitem(last=False)


def _digest(authorization: str) -> bytes:
    return hashlib.blake2b(authorization.encode(errors="replace"), digest_size=16).digest()


def network(address: str) -> str:
    """What failures are counted by: the IPv4 address or the /64 of the IPv6 address, as grpc, HTTP or a socket gives it.

    A customer of a provider has a /64 or more. Example: `ipv6:%5B2001:db8::1%5D` is in `2001:db8::/64`.
    """
    text = unquote(address).removeprefix("ipv4:").removeprefix("ipv6:").strip("[]").partition("%")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return text
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, _PREFIX), strict=False))


def _too_many(seconds: float) -> errors.Throttled:
    return errors.Throttled("too many failed attempts from this address; check the API key and retry later", seconds)
