"""SIGINT, SIGTERM and SIGHUP of `cqar up`: the first stops it in order, a second one kills everything."""

import contextlib
import os
import signal
import time
from types import FrameType

from cqar.dev.embedded import processes

_STDOUT = 1
#: Seconds in which a repeated signal counts as the same one: make forwards what the process group already got.
_SAME_SIGNAL_SECONDS = 0.5


class Stopped(Exception):
    """SIGINT, SIGTERM or SIGHUP arrived, or the terminal is gone."""


class Signals:
    """The request to stop. A second signal kills everything at once."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._terminal = os.isatty(_STDOUT)

    def listen(self) -> None:
        """Handle the signals from now on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
            signal.signal(signal.SIGHUP, self._handle)

    def check(self) -> None:
        """Raise Stopped after a signal, or if the terminal is gone: make does not forward that."""
        if self._since is not None or (self._terminal and not os.isatty(_STDOUT)):
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Stopped after a signal."""
        self.check()
        time.sleep(seconds)
        self.check()

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._since is None:
            self._since = time.monotonic()
        elif time.monotonic() - self._since > _SAME_SIGNAL_SECONDS:
            for pid in processes.tree(os.getpid())[1:]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os._exit(1)
