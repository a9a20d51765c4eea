"""Shared by all sections of a bench: the stack, the calls with their responses, the yardstick and the report."""

import asyncio
import contextlib
import functools
import os
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import grpc.aio

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.dev.embedded import processes
from loadtests import echo, generator, scripts, servers, symbols
from loadtests.bench.report import Line, Mark, Report
from loadtests.generator import Run, Shape
from loadtests.scripts import Calls
from loadtests.stack import Registry, Stack

SERVICE = "/cqc.services.v1.AssetRegistry/"
GET = f"{SERVICE}GetVenueSymbol"
TRANSPORTS = ("lane", "grpcio")
#: Connections of the generator.
CONNECTIONS = 8
#: Debian's folder of Go packages.
_GOPATH = "/usr/share/gocode"
_AT_ONCE = 64
_TIMEOUT = 30.0

At = tuple[int, int]


class Options(NamedTuple):
    """The extent of the measurements. `keys`: number of venue symbols."""

    seconds: float = 3.0
    rounds: int = 2
    keys: int = 10_000
    #: numbers of venue symbols in one worker, ascending
    sizes: Sequence[int] = (1_000, 10_000, 100_000, 1_000_000)
    #: a short test run
    quick: bool = False


class Bench:
    """One run."""

    def __init__(self, stack: Stack, report: Report, options: Options) -> None:
        self.stack = stack
        self.report = report
        self.options = options
        self.folder = stack.folder
        self.program = generator.build(self.folder)
        self._yards: dict[int, Run] = {}

    # ---- calls ----------------------------------------------------------------------------------------------------

    @functools.cached_property
    def registry(self) -> Registry:
        """The registry with the venue symbols, real ones first."""
        self.report.doing("loading venue symbols")
        made = self.stack.registry("main")
        keys = self.options.keys
        real = list(symbols.real())
        wanted = (
            [*real[:keys], *symbols.generated(max(0, keys - len(real)))]
            if not self.options.quick
            else [*symbols.generated(keys)]
        )
        with made.admin() as channel:
            symbols.load(channel, wanted)
        self._wanted = wanted
        return made

    @functools.cached_property
    def calls(self) -> Calls:
        """GetVenueSymbol for all venue symbols, with the responses of admin from PostgreSQL."""
        registry = self.registry
        requests = [
            pb.GetVenueSymbolRequest(venue_id=each.venue, venue_symbol=each.text).SerializeToString() for each in self._wanted
        ]
        requests = list(dict.fromkeys(requests))
        self.report.doing("reading all responses from admin")
        answers = asyncio.run(ask(registry.port, registry.token, GET, requests))
        pairs = [(one, other) for one, other in zip(requests, answers, strict=True) if other is not None]
        return Calls(GET, registry.token, pairs)

    # ---- measuring -------------------------------------------------------------------------------------------------

    def shape(self, streams: int, client: str = "equal", rate: float = 0, seconds: float | None = None) -> Shape:
        """The load with `streams` streams per connection."""
        return Shape(CONNECTIONS, streams, seconds or self.options.seconds, rate, scripts.loops(client))

    def best(self, serve: Callable[[], contextlib.AbstractContextManager[At]], calls: Calls, client: str, streams: int) -> Run:
        """The round with the least CPU time per call. Each round has a new server, which has served all keys before."""
        files = scripts.write(self.folder, client, CONNECTIONS, calls)
        runs = []
        for _ in range(self.options.rounds):
            with serve() as at:
                self.warm(at, calls, streams)
                runs.append(self.measure(at, files, self.shape(streams, client)))
        return min(runs, key=lambda run: run.processor)

    def warm(self, at: At, calls: Calls, streams: int = 8) -> None:
        """Make a server answer every call once, a few at a time, so that it does not fall behind."""
        everything = scripts.deal(self._folder("warm"), "equal", 1, calls)
        self.measure(at, everything, Shape(1, min(8, streams), _TIMEOUT, loop=-2))

    def measure(self, at: At, files: Sequence[Path], shape: Shape) -> Run:
        """Run the generator once. Raises GeneratorError for a wrong response."""
        return generator.measure(self.program, *at, files, shape)

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    # ---- servers ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def worker(self, transport: str, **variables: str) -> Iterator[At]:
        """Run a worker on the registry. Yields (port, process id)."""
        with self.registry.worker(transport, **variables) as made, self.apart(made.pid):
            yield made.port, made.pid

    @contextlib.contextmanager
    def echoed(self) -> Iterator[At]:
        """Run the bare grpc.aio echo; its response has the average length of the real ones."""
        port = servers.free_port()
        with (
            servers.module("loadtests.echo", port, str(port), str(self._size), log=self.folder / "echo.log") as at,
            self.apart(at[1]),
        ):
            yield at

    def apart(self, pid: int) -> contextlib.AbstractContextManager[None]:
        """Reserve the server's core for this process: move all others away, if the system supports CPU affinity."""
        return generator.aside(set(processes.tree(os.getpid())) - {os.getpid(), *processes.tree(pid)})

    @property
    def _size(self) -> int:
        return round(statistics.mean(len(answer) for _, answer in self.calls.pairs))

    @functools.cached_property
    def echoes(self) -> Calls:
        """The same calls with the response of the echo."""
        calls, data = self.calls, echo.answer(self._size)
        return calls._replace(pairs=[(request, data) for request, _ in calls.pairs])

    def yard(self, streams: int = 32) -> Run:
        """The yardstick with `streams` streams per connection."""
        if streams not in self._yards:
            self.report.doing(f"the yardstick, 8x{streams}")
            self._yards[streams] = self.best(self.echoed, self.echoes, "equal", streams)
        return self._yards[streams]

    @functools.cached_property
    def go(self) -> Path | None:
        """The program of the bare grpc-go echo; None if it cannot be built."""
        go, program = shutil.which("go"), self.folder / "echo-go"
        if go is None:
            return None
        path = os.pathsep.join(filter(None, (os.environ.get("GOPATH"), _GOPATH)))
        variables = {"GO111MODULE": "off", "GOPATH": path, "GOCACHE": str(self.folder / "go-cache")}
        command = [go, "build", "-o", str(program), str(Path(echo.__file__).with_suffix(".go"))]
        return program if generator.compiled(command, self.folder, **variables) == 0 else None

    @contextlib.contextmanager
    def echoed_by_go(self) -> Iterator[At]:
        """Run the bare grpc-go echo on one core."""
        port = servers.free_port()
        service, method = GET.strip("/").split("/")
        program = [str(self.go), str(port), str(self._size), service, method]
        made = servers.Server(program, self.folder / "echo.log", {"GOMAXPROCS": "1"}, role=0)
        try:
            made.wait(port)
            with self.apart(made.pid):
                yield port, made.pid
        finally:
            made.end()

    # ---- reporting -------------------------------------------------------------------------------------------------

    def add(self, section: str, name: str, run: Run, *, lookups: int = 1, least: float | None = None, note: str = "") -> None:
        """Report a run with its multiple of the yardstick at 8x32; `least` is the target multiple."""
        times = run.rate * lookups / self.yard().rate
        marks = [] if least is None else [Mark(f">= {least:g} x", times >= least)]
        self.report.add(Line(section, name, run, lookups, times=times, marks=marks, note=note))


async def ask(port: int, token: str, path: str, requests: Sequence[bytes]) -> list[bytes | None]:
    """The responses of a server over grpc.aio; None for an error."""
    answers: list[bytes | None] = [None] * len(requests)
    turns = iter(range(len(requests)))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", (("grpc.max_receive_message_length", -1),)) as channel:
        call: Any = channel.unary_unary(path)

        async def one() -> None:
            for at in turns:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    answers[at] = await call(requests[at], metadata=(("authorization", token),), timeout=_TIMEOUT)

        await asyncio.gather(*(one() for _ in range(_AT_ONCE)))
    return answers
