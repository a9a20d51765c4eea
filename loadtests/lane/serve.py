"""A lane with keys, metrics and stale marks, as measured by the benchmark.

`python -m loadtests.lane.serve lane|lane-stale|lane-miss|lane-wait PORT [CERTIFICATE KEY]`
"""

import asyncio
import ssl
import sys
import time
from collections.abc import Sequence
from typing import Any

import prometheus_client
import uvloop

from cqar.lane.grpc import Reply, RpcError, StaleMarks, cached_response, framed
from cqar.lane.server import Lane
from cqar.lane.service import AuthRequest, CacheLookup, Context, HitCounter, Observer, Service
from loadtests.scripts import Calls

PATH = "/cqc.api.v1.VenueSymbolService/GetVenueSymbol"
KEYS = 10_000
TOKEN = "Bearer abcdefgh0123456789"  # noqa: S105 - only for tests
#: The end of a stale response.
STALE = b"\xc8\x0c\x01\xd0\x0c\x64"
_LEASE = 1.0


def request(number: int) -> bytes:
    """Return a request of realistic size."""
    venue, symbol = b"binance", b"SYM%05dUSDT" % number
    return b"".join((b"\x0a", bytes((len(venue),)), venue, b"\x12", bytes((len(symbol),)), symbol))


def answer(number: int) -> bytes:
    """Return a unique response of 250 bytes."""
    return (b"%05d" % number) * 50


def calls(more: bytes = b"") -> Calls:
    """Return calls of all keys. `more` is appended to the expected responses."""
    return Calls(PATH, TOKEN, [(request(number), answer(number) + more) for number in range(KEYS)])


class _Part:
    __slots__ = ("live", "used")

    def __init__(self) -> None:
        self.live = True
        self.used = False


class _Cached:
    """A cached response: valid while its parts live, which is checked once per generation."""

    __slots__ = ("parts", "root", "row", "seen")

    def __init__(self, data: bytes) -> None:
        self.row = data
        self.root = _Part()
        self.parts = (self.root,)
        self.seen = 0


class Symbols:
    """A method with cached responses that track validity and use."""

    zero_copy = True
    max_request = 65_536

    def __init__(self, keys: int, *, waits: bool = False) -> None:
        self._waits = waits
        self._table = {framed(request(number)): _Cached(cached_response(answer(number))) for number in range(keys)}
        self.generation = 0

    def lookup_for(self, _principal: Any) -> CacheLookup:
        """Return the lookup in the table."""
        find = self._table.get

        def hit(data: bytes) -> bytes | None:
            found = find(data)
            if found is None:
                return None
            if found.seen != self.generation:
                if not all(part.live for part in found.parts):
                    return None
                found.seen = self.generation
            found.root.used = True
            return found.row

        return hit

    async def handle(self, message: bytes, _context: Context) -> Reply:
        """Answer at once, or never."""
        if self._waits:
            await asyncio.sleep(1e6)
        return Reply(answer(int(message[-9:-4])))


class Metrics(Observer):
    """Prometheus metrics, updated once per read."""

    def __init__(self) -> None:
        registry = prometheus_client.CollectorRegistry()
        self._hits = prometheus_client.Counter("hits", "Cached responses.", ["method", "principal"], registry=registry)
        self._seconds = prometheus_client.Histogram("read_seconds", "Reads.", registry=registry)

    def hit_counter(self, path: str, principal: Any) -> HitCounter:
        """Return the counter."""
        count, observe = self._hits.labels(path, principal).inc, self._seconds.observe

        def tally(many: int, seconds: float) -> None:
            count(many)
            observe(seconds)

        return tally


def _authorize(asked: AuthRequest) -> str:
    if asked.fields.get("authorization") != TOKEN:
        raise RpcError(16, "no valid key")
    return "bench"


async def _lane(kind: str, port: int, files: Sequence[str]) -> None:
    fresh = {"at": time.monotonic()}

    def stale_marks(at: float) -> StaleMarks | None:
        if kind == "lane-stale":
            return StaleMarks(STALE, (("cqar-stale", "true"), ("cqar-age-ms", "100")))
        return None if at - fresh["at"] < _LEASE else StaleMarks(STALE, ())

    # A request without a cached response is a miss.
    symbols = Symbols(0 if kind in {"lane-miss", "lane-wait"} else KEYS, waits=kind == "lane-wait")
    service = Service(methods={PATH: symbols}, authorize=_authorize, stale_marks=stale_marks, observer=Metrics())
    tls = None
    if files:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*files)
        tls.set_alpn_protocols(["h2"])
    lane = Lane(service)
    await lane.listen("127.0.0.1", port, tls=tls)
    while True:
        fresh["at"] = time.monotonic()
        await asyncio.sleep(_LEASE / 4)


if __name__ == "__main__":
    name, number, *paths = sys.argv[1:]
    uvloop.run(_lane(name, int(number), paths))
