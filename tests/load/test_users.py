"""Locust's users run against a small stack, and errors fail the run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cqar.client.connect import connected
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from tests.up import running
from tests.up.running import ROOT, TIMEOUT, Up, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests read /proc")
CALLS = (
    "GetVenueSymbol",
    "GetVenueSymbol, unknown",
    "GetVenueSymbol, just listed",
    "GetAsset",
    "GetSymbol",
    "FindVenueSymbols",
    "UpdateVenueSymbol",
    "RaiseQualityFlag",
    "ResolveQualityFlag",
)


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    with running.folder() as made:
        stack = Up(made / "home")
        try:
            stack.wait_up()
            yield stack
            assert stack.end() == 0
        finally:
            stack.close()


def load(up: Up, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`make load` on a stack, with the keys in a folder."""
    own = environment(CQAR_HOME=str(home), CQAR_HOTPATH_PORT=up.address("hotpath").rpartition(":")[2])
    return subprocess.run(
        [sys.executable, "-m", "loadtests.load", "--untimed", *words],
        env=own,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )


def test_all_users_call_without_errors_and_delete_what_they_created(up: Up) -> None:
    done = load(up, up.home, "--run-time", "6s", "--users", "21", "--spawn-rate", "21")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert not [name for name in CALLS if f"grpc     {name} " not in said], said
    with connected(up.address("admin"), up.key("reader")) as channel:
        listed = channel.unary_unary(
            "/cqc.services.v1.AssetRegistry/ListVenueSymbols",
            pb.ListVenueSymbolsRequest.SerializeToString,
            pb.ListVenueSymbolsResponse.FromString,
        )
        assert not listed(pb.ListVenueSymbolsRequest(venue_id="load-tests"), timeout=TIMEOUT).venue_symbols


def test_a_run_fails_if_calls_are_refused(up: Up, tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text("{}")
    done = load(up, tmp_path, "--run-time", "2s")
    assert done.returncode == 1, done.stdout + done.stderr
    assert os.fspath(tmp_path) not in done.stdout
