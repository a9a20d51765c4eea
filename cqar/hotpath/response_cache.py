"""Cached responses: framed as the lane sends them, by the bytes of their request, valid while their parts live.

A request is its message with gRPC's five-byte prefix. A cached response holds the only copy of its message in memory;
`body` returns the message. A response is valid while each part it was derived from lives and its time has not run out.
Most hits need a single comparison for the first condition: of the generation at which the parts were last checked.
"""

import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from google.protobuf.message import Message

from cqar import clock
from cqar.auth.authority import ADMITTED, Grant
from cqar.hotpath.cache import Cache, compact
from cqar.hotpath.freshness import Freshness
from cqar.hotpath.part import Part
from cqar.lane.grpc import PREFIX, cached_response, framed
from cqar.lane.service import CacheLookup
from cqar.model.call import Principal

#: Responses to longer requests are not cached; real requests are far shorter.
_MAX_REQUEST = 512
#: Approximate bytes of a cached response beside its request and its frames, and of an alias beside its bytes (tracemalloc).
_COST = 330
_ALIAS_COST = 200
#: Other encodings of a request that find its response: clients may order fields differently.
_MAX_ALIASES = 3
#: Recently used responses that one eviction spares before it removes the next regardless.
_MAX_SPARED = 32
#: Request fields whose values hardly ever repeat.
_UNREPEATED = ("min_revision", "as_of")


class CachedResponse(msgspec.Struct, eq=False, gc=False):
    """A cached response. When it is removed, its table no longer refers to it, so no cycle is left for a collector."""

    table: "Table"
    #: the framed request, in protobuf's own encoding
    request: bytes
    #: the framed response, as the lane sends it
    row: bytes
    #: the part that the response is about, which holds its recency bit
    root: Part
    other_parts: tuple[Part, ...]
    #: microseconds since 1970
    valid_until: int
    #: the generation of the cache at which all parts were last known to live
    checked: int
    #: the venue that the request names
    venue: str | None = None

    @property
    def cost(self) -> int:
        """Approximate bytes in memory."""
        return _COST + len(self.request) + len(self.row)

    @property
    def current(self) -> bool:
        """Whether its request still finds it."""
        return self.table.get(self.request) is self


Table = dict[bytes, CachedResponse]


def body(data: bytes) -> bytes:
    """The message in a framed response."""
    return data[PREFIX:-PREFIX]


class ResponseCache:
    """The cached responses of a worker, with a table for each of `methods`."""

    def __init__(self, cache: Cache, freshness: Freshness, methods: Sequence[str], *, entries: int, size: int) -> None:
        self._cache = cache
        self._freshness = freshness
        self._entries = entries
        self._size = size
        self._tables: Mapping[str, Table] = {name: {} for name in methods}
        self._all_tables: list[Table] = [*self._tables.values()]
        self._queue: deque[CachedResponse] = deque()
        self._aliases: dict[CachedResponse, list[bytes]] = {}
        self._starts = 0
        self.count = 0
        self.bytes = 0

    # ---- hits ------------------------------------------------------------------------------------------------------

    def lookup_for(self, method: str, principal: Principal, grant: Grant = ADMITTED) -> CacheLookup:
        """A function from framed request to framed response, or None, for a principal; its clock is the last tick.

        It returns None if the grant has ended, the rate limit is used up, or the principal may not see the venue.
        """
        find, cache, valid = self._tables[method].get, self._cache, self.valid
        lease = self._freshness.strict if principal.strict else self._freshness.clock
        basis, expires = grant.basis, grant.expires

        def hit(request: bytes) -> bytes | None:
            cached = find(request)
            if cached is None or not basis.live or (cached.checked != cache.generation and not valid(cached)):
                return None
            now = lease.now
            if cached.valid_until <= now or expires <= now:
                return None
            root = cached.root
            if not root.used:  # reading costs less than writing
                root.used = True
            return cached.row

        venues, bucket = principal.venues, grant.bucket
        if not venues and bucket is None:
            return hit

        def restricted(request: bytes) -> bytes | None:
            cached = find(request)
            if cached is None or (venues and cached.venue not in venues):
                return None
            data = hit(request)
            return None if data is None or (bucket is not None and bucket.take()) else data

        return restricted

    def valid(self, cached: CachedResponse) -> bool:
        """Whether all parts of the response live; if not, it is removed."""
        live = cached.root.live
        for part in cached.other_parts:  # a loop takes half the time of `all`
            live = live and part.live
        if live:
            cached.checked = self._cache.generation
        else:
            self.remove(cached)
        return live

    # ---- storing ---------------------------------------------------------------------------------------------------

    def store(self, method: str, data: bytes, request: Any, response: bytes, parts: Sequence[Part], valid_until: int) -> None:
        """Cache the response to a request (`data` is its message) derived from these parts, if the request may repeat.

        A response that rests on an absence is not cached, because only a fresh worker may give it.
        """
        if len(data) > _MAX_REQUEST or _unrepeated(request) or any(part.absent for part in parts):
            return
        canonical = framed(request.SerializeToString())
        table = self._tables[method]
        previous = table.get(canonical)
        aliases = [] if previous is None else self._aliases.get(previous, [])
        cached = self.insert(table, canonical, cached_response(response), parts, valid_until)
        venue = getattr(request, "venue_id", "")
        cached.venue = sys.intern(venue) if venue else None
        alias = framed(data)
        if alias != cached.request and alias not in aliases and len(aliases) < _MAX_ALIASES:
            aliases = [*aliases, alias]
        if aliases and cached.current:
            self._add_aliases(cached, aliases)

    def add_table(self, table: "Table") -> None:
        """Manage the responses of one more table."""
        self._all_tables.append(table)

    def insert(self, table: "Table", request: bytes, data: bytes, parts: Sequence[Part], valid_until: int) -> CachedResponse:
        """Put a response into a table, where it stays while its parts live and there is room."""
        if self._starts != self._cache.starts:
            self.clear()
        previous = table.get(request)
        if previous is not None:
            self.remove(previous)
        root = next((part for part in parts if not part.shared), parts[0])
        others = tuple(part for part in parts if part is not root)
        cached = CachedResponse(table, request, data, root, others, valid_until, self._cache.generation)
        for part in parts:
            part.dependents += 1
        table[request] = cached
        self._queue.append(cached)
        self.count += 1
        self.bytes += cached.cost
        self._evict()
        return cached

    def _add_aliases(self, cached: CachedResponse, aliases: list[bytes]) -> None:
        """Let other encodings of the request find the response."""
        self._aliases[cached] = aliases
        for each in aliases:
            cached.table[each] = cached
            self.bytes += _ALIAS_COST + len(each)

    def remove_expired(self, method: str, data: bytes) -> None:
        """Remove the response to a request if its time has run out."""
        cached = self._tables[method].get(framed(data))
        if cached is not None and cached.valid_until <= clock.now():
            self.remove(cached)

    def remove(self, cached: CachedResponse) -> None:
        """Remove a response."""
        table = cached.table
        del table[cached.request]
        for each in self._aliases.pop(cached, ()):
            del table[each]
            self.bytes -= _ALIAS_COST + len(each)
        self.count -= 1
        self.bytes -= cached.cost
        cached.root.dependents -= 1
        for part in cached.other_parts:
            part.dependents -= 1

    def clear(self) -> None:
        """Remove everything: no part lives after the cache has started over, nor after the worker has ended."""
        self._starts = self._cache.starts
        for table in self._all_tables:
            table.clear()
        self._queue.clear()
        self._aliases.clear()
        self.count = self.bytes = 0

    def _evict(self) -> None:
        """Second chance, as for parts."""
        spare = _MAX_SPARED
        while self.count > self._entries or self.bytes > self._size:
            cached = self._queue.popleft()
            if not cached.current:
                continue
            if spare and cached.root.live and cached.root.used:
                spare -= 1
                cached.root.used = False
                self._queue.append(cached)
                continue
            self.remove(cached)
        compact(self._queue, self.count, lambda cached: cached.current)


def _unrepeated(request: Message) -> bool:
    """Whether the request is unlikely to repeat: it names a revision or a time, or has unknown fields."""
    known = request.DESCRIPTOR.fields_by_name
    if any(name in known and request.HasField(name) for name in _UNREPEATED):
        return True
    size = request.ByteSize()
    request.DiscardUnknownFields()
    return request.ByteSize() != size
