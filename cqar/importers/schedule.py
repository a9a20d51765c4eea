"""A run of an import from the command line: once, or again and again."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from cqar.client.connect import ConnectError, connected
from cqar.importers.run import wire
from cqar.importers.run.documents import FileError
from cqar.importers.run.report import Json, Report, Text
from cqar.importers.run.run import Options, Run
from cqar.importers.run.wire import Registry, RegistryError
from cqar.importers.sources.live import LiveError
from cqar.server.tls import Outgoing

#: What may go wrong with the document, the exchange or the registry.
EXPECTED: Final = (FileError, LiveError, RegistryError, ConnectError)


class Once(msgspec.Struct, frozen=True, kw_only=True):
    """An import, as it was asked for."""

    address: str
    key: str | None
    outgoing: Outgoing | None
    source: str
    options: Mapping[str, Any]
    as_json: bool

    def run(self, work: Callable[[Run], None]) -> int:
        """Do the work and tell of it on standard output; how many rows were refused. Raises as in EXPECTED."""
        sink = Json(sys.stdout.write) if self.as_json else Text(_line)
        options = Options(**self.options)
        report = Report(sink, source=self.source, dry_run=options.dry_run)
        with connected(self.address, self.key, self.outgoing, wire.OPTIONS) as channel:
            work(Run(Registry(channel), report, options))
        report.finish()
        if self.as_json:
            _line("")
        return report.total("rejected")


def _line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def repeat(once: Callable[[], int], every: float, say: Callable[[str], object]) -> None:
    """Run at once and then every so many seconds, until SIGTERM or SIGINT, which let a run under way come to its end."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    due = time.monotonic()
    while not stopped.is_set():
        try:
            once()
        except EXPECTED as error:
            say(f"cqar: {error}; the next try is in {every:.0f} s")
        due = max(due + every, time.monotonic())
        stopped.wait(due - time.monotonic())
