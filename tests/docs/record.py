"""Record the responses of the examples again, on a new stack: `python -m tests.docs.record`. Review the diff."""

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
    """Run all examples and write the responses to their files."""
    for name, example in examples.load().items():
        file = examples.files()[name]
        recorded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        for each, variable in zip(recorded.get("variables", ()), example.variables, strict=True):
            caller.set(variable.name, page.assignment(variable))
            each["value"] = caller.variables[variable.name]
        recorded["response"] = elided(recorded["response"], caller.grpc(example))
        if "response" in recorded["http"]:
            recorded["http"]["response"] = elided(recorded["http"]["response"], caller.curl(example))
        file.write_text(page.compact(recorded) + "\n", encoding="utf-8")


def main() -> None:
    """Start a stack, record and stop it."""
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
