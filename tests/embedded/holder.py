"""A process that runs the three servers in a folder, like `cqar up`, until its input ends."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cqar.dev.embedded import Nats, Postgres, Valkey, lock, processes
from cqar.dev.embedded.account import Account

ROOT = Path(__file__).parents[2]


class Reported(NamedTuple):
    """A server as the process reports it: the URL and the ids of all its processes."""

    url: str
    pids: Sequence[int]


class Outsider(NamedTuple):
    """Another user with its own Python and package."""

    account: Account
    python: str
    #: The folder with the package cqar and this file.
    root: Path
    env: Mapping[str, str]


@contextmanager
def running(folder: Path, *, throwaway: bool = False, outsider: Outsider | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the process, as another user if given; it ends with the block."""
    whose = outsider or Outsider(Account(), sys.executable, ROOT, {})
    script = whose.root / "holder.py" if outsider else Path(__file__)
    process = subprocess.Popen(
        [whose.python, str(script), str(folder), *(("throwaway",) if throwaway else ())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd="/",
        user=whose.account.uid or None,
        group=whose.account.gid or None,
        extra_groups=[] if whose.account.uid else None,
        env={**os.environ, "PYTHONPATH": str(whose.root), "PYTHONDONTWRITEBYTECODE": "1", **whose.env},
    )
    with process:
        try:
            yield process
            assert process.stdin is not None
            process.stdin.close()
        except BaseException:
            process.kill()
            raise


def reported(process: "subprocess.Popen[bytes]") -> dict[str, Reported]:
    """Server name -> report, once all servers run."""
    assert process.stdout is not None
    return {name: Reported(*each) for name, each in json.loads(process.stdout.readline()).items()}


def main() -> None:
    """Start the servers, report them, wait, stop them."""
    folder = Path(sys.argv[1])
    throwaway = sys.argv[2:] == ["throwaway"]
    with (
        lock(folder),
        Postgres(folder / "postgres", throwaway=throwaway) as postgres,
        Valkey(folder / "valkey", throwaway=throwaway) as valkey,
        Nats(folder / "nats", throwaway=throwaway) as nats,
    ):
        every = {each.name: Reported(each.url, processes.tree(each.pid)) for each in (postgres, valkey, nats)}
        sys.stdout.write(json.dumps(every) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
