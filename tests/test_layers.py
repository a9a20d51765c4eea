"""What a process loads: the import contracts of pyproject.toml, seen from a running interpreter."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Each starts an interpreter of its own.
pytestmark = pytest.mark.server


def test_a_worker_process_loads_no_module_of_the_writes() -> None:
    loaded = _loaded_by("cqar.hotpath.app", "cqar.hotpath.supervisor")
    assert "cqar.services.lookups" in loaded
    assert [name for name in loaded if name.startswith("cqar.writes")] == []


def test_the_admin_process_loads_them() -> None:
    assert "cqar.writes.transaction" in _loaded_by("cqar.admin.app")


def _loaded_by(*modules: str) -> list[str]:
    """The modules of a fresh interpreter that has imported `modules`."""
    code = f"import sys, {', '.join(modules)}; print(*sys.modules, sep=chr(10))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.split()


#: An import that breaks each contract, by a part of the contract's name -> module and its new line.
BREAKS: Mapping[str, tuple[str, str]] = {
    "layers: a package": ("cqar/model/rules.py", "import cqar.storage.postgres"),
    "lane: a module": ("cqar/lane/frames.py", "import cqar.lane.server"),
    "packages: no import cycles": ("cqar/observability/tracing.py", "import cqar.observability.recording"),
    "a worker loads": ("cqar/hotpath/feed.py", "import cqar.writes.transaction"),
    "declarations, rules": ("cqar/lookups/derive.py", "import aiohttp"),
    "import asyncpg": ("cqar/writes/merge.py", "import asyncpg"),
    "imports nats": ("cqar/writes/merge.py", "import nats"),
    "imports redis": ("cqar/writes/merge.py", "import redis"),
}


def test_every_import_contract_fails_when_it_is_broken(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "cqar", tmp_path / "cqar", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, line in BREAKS.values():
        path = tmp_path / module
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache", "--no-logo"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    assert len(contracts) == len(BREAKS)
    report = re.sub(r"\s+", " ", done.stdout)
    kept = [name for name in (each["name"] for each in contracts) if f"{name} BROKEN" not in report]
    assert kept == [], done.stdout
