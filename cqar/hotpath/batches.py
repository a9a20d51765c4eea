"""Batches of lookups: each key finds its resolution by its own bytes, and a response is these joined.

A resolution stands ready as a ready answer does, made of parts. Those that are known to be valid now are in a table of
their own, from which a batch takes all its rows at once: a key costs little more than finding it there. That table is
emptied when a part of any answer ends, and when the first of its times runs out; what is asked for then is looked at again.
"""

import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from cqar import clock, config, errors
from cqar.auth import authority
from cqar.auth.authority import ADMITTED, Grant
from cqar.contract.cqar.v1 import resolver_pb2
from cqar.hotpath.cache import Cache, Part
from cqar.hotpath.engine import Core
from cqar.hotpath.feed import Feed
from cqar.hotpath.fills import FROM_DATABASE, Brought, Filled, View
from cqar.hotpath.freshness import marked, marks, milliseconds
from cqar.hotpath.response_cache import Answers, Ready
from cqar.hotpath.transports.unary import Unary
from cqar.lane.grpc import PREFIX, cached_response
from cqar.lane.routing import never_cached
from cqar.lane.service import CacheLookup
from cqar.lookups import batch
from cqar.lookups.batch import BatchKind
from cqar.model.cache_keys import kind_of
from cqar.model.call import Call, Principal
from cqar.server import limits
from cqar.server.rpc import Reply
from cqar.server.statuses import Metadata
from cqar.services import lookups
from cqar.services.method import AnyMethod
from cqar.storage.postgres import Pool

#: Longer keys are resolved, but not kept.
_LONGEST_KEPT: Final = 256
#: Microseconds after which what is valid is looked at again: that is when it is noted as used.
_LOOK_AGAIN: Final = 5_000_000
#: Of the answers that are held, one in so many may say that there is nothing.
_ABSENT_SHARE: Final = 10


def _raw_request() -> Any:
    """The message of a batch whose keys are not looked into: bytes, on the wire the same. It is several times as fast."""
    file = descriptor_pb2.FileDescriptorProto(name="cqar/hotpath/batch.proto", package="cqar.hotpath", syntax="proto3")
    message, field = file.message_type.add(name="Batch"), descriptor_pb2.FieldDescriptorProto
    message.field.add(name="keys", number=1, type=field.TYPE_BYTES, label=field.LABEL_REPEATED)
    message.field.add(name="second", number=2, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL)
    message.field.add(name="third", number=3, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("cqar.hotpath.Batch"))


_RAW: Final = _raw_request()


class _Rows(dict[bytes, bytes]):
    """Framed resolutions that are valid: until a part of any answer ends, and until a time."""

    def __init__(self, elements: "_Elements", ready: Answers, cache: Cache) -> None:
        super().__init__()
        self._elements = elements
        self._ready = ready
        self._cache = cache
        self.generation = -1
        #: microseconds since 1970
        self.until = 0
        self.now = 0

    def renew(self, now: int) -> None:
        """Begin anew: nothing is known to be valid."""
        self.clear()
        self.generation = self._cache.generation
        self.until = now + _LOOK_AGAIN

    def __missing__(self, key: bytes) -> bytes:
        """The row of a resolution that has not been looked at yet, if it is valid."""
        ready = self._elements.get(key)
        if ready is None or ready.good_until <= self.now:
            raise KeyError(key)
        if ready.seen != self.generation and not self._ready.valid(ready):
            raise KeyError(key)
        ready.root.used = True
        self[key] = ready.row
        self.until = min(self.until, ready.good_until)
        return ready.row


class _Elements(dict[bytes, Ready]):
    """The resolutions of one kind that stand ready, by their keys' bytes. What leaves is no longer valid, either."""

    def __init__(self, kind: BatchKind, ready: Answers, cache: Cache) -> None:
        super().__init__()
        self.kind = kind
        self._cache = cache
        self.rows = _Rows(self, ready, cache)
        #: the keys of which it is said that there is nothing, or too much: that is for a fresh worker alone
        self.unsettled = set[bytes]()

    def __delitem__(self, key: bytes) -> None:
        super().__delitem__(key)
        self.rows.pop(key, None)
        self.unsettled.discard(key)

    def clear(self) -> None:
        """Let go of all."""
        super().clear()
        self.rows.clear()
        self.unsettled.clear()

    def at(self, now: int) -> _Rows:
        """The rows that are valid at a time."""
        rows = self.rows
        if rows.generation != self._cache.generation or rows.until <= now:
            rows.renew(now)
        rows.now = now
        return rows


class _Asked:
    """A request for a batch."""

    __slots__ = ("elements", "keys", "least")

    def __init__(self, elements: _Elements, keys: Sequence[bytes], least: int) -> None:
        self.elements = elements
        self.keys = keys
        #: the revision that the answer must have
        self.least = least


class Batches:
    """One RPC for batches, `ResolveVenueSymbols` or `ResolveAssets`. Belongs to one event loop."""

    def __init__(
        self,
        method: AnyMethod,
        kinds: Mapping[int, BatchKind],
        core: Core,
        cache: Cache,
        feed: Feed,
        pool: Pool,
        settings: config.Settings,
    ) -> None:
        self._method = method
        self._core = core
        self._cache = cache
        self._feed = feed
        self._pool = pool
        self._patience = settings.coherence.min_revision_wait
        self._absences: deque[Ready] = deque()
        self._most_absences = max(1, settings.hotpath.cache_entries // _ABSENT_SHARE)
        #: by the number of the view, if the request names one
        elements = {kind: _Elements(kind, core.answers, cache) for kind in dict.fromkeys(kinds.values())}
        self._views = {view: elements[kind] for view, kind in kinds.items()}
        self._has_view = "view" in method.request.DESCRIPTOR.fields_by_name
        for each in elements.values():
            core.answers.table(each)
        self._applied = -1
        self._revision = b""
        core.answered[method.name] = core.resolved[method.name] = 0

    def unary(self) -> Unary:
        """The call, for transports. Keys are counted, not calls, and here."""
        name, path = self._method.name, self._method.path
        return Unary(name, path, limits.BATCH, self.lookup_for, self.serve, lambda _many: None)

    def _asked(self, message: bytes) -> _Asked:
        """What a request asks for. Raises Invalid, TooLarge."""
        try:
            raw = _RAW.FromString(message)
        except DecodeError:
            raise self._malformed() from None
        view, least = (raw.second, raw.third) if self._has_view else (0, raw.second)
        elements = batch.of_view(self._views, view)
        keys = raw.keys[:]
        batch.check_count(elements.kind, len(keys))
        return _Asked(elements, keys, least)

    def _malformed(self) -> errors.Invalid:
        return errors.Invalid("request", "MALFORMED", f"is not a {self._method.request.DESCRIPTOR.name}")

    # ---- at once ---------------------------------------------------------------------------------------------------

    def lookup_for(self, principal: Principal, grant: Grant = ADMITTED) -> CacheLookup:
        """The function that answers the principal's batches of which all stands ready. See `ready.Answers.lookup_for`."""
        core, name, freshness = self._core, self._method.name, self._core.freshness
        lease = freshness.strict if principal.strict else freshness.clock
        basis, expires, bucket = grant.basis, grant.expires, grant.bucket
        # Where a key stands ready, it is as protobuf writes it: it begins with its venue.
        allowed = {resolver_pb2.VenueSymbolKey(venue_id=each).SerializeToString() for each in principal.venues}
        if allowed and not self._has_view:
            return never_cached

        def hit(request: bytes) -> bytes | None:
            now = lease.now
            if not basis.live or expires <= now or now >= clock.NEVER or len(request) > limits.BATCH:
                return None
            found = self._found(request[PREFIX:], now, fresh=freshness.strict.now == now)
            if found is None:
                return None
            keys, results = found
            if allowed and not allowed.issuperset({key[: 2 + key[1]] for key in keys}):
                return None
            if bucket is not None and bucket.take():
                return None
            core.answered[name] += len(keys)
            return cached_response(results + self._at(self._cache.applied))

        return hit

    def _found(self, message: bytes, now: int, *, fresh: bool) -> tuple[Sequence[bytes], bytes] | None:
        """The keys of a request and the results, where all of them stand ready."""
        try:
            asked = self._asked(message)
            rows = map(asked.elements.at(now).__getitem__, asked.keys)
            results = batch.joined(list(rows)) if asked.elements.kind.large else b"".join(rows)
        except (errors.CqarError, KeyError):
            return None
        if asked.least > self._cache.applied or not (fresh or asked.elements.unsettled.isdisjoint(asked.keys)):
            return None
        return asked.keys, results

    def _at(self, revision: int) -> bytes:
        """The field `revision` of a response."""
        if revision != self._applied:
            self._applied = revision
            self._revision = resolver_pb2.ResolveAssetsResponse(revision=revision).SerializeToString()
        return self._revision

    # ---- after a while ---------------------------------------------------------------------------------------------

    async def serve(self, data: bytes, call: Call) -> Reply:
        """The response by cache and PostgreSQL, by the same ladder as a lookup's. Raises errors of `cqar.errors`."""
        caller, name = call.principal, self._method.name
        authority.permit(caller, self._method.role, name)
        limits.check(data, limits.BATCH)
        asked = self._asked(data)
        if caller.venues:
            authority.confine(caller, self._method.parse(data), name)
        return await self._resolve(asked, strict=caller.strict)

    async def _resolve(self, asked: _Asked, *, strict: bool) -> Reply:
        freshness = self._core.freshness
        if asked.least > self._cache.applied and not await self._feed.wait_applied(asked.least, self._patience):
            return await self._from_database(asked)
        reply = await self._from_parts(asked) if freshness.serves(strict=strict) else None
        if reply is None or (strict and not freshness.fresh()):
            return await self._from_database(asked)
        if freshness.fresh():
            return reply
        return marked(reply, marks(freshness.age()))

    async def _from_parts(self, asked: _Asked) -> Reply | None:
        """The response by parts; None where only PostgreSQL may say so, or what is brought is of another history."""
        revision, found = self._cache.applied, self._standing(asked)
        rest = [key for key in dict.fromkeys(asked.keys) if key not in found]
        self._core.answered[self._method.name] += len(asked.keys) - len(rest)
        self._core.resolved[self._method.name] += len(rest)
        brought = Brought()

        async def bring(keys: Collection[str]) -> None:
            self._core.missed.update(map(kind_of, keys))
            for filled in await self._core.fills.bring_all(keys):
                if filled.history != self._cache.history:
                    raise _OnlyDatabase
                brought.add(filled)

        try:
            found |= await batch.resolve_all(
                asked.elements.kind, rest, lambda element: self._derived(asked.elements, element, brought), bring
            )
        except _OnlyDatabase:
            return None
        return self._reply(asked, found, revision, brought.source)

    def _standing(self, asked: _Asked) -> dict[bytes, bytes]:
        """The rows that stand ready."""
        elements, fresh = asked.elements, self._core.freshness.fresh()
        rows, found = elements.at(clock.now()), {}
        for key in asked.keys:
            try:
                found[key] = rows[key]
            except KeyError:
                continue
        if not fresh:
            for key in elements.unsettled.intersection(found):
                del found[key]
        return found

    def _derived(self, elements: _Elements, element: bytes, brought: Mapping[str, Filled]) -> bytes:
        """The framed resolution of a key, which is kept if others may ask the same. Raises Missing, _OnlyDatabase."""
        fresh = self._core.freshness.fresh()
        view = View(self._cache, brought, fresh=fresh)
        derived = batch.derived(elements.kind, element, view.get, clock.now())
        if derived.none and not fresh:
            raise _OnlyDatabase
        self._core.found.update(map(kind_of, view.used))
        framed = batch.framed(derived.response)
        if view.whole and view.used and derived.response.status != resolver_pb2.INVALID and _lasts(elements.kind, element):
            self._keep(elements, element, framed, tuple(view.used.values()), derived.good_until)
            if derived.none and element in elements:
                elements.unsettled.add(element)
        return framed

    def _keep(self, elements: _Elements, element: bytes, framed: bytes, made_of: Sequence[Part], good_until: int) -> None:
        """Keep a resolution; one that rests on what is not there, for as long as that is believed, and not many of them."""
        absent = [part.expires for part in made_of if not part.rows]
        if absent:
            good_until = min(good_until, clock.now() + round((min(absent) - time.monotonic()) * 1_000_000))
        ready = self._core.answers.hold(elements, element, framed, made_of, good_until)
        if absent:
            self._absences.append(ready)
            if len(self._absences) > self._most_absences:
                oldest = self._absences.popleft()
                if oldest.kept:
                    self._core.answers.forget(oldest)

    async def _from_database(self, asked: _Asked) -> Reply:
        """The response by PostgreSQL's word alone, of one snapshot. Raises Unavailable where it is down."""
        async with self._pool.snapshot() as session:
            kind = asked.elements.kind
            found, snap = await lookups.batch_from_database(session, kind, asked.keys, asked.least)
        return self._reply(asked, found, snap, FROM_DATABASE)

    def _reply(self, asked: _Asked, found: Mapping[bytes, bytes], revision: int, source: Metadata) -> Reply:
        results = batch.joined([found[key] for key in asked.keys])
        return Reply(results + self._at(revision), source)


class _OnlyDatabase(Exception):
    """Only PostgreSQL may answer."""


def _lasts(kind: BatchKind, element: bytes) -> bool:
    """Whether others may ask by the same bytes: of no time of their own, with no field that nobody knows."""
    if len(element) > _LONGEST_KEPT:
        return False
    key: Any = kind.key.FromString(element)
    key.DiscardUnknownFields()
    once = "as_of" in key.DESCRIPTOR.fields_by_name and key.HasField("as_of")
    return not once and key.SerializeToString() == element


def revision(method: AnyMethod, cache: Cache, feed: Feed) -> Unary:
    """GetRevision: how far the worker has followed the registry."""

    async def serve(data: bytes, call: Call) -> Reply:
        authority.permit(call.principal, method.role, method.name)
        method.parse(data)
        if not cache.starts:
            msg = "this worker has not begun to follow the registry; retry"
            raise errors.Unavailable(msg)
        age_ms = milliseconds(feed.age())
        response = resolver_pb2.GetRevisionResponse(epoch=cache.epoch, revision=cache.applied, age_ms=age_ms)
        return Reply(response.SerializeToString())

    def lookup_for(principal: Principal, grant: Grant = ADMITTED) -> CacheLookup:
        del principal, grant
        return never_cached

    return Unary(method.name, method.path, limits.SINGLE, lookup_for, serve, lambda _many: None)
