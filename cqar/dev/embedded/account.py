"""The user that runs PostgreSQL. It refuses root, and another user can read less."""

import os
import pwd
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from cqar.dev.embedded.home import EmbeddedError

#: Capabilities to enter folders closed to others, the weaker first. Containers often have only the second.
_CAPABILITIES = (2, 1)  # CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user that root switches to for a server; uid 0 means no switch."""

    #: The user and its group; 0 for no change.
    uid: int = 0
    gid: int = 0
    #: The number of the only capability that is kept; 0 for none.
    capability: int = 0

    def owns(self, path: Path) -> None:
        """Make the user the owner of a file or folder."""
        if self.uid:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Return whether the user may enter a folder or run a file, by the modes of the path and of all its parents."""
        if not self.uid:
            return True
        whole = path.resolve()
        return all(self._enters(each.stat()) for each in (whole, *whole.parents))

    def _enters(self, found: os.stat_result) -> bool:
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


def ordinary(data: Path) -> Account:
    """Return the current user; for root the owner of the data, or `nobody` if root owns it or it does not exist."""
    if os.geteuid() != 0:
        return Account()
    try:
        owner = data.stat()
    except FileNotFoundError:
        owner = None
    if owner is not None and owner.st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        message = "PostgreSQL refuses to run as root, and the user nobody does not exist: start cqar as another user"
        raise EmbeddedError(message) from None
    return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)


def capability() -> int:
    """Return the number of our capability to enter closed folders; 0 without one, and outside Linux."""
    if sys.platform != "linux":
        return 0
    held = ~0
    for row in Path("/proc/self/status").read_text().splitlines():
        if row.startswith(("CapPrm:", "CapBnd:")):
            held &= int(row.split()[1], 16)
    return next((each for each in _CAPABILITIES if held >> each & 1), 0)
