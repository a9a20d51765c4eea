"""The Makefile and the files it reads."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from . import running
from .running import ROOT

MAKE = shutil.which("make")
pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")


def make(*words: str, folder: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    """Run make, without the variables of a make that runs this."""
    inherited = {name: text for name, text in running.environment().items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        [str(MAKE), *words],
        cwd=folder,
        env=inherited | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=running.TIMEOUT,
    )


def test_make_without_a_target_lists_the_targets() -> None:
    listed = {line.split()[0] for line in make().stdout.splitlines()}
    assert listed >= {"up", "test", "check", "migrate-up", "migrate-down", "build", "run", "test-integration"}


def test_a_python_that_is_too_old_is_one_clear_line(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    old = tmp_path / "bin" / "python3"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.10.4 && exit\nexit 1\n')
    old.chmod(0o755)
    done = make("up", folder=tmp_path, PATH=str(old.parent))
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert said == ["cqar needs Python 3.11 or newer, found Python 3.10.4; set one: make PYTHON=/path/to/python3"]
    assert not (tmp_path / ".venv").exists()


def test_every_locked_dependency_has_its_hashes_and_no_index_its_address() -> None:
    text = (ROOT / "requirements.lock").read_text()
    pinned = re.findall(r"^[\w.-]+==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[^#\s]", text, re.MULTILINE)) > 30
    for name in ("requirements.lock", "pyproject.toml", "Makefile", ".ci/run", "deploy/Dockerfile", "docker-compose.yml"):
        found = (ROOT / name).read_text()
        assert not re.search(r"--(extra-)?index-url|--find-links (?!/wheels)|https?://(?!127\.0\.0\.1)", found), name
    assert "://" not in text


def test_ci_does_what_make_check_and_make_test_do() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    lines = script.read_text().splitlines()
    assert lines[-2:] == ["make check", "make test"]
    assert "set -euo pipefail" in lines
