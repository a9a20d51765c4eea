"""The bench runs, writes its table, and leaves no process running."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cqar.dev.embedded import processes
from loadtests.bench.report import Report
from tests.up.running import ROOT, TIMEOUT, environment, runs, until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("cc"), reason="the generator needs Linux and a C compiler"
)
QUICK = [sys.executable, "-m", "loadtests.bench", "--quick", "--only", "hits"]


def test_a_quick_bench_reports_both_transports_and_the_yardstick(tmp_path: Path) -> None:
    table = tmp_path / "page.md"
    table.write_text("before\n<!-- the table of make bench begins -->\nold\n<!-- the table of make bench ends -->\nafter\n")
    words = [*QUICK, "--json", str(tmp_path / "bench.json"), "--markdown", str(table)]
    done = subprocess.run(words, env=environment(), cwd=ROOT, capture_output=True, text=True, check=False, timeout=5 * TIMEOUT)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "bench.json").read_text())
    assert {"machine", "system", "pinned"} <= found["machine"].keys()
    lines = {each["name"]: each["run"] for each in found["lines"]}
    for name in ("yardstick: bare grpc.aio echo, 8x32", "lane: hit, as Envoy, 8x32", "grpcio: hit, equal header blocks, 8x32"):
        assert lines[name]["rate"] > 0
        assert lines[name]["p50"] <= lines[name]["p99"] <= lines[name]["p999"]
    text = table.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| lane: hit, equal header blocks, 8x32 |" in text


def test_an_interrupted_bench_ends_all_its_processes(tmp_path: Path) -> None:
    made = subprocess.Popen(QUICK, env=environment(TMPDIR=str(tmp_path)), cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        until(lambda: any(map(_is_admin, processes.tree(made.pid))), "admin, which starts after PostgreSQL, Valkey and NATS")
        tree = processes.tree(made.pid)
        made.send_signal(signal.SIGINT)
        assert made.wait(TIMEOUT) == 130
        until(lambda: not any(map(runs, tree)), "nothing runs")
        assert list(tmp_path.iterdir()) == []
    finally:
        made.kill()
        made.wait()


def _is_admin(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"cqar\0admin\0")
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_bench_ends_at_the_next_step_if_a_callback_suppressed_the_interrupt() -> None:
    report = Report()
    report.doing("this goes on")
    report.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        report.doing("this does not")


def test_an_unknown_section_is_an_error_that_lists_the_sections() -> None:
    words = [sys.executable, "-m", "loadtests.bench", "--only", "hits,speed"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 2
    assert "unknown section speed; use hits, latency, tls" in done.stderr
