"""The results of a bench: lines as they are measured, JSON, and Markdown with the machine and the targets."""

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from cqar import __version__
from loadtests.generator import Run, cores

_BEGIN, _END = "<!-- the table of make bench begins -->", "<!-- the table of make bench ends -->"
_HEAD = ("what", "lookups/s", "server µs", "p50 µs", "p99 µs", "p99.9 µs", "x yardstick", "mark", "reached")


class Mark(NamedTuple):
    """A target: its text, and whether it was reached."""

    words: str
    reached: bool


class Line(NamedTuple):
    """One measurement."""

    section: str
    name: str
    run: Run | None = None
    #: lookups per call
    lookups: int = 1
    #: the result, if it is not a run of calls
    value: str = ""
    #: lookups per second as a multiple of the yardstick's calls per second
    times: float | None = None
    marks: Sequence[Mark] = ()
    #: a remark
    note: str = ""

    def cells(self) -> list[str]:
        """The cells of its row."""
        run, rate = self.run, self.value
        notes = [self.note] if self.note else []
        if run is not None and run.stale:
            notes.append(f"{run.stale:,} answers marked stale")
        found = [self.name + (f" ({'; '.join(notes)})" if notes else "")]
        if run is not None:
            rate = rate or f"{run.rate * self.lookups:,.0f}"
            processor = f"{run.processor / self.lookups:.2f}" if run.processor else ""
            found += [rate, processor, *(f"{each:,.0f}" if each else "" for each in (run.p50, run.p99, run.p999))]
        else:
            found += [rate, "", "", "", ""]
        found += ["" if self.times is None else f"{self.times:,.1f}"]
        found += [
            "; ".join(each.words for each in self.marks),
            " ".join("yes" if each.reached else "**no**" for each in self.marks),
        ]
        return found


class Report:
    """Prints lines on standard output as they are added."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        #: set by a signal: the bench ends at the next step, even if a callback suppressed the KeyboardInterrupt
        self.interrupted = False
        self._bar = sys.stderr.isatty()

    def doing(self, what: str) -> None:
        """Show the current step on a terminal; an empty text clears it. Raises KeyboardInterrupt after a signal."""
        if self.interrupted:
            raise KeyboardInterrupt
        if self._bar:
            sys.stderr.write(f"\r\x1b[K{what}")
            sys.stderr.flush()

    def add(self, line: Line) -> None:
        """Add a line and print it."""
        self.doing("")
        if not self.lines or self.lines[-1].section != line.section:
            sys.stdout.write(f"\n{line.section}\n  {'':72}{_row(_HEAD[1:])}\n")
        self.lines.append(line)
        name, *cells = line.cells()
        sys.stdout.write(f"  {name:72}{_row(cells)}\n".replace("**", ""))
        sys.stdout.flush()

    def skip(self, section: str, what: str, why: str) -> None:
        """Report a measurement that is skipped."""
        self.add(Line(section, what, value="skipped", note=why))

    @property
    def missed(self) -> list[str]:
        """The targets that were not reached."""
        return [f"{each.name}: {mark.words}" for each in self.lines for mark in each.marks if not mark.reached]

    def json(self) -> bytes:
        """All lines and the machine as JSON."""
        lines: list[dict[str, Any]] = [
            {
                **each._asdict(),
                "run": None if each.run is None else each.run._asdict(),
                "marks": [mark._asdict() for mark in each.marks],
            }
            for each in self.lines
        ]
        return orjson.dumps({"machine": machine(), "lines": lines}, option=orjson.OPT_INDENT_2)

    def markdown(self) -> str:
        """The machine, and a table per section."""
        text = [f"{name}: {value}  " for name, value in machine().items()]
        section = ""
        for each in self.lines:
            if each.section != section:
                section = each.section
                text += ["", f"**{section}**", "", f"| {' | '.join(_HEAD)} |", f"|{' --- |' * len(_HEAD)}"]
            text.append(f"| {' | '.join(each.cells())} |")
        return "\n".join(text) + "\n"

    def write_markdown(self, path: Path) -> None:
        """Replace the text between the page's markers; without markers, write the whole file."""
        page = path.read_text(encoding="utf-8") if path.exists() else ""
        if _BEGIN in page and _END in page:
            before, _, rest = page.partition(_BEGIN)
            after = rest.partition(_END)[2]
            page = f"{before}{_BEGIN}\n\n{self.markdown()}\n{_END}{after}"
        else:
            page = self.markdown()
        path.write_text(page, encoding="utf-8")


def _row(cells: Sequence[str]) -> str:
    widths = (12, 11, 9, 9, 9, 12)
    fixed = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False))
    return f"{fixed}   {'  '.join(cells[len(widths) :])}"


def machine() -> dict[str, str]:
    """The machine and the software of the run."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    pins = cores()
    load = os.getloadavg()
    return {
        "cqar": __version__,
        "time": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} x {model}, {memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "pinned": "no" if pins is None else f"server to core {pins[0]}, generator to core {pins[1]}",
        "load of the last 1, 5, 15 minutes": ", ".join(f"{each:.1f}" for each in load),
    }
