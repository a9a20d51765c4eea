"""The progress of an import on standard error."""

import sys
import time
from collections.abc import Callable
from typing import Final

from cqar.redaction import printable


class Progress:
    """Rows of a document that are done: a bar on a terminal, a plain line every few seconds elsewhere.

    An import that reads every row several times says so by `passes`: each row still counts once.
    """

    #: Seconds between two plain lines.
    PAUSE: Final = 5.0
    _WIDTH = 32

    def __init__(
        self, name: str, total: int, *, passes: int = 1, quiet: bool = False, write: Callable[[str], object] | None = None
    ) -> None:
        self.total = total
        self._name = printable(name)
        self._passes = passes
        self._quiet = quiet
        self._bar = write is None and sys.stderr.isatty()
        self._write = write or _to_stderr
        self._began = self._last = time.monotonic()
        self._steps = 0
        self._open = False

    @property
    def rows(self) -> int:
        """Return the number of rows that are done."""
        return min(self._steps // self._passes, self.total)

    def advance(self, count: int) -> None:
        """Count rows of a pass as done."""
        self._steps += count
        if self._quiet:
            return
        if self._bar:
            self._draw()
        elif time.monotonic() - self._last >= self.PAUSE:
            self._last = time.monotonic()
            self._write(f"{self._name}: {self.rows} of {self.total} rows, {self._left()} left\n")

    def finish(self) -> None:
        """Count all rows as done, rejected ones included, and end the line of the bar."""
        self._steps = self.total * self._passes
        if self._open:
            self._draw()
        self.close()

    def close(self) -> None:
        """End the line of the bar."""
        if self._open:
            self._write("\n")
            self._open = False

    def _draw(self) -> None:
        part = self._WIDTH if not self.total else self._WIDTH * self._steps // (self.total * self._passes)
        bar = f"{'#' * min(part, self._WIDTH):<{self._WIDTH}}"
        left = "" if self.rows == self.total else f", {self._left()} left"
        self._write(f"\r{self._name} [{bar}] {self.rows}/{self.total}{left}\x1b[K")
        self._open = True

    def _left(self) -> str:
        """Return the estimated time left, from the speed so far."""
        spent = time.monotonic() - self._began
        seconds = round(spent * (self.total * self._passes - self._steps) / max(self._steps, 1))
        return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{max(seconds, 0)} s"  # noqa: PLR2004 - a minute


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
