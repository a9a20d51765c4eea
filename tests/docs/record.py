"""Records the answers of the examples anew, on a new stack: `python -m tests.docs.record`. Look at the difference."""

import json
import tempfile
from pathlib import Path
from typing import Any

from cqar.contract import examples
from cqar.dev import examples as page
from tests.up import running
from tests.up.running import Up

from .calling import Caller, elided
from .stack import Stack


def record(caller: Caller) -> None:
    """Call everything and write what came into the files."""
    for name, example in examples.load().items():
        file = examples.files()[name]
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        for each, variable in zip(kept.get("variables", ()), example.variables, strict=True):
            caller.set(variable.name, page.assignment(variable))
            each["value"] = caller.variables[variable.name]
        kept["answer"] = elided(kept["answer"], caller.grpc(example))
        if "answer" in kept["http"]:
            kept["http"]["answer"] = elided(kept["http"]["answer"], caller.curl(example))
        file.write_text(page.compact(kept) + "\n", encoding="utf-8")


def main() -> None:
    """Start a stack, record, end it."""
    with running.folder() as home, tempfile.TemporaryDirectory() as folder:
        up = Up(home / "home")
        try:
            up.wait_up()
            record(Caller(Stack(up), Path(folder)))
            up.end()
        finally:
            up.close()


if __name__ == "__main__":
    main()
