"""Several workers on one port: started, watched, replaced and rolled, and told about as one.

Each worker is a process of its own, made by exec, with its own cache and its own feed; the kernel spreads connections over
those that listen. Nothing here serves a call, so that nothing here can stop one.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp

from cqar import config, tasks
from cqar.hotpath import fleet_status
from cqar.observability import logs
from cqar.server import launch, process, tls

_log = logs.logger("supervisor")

#: Seconds between two looks at a worker.
_LOOK: Final = 0.25
#: Seconds that a worker may take to say how it is.
_PATIENCE: Final = 2.0
#: Seconds that a new worker may take to say anything.
_FIRST_WORD: Final = 60.0
#: Seconds before a worker is started again: the first time, and at most; and after which it counts as well.
_BACKOFF: Final = 0.25
_BACKOFF_MOST: Final = 30.0
_WELL: Final = 30.0
#: Seconds that a new worker may take to be ready before the next one is rolled.
_ROLLED: Final = 120.0
#: Seconds that a worker may take to stop: more than its calls under way have.
_DRAINED: Final = 45.0


class Ended(Exception):
    """A worker ended before it ever served: the settings do not let it. `code` is its exit code."""

    def __init__(self, number: int, code: int) -> None:
        super().__init__(f"worker {number} ended with {code} before it served; its last lines say why")
        self.code = code


class Worker:
    """One process of the fleet."""

    def __init__(self, number: int, place: Path, program: Sequence[str], environment: Mapping[str, str]) -> None:
        self.number = number
        #: the socket at which it says how it is
        self.socket = str(place)
        self._program = [*program, "--member", str(number), self.socket]
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._session = aiohttp.ClientSession("http://worker", connector=aiohttp.UnixConnector(self.socket))
        self.began = time.monotonic()
        #: when it last said anything, monotonic seconds
        self.heard = self.began
        #: whether it has listened, and whether it has been told to stop
        self.listened = False
        self.leaving = False
        #: how it is, and the port of its metrics, as it last said
        self.told: Mapping[str, Any] = {}
        self.metrics_port = 0
        #: its metrics, as last read
        self.metrics = fleet_status.Sample()

    async def start(self) -> None:
        """Start it; it does not serve yet."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)  # noqa: PTH108 - of a moment
        self.began = self.heard = time.monotonic()
        line = launch.line(self._program, death=signal.SIGTERM, uid=0, gid=0, capability=0)
        self._process = await asyncio.create_subprocess_exec(*line, env=self._environment, start_new_session=True)

    @property
    def pid(self) -> int:
        """The number of its process."""
        return 0 if self._process is None else self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return None if self._process is None else self._process.returncode

    @property
    def ready(self) -> bool:
        """Whether it answers lookups, by its own word."""
        return self.code is None and not self.leaving and self.told.get("status") in {"ready", "degraded"}

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def look(self) -> None:
        """Ask it how it is; one that has ended says nothing."""
        if self.code is not None:
            self.told = {}
            return
        try:
            self.told = await self._asked("/health/ready")
            if not self.metrics_port:
                self.metrics_port = (await self._asked("/ports"))["metrics"]
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            self.told = {}
            return
        self.heard = time.monotonic()
        self.listened = self.listened or bool(self.metrics_port)

    async def read_metrics(self) -> None:
        """Read its metrics; where it does not answer, what was read last stays."""
        if self.code is not None:
            return
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
            async with asyncio.timeout(_PATIENCE), self._session.get("/metrics") as response:
                self.metrics = fleet_status.sample(await response.text())

    async def _asked(self, path: str) -> Any:
        async with asyncio.timeout(_PATIENCE), self._session.get(path) as response:
            return await response.json()

    async def ended(self, seconds: float) -> None:
        """Wait for its end, which is brought about after so many seconds."""
        if self._process is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            _log.warning("worker_killed", worker=self.number, pid=self.pid, seconds=seconds)
            self.send(signal.SIGKILL)
            await self._process.wait()

    async def close(self) -> None:
        """Let go of what asked it."""
        await self._session.close()


class Supervisor:
    """The fleet. `program`: the command line of a worker, but for its place."""

    def __init__(self, settings: config.Settings, workers: int, program: Sequence[str]) -> None:
        self._settings = settings
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="cqar-fleet-"))
        self._reserved: socket.socket | None = None
        self._made = 0
        self._numbers = range(workers)
        self._workers: dict[int, Worker] = {}
        #: all that run: beside those of the numbers, a new one that does not serve yet, and an old one that finishes its calls
        self._running: set[Worker] = set()
        self._watches: dict[int, asyncio.Task[None]] = {}
        self._rolling: asyncio.Task[None] | None = None
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._past = fleet_status.Past()
        #: whether any worker has ever listened: until then, what ends one would end them all
        self._served = False
        self._http = process.Http(tls.identity(settings.tls, settings.hotpath.host))
        self.port = 0
        self.http_port = 0

    @property
    def workers(self) -> Sequence[Worker]:
        """The workers, by number."""
        return [self._workers[number] for number in self._numbers if number in self._workers]

    @property
    def past(self) -> fleet_status.Sample:
        """The sums of workers that are gone, or about to go."""
        sums = fleet_status.Past(self._past.sums)
        for each in self._running:
            if each.leaving:
                sums.add(each.metrics)
        return sums.sums

    async def start(self) -> None:
        """Start all workers. Raises PortError where the port is taken."""
        hotpath = self._settings.hotpath
        self.port = self._reserve(hotpath.host, hotpath.port)
        self.http_port = await self._http.listen(hotpath.host, hotpath.http_port, fleet_status.application(self))
        for number in self._numbers:
            self._watch(number)
        at = {"grpc": self.port, "http": self.http_port}
        _log.info("fleet_started", workers=len(self._numbers), **{name: f"{hotpath.host}:{each}" for name, each in at.items()})

    def _reserve(self, host: str, port: int) -> int:
        """Take the port, so that the workers share it and nobody else. Raises PortError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            # Whoever does not share it would keep it from the workers; whoever does would take their connections.
            with socket.socket(family, socket.SOCK_STREAM) as alone:
                alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                alone.bind((host.strip("[]"), port))
                port = int(alone.getsockname()[1])
            self._reserved = socket.socket(family, socket.SOCK_STREAM)
            self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._reserved.bind((host.strip("[]"), port))
        except OSError as error:
            raise process.PortError(host, port) from error
        return port

    def _new(self, number: int) -> Worker:
        self._made += 1
        metrics = self._settings.metrics.port
        environment = {
            **os.environ,
            "CQAR_HOTPATH_PORT": str(self.port),
            "CQAR_METRICS_PORT": str(metrics and metrics + number),
        }
        return Worker(number, self._folder / f"{self._made}", self._program, environment)

    async def _started(self, number: int) -> Worker:
        worker = self._new(number)
        self._running.add(worker)
        await worker.start()
        return worker

    async def _let_go(self, worker: Worker) -> None:
        """Keep what an ended worker has counted, and nothing else."""
        metrics, worker.metrics = worker.metrics, fleet_status.Sample()
        self._past.add(metrics)
        self._running.discard(worker)
        await worker.close()

    def _watch(self, number: int, worker: Worker | None = None) -> None:
        """See for ever that there is a worker of the number."""
        self._watches[number] = asyncio.create_task(self._keep(number, worker), name=f"worker-{number}")
        self._watches[number].add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task of the supervisor has ended. By itself it does so only where something is wrong: then all ends."""
        if not task.cancelled() and (error := task.exception()) is not None and not self._failed.done():
            self._failed.set_exception(error)

    # ---- one worker ------------------------------------------------------------------------------------------------

    async def _keep(self, number: int, worker: Worker | None = None) -> None:
        """Have a worker of the number run for ever, beginning with one that runs already, if there is one. Raises Ended."""
        failures = 0
        while True:
            if worker is None:
                worker = self._workers[number] = await self._started(number)
                _log.info("worker_started", worker=number, pid=worker.pid)
            await self._watched(worker)
            self._served = self._served or any(each.listened for each in self.workers)
            if not self._served:
                raise Ended(number, worker.code or 1)
            lasted = time.monotonic() - worker.began
            failures = 0 if lasted >= _WELL else failures + 1
            pause = min(_BACKOFF_MOST, _BACKOFF * 2.0 ** max(0, failures - 1))
            _log.error("worker_died", worker=number, pid=worker.pid, code=worker.code, lasted=round(lasted, 1), again_in=pause)
            await self._let_go(worker)
            worker = None
            await asyncio.sleep(pause)

    async def _watched(self, worker: Worker) -> None:
        """Look at the worker until it has ended, or has another in its place; one that says nothing for long is killed."""
        while worker.code is None:
            await asyncio.sleep(_LOOK)
            await worker.look()
            silent = time.monotonic() - worker.heard
            silence = self._settings.hotpath.silence
            if silent > (silence if worker.heard > worker.began else max(silence, _FIRST_WORD)) and worker.code is None:
                _log.error("worker_silent", worker=worker.number, pid=worker.pid, seconds=round(silent, 1))
                worker.send(signal.SIGKILL)
                await worker.ended(_PATIENCE)

    # ---- all of them -----------------------------------------------------------------------------------------------

    def roll(self) -> None:
        """Replace the workers one by one; a roll under way goes on."""
        if self._rolling is None or self._rolling.done():
            self._rolling = asyncio.create_task(self._roll(), name="roll")
            self._rolling.add_done_callback(self._ended)

    async def _roll(self) -> None:
        _log.info("roll_begins", workers=len(self._numbers))
        for number in self._numbers:
            old = self._workers[number]
            await tasks.end(self._watches[number])
            new = await self._started(number)
            if not await self._rolled(new):
                _log.error("roll_stopped", worker=number, code=new.code, kept=old.pid)
                new.send(signal.SIGKILL)
                await new.ended(_PATIENCE)
                await self._let_go(new)
                self._watch(number, old)
                return
            await old.read_metrics()
            self._workers[number] = new
            self._watch(number, new)
            old.leaving = True
            old.send(signal.SIGTERM)
            await old.ended(_DRAINED)
            await self._let_go(old)
            _log.info("worker_rolled", worker=number, pid=new.pid, instead_of=old.pid)
        _log.info("roll_ends")

    async def _rolled(self, new: Worker) -> bool:
        """Wait until a new worker serves; whether it does."""
        until = time.monotonic() + _ROLLED
        while time.monotonic() < until and new.code is None:
            await new.look()
            if new.ready and new.listened:
                return True
            await asyncio.sleep(_LOOK)
        return False

    async def failed(self) -> None:
        """Wait for what ends the fleet. Raises Ended."""
        await self._failed

    def kill(self) -> None:
        """End all workers on the spot."""
        for each in self._running:
            each.send(signal.SIGKILL)

    async def stop(self) -> None:
        """Have all workers finish their calls and end."""
        await tasks.end(self._rolling, *self._watches.values())
        running = list(self._running)
        for each in running:
            each.leaving = True
            each.send(signal.SIGTERM)
        await asyncio.gather(*(each.ended(_DRAINED) for each in running))
        for each in running:
            await each.close()
        await self._http.close()
        if self._reserved is not None:
            self._reserved.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def count(asked: int) -> int:
    """How many workers that is: a core each for 0."""
    return asked or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


async def main(settings: config.Settings, workers: int, program: Sequence[str]) -> None:
    """Run a fleet until SIGTERM or SIGINT; SIGHUP rolls it. Raises PortError, TlsError, Ended."""
    fleet = Supervisor(settings, workers, program)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, fleet.roll)
    told = asyncio.create_task(process.until_stopped(fleet.kill), name="until-stopped")
    failed = asyncio.create_task(fleet.failed(), name="failed")
    try:
        await fleet.start()
        await asyncio.wait((told, failed), return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            failed.result()
    finally:
        await asyncio.shield(fleet.stop())
        await tasks.end(told, failed)
        _log.info("fleet_stopped")
