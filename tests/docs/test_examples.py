"""The examples of docs/api.md return the documented responses: over gRPC, with grpcurl and with curl."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest

from cqar.admin.http.routes import ROUTES
from cqar.contract import examples as contract
from cqar.contract.examples import Example
from cqar.dev import api_page
from cqar.dev import examples as page

from . import calling, grpcurl, pages
from .calling import Caller, comparable, elided
from .stack import Stack

EXAMPLES = contract.load()
RECORDED = contract.recorded()
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests read /proc")


@pytest.fixture(scope="module")
def caller(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Caller:
    return Caller(stack, tmp_path_factory.mktemp("bin"))


@pytest.fixture(scope="module")
def said(caller: Caller) -> Mapping[str, Mapping[str, Any]]:
    """The responses of all examples, run in order, as a reader would."""
    return calling.call_all(caller, EXAMPLES)


def check(name: str, documented: Any, response: Any, example: Example) -> None:
    if isinstance(response, Exception):
        raise response
    unordered = example.unordered
    assert comparable(example.request, elided(documented, response), unordered) == comparable(
        RECORDED[name].request, documented, unordered
    )


@pytest.mark.parametrize("way", ["grpc", "grpcurl"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_calls_answer_as_documented(name: str, way: str, said: Mapping[str, Mapping[str, Any]], caller: Caller) -> None:
    check(name, RECORDED[name].response, said[name][way], caller.filled(EXAMPLES[name]))


@pytest.mark.skipif(calling.CURL is None, reason="curl is not installed: the curl lines of docs/api.md are not tested")
@pytest.mark.parametrize("name", EXAMPLES)
def test_curl_lines_answer_as_documented(name: str, said: Mapping[str, Mapping[str, Any]], caller: Caller) -> None:
    check(name, RECORDED[name].http_response, said[name]["curl"], caller.filled(EXAMPLES[name]))


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_name_calls_and_routes(name: str) -> None:
    example = EXAMPLES[name]
    assert calling.method_of(example).name == example.method
    assert (example.http.verb, example.http.path) in {(each.verb, each.path) for each in ROUTES}


def test_the_page_shows_exactly_the_tested_commands() -> None:
    shown = [
        command.text
        for block in pages.blocks(api_page.PAGE)
        if block.language == "console"
        for command in block_commands(block)
    ]
    tested = [page.KEY]
    for each in EXAMPLES.values():
        tested += [*map(page.assignment, each.variables), page.grpcurl(each), page.curl(each)]
    assert shown == tested


def block_commands(block: pages.Block) -> list[pages.Command]:
    """The commands of a block without output; a command may have several lines."""
    return [pages.Command(each.rstrip(), None) for each in block.text.removeprefix("$ ").split("\n$ ")]


def test_the_ten_calls_have_examples() -> None:
    called = {each.method for each in EXAMPLES.values()}
    assert called >= {
        "GetVenueSymbol", "ResolveVenueSymbols", "ResolveAssets", "ListAssetRelationships", "SearchAssets",
        "ListQualityFlags", "RaiseQualityFlag", "CreateVenueSymbol", "TailEvents", "Apply",
    }  # fmt: skip
    assert any("as_of" in each.request for each in EXAMPLES.values())


def test_ids_are_compared_by_identity() -> None:
    one, two = "01a210ea-04fb-7bd1-b992-45ffd114bc33", "01a210ea-0095-777c-8b8c-631157870a75"
    assert comparable({"id": one}, {"of": one, "revision": "1"}) == comparable({"id": two}, {"of": two, "revision": "2"})
    assert comparable({"id": one}, {"of": one}) != comparable({"id": one}, {"of": two})


def test_only_elided_parts_may_differ() -> None:
    assert elided({"a": "...", "...": "..."}, {"a": 1, "b": 2}) == {"a": "...", "...": "..."}
    assert elided({"a": {"b": "..."}}, {"a": {"b": 1, "c": 2}}) == {"a": {"b": "...", "c": 2}}


@pytest.mark.server
def test_a_changed_example_makes_the_page_out_of_date(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for file in contract.files().values():
        (tmp_path / file.name).write_text(file.read_text("utf-8").replace('"BTCUSDT"', '"ETHUSDT"'), "utf-8")
    monkeypatch.setattr(contract, "FOLDER", tmp_path)
    assert api_page.main(["--check"]) == 1
    assert "docs/api.md is not up to date" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags",
    [
        ["-plaintext", "-d", "{}", "-insecure"],
        ["-d", "{}"],
        ["-plaintext"],
        ["-plain", "-d", "{}"],
        ["-plaintext", "-data", "{}"],
    ],
    ids=" ".join,
)
def test_the_stand_in_for_grpcurl_accepts_only_documented_flags(flags: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        grpcurl.main([*flags, "127.0.0.1:1", "cqc.services.v1.AssetRegistry/GetAsset"])
    assert refused.value.code == 2


def test_the_stand_in_for_grpcurl_knows_services_from_reflection_only(stack: Stack, caller: Caller) -> None:
    flags = ["-plaintext", "-d", "{}", stack.address]
    with pytest.raises(grpc.RpcError) as refused:
        grpcurl.main([*flags, "cqc.services.v1.AssetRegistry/GetAsset"])
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(KeyError, match="Nothing"):
        grpcurl.main(["-H", f"authorization: Bearer {caller.variables['KEY']}", *flags, "cqc.services.v1.Nothing/GetAsset"])
