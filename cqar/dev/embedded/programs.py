"""PostgreSQL's programs where the user that root becomes can read them."""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from cqar.dev.embedded.account import Account
from cqar.dev.embedded.home import EmbeddedError, own

#: Folders that everybody can enter, the one that lasts first.
_PLACES = ("/var/tmp", "/tmp")  # noqa: S108 - the copy has to be ours to be used
#: The flag of a file system that runs no programs; macOS has no name for it.
_NOEXEC = getattr(os, "ST_NOEXEC", 0)


def readable(folder: Path, user: Account) -> Path:
    """The folder of programs, or where the user cannot read it a copy's, which is made once and used again."""
    if user.reaches(folder / "postgres"):
        return folder
    package = folder.parent.parent
    if folder.parent.name != "pginstall":
        message = f"PostgreSQL refuses root, and the user it runs as cannot read {folder}: open the folder to it"
        raise EmbeddedError(message)
    built = (folder / "postgres").stat()
    digest = hashlib.sha256(f"{folder} {built.st_mtime_ns} {built.st_size}".encode()).hexdigest()[:12]
    for place in map(Path, _PLACES):
        if place.is_dir() and not os.statvfs(place).f_flag & _NOEXEC and user.reaches(place):
            copy = place / f"cqar-postgres-{digest}"
            _copy(package, copy)
            return copy / folder.relative_to(package.parent)
    message = f"PostgreSQL refuses root, the user it runs as cannot read {folder}, and there is no place for a copy"
    raise EmbeddedError(message)


def _copy(package: Path, copy: Path) -> None:
    """Have in `copy` the package and, beside it, the libraries that it finds by a relative path."""
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
        own(copy)  # Another process was faster.


def _open(tree: Path) -> None:
    """Let everybody read it, and run what its owner may run: a careful umask may have closed the source."""
    for here, _, names in os.walk(tree):
        for path in (Path(here), *(Path(here, each) for each in names)):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode):
                path.chmod(stat.S_IMODE(mode) | (0o555 if mode & stat.S_IXUSR else 0o444))


def _ignored(folder: str, names: list[str]) -> list[str]:
    del folder
    return [each for each in names if each in {"include", "__pycache__"}]


def _sizes(folder: Path) -> dict[str, int]:
    """Size of each file by its relative path: cleaners of temporary folders take single files away."""
    found = {}
    for here, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each not in _ignored(here, folders)]
        for each in names:
            path = Path(here, each)
            found[str(path.relative_to(folder))] = path.lstat().st_size
    return found
