"""The progress of an import: every row counts once, and the bar ends full and on a line of its own."""

import io
import re
from types import SimpleNamespace

import pytest

from cqar.importers.run import progress
from cqar.importers.run.progress import Progress
from cqar.importers.run.report import CREATED, REJECTED, Entry, Report, Text
from cqar.importers.schedule import Stopped


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=made))
    return made


def test_rows_of_an_import_in_two_passes_count_once(terminal: Terminal) -> None:
    shown = Progress("coins.json", 30_943, passes=2)
    for _ in range(2):
        for _ in range(3):
            shown.advance(10_000)
    shown.finish()
    counts = [int(each) for each in re.findall(r"(\d+)/30943", terminal.getvalue())]
    assert counts == sorted(counts)
    assert counts[-1] == 30_943
    assert max(counts) == 30_943


def test_a_bar_ends_full_with_a_line_break_though_rows_were_rejected(terminal: Terminal) -> None:
    shown = Progress("x.json", 100)
    shown.advance(63)
    assert "63/100, " in terminal.getvalue()
    assert " left" in terminal.getvalue()
    shown.finish()
    last = terminal.getvalue().rpartition("\r")[2]
    assert last == f"x.json [{'#' * 32}] 100/100\x1b[K\n"


def test_a_bar_that_stops_leaves_the_next_message_a_line_of_its_own(terminal: Terminal) -> None:
    shown = Progress("x.json", 100)
    shown.advance(63)
    shown.close()
    shown.close()
    assert terminal.getvalue().endswith("\n")
    assert terminal.getvalue().count("\n") == 1


def test_off_a_terminal_lines_name_rows_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    lines: list[str] = []
    shown = Progress("x\x1b.json", 1_000, write=lines.append)
    now = 6.0
    shown.advance(250)
    now = 7.0
    shown.advance(250)
    now = 400.0
    shown.advance(100)
    assert lines == [r"x\x1b.json: 250 of 1000 rows, 18 s left" + "\n", r"x\x1b.json: 600 of 1000 rows, 4 min 27 s left" + "\n"]


def test_a_quiet_import_shows_no_progress(terminal: Terminal) -> None:
    shown = Progress("x.json", 10, quiet=True)
    shown.advance(10)
    shown.finish()
    assert terminal.getvalue() == ""
    assert shown.rows == 10


def test_a_stopped_import_names_the_row_that_it_reached() -> None:
    shown = Progress("x.json", 13_644, quiet=True)
    shown.advance(4_000)
    assert str(Stopped(shown)) == "stopped at row 4,000 of 13,644; run it again to continue"
    assert str(Stopped(None)) == "stopped before the first row; run it again to continue"


def reported(*, rejected: int = 12, **how: bool) -> list[str]:
    """The lines of a report of three created and some rejected rows."""
    lines: list[str] = []
    report = Report(Text(lines.append, **how), source="ccxt mexc", dry_run=False)
    report.rows = 3 + rejected
    for number in range(3):
        report.add(Entry(CREATED, "venue_symbol", f"S{number}"))
    for number in range(rejected):
        report.add(Entry(REJECTED, "row", f"R{number}", "incomplete", "no base", line=number + 1))
    assert lines == []
    report.finish()
    return lines


def test_a_report_begins_with_the_summary_and_shows_the_first_rows_that_need_attention() -> None:
    lines = reported()
    assert lines[0] == "ccxt mexc: 15 rows"
    at = lines.index("12 rows need attention; the first 10 (--verbose shows all):")
    assert lines[at + 1 :] == [
        *(f"rejected row R{number} (row {number + 1}): incomplete: no base" for number in range(10)),
        "created=3 updated=0 unchanged=0 delisted=0 review=0 conflict=0 rejected=12",
    ]
    assert "2 rows need attention:" in reported(rejected=2)


def test_a_verbose_report_has_every_row_and_a_quiet_one_the_totals_alone() -> None:
    rows = [line for line in reported(verbose=True) if line.startswith(("created venue", "rejected row"))]
    assert len(rows) == 15
    assert reported(quiet=True) == ["created=3 updated=0 unchanged=0 delisted=0 review=0 conflict=0 rejected=12"]


def test_hostile_names_in_a_report_are_escaped() -> None:
    entry = Entry(REJECTED, "row", "a\x1b[2Jb\nrejected=0", "x", "\u202egnp", row='{"id": "\x00"}')
    assert entry.text().splitlines() == [r"rejected row a\x1b[2Jb\nrejected=0: x: \u202egnp", r'    {"id": "\x00"}']
