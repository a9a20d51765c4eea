"""Ready answers: rows as the lane sends them, by the request's bytes, for as long as what they are made of lives.

A request is the message with gRPC's five bytes before it. A row has the answer's message, and is its only copy in memory;
`body` is the message in it. An answer is valid while each of its parts lives and its time has not run out; a generation
compared first makes that one comparison for most hits.
"""

import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from google.protobuf.message import Message

from cqar import clock
from cqar.auth.authority import ADMITTED, Grant
from cqar.hotpath.cache import Cache, Part, sweep
from cqar.hotpath.freshness import Freshness
from cqar.lane.grpc import PREFIX, cached_response, framed
from cqar.lane.service import CacheLookup
from cqar.model.call import Principal

#: Longer requests are answered, but not kept: an honest one is far shorter.
_LONGEST_KEPT = 512
#: Bytes that a ready answer costs beside its request and its row, about, and another spelling beside its bytes: measured
#: with tracemalloc.
_COST = 330
_SPELLING_COST = 200
#: Other spellings of a request that find its answer: clients may put the same fields into other bytes.
_SPELLINGS = 3
#: Answers that one eviction looks at before it takes what comes.
_LOOKS = 32
#: Fields of a request that hardly anybody asks with twice.
_ONCE = ("min_revision", "as_of")


class Ready(msgspec.Struct, eq=False, gc=False):
    """An answer that stands ready. Where it is let go of, its table has let go of it: no cycle is left for a collector."""

    table: "Table"
    #: the request as protobuf itself writes it
    request: bytes
    row: bytes
    #: the part that the answer is about: it has the answer's bit of recency; and the other parts
    root: Part
    parts: tuple[Part, ...]
    #: microseconds since 1970
    good_until: int
    #: the generation of the cache at which all parts lived
    seen: int
    #: the venue that the request names
    venue: str | None = None

    @property
    def cost(self) -> int:
        """Bytes that it takes, about."""
        return _COST + len(self.request) + len(self.row)

    @property
    def kept(self) -> bool:
        """Whether it is what its request finds."""
        return self.table.get(self.request) is self


Table = dict[bytes, Ready]


def body(data: bytes) -> bytes:
    """The message in a row."""
    return data[PREFIX:-PREFIX]


class Answers:
    """The ready answers of a worker. `methods`: the names of those that have some."""

    def __init__(self, cache: Cache, freshness: Freshness, methods: Sequence[str], *, entries: int, size: int) -> None:
        self._cache = cache
        self._freshness = freshness
        self._entries = entries
        self._size = size
        self._tables: Mapping[str, Table] = {name: {} for name in methods}
        self._held: list[Table] = [*self._tables.values()]
        self._queue: deque[Ready] = deque()
        self._spellings: dict[Ready, list[bytes]] = {}
        self._starts = 0
        #: ready answers, and the bytes that they take
        self.kept = 0
        self.bytes = 0

    # ---- finding ---------------------------------------------------------------------------------------------------

    def lookup_for(self, method: str, principal: Principal, grant: Grant = ADMITTED) -> CacheLookup:
        """The function that finds the principal's ready answers, as of the last look of the freshness.

        It answers nobody whose grant is over, whose calls of a second are used up, or who may not see the answer's venue.
        """
        find, cache, valid = self._tables[method].get, self._cache, self.valid
        lease = self._freshness.strict if principal.strict else self._freshness.clock
        basis, expires = grant.basis, grant.expires

        def hit(request: bytes) -> bytes | None:
            ready = find(request)
            if ready is None or not basis.live or (ready.seen != cache.generation and not valid(ready)):
                return None
            now = lease.now
            if ready.good_until <= now or expires <= now:
                return None
            root = ready.root
            if not root.used:  # a look costs less than to write
                root.used = True
            return ready.row

        venues, bucket = principal.venues, grant.bucket
        if not venues and bucket is None:
            return hit

        def confined(request: bytes) -> bytes | None:
            ready = find(request)
            if ready is None or (venues and ready.venue not in venues):
                return None
            data = hit(request)
            return None if data is None or (bucket is not None and bucket.take()) else data

        return confined

    def valid(self, ready: Ready) -> bool:
        """Whether all parts of the answer live; else it goes."""
        live = ready.root.live
        for part in ready.parts:  # a loop takes half the time of `all`
            live = live and part.live
        if live:
            ready.seen = self._cache.generation
        else:
            self.forget(ready)
        return live

    # ---- keeping ---------------------------------------------------------------------------------------------------

    def keep(self, method: str, data: bytes, request: Any, response: bytes, made_of: Sequence[Part], good_until: int) -> None:
        """Keep the response to a request (`data`, its message) made of these parts, if it is worth it.

        It is where others will ask the same, and where it says nothing of what is not there: that is for a fresh worker alone.
        """
        if len(data) > _LONGEST_KEPT or _asks_once(request) or any(part.absent for part in made_of):
            return
        canonical = request.SerializeToString()
        table = self._tables[method]
        held = table.get(framed(canonical))
        spellings = [] if held is None else self._spellings.get(held, [])
        ready = self.hold(table, framed(canonical), cached_response(response), made_of, good_until)
        venue = getattr(request, "venue_id", "")
        ready.venue = sys.intern(venue) if venue else None
        spelled = framed(data)
        if spelled != ready.request and spelled not in spellings and len(spellings) < _SPELLINGS:
            spellings = [*spellings, spelled]
        if spellings and ready.kept:
            self._spell(ready, spellings)

    def table(self, table: "Table") -> None:
        """Have answers be held in one more table."""
        self._held.append(table)

    def hold(self, table: "Table", request: bytes, data: bytes, made_of: Sequence[Part], good_until: int) -> Ready:
        """Hold an answer in a table, for as long as its parts live and there is room."""
        if self._starts != self._cache.starts:
            self.clear()
        held = table.get(request)
        if held is not None:
            self.forget(held)
        root = next((part for part in made_of if not part.shared), made_of[0])
        others = tuple(part for part in made_of if part is not root)
        ready = Ready(table, request, data, root, others, good_until, self._cache.generation)
        for part in made_of:
            part.holders += 1
        table[request] = ready
        self._queue.append(ready)
        self.kept += 1
        self.bytes += ready.cost
        self._evict()
        return ready

    def _spell(self, ready: Ready, spellings: list[bytes]) -> None:
        """Have other spellings of the request find the answer."""
        self._spellings[ready] = spellings
        for each in spellings:
            ready.table[each] = ready
            self.bytes += _SPELLING_COST + len(each)

    def drop(self, method: str, data: bytes) -> None:
        """Forget the answer to a request whose time has run out."""
        ready = self._tables[method].get(framed(data))
        if ready is not None and ready.good_until <= clock.now():
            self.forget(ready)

    def forget(self, ready: Ready) -> None:
        """Let go of an answer."""
        table = ready.table
        del table[ready.request]
        for each in self._spellings.pop(ready, ()):
            del table[each]
            self.bytes -= _SPELLING_COST + len(each)
        self.kept -= 1
        self.bytes -= ready.cost
        ready.root.holders -= 1
        for part in ready.parts:
            part.holders -= 1

    def clear(self) -> None:
        """Let go of everything: the cache began anew, and no part of any answer lives; or the worker ends."""
        self._starts = self._cache.starts
        for table in self._held:
            table.clear()
        self._queue.clear()
        self._spellings.clear()
        self.kept = self.bytes = 0

    def _evict(self) -> None:
        """Second chance, as for parts."""
        looks = _LOOKS
        while self.kept > self._entries or self.bytes > self._size:
            ready = self._queue.popleft()
            if not ready.kept:
                continue
            if looks and ready.root.live and ready.root.used:
                looks -= 1
                ready.root.used = False
                self._queue.append(ready)
                continue
            self.forget(ready)
        sweep(self._queue, self.kept, lambda ready: ready.kept)


def _asks_once(request: Message) -> bool:
    """Whether hardly anybody asks the same again: for a revision, for a time, or with fields that nobody knows."""
    known = request.DESCRIPTOR.fields_by_name
    if any(name in known and request.HasField(name) for name in _ONCE):
        return True
    size = request.ByteSize()
    request.DiscardUnknownFields()
    return request.ByteSize() != size
