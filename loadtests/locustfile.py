"""Users of a running cqar: feeds, portfolios, gateways and an admin, over gRPC at the hot path's one address.

`locust -f loadtests/locustfile.py --host HOST:PORT`, with its web page or `--headless`. Keys are those of the command line:
CQAR_API_KEY, else those that `cqar up` has made in $CQAR_HOME. A run fails on errors, and where an answer takes too long.
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
#: Seconds that a call may take.
_PATIENCE = 5.0
#: A call, its percentile, and the milliseconds that it may take.
LIMITS = (("GetVenueSymbol", 0.5, 10), ("GetVenueSymbol", 0.99, 50), ("GetAsset", 0.99, 20))
#: Listings that the users know, at most.
_KNOWN = 10_000
_PAGE = 1_000
#: How steep the use of symbols falls with their rank.
_SKEW = 1.1
#: The venue that the admin lists at.
_VENUE = "load-tests"
#: Seconds for which everybody asks for what was just listed.
_BURST = 2.0
#: One in so many questions of a feed is for what there is not.
_UNKNOWN = 40


class Directory(NamedTuple):
    """What the registry holds, as far as the users know of it."""

    listings: Sequence[Any]
    assets: Sequence[str]
    weights: Sequence[float]

    def listing(self) -> Any:
        """A listing, by Zipf's law."""
        return random.choices(self.listings, cum_weights=self.weights)[0]  # noqa: S311 - load

    def asset(self) -> str:
        """An asset's id."""
        return random.choice(self.assets)  # noqa: S311 - load


class _Fresh:
    """What was listed last, and until when everybody asks for it."""

    request: Any = None
    until = 0.0


class _Shared:
    """What all users of this process have in common; made by the first of them."""

    lock = threading.Lock()
    directory: Directory | None = None


class Caller:
    """Calls RPCs by name and tells locust of each."""

    def __init__(self, environment: Environment, host: str, key: str | None) -> None:
        self._environment = environment
        self._channel = grpc.insecure_channel(host, (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)))
        self._metadata = () if key is None else (("authorization", f"Bearer {key}"),)

    def connect(self) -> None:
        """Wait for the connection, which is no part of a call's time. Raises grpc.FutureTimeoutError."""
        grpc.channel_ready_future(self._channel).result(timeout=_PATIENCE)

    def call(self, method: str, messages: Any = contract, *, shown: str = "", absent: bool = False, **fields: Any) -> Any:
        """The response; None where it failed, which locust then knows of.

        `shown`: its name in the statistics. `absent`: NOT_FOUND is the right answer.
        """
        request = getattr(messages, f"{method}Request")(**fields)
        began = time.perf_counter()
        response: Any = None
        failure: Exception | None = None
        try:
            response = self._method(messages, method)(request, metadata=self._metadata, timeout=_PATIENCE)
        except grpc.RpcError as error:
            if not (absent and error.code() is grpc.StatusCode.NOT_FOUND):
                failure = error
        else:
            if absent:
                failure = ValueError(f"{method} knows what is not there")
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
        """All that a list has. Raises RpcError."""
        token = ""
        while True:
            request = getattr(contract, f"{method}Request")(page_size=_PAGE, page_token=token, **fields)
            response = self._method(contract, method)(request, metadata=self._metadata, timeout=60)
            yield from getattr(response, field)
            token = response.next_page_token
            if not token:
                return

    def close(self) -> None:
        """Let go of the connection."""
        self._channel.close()


def _directory(caller: Caller) -> Directory:
    """What the registry holds now. Raises ValueError where that is nothing."""
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
    """A user with a connection of its own."""

    abstract = True
    host = f"127.0.0.1:{config.load().hotpath.port}"
    role = Role.READER

    def on_start(self) -> None:
        """Connect, and learn what there is."""
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
    """Turns what exchanges call a symbol into what it is: a few symbols often, some unknown, all at once what is new."""

    weight = 12
    wait_time = constant_throughput(10)

    def on_start(self) -> None:
        """Begin to count."""
        super().on_start()
        self.asked = random.randrange(_UNKNOWN)  # noqa: S311 - load

    @task(50)
    def resolve(self) -> None:
        """One symbol, or what was just listed."""
        if time.monotonic() < _Fresh.until:
            self.caller.call("GetVenueSymbol", shown="GetVenueSymbol, just listed", **_Fresh.request)
            return
        self.asked += 1
        if self.asked % _UNKNOWN == 1:
            text, venue = f"NO{random.randrange(1_000)}", self.known.listing().venue_id  # noqa: S311 - load
            self.caller.call("GetVenueSymbol", shown="GetVenueSymbol, unknown", absent=True, venue_id=venue, venue_symbol=text)
            return
        self.caller.call("GetVenueSymbol", **_asked(self.known.listing()))

    @task(2)
    def resolve_many(self) -> None:
        """What a feed subscribes to, in one call."""
        if "ResolveVenueSymbols" not in resolver.BY_NAME:
            return
        keys = [resolver_pb2.VenueSymbolKey(**_asked(self.known.listing())) for _ in range(100)]
        self.caller.call("ResolveVenueSymbols", resolver_pb2, keys=keys)


class Portfolio(_Client):
    """Shows what is held: assets, their deployments and identifiers, now and then a search."""

    weight = 4
    wait_time = between(0.1, 0.4)

    @task(20)
    def asset(self) -> None:
        """One asset."""
        self.caller.call("GetAsset", asset_id=self.known.asset())

    @task(3)
    def deployments(self) -> None:
        """Where it is deployed."""
        self.caller.call("ListAssetDeployments", asset_id=self.known.asset())

    @task(2)
    def identifiers(self) -> None:
        """What others call it."""
        self.caller.call("ListAssetIdentifiers", asset_id=self.known.asset())

    @task(1)
    def search(self) -> None:
        """By what somebody types."""
        self.caller.call("SearchAssets", query=random.choice(("BTC", "usd", "ether", "sol")), page_size=20)  # noqa: S311 - load


class Gateway(_Client):
    """Sends orders: the symbol in full, its venue, and where else it trades."""

    weight = 4
    wait_time = between(0.05, 0.2)

    @task(10)
    def order(self) -> None:
        """All that an order needs."""
        listing = self.known.listing()
        found = self.caller.call("GetVenueSymbol", **_asked(listing))
        if found is not None:
            self.caller.call("GetSymbol", symbol_id=found.venue_symbol.symbol_id)

    @task(3)
    def venue(self) -> None:
        """The venue itself."""
        self.caller.call("GetVenue", venue_id=self.known.listing().venue_id)

    @task(2)
    def elsewhere(self) -> None:
        """The same symbol at other venues."""
        self.caller.call("FindVenueSymbols", resolver_pb2, symbol_id=self.known.listing().symbol_id)


class Admin(_Client):
    """Lists symbols, corrects them, flags assets, and takes all of it away again at the end."""

    fixed_count = 1
    wait_time = constant_throughput(2)
    role = Role.WRITER

    def on_start(self) -> None:
        """Have a venue, and two assets to trade."""
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
        """The next chore."""
        next(self.chores)()

    def list_a_symbol(self) -> None:
        """Something new, which all feeds ask for at once."""
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
        """The tick size of a listing."""
        if self.mine:
            listing, _, _ = random.choice(self.mine)  # noqa: S311 - load
            tick = f"0.{random.randrange(1, 10_000):04}"  # noqa: S311 - load
            self.caller.call("UpdateVenueSymbol", registry_pb2, listing_id=listing, tick_size_decimal=tick)

    def flag(self) -> None:
        """Block an asset, and free it again."""
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
        """Take everything away but the venue, which has to stay."""
        _Fresh.until = 0.0
        for listing, symbol, asset in self.mine:
            self.caller.call("DeleteVenueSymbol", registry_pb2, listing_id=listing)
            self.caller.call("DeleteSymbol", symbol_id=symbol)
            self.caller.call("DeleteAsset", asset_id=asset)
        self.caller.call("DeleteAsset", asset_id=self.quote)
        super().on_stop()


def _asked(listing: Any) -> dict[str, Any]:
    return {"venue_id": listing.venue_id, "venue_symbol": listing.venue_symbol, "symbol_type": listing.symbol_type}


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def options(parser: Any) -> None:
    """What this file adds to locust's command line."""
    parser.add_argument("--untimed", action="store_true", help="do not fail for calls that take too long")


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def judge(environment: Environment, **_: Any) -> None:
    """Fail the run on errors, on calls that take too long, and where nothing was asked."""
    broken = list(_broken(environment))
    for each in broken:
        print(f"failed: {each}")  # noqa: T201 - as locust itself
    if broken:
        environment.process_exit_code = 1


def _broken(environment: Environment) -> Iterator[str]:
    stats: Any = environment.stats
    timed = environment.parsed_options is None or not environment.parsed_options.untimed
    if stats.total.num_failures:
        yield f"{stats.total.num_failures} of {stats.total.num_requests} calls went wrong"
    for name, part, most in LIMITS:
        entry = stats.get(name, "grpc")
        took = entry.get_response_time_percentile(part)
        if not entry.num_requests:
            yield f"{name} was never called"
        elif took > most and timed:
            yield f"{name} took {took:.0f} ms at p{part * 100:g}, more than {most}"
