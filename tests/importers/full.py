"""`python -m tests.importers.full`: import all shared data into an empty registry twice, and print the counts.

Starts its own registry and stops it. Prints the tables of docs/importers.md; the exit code is 1 if the second import changed
anything.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from loadtests.servers import free_port
from tests.importers.imports import DATA

_PORTS = ("CQAR_HOTPATH_PORT", "CQAR_HOTPATH_HTTP_PORT", "CQAR_METRICS_PORT", "CQAR_ADMIN_PORT", "CQAR_ADMIN_HTTP_PORT")
_COLUMNS = ("created", "updated", "unchanged", "review", "conflict", "rejected", "differs")
_TIMEOUT = 120.0
#: Exchanges whose currencies are in the shared data; those of others are samples.
_CURRENCIES = ("kraken", "kucoin")


class Done(NamedTuple):
    """A finished import: its name, its summary and its duration in seconds."""

    name: str
    summary: Mapping[str, Any]
    seconds: float


def imports() -> Iterator[tuple[str, Sequence[str]]]:
    """The imports in dependency order: name and arguments."""
    for kind, name in (
        *((each, each) for each in ("chains", "assets", "deployments")),
        ("coingecko", "coingecko_caip19"),
        ("relationships", "relationships"),
        ("tokenlist", "tokenlist"),
        ("tokenlist", "tokenlist_solana"),
        ("venues", "venues"),
    ):
        yield name, (kind, str(DATA / f"{name}.json.gz"))
    for path in sorted(DATA.glob("markets_*.json.gz")):
        name = path.name.removesuffix(".json.gz")
        exchange = name.removeprefix("markets_")
        more = ("--currencies", str(DATA / "currencies.json.gz")) if exchange in _CURRENCIES else ()
        yield name, ("ccxt", exchange, "--file", str(path), "--new-venue", *more)


@contextmanager
def registry() -> Iterator[Mapping[str, str]]:
    """Run an empty registry and return the environment for its commands."""
    with tempfile.TemporaryDirectory(prefix="cqar-imports-") as home:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("CQAR_")}
        environment = inherited | {"CQAR_HOME": home} | {each: str(free_port()) for each in _PORTS}
        program = (sys.executable, "-m", "cqar", "up", "--no-sample")
        with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True) as up:
            try:
                assert up.stdout is not None
                for line in up.stdout:
                    if "Ctrl-C" in line:
                        break
                yield environment
            finally:
                up.send_signal(signal.SIGTERM)
                up.communicate(timeout=_TIMEOUT)


def run_import(environment: Mapping[str, str], name: str, words: Sequence[str]) -> Done:
    """Import one file, in a process of its own."""
    began = time.monotonic()
    program = (sys.executable, "-m", "cqar", "import", *words, "--json")
    done = subprocess.run(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    summary = json.loads(done.stdout)["summary"]
    sys.stderr.write(f"{name}: {time.monotonic() - began:.1f} s\n")
    return Done(name, summary, time.monotonic() - began)


def _run(environment: Mapping[str, str]) -> Iterator[Done]:
    for name, words in imports():
        yield run_import(environment, name, words)


def _table(first: Sequence[Done], second: Sequence[Done]) -> Iterator[str]:
    yield f"| file | rows | {' | '.join(_COLUMNS)} | seconds | again |"
    yield "| --- " * (len(_COLUMNS) + 4) + "|"
    for each, again in zip(first, second, strict=True):
        counts = " | ".join(str(each.summary[column]) for column in _COLUMNS)
        yield f"| {each.name} | {each.summary['rows']} | {counts} | {each.seconds:.1f} | {again.seconds:.1f} |"
    totals = " | ".join(str(sum(each.summary[column] for each in first)) for column in _COLUMNS)
    rows, once, twice = (sum(each.summary["rows"] for each in first), *(sum(e.seconds for e in run) for run in (first, second)))
    yield f"| all | {rows} | {totals} | {once:.1f} | {twice:.1f} |"


def _reasons(first: Sequence[Done], outcome: str) -> Iterator[str]:
    counted = Counter[str]()
    places: dict[str, list[str]] = {}
    for each in first:
        for reason, count in each.summary["by_reason"].get(outcome, {}).items():
            counted[reason] += count
            places.setdefault(reason, []).append(re.sub("^markets_", "", each.name))
    yield f"| {outcome} | rows | in |"
    yield "| --- | --- | --- |"
    for reason, count in counted.most_common():
        yield f"| {reason} | {count} | {', '.join(places[reason])} |"


def main() -> int:
    """Import twice and print the tables."""
    if not DATA.exists():
        sys.stderr.write(f"the shared data are not at {DATA}\n")
        return 1
    with registry() as environment:
        first = list(_run(environment))
        second = list(_run(environment))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    for part in (_table(first, second), _reasons(first, "rejected"), _reasons(first, "review"), _reasons(first, "conflict")):
        sys.stdout.write("\n".join((*part, "", "")))
    sys.stdout.write(f"The largest process had {memory} MB in memory.\n")
    return int(any(each.summary["created"] or each.summary["updated"] for each in second))


if __name__ == "__main__":
    sys.exit(main())
