"""What a process loads: the import contracts of pyproject.toml, seen from a running interpreter."""

import subprocess
import sys

import pytest

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
