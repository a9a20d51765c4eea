"""Users of a running cqar: feeds, portfolios, gateways and an admin. All call the hot path over gRPC.

`locust -f loadtests/locustfile.py --host HOST:PORT`, with the web page or `--headless`. API keys come from CQAR_API_KEY or
from the files of `cqar up` in $CQAR_HOME. A run fails on errors and on calls that take too long.
"""

import itertools
import math
import os
import random
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import grpc.experimental.gevent
from locust import User, between, constant_throughput, events, task
from locust.env import Environment

from cqar import config
from cqar.client import credentials
from cqar.contract.cqar.v1 import registry_pb2, resolver_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from cqar.model.call import Role
from cqar.services import resolver

grpc.experimental.gevent.init_gevent()

_SERVICES = {
    contract: "/cqc.services.v1.AssetRegistry/",
    registry_pb2: "/cqar.v1.Registry/",
    resolver_pb2: "/cqar.v1.Resolver/",
}
#: Timeout of a call in seconds.
_TIMEOUT = 5.0
#: Method, percentile, and the limit in milliseconds.
LIMITS = (("GetVenueSymbol", 0.5, 10), ("GetVenueSymbol", 0.99, 50), ("GetAsset", 0.99, 20))
#: Maximum number of listings that the users know.
_KNOWN = 10_000
_PAGE = 1_000
#: Exponent of the Zipf distribution over listings.
_SKEW = 1.1
#: The venue of the admin's listings.
_VENUE = "load-tests"
#: Seconds for which all feeds resolve a new listing.
_BURST = 2.0
#: One in N lookups of a feed is for an unknown symbol.
_UNKNOWN = 40


class Directory(NamedTuple):
    """The listings and assets that the users look up."""

    listings: Sequence[Any]
    assets: Sequence[str]
    weights: Sequence[float]

    def listing(self) -> Any:
        """A random listing, Zipf distributed."""
        return random.choices(self.listings, cum_weights=self.weights)[0]  # noqa: S311 - load

    def asset(self) -> str:
        """A random asset id."""
        return random.choice(self.assets)  # noqa: S311 - load


class _Fresh:
    """The newest listing, and until when all feeds resolve it."""

    request: Any = None
    until = 0.0


class _Shared:
    """State shared by all users of this process; the first one loads it."""

    lock = threading.Lock()
    directory: Directory | None = None


class Caller:
    """Calls RPCs by name and reports each to locust."""

    def __init__(self, environment: Environment, host: str, key: str | None) -> None:
        self._environment = environment
        self._channel = grpc.insecure_channel(host, (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)))
        self._metadata = () if key is None else (("authorization", f"Bearer {key}"),)

    def connect(self) -> None:
        """Wait for the connection, which does not count as part of a call. Raises grpc.FutureTimeoutError."""
        grpc.channel_ready_future(self._channel).result(timeout=_TIMEOUT)

    def call(self, method: str, messages: Any = contract, *, shown: str = "", absent: bool = False, **fields: Any) -> Any:
        """Call and return the response; report the call to locust. None if it failed.

        `shown`: the name in the statistics. `absent`: NOT_FOUND is the expected result.
        """
        request = getattr(messages, f"{method}Request")(**fields)
        began = time.perf_counter()
        response: Any = None
        failure: Exception | None = None
        try:
            response = self._method(messages, method)(request, metadata=self._metadata, timeout=_TIMEOUT)
        except grpc.RpcError as error:
            if not (absent and error.code() is grpc.StatusCode.NOT_FOUND):
                failure = error
        else:
            if absent:
                failure = ValueError(f"{method} found an unknown name")
        fire: Any = self._environment.events.request.fire
        fire(
            request_type="grpc",
            name=shown or method,
            response_time=(time.perf_counter() - began) * 1_000,
            response_length=0 if response is None else response.ByteSize(),
            exception=failure,
            context={},
        )
        return response

    def _method(self, messages: Any, method: str) -> Any:
        answer = getattr(messages, f"{method}Response")
        return self._channel.unary_unary(
            _SERVICES[messages] + method, getattr(messages, f"{method}Request").SerializeToString, answer.FromString
        )

    def pages(self, method: str, field: str, **fields: Any) -> Iterator[Any]:
        """All rows of a list. Raises RpcError."""
        token = ""
        while True:
            request = getattr(contract, f"{method}Request")(page_size=_PAGE, page_token=token, **fields)
            response = self._method(contract, method)(request, metadata=self._metadata, timeout=60)
            yield from getattr(response, field)
            token = response.next_page_token
            if not token:
                return

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


def _directory(caller: Caller) -> Directory:
    """Read listings and assets of the registry. Raises ValueError if it is empty."""
    found = itertools.chain.from_iterable(
        caller.pages("ListVenueSymbols", "venue_symbols", venue_id=venue.venue_id)
        for venue in caller.pages("ListVenues", "venues")
        if venue.venue_id != _VENUE
    )
    listings = [each for each in itertools.islice(found, _KNOWN) if each.is_active]
    owned = [each.asset_id for each in itertools.islice(caller.pages("ListAssets", "assets"), _KNOWN)]
    if not listings or not owned:
        message = "the registry is empty: `make up` loads a sample"
        raise ValueError(message)
    random.Random(1).shuffle(listings)  # noqa: S311 - the same in every run
    weights = itertools.accumulate(1 / math.pow(rank, _SKEW) for rank in range(1, len(listings) + 1))
    return Directory(listings, owned, list(weights))


class _Client(User):
    """A user with its own connection."""

    abstract = True
    host = f"127.0.0.1:{config.load().hotpath.port}"
    role = Role.READER

    def on_start(self) -> None:
        """Connect, and load the directory."""
        home = Path(os.environ.get("CQAR_HOME", config.Settings().home))
        self.caller = Caller(self.environment, (self.host or "").removeprefix("grpc://"), credentials.find(home, self.role))
        self.caller.connect()
        with _Shared.lock:
            if _Shared.directory is None:
                _Shared.directory = _directory(self.caller)
            self.known = _Shared.directory

    def on_stop(self) -> None:
        """Disconnect."""
        self.caller.close()


class Feed(_Client):
    """Resolves venue symbols: a few often, some unknown, and each new listing at once."""

    weight = 12
    wait_time = constant_throughput(10)

    def on_start(self) -> None:
        """Start the counter of lookups."""
        super().on_start()
        self.lookups = random.randrange(_UNKNOWN)  # noqa: S311 - load

    @task(50)
    def resolve(self) -> None:
        """One symbol, or the newest listing."""
        if time.monotonic() < _Fresh.until:
            self.caller.call("GetVenueSymbol", shown="GetVenueSymbol, just listed", **_Fresh.request)
            return
        self.lookups += 1
        if self.lookups % _UNKNOWN == 1:
            text, venue = f"NO{random.randrange(1_000)}", self.known.listing().venue_id  # noqa: S311 - load
            self.caller.call("GetVenueSymbol", shown="GetVenueSymbol, unknown", absent=True, venue_id=venue, venue_symbol=text)
            return
        self.caller.call("GetVenueSymbol", **_lookup_fields(self.known.listing()))

    @task(2)
    def resolve_many(self) -> None:
        """A batch of 100 symbols."""
        if "ResolveVenueSymbols" not in resolver.BY_NAME:
            return
        keys = [resolver_pb2.VenueSymbolKey(**_lookup_fields(self.known.listing())) for _ in range(100)]
        self.caller.call("ResolveVenueSymbols", resolver_pb2, keys=keys)


class Portfolio(_Client):
    """Shows assets with their deployments and identifiers, and sometimes searches."""

    weight = 4
    wait_time = between(0.1, 0.4)

    @task(20)
    def asset(self) -> None:
        """One asset."""
        self.caller.call("GetAsset", asset_id=self.known.asset())

    @task(3)
    def deployments(self) -> None:
        """The deployments of an asset."""
        self.caller.call("ListAssetDeployments", asset_id=self.known.asset())

    @task(2)
    def identifiers(self) -> None:
        """The external ids of an asset."""
        self.caller.call("ListAssetIdentifiers", asset_id=self.known.asset())

    @task(1)
    def search(self) -> None:
        """A search as a user types it."""
        self.caller.call("SearchAssets", query=random.choice(("BTC", "usd", "ether", "sol")), page_size=20)  # noqa: S311 - load


class Gateway(_Client):
    """Sends orders: reads the symbol, its venue, and the other venues that trade it."""

    weight = 4
    wait_time = between(0.05, 0.2)

    @task(10)
    def order(self) -> None:
        """The listing and its symbol."""
        listing = self.known.listing()
        found = self.caller.call("GetVenueSymbol", **_lookup_fields(listing))
        if found is not None:
            self.caller.call("GetSymbol", symbol_id=found.venue_symbol.symbol_id)

    @task(3)
    def venue(self) -> None:
        """The venue of a listing."""
        self.caller.call("GetVenue", venue_id=self.known.listing().venue_id)

    @task(2)
    def elsewhere(self) -> None:
        """The same symbol at other venues."""
        self.caller.call("FindVenueSymbols", resolver_pb2, symbol_id=self.known.listing().symbol_id)


class Admin(_Client):
    """Lists symbols, updates them, flags assets, and deletes everything at the end."""

    fixed_count = 1
    wait_time = constant_throughput(2)
    role = Role.WRITER

    def on_start(self) -> None:
        """Create a venue and the quote asset."""
        super().on_start()
        self.mine: list[tuple[str, str, str]] = []
        rest = [self.flag, *[self.correct] * 4]
        self.chores = itertools.cycle([self.list_a_symbol, self.correct, *rest, *rest])
        self.caller.call(
            "Apply",
            registry_pb2,
            rows=[
                registry_pb2.ApplyRow(
                    venue=venues.Venue(venue_id=_VENUE, name="Load tests", venue_type=venues.VENUE_TYPE_CEX),
                )
            ],
            source="loadtests",
        )
        self.quote = self._asset("quote")

    def _asset(self, what: str) -> str:
        made = self.caller.call("CreateAsset", symbol="LOAD", name=f"Load test {what}", asset_type=assets.ASSET_TYPE_NATIVE)
        return "" if made is None else str(made.asset.asset_id)

    @task
    def work(self) -> None:
        """Do the next chore."""
        next(self.chores)()

    def list_a_symbol(self) -> None:
        """Create a listing, which all feeds then resolve at once."""
        base = self._asset("base")
        symbol = self.caller.call(
            "CreateSymbol", symbol_type=markets.SYMBOL_TYPE_SPOT, base_asset_id=base, quote_asset_id=self.quote, tick_size=0.01
        )
        if symbol is None:
            return
        symbol_id, text = symbol.symbol.symbol_id, f"LOAD{secrets.token_hex(4)}"
        made = self.caller.call("CreateVenueSymbol", venue_id=_VENUE, symbol_id=symbol_id, venue_symbol=text)
        if made is not None:
            self.mine.append((made.venue_symbol.listing_id, symbol_id, base))
            _Fresh.request = {"venue_id": _VENUE, "venue_symbol": text, "min_revision": made.revision}
            _Fresh.until = time.monotonic() + _BURST

    def correct(self) -> None:
        """Update the tick size of a listing."""
        if self.mine:
            listing, _, _ = random.choice(self.mine)  # noqa: S311 - load
            tick = f"0.{random.randrange(1, 10_000):04}"  # noqa: S311 - load
            self.caller.call("UpdateVenueSymbol", registry_pb2, listing_id=listing, tick_size_decimal=tick)

    def flag(self) -> None:
        """Raise a critical flag on an asset, and resolve it."""
        if not self.mine:
            return
        _, _, asset = random.choice(self.mine)  # noqa: S311 - load
        fields: dict[str, Any] = {
            "severity": assets.FLAG_SEVERITY_CRITICAL,
            "description": "a load test",
            "raised_by": "loadtests",
        }
        made = self.caller.call("RaiseQualityFlag", asset_id=asset, flag_type=assets.FLAG_TYPE_PAUSED, **fields)
        if made is not None:
            self.caller.call("ResolveQualityFlag", flag_id=made.flag.flag_id, resolved_by="loadtests")

    def on_stop(self) -> None:
        """Delete everything but the venue, which cannot be deleted."""
        _Fresh.until = 0.0
        for listing, symbol, asset in self.mine:
            self.caller.call("DeleteVenueSymbol", registry_pb2, listing_id=listing)
            self.caller.call("DeleteSymbol", symbol_id=symbol)
            self.caller.call("DeleteAsset", asset_id=asset)
        self.caller.call("DeleteAsset", asset_id=self.quote)
        super().on_stop()


def _lookup_fields(listing: Any) -> dict[str, Any]:
    return {"venue_id": listing.venue_id, "venue_symbol": listing.venue_symbol, "symbol_type": listing.symbol_type}


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def options(parser: Any) -> None:
    """Add options to locust's command line."""
    parser.add_argument("--untimed", action="store_true", help="do not fail for calls that take too long")


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def judge(environment: Environment, **_: Any) -> None:
    """Fail the run on errors, on calls that take too long, and on calls that were never made."""
    broken = list(_broken(environment))
    for each in broken:
        print(f"failed: {each}")  # noqa: T201 - as locust itself
    if broken:
        environment.process_exit_code = 1


def _broken(environment: Environment) -> Iterator[str]:
    stats: Any = environment.stats
    timed = environment.parsed_options is None or not environment.parsed_options.untimed
    if stats.total.num_failures:
        yield f"{stats.total.num_failures} of {stats.total.num_requests} calls failed"
    for name, part, most in LIMITS:
        entry = stats.get(name, "grpc")
        took = entry.get_response_time_percentile(part)
        if not entry.num_requests:
            yield f"{name} was never called"
        elif took > most and timed:
            yield f"{name} took {took:.0f} ms at p{part * 100:g}, more than {most}"
