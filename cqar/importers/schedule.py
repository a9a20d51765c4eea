"""Runs of an import: once, or repeatedly at an interval."""

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
from cqar.importers.run.progress import Progress
from cqar.importers.run.report import Json, Report, Text
from cqar.importers.run.run import Options, Run
from cqar.importers.run.wire import Registry, RegistryError
from cqar.importers.sources.live import LiveError
from cqar.redaction import printable_json
from cqar.server.tls import Outgoing

#: Errors of the document, the exchange or the registry.
EXPECTED: Final = (FileError, LiveError, RegistryError, ConnectError)


class Stopped(Exception):
    """Ctrl-C stopped an import: `str()` says where, and how to continue. Rows that were written stay."""

    def __init__(self, reached: Progress | None) -> None:
        where = "before the first row" if reached is None else f"at row {reached.rows:,} of {reached.total:,}"
        super().__init__(f"stopped {where}; run it again to continue")


class Once(msgspec.Struct, frozen=True, kw_only=True):
    """One run of an import and how to report it."""

    address: str
    key: str | None
    outgoing: Outgoing | None
    source: str
    options: Mapping[str, Any]
    as_json: bool = False
    verbose: bool = False
    quiet: bool = False

    def run(self, work: Callable[[Run], None]) -> int:
        """Do the work and report it on standard output. Return the number of rejected rows.

        Raises the errors in EXPECTED, and Stopped after Ctrl-C.
        """
        sink = Json(_json) if self.as_json else Text(_line, verbose=self.verbose, quiet=self.quiet)
        options = Options(**self.options)
        report = Report(sink, source=self.source, dry_run=options.dry_run)
        with connected(self.address, self.key, self.outgoing, wire.OPTIONS) as channel:
            run = Run(Registry(channel), report, options, quiet=self.quiet)
            try:
                work(run)
            except KeyboardInterrupt:
                raise Stopped(run.reached) from None
            else:
                run.finish()
            finally:
                run.close()
        report.finish()
        if self.as_json:
            _line("")
        return report.total("rejected")


def _json(text: str) -> None:
    sys.stdout.write(printable_json(text))


def _line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def repeat(once: Callable[[], int], every: float, say: Callable[[str], object]) -> None:
    """Run now and then every `every` seconds, until SIGTERM or SIGINT; a run in progress finishes first."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    due = time.monotonic()
    while not stopped.is_set():
        try:
            once()
        except EXPECTED as error:
            say(f"cqar: {error}; retrying in {every:.0f} s")
        due = max(due + every, time.monotonic())
        stopped.wait(due - time.monotonic())
