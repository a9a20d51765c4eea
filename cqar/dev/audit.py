"""Known vulnerabilities of the locked dependencies, from OSV: `make audit`.

The exit status is 1 if there are any, and 0 if there are none or the database cannot be reached, which is reported. Every
version of `requirements.lock` is checked, also those for other platforms.
"""

import argparse
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

#: The database's endpoint for many packages. See https://google.github.io/osv.dev/post-v1-querybatch/.
SERVICE: Final = "https://api.osv.dev/v1/querybatch"
_LOCK = Path(__file__).parents[2] / "requirements.lock"
#: A locked package: its name and its version.
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
#: Seconds for the database to answer.
_TIMEOUT = 15.0
#: Packages per request; the database accepts up to 1,000.
_AT_ONCE = 500


class UnreachableError(Exception):
    """The database cannot be reached, or answers with an error."""


def locked(text: str) -> Sequence[tuple[str, str]]:
    """(name, version) of each package of a lock file."""
    return _PINNED.findall(text)


def vulnerabilities(packages: Sequence[tuple[str, str]], service: str = SERVICE) -> Mapping[tuple[str, str], Sequence[str]]:
    """The ids of the known vulnerabilities of each package that has any. Raises UnreachableError."""
    parts = [packages[at : at + _AT_ONCE] for at in range(0, len(packages), _AT_ONCE)]
    found = [pair for part in parts for pair in zip(part, _ask(part, service), strict=True)]
    return {package: ids for package, ids in found if ids}


def _ask(packages: Sequence[tuple[str, str]], service: str) -> Sequence[Sequence[str]]:
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in packages]
    request = urllib.request.Request(  # noqa: S310 - https, or what the caller names
        service, json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310 - the same
            results = json.load(response)["results"]
            ids = [[vulnerability["id"] for vulnerability in each.get("vulns", ())] for each in results]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreachableError(str(error)) from error
    if len(ids) != len(packages):
        msg = f"{len(ids)} results for {len(packages)} packages"
        raise UnreachableError(msg)
    return ids


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the vulnerabilities; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m cqar.dev.audit", description=__doc__.partition("\n")[0])
    parser.add_argument("--service", default=SERVICE, help="the URL of OSV's querybatch (default: %(default)s)")
    parser.add_argument("--lock", type=Path, default=_LOCK, help="the lock file (default: that of the repository)")
    given = parser.parse_args(arguments)
    packages = locked(given.lock.read_text(encoding="utf-8"))
    if not packages:
        sys.stderr.write(f"{given.lock} locks no package\n")
        return 2
    try:
        found = vulnerabilities(packages, given.service)
    except UnreachableError as error:
        sys.stdout.write(
            f"skipped: {len(packages)} packages were not checked, because {given.service} cannot be reached: {error}\n"
        )
        return 0
    for (name, version), ids in found.items():
        sys.stdout.write(f"{name} {version}: {', '.join(f'https://osv.dev/{each}' for each in ids)}\n")
    sys.stdout.write(f"{len(packages)} packages checked, {len(found)} with known vulnerabilities\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
