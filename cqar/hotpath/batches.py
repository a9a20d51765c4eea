"""Batches of lookups: the bytes of each key find its result, and the response is the results joined.

A result is cached as a response is, with the parts it was derived from. Results known to be valid now are in a second
table, from which a batch takes all of its results at once, so that a key costs little more than finding it in a dict. That
table is emptied when a part of any response ends and when the first of its times runs out, and fills again on demand.
"""

import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from cqar import clock, config, errors
from cqar.auth import authority
from cqar.auth.authority import ADMITTED, Grant
from cqar.contract.cqar.v1 import resolver_pb2
from cqar.hotpath.cache import Cache
from cqar.hotpath.engine import Engine
from cqar.hotpath.feed import Feed
from cqar.hotpath.freshness import age_ms, stale_marks, with_marks
from cqar.hotpath.loader import FROM_DATABASE, Loaded, LoadedParts, PartsView, same_history
from cqar.hotpath.part import Part
from cqar.hotpath.response_cache import CachedResponse, ResponseCache
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

#: Results of longer keys are not cached.
_MAX_KEY: Final = 256
#: Microseconds after which valid results are checked again, which also marks their parts as used.
_RECHECK: Final = 5_000_000
#: At most one in ten cached results may be an absence.
_ABSENT_SHARE: Final = 10


def _batch_of_opaque_keys() -> Any:
    """A message class for requests of batches whose keys stay bytes.

    On the wire a message field and a bytes field are the same. Parsing the keys as bytes is several times as fast, and
    these bytes are what results are cached under. `view` and `min_revision` have other numbers in the two requests, hence
    the fields `second` and `third`. It is declared here, and not in the contract, because no caller may see it.
    """
    file = descriptor_pb2.FileDescriptorProto(name="cqar/hotpath/batch.proto", package="cqar.hotpath", syntax="proto3")
    message, field = file.message_type.add(name="Batch"), descriptor_pb2.FieldDescriptorProto
    message.field.add(name="keys", number=1, type=field.TYPE_BYTES, label=field.LABEL_REPEATED)
    message.field.add(name="second", number=2, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL)
    message.field.add(name="third", number=3, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("cqar.hotpath.Batch"))


_OPAQUE_BATCH: Final = _batch_of_opaque_keys()


def _venue_fields(keys: Iterable[bytes]) -> set[bytes]:
    """The leading field of each encoded VenueSymbolKey, as bytes: tag, length and text of `venue_id`.

    Only for keys in protobuf's own encoding, as all keys with a cached result are: `venue_id` is their first field, and its
    length takes one byte. A key without a venue gives a field that encodes no venue. A slice costs far less than parsing.
    """
    return {key[: 2 + key[1]] for key in keys}


class _ValidResults(dict[bytes, bytes]):
    """Framed results known to be valid: until a part of any response ends, and until a time."""

    def __init__(self, table: "_Table", responses: ResponseCache, cache: Cache) -> None:
        super().__init__()
        self._table = table
        self._responses = responses
        self._cache = cache
        self.generation = -1
        #: microseconds since 1970
        self.until = 0
        self.now = 0

    def reset(self, now: int) -> None:
        """Start over: nothing is known to be valid."""
        self.clear()
        self.generation = self._cache.generation
        self.until = now + _RECHECK

    def __missing__(self, key: bytes) -> bytes:
        """The cached result of a key that has not been checked yet. Raises KeyError if there is none, or none valid."""
        cached = self._table.get(key)
        if cached is None or cached.valid_until <= self.now:
            raise KeyError(key)
        if cached.checked != self.generation and not self._responses.valid(cached):
            raise KeyError(key)
        cached.root.used = True
        self[key] = cached.row
        self.until = min(self.until, cached.valid_until)
        return cached.row


class _Table(dict[bytes, CachedResponse]):
    """The cached results of one kind of batch, by the bytes of their keys. A result that is removed is not valid either."""

    def __init__(self, kind: BatchKind, responses: ResponseCache, cache: Cache) -> None:
        super().__init__()
        self.kind = kind
        self._cache = cache
        self.valid = _ValidResults(self, responses, cache)
        #: keys whose result is an absence or an ambiguity, which only a fresh worker may give
        self.absent = set[bytes]()

    def __delitem__(self, key: bytes) -> None:
        super().__delitem__(key)
        self.valid.pop(key, None)
        self.absent.discard(key)

    def clear(self) -> None:
        """Remove all."""
        super().clear()
        self.valid.clear()
        self.absent.clear()

    def valid_at(self, now: int) -> _ValidResults:
        """The results that are valid at a time."""
        valid = self.valid
        if valid.generation != self._cache.generation or valid.until <= now:
            valid.reset(now)
        valid.now = now
        return valid


class _Request:
    """A request for a batch."""

    __slots__ = ("keys", "min_revision", "table")

    def __init__(self, table: _Table, keys: Sequence[bytes], min_revision: int) -> None:
        self.table = table
        self.keys = keys
        self.min_revision = min_revision


class BatchMethod:
    """One RPC for batches, `ResolveVenueSymbols` or `ResolveAssets`. Belongs to one event loop."""

    def __init__(
        self,
        method: AnyMethod,
        kinds: Mapping[int, BatchKind],
        engine: Engine,
        cache: Cache,
        feed: Feed,
        pool: Pool,
        settings: config.Settings,
    ) -> None:
        self._method = method
        self._engine = engine
        self._cache = cache
        self._feed = feed
        self._pool = pool
        self._min_revision_wait = settings.coherence.min_revision_wait
        self._absences: deque[CachedResponse] = deque()
        self._max_absences = max(1, settings.hotpath.cache_entries // _ABSENT_SHARE)
        tables = {kind: _Table(kind, engine.responses, cache) for kind in dict.fromkeys(kinds.values())}
        #: by the number of the view; a request without views has the number 0
        self._by_view = {view: tables[kind] for view, kind in kinds.items()}
        self._has_view = "view" in method.request.DESCRIPTOR.fields_by_name
        for each in tables.values():
            engine.responses.add_table(each)
        self._revision = -1
        self._revision_field = b""
        engine.hits[method.name] = engine.misses[method.name] = 0

    def unary(self) -> Unary:
        """The call, for transports. Hits are counted here, by key and not by call."""
        name, path = self._method.name, self._method.path
        return Unary(name, path, limits.BATCH, self.lookup_for, self.serve, lambda _many: None)

    def _parse(self, message: bytes) -> _Request:
        """The request. Raises Invalid, TooLarge."""
        try:
            raw = _OPAQUE_BATCH.FromString(message)
        except DecodeError:
            raise self._malformed() from None
        view, min_revision = (raw.second, raw.third) if self._has_view else (0, raw.second)
        table = batch.by_view(self._by_view, view)
        keys = raw.keys[:]
        batch.check_count(table.kind, len(keys))
        return _Request(table, keys, min_revision)

    def _malformed(self) -> errors.Invalid:
        return errors.Invalid("request", "MALFORMED", f"is not a {self._method.request.DESCRIPTOR.name}")

    # ---- hits ------------------------------------------------------------------------------------------------------

    def lookup_for(self, principal: Principal, grant: Grant = ADMITTED) -> CacheLookup:
        """The function that answers a principal's batches if all results are cached; see `ResponseCache.lookup_for`."""
        engine, name, freshness = self._engine, self._method.name, self._engine.freshness
        lease = freshness.strict if principal.strict else freshness.clock
        basis, expires, bucket = grant.basis, grant.expires, grant.bucket
        allowed = {resolver_pb2.VenueSymbolKey(venue_id=each).SerializeToString() for each in principal.venues}
        if allowed and not self._has_view:
            return never_cached

        def hit(request: bytes) -> bytes | None:
            now = lease.now
            if not basis.live or expires <= now or now >= clock.NEVER or len(request) > limits.BATCH:
                return None
            found = self._cached_results(request[PREFIX:], now, fresh=freshness.strict.now == now)
            if found is None:
                return None
            keys, results = found
            if allowed and not allowed.issuperset(_venue_fields(keys)):
                return None
            if bucket is not None and bucket.take():
                return None
            engine.hits[name] += len(keys)
            return cached_response(results + self._encoded_revision(self._cache.applied))

        return hit

    def _cached_results(self, message: bytes, now: int, *, fresh: bool) -> tuple[Sequence[bytes], bytes] | None:
        """The keys of a request and the results joined, if all of them are cached."""
        try:
            request = self._parse(message)
            found = map(request.table.valid_at(now).__getitem__, request.keys)
            results = batch.join(list(found)) if request.table.kind.large else b"".join(found)
        except (errors.CqarError, KeyError):
            return None
        if request.min_revision > self._cache.applied or not (fresh or request.table.absent.isdisjoint(request.keys)):
            return None
        return request.keys, results

    def _encoded_revision(self, revision: int) -> bytes:
        """The field `revision` of a response."""
        if revision != self._revision:
            self._revision = revision
            self._revision_field = resolver_pb2.ResolveAssetsResponse(revision=revision).SerializeToString()
        return self._revision_field

    # ---- misses ----------------------------------------------------------------------------------------------------

    async def serve(self, data: bytes, call: Call) -> Reply:
        """The response from cache and PostgreSQL, as freshness allows. Raises errors of `cqar.errors`."""
        principal, name = call.principal, self._method.name
        authority.permit(principal, self._method.role, name)
        limits.check(data, limits.BATCH)
        request = self._parse(data)
        if principal.venues:
            authority.confine(principal, self._method.parse(data), name)
        return await self._resolve(request, strict=principal.strict)

    async def _resolve(self, request: _Request, *, strict: bool) -> Reply:
        freshness, least = self._engine.freshness, request.min_revision
        if least > self._cache.applied and not await self._feed.wait_applied(least, self._min_revision_wait):
            return await self._from_database(request)
        reply = await self._from_parts(request) if freshness.serves(strict=strict) else None
        if reply is None or (strict and not freshness.fresh()):
            return await self._from_database(request)
        if freshness.fresh():
            return reply
        return with_marks(reply, stale_marks(freshness.age()))

    async def _from_parts(self, request: _Request) -> Reply | None:
        """The response from parts; None if PostgreSQL must decide, or if a loaded part is of another history."""
        engine, name, cache = self._engine, self._method.name, self._cache
        began = cache.history, cache.starts
        revision, found = cache.applied, self._now_valid(request)
        rest = [key for key in dict.fromkeys(request.keys) if key not in found]
        engine.hits[name] += len(request.keys) - len(rest)
        engine.misses[name] += len(rest)
        loaded = LoadedParts()

        async def load(keys: Collection[str]) -> None:
            engine.parts_missed.update(map(kind_of, keys))
            for each in await engine.loader.load_many(keys):
                if not same_history(cache, each):
                    raise _AskDatabase
                loaded.add(each)

        try:
            found |= await batch.resolve_all(
                request.table.kind, rest, lambda key: self._derive(request.table, key, loaded), load
            )
        except _AskDatabase:
            return None
        if began != (cache.history, cache.starts):
            return None  # some results are of another history than others
        return self._reply(request, found, revision, loaded.source)

    def _now_valid(self, request: _Request) -> dict[bytes, bytes]:
        """The cached results of the request's keys that may be given now."""
        table, fresh = request.table, self._engine.freshness.fresh()
        valid, found = table.valid_at(clock.now()), {}
        for key in request.keys:
            try:
                found[key] = valid[key]
            except KeyError:
                continue
        if not fresh:
            for key in table.absent.intersection(found):
                del found[key]
        return found

    def _derive(self, table: _Table, key: bytes, loaded: Mapping[str, Loaded]) -> bytes:
        """The framed result of a key, cached if the key may repeat. Raises Missing, _AskDatabase."""
        fresh = self._engine.freshness.fresh()
        view = PartsView(self._cache, loaded, fresh=fresh)
        derived = batch.derive_result(table.kind, key, view.get, clock.now())
        if derived.absence and not fresh:
            raise _AskDatabase
        self._engine.parts_found.update(map(kind_of, view.used))
        framed = batch.framed(derived.response)
        settled = view.all_cached and view.used and derived.response.status != resolver_pb2.INVALID
        if settled and _repeats(table.kind, key):
            self._store_result(table, key, framed, tuple(view.used.values()), derived.valid_until)
            if derived.absence and key in table:
                table.absent.add(key)
        return framed

    def _store_result(self, table: _Table, key: bytes, framed: bytes, parts: Sequence[Part], valid_until: int) -> None:
        """Cache a result. One that rests on absent parts is valid only as long as they are, and such results are few."""
        absent = [part.expires for part in parts if part.absent]
        if absent:
            valid_until = min(valid_until, clock.now() + round((min(absent) - time.monotonic()) * 1_000_000))
        cached = self._engine.responses.insert(table, key, framed, parts, valid_until)
        if absent:
            self._absences.append(cached)
            if len(self._absences) > self._max_absences:
                oldest = self._absences.popleft()
                if oldest.current:
                    self._engine.responses.remove(oldest)

    async def _from_database(self, request: _Request) -> Reply:
        """The response from PostgreSQL alone, at one snapshot. Raises Unavailable."""
        async with self._pool.snapshot() as session:
            kind, least = request.table.kind, request.min_revision
            found, snap = await lookups.batch_from_database(session, kind, request.keys, least)
        return self._reply(request, found, snap, FROM_DATABASE)

    def _reply(self, request: _Request, found: Mapping[bytes, bytes], revision: int, source: Metadata) -> Reply:
        results = batch.join([found[key] for key in request.keys])
        return Reply(results + self._encoded_revision(revision), source)


class _AskDatabase(Exception):
    """Only PostgreSQL may answer."""


def _repeats(kind: BatchKind, element: bytes) -> bool:
    """Whether others may send the same key: in protobuf's own encoding, without a time and without unknown fields."""
    if len(element) > _MAX_KEY:
        return False
    key: Any = kind.key.FromString(element)
    key.DiscardUnknownFields()
    timed = "as_of" in key.DESCRIPTOR.fields_by_name and key.HasField("as_of")
    return not timed and key.SerializeToString() == element


def revision_method(method: AnyMethod, cache: Cache, feed: Feed) -> Unary:
    """GetRevision: the revision that the worker has applied."""

    async def serve(data: bytes, call: Call) -> Reply:
        authority.permit(call.principal, method.role, method.name)
        method.parse(data)
        if not cache.starts:
            msg = "this worker has not begun to follow the registry; retry"
            raise errors.Unavailable(msg)
        response = resolver_pb2.GetRevisionResponse(epoch=cache.epoch, revision=cache.applied, age_ms=age_ms(feed.age()))
        return Reply(response.SerializeToString())

    def lookup_for(principal: Principal, grant: Grant = ADMITTED) -> CacheLookup:
        del principal, grant
        return never_cached

    return Unary(method.name, method.path, limits.SINGLE, lookup_for, serve, lambda _many: None)
