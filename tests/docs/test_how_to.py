"""What docs/how-to describes works: its blocks, applied in order to a copy of the project, pass the commands between them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cqar.storage import migrate

from . import pages
from .pages import ROOT, Block

HOW_TO = sorted((ROOT / "docs" / "how-to").glob("*.md"))
BIN = Path(sys.executable).parent
#: `make check` without the lock file, and without the phrases, which read the blocks on the pages.
CHECK = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
    ("python", "-m", "cqar.contract.generate", "--check"),
    ("python", "-m", "cqar.dev.api_page", "--check"),
)

_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".hypothesis", ".*_cache", "__pycache__", "build", "dist")
#: Of the environment: what belongs to this run of pytest and make, and settings.
_NOT_PASSED_ON = ("PYTEST", "COV", "MAKE", "CQAR_", "GIT_")

pytestmark = pytest.mark.server


class Copy:
    """A copy of the project in which changes are applied and commands run. `mypy_cache`: the folder of mypy's cache."""

    def __init__(self, folder: Path, mypy_cache: Path) -> None:
        self.folder = folder
        self._own = {"PYTHONPATH": str(folder), "MYPY_CACHE_DIR": str(mypy_cache)}
        shutil.copytree(ROOT, folder, ignore=_NOT_COPIED)
        self.number = f"{len(migrate.load()) + 1:04}"

    def run(self, *command: str, text: str | None = None) -> None:
        """Run a command; what it prints is shown if it fails."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=kept | self._own,
            input=text,
            stdin=None if text else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}"

    def apply(self, block: Block) -> None:
        """Apply the changes of a `diff` block; NNNN is the number of the next migration."""
        self.run("git", "apply", "--recount", "-", text=block.text.replace("/NNNN_", f"/{self.number}_"))

    def make(self, block: Block) -> None:
        """Run the `make` commands of a `console` block."""
        for command in pages.commands(block):
            program, target, *rest = shlex.split(command.text)
            assert program == "make", f"{block}: {command.text}"
            if target == "check":
                for name, *words in CHECK:
                    self.run(str(BIN / name), *words)
            else:
                self.run("make", "--old-file=.venv/made", f"BIN={BIN}", target, *rest)


@pytest.fixture(scope="module")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for all copies, begun with that of `make check`: without one, mypy takes a minute of CPU."""
    made = tmp_path_factory.mktemp("mypy") / "cache"
    if (ROOT / ".mypy_cache").exists():
        shutil.copytree(ROOT / ".mypy_cache", made)
    return made


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_the_blocks_of_a_how_to_apply_and_its_commands_pass(page: Path, tmp_path: Path, mypy_cache: Path) -> None:
    copy = Copy(tmp_path / "cqar", mypy_cache)
    steps = {"diff": copy.apply, "console": copy.make}
    blocks = list(pages.blocks(page))
    assert {block.language for block in blocks} == set(steps), "every block is a change or a command"
    for block in blocks:
        steps[block.language](block)


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_a_how_to_ends_with_checks_and_the_tests_that_it_adds(page: Path) -> None:
    *_, last = pages.blocks(page)
    commands = [shlex.split(each.text) for each in pages.commands(last)]
    assert ["make", "check"] in commands
    [tests] = [command[2].removeprefix("ARGS=").split() for command in commands if command[1] == "test"]
    added = re.findall(r"^\+\+\+ b/(tests/.*/test_\w+\.py)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert added
    assert set(added) <= set(tests)
