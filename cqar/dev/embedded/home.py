"""Folders that one process at a time may use, and the error of all embedded servers."""

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

#: Maximum bytes of a socket path on all platforms: macOS has the shortest field, 104 bytes with the terminator.
SOCKET_BYTES = 103


class EmbeddedError(Exception):
    """An embedded server is unusable: `str()` is the reason and what to do."""


class Lock:
    """A folder locked with flock. The lock ends when it is released and every process that inherited it has exited."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the descriptor, for a child process that is to hold the lock too."""
        return self._descriptor

    def sign(self, pid: int) -> None:
        """Write the id of the process that holds the folder to the file."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{pid}\n".encode(), 0)

    def release(self) -> None:
        """Release the lock. A second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        """Hold the lock for the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Release."""
        self.release()


def lock(folder: Path, *, wait: float = 0.0) -> Lock:
    """Create the folder if necessary, private to this user, and lock it. Use it in a `with` statement.

    Raises EmbeddedError if another process holds it for longer than `wait` seconds, or if the folder is not writable.
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
    """Return the folder for the socket `name` of a server with its data in `folder`. It may not exist yet.

    It is `folder/run`. If that path is too long for a socket, or contains a comma, which separates hosts in URLs of
    PostgreSQL, it is a short one in the temporary folder, the same at every start.
    """
    near = folder / "run"
    if _fits(near / name):
        return near
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(f"cqar-{os.geteuid()}-{digest}", "run")
    far = Path(tempfile.gettempdir()) / short
    return far if _fits(far / name) else "/tmp" / short  # noqa: S108 - make() checks its owner


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= SOCKET_BYTES and "," not in str(path)


def make(found: Path, folder: Path) -> None:
    """Create the folder that sockets() returned for `folder`, empty and private."""
    if found.parent != folder:
        private(found.parent)
    shutil.rmtree(found, ignore_errors=True)
    private(found)


def remove(found: Path, folder: Path) -> None:
    """Remove the folder that make() created, unless another user replaced it."""
    if found.parent == folder:
        shutil.rmtree(found, ignore_errors=True)
        return
    with contextlib.suppress(EmbeddedError):
        own(found.parent)
        shutil.rmtree(found.parent, ignore_errors=True)


def private(folder: Path) -> None:
    """Create a folder with mode 0700. Raises EmbeddedError if another user's folder is in its place."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    own(folder)
    folder.chmod(0o700)


def own(folder: Path) -> None:
    """Raise EmbeddedError unless the folder exists, is ours, and only we can write to it."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        message = f"{folder} is gone"
        raise EmbeddedError(message) from None
    others = stat.S_IWGRP | stat.S_IWOTH
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & others:
        message = f"{folder} is not private to this user: move it away, or set CQAR_HOME to another folder"
        raise EmbeddedError(message)
