"""What the scripts around the tests do: .ci/run, tests/under_load.sh and the report of `make coverage`."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from cqar.dev.embedded import processes
from tests import coverage
from tests.coverage import File
from tests.up.running import ROOT, TIMEOUT, runs, until

BASH = shutil.which("bash")
pytestmark = [pytest.mark.server, pytest.mark.skipif(BASH is None, reason="bash is not installed")]


def programs(folder: Path, **scripts: str) -> dict[str, str]:
    """The environment in which these scripts are found first."""
    folder.mkdir()
    for name, text in scripts.items():
        (folder / name.replace("_", "-")).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name.replace("_", "-")).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def ci(folder: Path, **scripts: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run .ci/run with these programs; its result, and the calls that were noted."""
    calls = folder / "calls"
    note = f'echo "$(basename "$0") $*" >> {calls}'
    named = {"make": f"{note}; cat", "id": "echo 0", "dpkg_query": "exit 1", "apt_get": note, **scripts}
    env = programs(folder / "bin", **named)
    script = [str(BASH), ".ci/run"]
    done = subprocess.run(script, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    return done, calls.read_text().splitlines()


def test_ci_installs_the_missing_packages_for_root_before_the_checks(tmp_path: Path) -> None:
    done, calls = ci(tmp_path, dpkg_query='[ "$4" = curl ] && echo installed')
    assert done.returncode == 0, done.stderr
    assert calls[0] == "apt-get update -qq"
    assert calls[1].startswith("apt-get install -qq --no-install-recommends nghttp2-client ")
    assert calls[2:] == ["make check", "make test"]


@pytest.mark.parametrize("programs", [{"id": "echo 1000"}, {"apt_get": "exit 100"}], ids=["not root", "apt-get fails"])
def test_ci_names_the_packages_that_it_cannot_install_and_goes_on(tmp_path: Path, programs: dict[str, str]) -> None:
    done, calls = ci(tmp_path, **programs)
    assert done.returncode == 0, done.stderr
    assert "not installed, so their tests are skipped: curl nghttp2-client " in done.stderr
    assert calls == ["make check", "make test"]


def test_ci_ends_with_the_first_check_that_fails(tmp_path: Path) -> None:
    done, _ = ci(tmp_path, make=f'echo "make $*" >> {tmp_path}/calls; exit 2', dpkg_query="echo installed")
    assert done.returncode == 2


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_busy_processes_end_with_the_tests_beside_them(tmp_path: Path, interrupted: bool) -> None:  # noqa: FBT001 - a parameter of a test
    end = tmp_path / "end"
    env = programs(
        tmp_path / "bin",
        make=f'echo "$*" > {tmp_path}/new && mv {tmp_path}/new {tmp_path}/words\n'
        f"while [ ! -e {end} ]; do sleep 0.05; done; exit 3",
    )
    made = subprocess.Popen([str(BASH), "tests/under_load.sh", "tests/rules", "-x"], cwd=ROOT, env=env)
    try:
        until((tmp_path / "words").exists, "the tests run")
        assert (tmp_path / "words").read_text() == "test ARGS=tests/rules -x\n"
        tree = processes.tree(made.pid)
        assert sum(b"while :" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in tree) >= 6
        if interrupted:
            made.send_signal(signal.SIGTERM)
        else:
            end.touch()
        assert made.wait(TIMEOUT) == (130 if interrupted else 3)
        until(lambda: not any(map(runs, tree)), "nothing runs")
    finally:
        end.touch()
        made.terminate()
        made.wait()


def test_a_package_with_too_few_covered_lines_is_named_with_its_worst_files() -> None:
    enough, few = [File("a.py", 90, 0), File("b.py", 10, 10)], [File("c.py", 899, 0), File("d.py", 101, 101)]
    packages = {"cqar.enough": enough, "cqar.few": few, "cqar.empty": [File("__init__.py", 0, 0)]}
    assert coverage.low(packages) == ["cqar.few"]
    lines = [line.strip() for line in coverage.report(packages)]
    assert lines[:2] == ["89.9 %  cqar.few", "not run: 101 of 101 in d.py, 0 of 899 in c.py"]
    assert lines[2:] == ["90.0 %  cqar.enough", "100.0 %  cqar.empty"]
