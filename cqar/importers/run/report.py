"""What an import did, or would do: a line for each thing as it happens, and the counts at the end."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

#: What can become of a row, in the order of the last line.
CREATED: Final = "created"
UPDATED: Final = "updated"
UNCHANGED: Final = "unchanged"
DELISTED: Final = "delisted"
REVIEW: Final = "review"
CONFLICT: Final = "conflict"
REJECTED: Final = "rejected"
OUTCOMES: Final = (CREATED, UPDATED, UNCHANGED, DELISTED, REVIEW, CONFLICT, REJECTED)
#: Not an outcome of a row: what a source says otherwise than the registry, which stays.
DIFFERS: Final = "differs"
#: Something worth telling that changes nothing.
NOTE: Final = "note"


class Change(NamedTuple):
    """A field with what stood there and what is to stand there; None: nothing."""

    field: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.field}: {_shown(self.before)} -> {_shown(self.after)}"


def _shown(value: str | None) -> str:
    return "unset" if value is None else value


class Entry(NamedTuple):
    """One thing that happened. `reason`: one word for the statistics of what was rejected, kept open or noted."""

    outcome: str
    #: asset, venue_symbol, ...; row where the row never became one
    kind: str
    about: str
    reason: str = ""
    detail: str = ""
    changes: Sequence[Change] = ()
    #: place of the row in its document, from 1; 0: of none
    line: int = 0
    #: the row itself, shortened
    row: str = ""

    def text(self) -> str:
        """The entry on one line."""
        where = f" (row {self.line})" if self.line else ""
        reason = f": {self.reason}" if self.reason else ""
        detail = f": {self.detail}" if self.detail else ""
        changes = "".join(f"\n    {change}" for change in self.changes)
        row = f"\n    {self.row}" if self.row and self.outcome == REJECTED else ""
        return f"{self.outcome} {self.kind} {self.about}{where}{reason}{detail}{changes}{row}"

    def data(self) -> dict[str, Any]:
        """The entry as JSON has it: without what is empty."""
        found: dict[str, Any] = {name: value for name, value in self._asdict().items() if value and name != "changes"}
        if self.changes:
            found["changes"] = [change._asdict() for change in self.changes]
        return found


class Sink(Protocol):
    """Where entries go as they happen."""

    def entry(self, entry: Entry) -> None:
        """Take one."""

    def end(self, report: "Report") -> None:
        """Take the counts."""


class Report:
    """Counts what happens and passes it on; of unchanged rows it keeps only the count."""

    def __init__(self, sink: Sink, *, source: str, dry_run: bool) -> None:
        self.source = source
        self.dry_run = dry_run
        self.counts: Counter[tuple[str, str, str]] = Counter()
        #: rows of the document
        self.rows = 0
        #: one example for each kind of note
        self._notes: dict[str, str] = {}
        self._sink = sink

    def add(self, entry: Entry) -> None:
        """Count the entry and tell of it."""
        self.counts[entry.outcome, entry.kind, entry.reason] += 1
        if entry.outcome != UNCHANGED:
            self._sink.entry(entry)

    def reject(self, kind: str, detail: str, *, line: int = 0, row: str = "", about: str = "") -> None:
        """Count a row that is not imported."""
        self.add(Entry(REJECTED, "row", about, kind, detail, line=line, row=row))

    def note(self, reason: str, detail: str) -> None:
        """Count something worth knowing that changes nothing; it is told of in the counts alone."""
        self.counts[NOTE, "row", reason] += 1
        self._notes.setdefault(reason, detail)

    def total(self, outcome: str) -> int:
        """How often this happened."""
        return sum(count for (each, _, _), count in self.counts.items() if each == outcome)

    def finish(self) -> None:
        """Tell the counts."""
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
            "by_kind": self._grouped(lambda outcome, kind, _reason: (outcome, kind), OUTCOMES),
            "examples": dict(self._notes),
            "by_reason": self._grouped(
                lambda outcome, _kind, reason: (outcome, reason), (REVIEW, CONFLICT, REJECTED, DIFFERS, NOTE)
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
    """Lines for people; `write` gets each without its end."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def entry(self, entry: Entry) -> None:
        """Write the entry."""
        self._write(entry.text())

    def end(self, report: Report) -> None:
        """Write the counts and, last, the line of totals."""
        for line in self._lines(report.summary()):
            self._write(line)
        self._write(report.last_line)

    @staticmethod
    def _lines(summary: Mapping[str, Any]) -> Iterator[str]:
        yield f"{summary['source']}: {summary['rows']} rows" + (", dry run: nothing was written" if summary["dry_run"] else "")
        for heading in ("by_kind", "by_reason"):
            for outcome, group in summary[heading].items():
                yield f"  {outcome}: " + ", ".join(f"{name} {count}" for name, count in group.items())


class Json:
    """One JSON object, written as it grows: `entries`, then `summary`."""

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
