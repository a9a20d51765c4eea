"""The OpenAPI description is valid, and the API behaves as it says."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import schemathesis

from cqar.admin.http import openapi
from cqar.admin.http.routes import METHODS, ROUTES
from tests.http.client import Api

_NODE = shutil.which("node")
_STATIC = Path(openapi.__file__).with_name("static")
_SCHEMATHESIS = "from schemathesis.cli import schemathesis; schemathesis()"


def test_the_description_is_openapi_3_1() -> None:
    document = openapi.document()
    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()


def test_every_path_is_described_once_in_words() -> None:
    document = openapi.document()
    described = {
        (verb.upper(), path): operation for path, verbs in document["paths"].items() for verb, operation in verbs.items()
    }
    assert set(described) == {(route.verb, route.path) for route in ROUTES}
    assert len({each["operationId"] for each in described.values()}) == len(described)
    assert all(each["summary"].endswith((".", "?")) for each in described.values())
    assert set(METHODS) <= {each["operationId"].partition(".")[0] for each in described.values()}


def test_no_double_is_in_the_description() -> None:
    assert not re.search(r"'type': 'number'", str(openapi.document()))


def test_what_a_create_must_have_is_required() -> None:
    paths = openapi.document()["paths"]

    def required(path: str) -> Any:
        return paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"].get("required")

    assert required("/v1/chains") == ["name", "chain_type"]
    assert required("/v1/flags") == ["asset_id", "flag_type", "severity", "description"]
    assert required("/v1/venues/{venue_id}/symbols") == ["symbol_id", "venue_symbol"]


async def test_the_api_behaves_as_described(shared: Api, tmp_path: Path) -> None:
    # What is valid by its schema may still break a rule that no schema can say: positive_data_acceptance has no place here.
    options = [
        *("--phases=examples,fuzzing", "--max-examples=3", "--seed=1", "--no-shrink", "--continue-on-failure"),
        *("--checks=all", "--exclude-checks=positive_data_acceptance", "--warnings=off"),
        *("--exclude-path=/v1/events", "--exclude-path=/v1/apply"),
    ]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _SCHEMATHESIS, "run", str(shared.url("/openapi.json")), *options),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    tested = re.search(r"Tested: (\d+)", said.decode())
    assert tested is not None
    assert int(tested[1]) == len(ROUTES) - 2


async def test_the_page_shows_the_description_and_loads_nothing_from_elsewhere(shared: Api) -> None:
    described = await shared.get("/openapi.json")
    assert described.body == openapi.document()
    page = await shared.get("/docs")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "//" not in page.body.replace("<!doctype html>", "")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.body)
    assert "openapi.json" in named
    for each in named:
        assert (await shared.get(f"/{each}")).status == 200, each


@pytest.mark.skipif(_NODE is None, reason="node is not installed: the script of /docs is not tested")
def test_the_page_shows_code_instead_of_back_ticks(tmp_path: Path) -> None:
    description = openapi.document()
    description["info"]["description"] = "A `<code>`, and a ` alone."
    (tmp_path / "openapi.json").write_text(json.dumps(description), encoding="utf-8")
    command = [
        str(_NODE),
        str(Path(__file__).with_name("docs_page.js")),
        str(_STATIC / "docs.js"),
        str(tmp_path / "openapi.json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    shown = done.stdout
    assert "A <code>&lt;code></code>, and a ` alone." in shown
    assert shown.count("`") == 1
    assert "Minimum revision of the response." in shown
    assert "<code>native</code>, 0xEeee..." in shown


def test_examples_are_in_the_description() -> None:
    paths = openapi.document()["paths"]
    resolve = paths["/v1/venues/{venue_id}/symbols/{venue_symbol}"]["get"]
    [venue] = [each for each in resolve["parameters"] if each["name"] == "venue_id"]
    assert venue["examples"]["resolve"] == {"summary": "Resolve a venue symbol", "value": "binance"}
    shown = resolve["responses"]["200"]["content"]["application/json"]["examples"]["resolve"]["value"]
    assert shown["symbol"]["symbol"] == "BTC/USDT"
    listing = paths["/v1/venues/{venue_id}/symbols"]["post"]
    assert (
        listing["requestBody"]["content"]["application/json"]["examples"]["list_market"]["value"]["venue_symbol"] == "BNBUSDC"
    )
    assert not re.search(r"'\$[A-Z]+'", str(paths))
