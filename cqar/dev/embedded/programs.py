"""The programs of PostgreSQL, readable for the user that root switches to."""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from cqar.dev.embedded.account import Account
from cqar.dev.embedded.home import EmbeddedError, own

#: Folders that everyone can enter, the permanent one first.
_PLACES = ("/var/tmp", "/tmp")  # noqa: S108 - the copy has to be ours to be used
#: The mount flag noexec; macOS has no name for it.
_NOEXEC = getattr(os, "ST_NOEXEC", 0)


def readable(folder: Path, user: Account) -> Path:
    """Return the folder of the programs; of a reusable copy if the user cannot read them."""
    if user.reaches(folder / "postgres"):
        return folder
    package = folder.parent.parent
    if folder.parent.name != "pginstall":
        message = f"PostgreSQL refuses root, and its user cannot read {folder}: make the folder accessible"
        raise EmbeddedError(message)
    built = (folder / "postgres").stat()
    digest = hashlib.sha256(f"{folder} {built.st_mtime_ns} {built.st_size}".encode()).hexdigest()[:12]
    for place in map(Path, _PLACES):
        if place.is_dir() and not os.statvfs(place).f_flag & _NOEXEC and user.reaches(place):
            copy = place / f"cqar-postgres-{digest}"
            _copy(package, copy)
            return copy / folder.relative_to(package.parent)
    message = f"PostgreSQL refuses root, its user cannot read {folder}, and no folder for a copy was found"
    raise EmbeddedError(message)


def _copy(package: Path, copy: Path) -> None:
    """Copy the package to `copy` and, beside it, the libraries that it finds by a relative path."""
    sources = [each for each in (package, package.with_name(f"{package.name}.libs")) if each.is_dir()]
    if copy.is_symlink() or copy.exists():
        own(copy)
        if all(_sizes(each) == _sizes(copy / each.name) for each in sources):
            return
        shutil.rmtree(copy)
    new = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=copy.parent))
    try:
        for each in sources:
            shutil.copytree(each, new / each.name, symlinks=True, ignore=_ignored)
        _open(new)
        new.rename(copy)
    except OSError as error:
        shutil.rmtree(new)
        if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
            raise
        own(copy)  # another process was faster


def _open(tree: Path) -> None:
    """Make it readable for everyone, and executable where the owner may execute: a strict umask may have closed it."""
    for here, _, names in os.walk(tree):
        for path in (Path(here), *(Path(here, each) for each in names)):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode):
                path.chmod(stat.S_IMODE(mode) | (0o555 if mode & stat.S_IXUSR else 0o444))


def _ignored(folder: str, names: list[str]) -> list[str]:
    del folder
    return [each for each in names if each in {"include", "__pycache__"}]


def _sizes(folder: Path) -> dict[str, int]:
    """Return the size of each file by its relative path: cleaners of temporary folders remove single files."""
    found = {}
    for here, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each not in _ignored(here, folders)]
        for each in names:
            path = Path(here, each)
            found[str(path.relative_to(folder))] = path.lstat().st_size
    return found
