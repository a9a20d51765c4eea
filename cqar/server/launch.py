"""A script between a parent and a server: it sets up the process, then replaces itself with the server.

It is a script and not a function between fork and exec, which may hang in a process with threads. It can drop root, keep one
capability, and on Linux asks the kernel for a signal when the parent dies.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522


def line(program: Sequence[str], *, death: int, uid: int, gid: int, capability: int) -> list[str]:
    """The command line that starts `program` as a child of this process and of the calling thread.

    death: the signal that it gets when the starting thread ends
    uid, gid: the user to become; 0 to keep the current one
    capability: the number of the one capability to keep when dropping root; 0 for none
    """
    numbers = (os.getpid(), int(death), uid, gid, capability)
    return [sys.executable, "-I", "-S", __file__, *map(str, numbers), *program]


def main(arguments: Sequence[str]) -> None:
    """Set up the process as `line` describes and execute the program."""
    parent, death, uid, gid, capability = map(int, arguments[:5])
    program = arguments[5:]
    # Children inherit ignored and blocked signals, and Python itself ignores SIGPIPE.
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if uid:
        _become(uid, gid, capability)
    if sys.platform == "linux":
        # Only now: the kernel clears the setting when the user changes.
        _prctl(_PR_SET_PDEATHSIG, death)
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    os.execv(program[0], list(program))  # noqa: S606 - it is what a launcher is for


def _become(uid: int, gid: int, capability: int) -> None:
    if capability:
        _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if capability:
        _keep(capability)
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def _prctl(option: int, *values: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *map(ctypes.c_ulong, (*values, 0, 0, 0)[:4])) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _keep(capability: int) -> None:
    """Drop all capabilities but one, which becomes effective, permitted and inheritable."""
    libc = ctypes.CDLL(None, use_errno=True)
    low, high = 1 << capability & 0xFFFFFFFF, 1 << capability >> 32
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(low, low, low, high, high, high)
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as failure:
        sys.exit(f"cannot start {sys.argv[6]}: {failure}")
