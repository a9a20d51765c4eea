"""Folders that one process at a time may use, and the error of everything that is embedded."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

#: The longest path of a socket, in bytes, that every platform takes: macOS has the shortest field, of 104 with its end.
SOCKET_BYTES = 103


class EmbeddedError(Exception):
    """An embedded server cannot be used; the message says why and what to do, for the person who started it."""


class Lock:
    """A folder held with flock. It is free when this object is released and every process that inherited it has ended."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """The descriptor, for a child process that shall hold the folder too."""
        return self._descriptor

    def sign(self, pid: int) -> None:
        """Say in the file which process holds the folder."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{pid}\n".encode(), 0)

    def release(self) -> None:
        """Let go; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        """Hold the folder for the length of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Release."""
        self.release()


def lock(folder: Path, *, wait: float = 0.0) -> Lock:
    """Make the folder if need be, private to this user, and hold it; use it with `with`.

    Raises EmbeddedError when another process holds it for longer than `wait` seconds, or the folder cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"{folder} cannot be used: {error.strerror}; set CQAR_HOME to another folder"
        raise EmbeddedError(message) from error
    held = Lock(descriptor)
    try:
        _acquire(held, folder, time.monotonic() + wait)
        held.sign(os.getpid())
    except BaseException:
        held.release()
        raise
    return held


def in_use(folder: Path) -> bool:
    """Return whether a process holds the folder. It is not created."""
    try:
        with (folder / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _acquire(held: Lock, folder: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(held.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.005)
                continue
            holder = os.pread(held.fileno(), 20, 0).decode("ascii", "replace").strip() or "(unknown)"
            message = f"{folder} is in use by process {holder}; stop it or set CQAR_HOME to another folder"
            raise EmbeddedError(message) from None
        except OSError as error:
            message = f"{folder} cannot be locked: {error.strerror}; set CQAR_HOME to a folder on a local disk"
            raise EmbeddedError(message) from error
        return


def sockets(folder: Path, name: str) -> Path:
    """Where a server that keeps its data in `folder` puts its socket `name`: a folder that may not exist yet.

    It is `folder/run`, or, where that makes the path too long for a socket or has a comma in it, which separates hosts in
    the URLs of PostgreSQL, a short one under the temporary folder that is the same at every start.
    """
    near = folder / "run"
    if _fits(near / name):
        return near
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(f"cqar-{os.geteuid()}-{digest}", "run")
    far = Path(tempfile.gettempdir()) / short
    return far if _fits(far / name) else "/tmp" / short  # noqa: S108 - make() sees that it is ours


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= SOCKET_BYTES and "," not in str(path)


def make(found: Path, folder: Path) -> None:
    """Make what sockets() found for `folder`, empty and private."""
    if found.parent != folder:
        private(found.parent)
    shutil.rmtree(found, ignore_errors=True)
    private(found)


def remove(found: Path, folder: Path) -> None:
    """Remove what make() made, and nothing that somebody else put in its place."""
    if found.parent == folder:
        shutil.rmtree(found, ignore_errors=True)
        return
    with contextlib.suppress(EmbeddedError):
        own(found.parent)
        shutil.rmtree(found.parent, ignore_errors=True)


def private(folder: Path) -> None:
    """Make a folder of mode 0700 that is ours; raises EmbeddedError when somebody else's stands there."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    own(folder)
    folder.chmod(0o700)


def own(folder: Path) -> None:
    """See that a folder is there, is ours, and that nobody else can write it; raises EmbeddedError if not."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        message = f"{folder} is gone"
        raise EmbeddedError(message) from None
    others = stat.S_IWGRP | stat.S_IWOTH
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & others:
        message = f"{folder} is not a folder of this user alone: move it away, or set CQAR_HOME to another folder"
        raise EmbeddedError(message)
