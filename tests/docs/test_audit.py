"""`make audit`: known vulnerabilities of the locked dependencies, asked of a database on this machine."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from cqar.dev import audit

LOCK = """\
good==1.0 \\
    --hash=sha256:00
bad-one==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:00
"""
Answer = Callable[[Any], tuple[int, Any]]


class Osv:
    """A database that answers with `answer`, and what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _asked: (200, {})
        self.asked: list[Any] = []
        osv = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                osv.asked.append(asked)
                status, body = osv.answer(asked)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/querybatch"


@pytest.fixture
def osv() -> Iterator[Osv]:
    made = Osv()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> str:
    path = tmp_path / "requirements.lock"
    path.write_text(LOCK, encoding="utf-8")
    return str(path)


def _by_name(asked: Any) -> tuple[int, Any]:
    bad = {"vulns": [{"id": "PYSEC-1"}, {"id": "GHSA-2"}]}
    return 200, {"results": [bad if each["package"]["name"] == "bad-one" else {} for each in asked["queries"]]}


def test_vulnerable_packages_are_listed_and_fail(osv: Osv, lock: str, capsys: pytest.CaptureFixture[str]) -> None:
    osv.answer = _by_name
    assert audit.main(["--service", osv.url, "--lock", lock]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "bad-one 2.0: https://osv.dev/PYSEC-1, https://osv.dev/GHSA-2",
        "2 packages checked, 1 with known vulnerabilities",
    ]
    package = {"name": "bad-one", "ecosystem": "PyPI"}
    assert osv.asked[0]["queries"][1] == {"package": package, "version": "2.0"}


def test_no_vulnerability_passes(osv: Osv, lock: str, capsys: pytest.CaptureFixture[str]) -> None:
    osv.answer = lambda asked: (200, {"results": [{} for _ in asked["queries"]]})
    assert audit.main(["--service", osv.url, "--lock", lock]) == 0
    assert capsys.readouterr().out == "2 packages checked, 0 with known vulnerabilities\n"


@pytest.mark.parametrize("answer", [(500, {}), (200, {}), (200, {"results": [{}]}), (200, [])])
def test_an_error_of_the_database_is_reported_as_skipped(
    osv: Osv, lock: str, capsys: pytest.CaptureFixture[str], answer: tuple[int, Any]
) -> None:
    osv.answer = lambda _asked: answer
    assert audit.main(["--service", osv.url, "--lock", lock]) == 0
    assert capsys.readouterr().out.startswith("skipped: 2 packages were not checked, because ")


def test_a_database_that_cannot_be_reached_is_reported_as_skipped(lock: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    assert audit.main(["--service", url, "--lock", lock]) == 0
    assert "cannot be reached" in capsys.readouterr().out


def test_every_package_of_the_lock_file_is_checked() -> None:
    text = audit._LOCK.read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]
    assert len(audit.locked(text)) == len(pins) > 50
    assert ("aiohttp" in dict(audit.locked(text))) is True


def test_a_lock_file_without_packages_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "empty.lock"
    path.write_text("", encoding="utf-8")
    assert audit.main(["--lock", str(path)]) == 2
