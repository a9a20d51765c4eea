"""The supervisor of a fleet: it starts, watches, replaces and rolls workers that share a port, and reports their status.

Each worker is a separate process, started by exec, with its own cache and feed; the kernel spreads connections over those
that listen. The supervisor serves no calls, so it cannot delay or break any.
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
from cqar.server import descriptors, launch, process, tls

_log = logs.logger("supervisor")

#: Seconds between two polls of a worker.
_POLL_INTERVAL: Final = 0.25
#: Seconds that a worker may take to answer a poll.
_POLL_TIMEOUT: Final = 2.0
#: Seconds that a new worker may take to answer its first poll.
_START_TIMEOUT: Final = 60.0
#: Seconds before a failed worker is restarted: the first time, and at most.
_BACKOFF: Final = 0.25
_MAX_BACKOFF: Final = 30.0
#: Seconds that a worker must run for its failures to be forgotten.
_STABLE: Final = 30.0
#: Seconds that a new worker may take to become ready during a roll.
_READY_TIMEOUT: Final = 120.0
#: Seconds that a worker may take to stop: more than the grace of its calls.
_STOP_TIMEOUT: Final = 45.0


class Ended(Exception):
    """A worker ended before it ever served, as with wrong settings. `code` is its exit code."""

    def __init__(self, number: int, code: int) -> None:
        super().__init__(f"worker {number} ended with {code} before it served; its last lines say why")
        self.code = code


class Worker:
    """One process of the fleet."""

    def __init__(self, number: int, place: Path, program: Sequence[str], environment: Mapping[str, str]) -> None:
        self.number = number
        #: the socket at which it answers polls
        self.socket = str(place)
        self._program = [*program, "--member", str(number), self.socket]
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._session = aiohttp.ClientSession("http://worker", connector=aiohttp.UnixConnector(self.socket))
        self.began = time.monotonic()
        #: when it last answered a poll, monotonic seconds
        self.answered = self.began
        #: whether it has ever listened
        self.listened = False
        #: whether it was asked to stop
        self.stopping = False
        #: its health, and the port of its metrics, by its last answer
        self.status: Mapping[str, Any] = {}
        self.metrics_port = 0
        #: its metrics, as last read
        self.metrics = fleet_status.Sample()

    async def start(self) -> None:
        """Start the process, which does not serve yet."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)  # noqa: PTH108 - takes no time
        self.began = self.answered = time.monotonic()
        line = launch.line(self._program, death=signal.SIGTERM, uid=0, gid=0, capability=0)
        self._process = await asyncio.create_subprocess_exec(*line, env=self._environment, start_new_session=True)

    @property
    def pid(self) -> int:
        """Its process id."""
        return 0 if self._process is None else self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return None if self._process is None else self._process.returncode

    @property
    def ready(self) -> bool:
        """Whether it answers lookups, by its own status."""
        return self.code is None and not self.stopping and self.status.get("status") in {"ready", "degraded"}

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def poll(self) -> None:
        """Ask it for its status, which is empty if it does not answer."""
        if self.code is not None:
            self.status = {}
            return
        try:
            self.status = await self._get("/health/ready")
            if not self.metrics_port:
                self.metrics_port = (await self._get("/ports"))["metrics"]
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            self.status = {}
            return
        self.answered = time.monotonic()
        self.listened = self.listened or bool(self.metrics_port)

    async def read_metrics(self) -> None:
        """Read its metrics. If it does not answer, the last ones stay."""
        if self.code is not None:
            return
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
            async with asyncio.timeout(_POLL_TIMEOUT), self._session.get("/metrics") as response:
                self.metrics = fleet_status.sample(await response.text())

    async def _get(self, path: str) -> Any:
        async with asyncio.timeout(_POLL_TIMEOUT), self._session.get(path) as response:
            return await response.json()

    async def ended(self, seconds: float) -> None:
        """Wait for its end; after `seconds`, kill it."""
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
        """Close the connections to its socket."""
        await self._session.close()


class Supervisor:
    """The fleet. `program` is the command line of a worker, without its number and socket."""

    def __init__(self, settings: config.Settings, workers: int, program: Sequence[str]) -> None:
        self._settings = settings
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="cqar-fleet-"))
        self._reserved: socket.socket | None = None
        self._started_count = 0
        self._numbers = range(workers)
        self._workers: dict[int, Worker] = {}
        #: all running workers; during a roll also the new one that does not serve yet and the old one that drains
        self._running: set[Worker] = set()
        self._watchers: dict[int, asyncio.Task[None]] = {}
        self._rolling: asyncio.Task[None] | None = None
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._retired = fleet_status.Retired()
        #: whether any worker has ever listened; until then, one that ends ends the fleet
        self._served = False
        self._http = process.Http(tls.identity(settings.tls, settings.hotpath.host))
        self.port = 0
        self.http_port = 0

    @property
    def workers(self) -> Sequence[Worker]:
        """The workers, in the order of their numbers."""
        return [self._workers[number] for number in self._numbers if number in self._workers]

    @property
    def retired(self) -> fleet_status.Sample:
        """The sums of workers that have ended or are stopping."""
        sums = fleet_status.Retired(self._retired.sums)
        for each in self._running:
            if each.stopping:
                sums.add(each.metrics)
        return sums.sums

    async def start(self) -> None:
        """Start all workers. Raises PortError if the port is taken."""
        hotpath = self._settings.hotpath
        self.port = self._reserve(hotpath.host, hotpath.port)
        self.http_port = await self._http.listen(hotpath.host, hotpath.http_port, fleet_status.application(self))
        for number in self._numbers:
            self._watch(number)
        at = {"grpc": self.port, "http": self.http_port}
        _log.info("fleet_started", workers=len(self._numbers), **{name: f"{hotpath.host}:{each}" for name, each in at.items()})

    def _reserve(self, host: str, port: int) -> int:
        """Reserve the port for the workers alone. Raises PortError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            # A process that holds the port exclusively would block the workers; one that shares it would take connections.
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
        self._started_count += 1
        metrics = self._settings.metrics.port
        environment = {
            **os.environ,
            "CQAR_HOTPATH_PORT": str(self.port),
            "CQAR_METRICS_PORT": str(metrics and metrics + number),
        }
        return Worker(number, self._folder / f"{self._started_count}", self._program, environment)

    async def _started(self, number: int) -> Worker:
        worker = self._new(number)
        self._running.add(worker)
        await worker.start()
        return worker

    async def _retire(self, worker: Worker) -> None:
        """Keep the counters of a worker that has ended, and drop the rest."""
        metrics, worker.metrics = worker.metrics, fleet_status.Sample()
        self._retired.add(metrics)
        self._running.discard(worker)
        await worker.close()

    def _watch(self, number: int, worker: Worker | None = None) -> None:
        """Keep a worker of this number running, in the background."""
        self._watchers[number] = asyncio.create_task(self._keep(number, worker), name=f"worker-{number}")
        self._watchers[number].add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """End the fleet if a background task of the supervisor fails."""
        if not task.cancelled() and (error := task.exception()) is not None and not self._failed.done():
            self._failed.set_exception(error)

    # ---- one worker ------------------------------------------------------------------------------------------------

    async def _keep(self, number: int, worker: Worker | None = None) -> None:
        """Keep a worker of this number running, first the given one, if any. Raises Ended."""
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
            failures = 0 if lasted >= _STABLE else failures + 1
            pause = min(_MAX_BACKOFF, _BACKOFF * 2.0 ** max(0, failures - 1))
            _log.error("worker_died", worker=number, pid=worker.pid, code=worker.code, lasted=round(lasted, 1), again_in=pause)
            await self._retire(worker)
            worker = None
            await asyncio.sleep(pause)

    async def _watched(self, worker: Worker) -> None:
        """Poll the worker until it has ended. Kill it if it does not answer for too long."""
        while worker.code is None:
            await asyncio.sleep(_POLL_INTERVAL)
            await worker.poll()
            silent = time.monotonic() - worker.answered
            silence = self._settings.hotpath.silence
            if silent > (silence if worker.answered > worker.began else max(silence, _START_TIMEOUT)) and worker.code is None:
                _log.error("worker_silent", worker=worker.number, pid=worker.pid, seconds=round(silent, 1))
                worker.send(signal.SIGKILL)
                await worker.ended(_POLL_TIMEOUT)

    # ---- all of them -----------------------------------------------------------------------------------------------

    def roll(self) -> None:
        """Replace the workers one by one. Does nothing during a roll."""
        if self._rolling is None or self._rolling.done():
            self._rolling = asyncio.create_task(self._roll(), name="roll")
            self._rolling.add_done_callback(self._ended)

    async def _roll(self) -> None:
        _log.info("roll_begins", workers=len(self._numbers))
        for number in self._numbers:
            old = self._workers[number]
            await tasks.end(self._watchers[number])
            new = await self._started(number)
            if not await self._became_ready(new):
                _log.error("roll_stopped", worker=number, code=new.code, kept=old.pid)
                new.send(signal.SIGKILL)
                await new.ended(_POLL_TIMEOUT)
                await self._retire(new)
                self._watch(number, old)
                return
            await old.read_metrics()
            self._workers[number] = new
            self._watch(number, new)
            old.stopping = True
            old.send(signal.SIGTERM)
            await old.ended(_STOP_TIMEOUT)
            await self._retire(old)
            _log.info("worker_rolled", worker=number, pid=new.pid, instead_of=old.pid)
        _log.info("roll_ends")

    async def _became_ready(self, new: Worker) -> bool:
        """Wait for a new worker to serve; whether it does in time."""
        until = time.monotonic() + _READY_TIMEOUT
        while time.monotonic() < until and new.code is None:
            await new.poll()
            if new.ready and new.listened:
                return True
            await asyncio.sleep(_POLL_INTERVAL)
        return False

    async def failed(self) -> None:
        """Wait for a failure that ends the fleet. Raises Ended."""
        await self._failed

    def kill(self) -> None:
        """Kill all workers."""
        for each in self._running:
            each.send(signal.SIGKILL)

    async def stop(self) -> None:
        """Stop all workers after their calls."""
        await tasks.end(self._rolling, *self._watchers.values())
        running = list(self._running)
        for each in running:
            each.stopping = True
            each.send(signal.SIGTERM)
        await asyncio.gather(*(each.ended(_STOP_TIMEOUT) for each in running))
        for each in running:
            await each.close()
        await self._http.close()
        if self._reserved is not None:
            self._reserved.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def count(workers: int) -> int:
    """The number of workers; 0 means one per core."""
    return workers or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


async def main(settings: config.Settings, workers: int, program: Sequence[str]) -> None:
    """Run a fleet until SIGTERM or SIGINT; SIGHUP rolls it. Raises PortError, TlsError, Ended."""
    descriptors.raise_limit()
    fleet = Supervisor(settings, workers, program)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, fleet.roll)
    stopped = asyncio.create_task(process.until_stopped(fleet.kill), name="until-stopped")
    failed = asyncio.create_task(fleet.failed(), name="failed")
    try:
        await fleet.start()
        await asyncio.wait((stopped, failed), return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            failed.result()
    finally:
        await asyncio.shield(fleet.stop())
        await tasks.end(stopped, failed)
        _log.info("fleet_stopped")
