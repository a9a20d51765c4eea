"""The report of an import or dry run: an entry per event as it happens, and the counts at the end."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from cqar.redaction import printable

#: The outcomes of a row, in the order of the last line.
CREATED: Final = "created"
UPDATED: Final = "updated"
UNCHANGED: Final = "unchanged"
DELISTED: Final = "delisted"
REVIEW: Final = "review"
CONFLICT: Final = "conflict"
REJECTED: Final = "rejected"
OUTCOMES: Final = (CREATED, UPDATED, UNCHANGED, DELISTED, REVIEW, CONFLICT, REJECTED)
#: Not an outcome of a row: a source disagrees with the registry, which is not changed.
DIFFERS: Final = "differs"
#: Not an outcome of a row: a number of it cannot be right and is not written.
OMITTED: Final = "omitted"
#: Not an outcome of a row: a value stays that cannot be judged.
KEPT: Final = "kept"
#: A remark that changes nothing.
NOTE: Final = "note"


#: Entries that someone has to look at.
ATTENTION: Final = (REVIEW, CONFLICT, REJECTED, OMITTED, KEPT)
#: Rows that need attention that a report shows unless it is verbose.
EXAMPLES: Final = 10


class Change(NamedTuple):
    """A changed field: the old and the new value; None is unset."""

    field: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return printable(f"{self.field}: {_shown(self.before)} -> {_shown(self.after)}")


def _shown(value: str | None) -> str:
    return "unset" if value is None else value


class Entry(NamedTuple):
    """One event of an import. `reason` is one word for the statistics of rejected, open and noted rows."""

    outcome: str
    #: asset, venue_symbol, ...; `row` for a row that could not be read
    kind: str
    about: str
    reason: str = ""
    detail: str = ""
    changes: Sequence[Change] = ()
    #: position of the row in its document, from 1; 0: no row
    line: int = 0
    #: the row, shortened
    row: str = ""

    def text(self) -> str:
        """Return the entry on one line, with lines for its changes and its rejected row below; everything is printable."""
        where = f" (row {self.line})" if self.line else ""
        reason = f": {self.reason}" if self.reason else ""
        detail = f": {self.detail}" if self.detail else ""
        changes = "".join(f"\n    {change}" for change in self.changes)
        row = f"\n    {printable(self.row)}" if self.row and self.outcome == REJECTED else ""
        return f"{printable(f'{self.outcome} {self.kind} {self.about}{where}{reason}{detail}')}{changes}{row}"

    def data(self) -> dict[str, Any]:
        """The entry as a JSON object, without empty fields."""
        found: dict[str, Any] = {name: value for name, value in self._asdict().items() if value and name != "changes"}
        if self.changes:
            found["changes"] = [change._asdict() for change in self.changes]
        return found


class Sink(Protocol):
    """Receives entries as they happen."""

    def entry(self, entry: Entry) -> None:
        """Receive an entry."""

    def end(self, report: "Report") -> None:
        """Receive the counts."""


class Report:
    """Counts entries and passes them on; unchanged rows are only counted."""

    def __init__(self, sink: Sink, *, source: str, dry_run: bool) -> None:
        self.source = source
        self.dry_run = dry_run
        self.counts: Counter[tuple[str, str, str]] = Counter()
        #: rows in the document
        self.rows = 0
        #: one example for each kind of note
        self._notes: dict[str, str] = {}
        self._sink = sink

    def add(self, entry: Entry) -> None:
        """Count the entry and pass it on."""
        self.counts[entry.outcome, entry.kind, entry.reason] += 1
        if entry.outcome != UNCHANGED:
            self._sink.entry(entry)

    def reject(self, kind: str, detail: str, *, line: int = 0, row: str = "", about: str = "") -> None:
        """Count a row that is not imported."""
        self.add(Entry(REJECTED, "row", about, kind, detail, line=line, row=row))

    def note(self, reason: str, detail: str) -> None:
        """Count a remark that changes nothing; only the counts show it."""
        self.counts[NOTE, "row", reason] += 1
        self._notes.setdefault(reason, detail)

    def total(self, outcome: str) -> int:
        """The number of such entries."""
        return sum(count for (each, _, _), count in self.counts.items() if each == outcome)

    def finish(self) -> None:
        """Pass on the counts."""
        self._sink.end(self)

    @property
    def last_line(self) -> str:
        """`created=... rejected=...`."""
        return " ".join(f"{outcome}={self.total(outcome)}" for outcome in OUTCOMES)

    def summary(self) -> dict[str, Any]:
        """The counts as data: the totals, and by kind and reason."""
        return {
            "source": self.source,
            "dry_run": self.dry_run,
            "rows": self.rows,
            **{outcome: self.total(outcome) for outcome in OUTCOMES},
            "differs": self.total(DIFFERS),
            "omitted": self.total(OMITTED),
            "by_kind": self._grouped(lambda outcome, kind, _reason: (outcome, kind), OUTCOMES),
            "examples": dict(self._notes),
            "by_reason": self._grouped(
                lambda outcome, _kind, reason: (outcome, reason), (REVIEW, CONFLICT, REJECTED, DIFFERS, OMITTED, KEPT, NOTE)
            ),
        }

    def _grouped(
        self, key: Callable[[str, str, str], tuple[str, str]], outcomes: Sequence[str]
    ) -> Mapping[str, Mapping[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for (outcome, kind, reason), count in sorted(self.counts.items()):
            first, second = key(outcome, kind, reason)
            if outcome in outcomes and second:
                group = found.setdefault(first, {})
                group[second] = group.get(second, 0) + count
        return found


class Text:
    """Lines for people: the summary first, then rows, and the totals as the last line.

    `verbose` prints every row that changed or was refused; otherwise only the first rows that need attention are printed.
    `quiet` prints the totals only. `write` gets each line without its end.
    """

    def __init__(self, write: Callable[[str], object], *, verbose: bool = False, quiet: bool = False) -> None:
        self._write = write
        self._verbose = verbose
        self._quiet = quiet
        self._entries: list[str] = []

    def entry(self, entry: Entry) -> None:
        """Keep the entry if it is to be printed."""
        if self._quiet:
            return
        if self._verbose or (entry.outcome in ATTENTION and len(self._entries) < EXAMPLES):
            self._entries.append(entry.text())

    def end(self, report: Report) -> None:
        """Write the summary, the rows and the totals."""
        if not self._quiet:
            for line in (*self._lines(report.summary()), *self._rows(report)):
                self._write(line)
        self._write(report.last_line)
        self._entries.clear()

    def _rows(self, report: Report) -> Iterator[str]:
        count = sum(map(report.total, ATTENTION))
        if not self._verbose and count:
            yield f"{count} rows need attention" + (
                f"; the first {EXAMPLES} (--verbose shows all):" if count > EXAMPLES else ":"
            )
        yield from self._entries

    @staticmethod
    def _lines(summary: Mapping[str, Any]) -> Iterator[str]:
        yield printable(f"{summary['source']}: {summary['rows']} rows") + (
            ", dry run: nothing was written" if summary["dry_run"] else ""
        )
        for heading in ("by_kind", "by_reason"):
            for outcome, group in summary[heading].items():
                yield f"  {outcome}: " + ", ".join(f"{name} {count}" for name, count in group.items())


class Json:
    """One JSON object, written incrementally: `entries`, then `summary`."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._first = True

    def entry(self, entry: Entry) -> None:
        """Write the entry."""
        self._open()
        self._write(("" if self._first else ",") + json.dumps(entry.data(), ensure_ascii=False))
        self._first = False

    def end(self, report: Report) -> None:
        """Write the counts."""
        self._open()
        self._write(f'],"summary":{json.dumps(report.summary(), ensure_ascii=False)}}}')
        self._first = True
        self._opened = False

    _opened = False

    def _open(self) -> None:
        if not self._opened:
            self._write('{"entries":[')
            self._opened = True
