"""A process that holds the three servers in a folder, as `cqar up` does, until its input ends.

Run as a script: `holder.py FOLDER`. It writes one line of JSON: by server the URL and the ids of all processes.
"""

import json
import sys
from pathlib import Path

from cqar.embedded import Nats, Postgres, Valkey, lock, processes


def main() -> None:
    """Start, tell, wait, stop."""
    folder = Path(sys.argv[1])
    with (
        lock(folder),
        Postgres(folder / "postgres") as postgres,
        Valkey(folder / "valkey") as valkey,
        Nats(folder / "nats") as nats,
    ):
        told = {each.name: {"url": each.url, "pids": processes.tree(each.pid)} for each in (postgres, valkey, nats)}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
