"""Contributor files, CI, hooks, decision records, glossary and pictures are consistent with the code."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from cqar import __version__

from . import pages
from .pages import ROOT

FURNITURE = (
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    ".editorconfig",
    ".github/PULL_REQUEST_TEMPLATE.md",
    ".github/workflows/ci.yml",
    ".pre-commit-config.yaml",
    "docs/glossary.md",
    "docs/releasing.md",
    "docs/decisions/README.md",
)
DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
GLOSSARY = ROOT / "docs" / "glossary.md"
PICTURES = sorted((ROOT / "docs").rglob("*.svg"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([\w-]+):", read("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("path", FURNITURE)
def test_the_file_exists_and_is_not_empty(path: str) -> None:
    assert read(path).strip()


def test_ci_runs_the_script_of_this_repository_and_nothing_else() -> None:
    workflow: dict[str, Any] = yaml.safe_load(read(".github/workflows/ci.yml"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_ci_pins_each_action_to_a_commit() -> None:
    workflow: dict[str, Any] = yaml.safe_load(read(".github/workflows/ci.yml"))
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each)] == []


def test_each_hook_calls_a_target_of_the_makefile() -> None:
    config = yaml.safe_load(read(".pre-commit-config.yaml"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        command, *names = hook["entry"].split()
        assert (command, hook["language"]) == ("make", "system"), hook["id"]
        assert names, hook["id"]
        assert set(names) <= targets(), hook["id"]


@pytest.mark.parametrize("form", [form for form in FORMS if form.name != "config.yml"], ids=lambda form: form.stem)
def test_an_issue_form_has_a_name_a_description_and_fields_with_unique_ids(form: Path) -> None:
    parsed: dict[str, Any] = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert parsed["name"]
    assert parsed["description"]
    fields = [field for field in parsed["body"] if field["type"] != "markdown"]
    assert all(field["attributes"]["label"] for field in fields)
    ids = [field["id"] for field in fields]
    assert len(set(ids)) == len(ids) > 0


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_decision_record_has_its_number_its_status_and_three_sections(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    found = re.match(r"# (\d+)\. \S.*\n\nStatus: (accepted|superseded by \[\d+\]\(\S+\))\n", text)
    assert found
    assert int(found[1]) == int(record.name[:4])
    sections = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    assert sections[1::2] == ["Context", "Decision", "Consequences"]
    assert all(body.strip() for body in sections[2::2])


def test_decision_records_are_numbered_without_gaps_and_listed_with_their_titles() -> None:
    numbers = [int(record.name[:4]) for record in RECORDS]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    listed = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \| (.+) \|$", read("docs/decisions/README.md"), re.MULTILINE)
    titles = [(r.name[:4], r.name, r.read_text(encoding="utf-8").splitlines()[0].partition(". ")[2]) for r in RECORDS]
    assert listed == titles


@pytest.mark.parametrize("page", sorted((ROOT / ".github").rglob("*.md")), ids=pages.name)
def test_a_template_names_files_that_exist(page: Path) -> None:
    for name in re.findall(r"`(\w[\w./-]*(?:\.\w+|/))`", page.read_text(encoding="utf-8")):
        assert name == ".proto" or (ROOT / name).exists(), name


@pytest.mark.parametrize("picture", PICTURES, ids=pages.name)
def test_a_picture_is_xml_with_a_text_alternative_and_both_colour_schemes(picture: Path) -> None:
    root = ET.parse(picture).getroot()  # noqa: S314 - a file of this repository
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox")
    for name in ("title", "desc"):
        assert root.findtext(f"{{http://www.w3.org/2000/svg}}{name}")
    assert "prefers-color-scheme: dark" in (root.findtext("{http://www.w3.org/2000/svg}style") or "")


def terms() -> list[tuple[str, list[str]]]:
    """Each term of our own, with the places in the code that the glossary gives it."""
    own = GLOSSARY.read_text(encoding="utf-8").partition("## Our own terms")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| \*\*(\w+)\*\* \| (.+) \| (.+) \|$", own, re.MULTILINE)
    assert all(len(re.findall(r"[.](?: |$)", meaning)) == 2 for _, meaning, _ in rows), "two sentences each"
    return [(term, re.findall(r"`([^`]+)`", places)) for term, _, places in rows]


def test_the_glossary_defines_the_five_terms() -> None:
    assert [term for term, _ in terms()] == ["part", "snap", "floor", "history", "head"]


@pytest.mark.parametrize(("term", "places"), terms(), ids=[term for term, _ in terms()])
def test_a_glossary_term_occurs_in_the_listed_places(term: str, places: list[str]) -> None:
    assert places
    for place in places:
        assert re.search(rf"\b{term}\b", read(place), re.IGNORECASE), place


def test_the_release_page_names_the_file_that_holds_the_version() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    path = project["tool"]["hatch"]["version"]["path"]
    assert f"`__version__` in `{path}`" in read("docs/releasing.md")


def test_the_changelog_has_the_version_of_the_package_and_its_newest_changes_first() -> None:
    headings = re.findall(r"^## \[(.+?)\]", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1] == __version__


#: For each figure of the README: the table and the row of the benchmark, and the columns that it quotes.
FIGURES = {
    "lookups, 8 connections with 32 calls each": ("Hits", "lane: hit, equal header blocks, 8x32", (1, 6)),
    "the same, a bare grpc-go server that looks nothing up": ("Hits", "bare grpc-go echo, one core, 8x32", (1,)),
    "batches of 1,000 lookups": ("Batches", "lane: 1000 keys a call, 8x2", (1,)),
    "latency at half the peak load": ("Latency at half the peak load", "lane: hit at half the peak of", (3, 4)),
    "a write, from acknowledged to visible in two workers under load": (
        "Visibility of a change under read load",
        "a write, from acknowledged to visible in 2 workers",
        (3, 4),
    ),
    "cold start with 100,000 venue symbols": ("Many venue symbols", "cold start with 100,000 venue symbols", (1,)),
    "memory for a venue symbol": (
        "Many venue symbols",
        "memory of a venue symbol of 1,000,000, its share of symbols and assets |",
        (1,),
    ),
    "one Python process as the client: cqar over grpc.aio": (
        "Side by side, by one Python process as the client",
        "cqar, lane, over grpc.aio",
        (1,),
    ),
    "one Python process as the client: Redis GET": (
        "Side by side, by one Python process as the client",
        "Redis GET over redis-py",
        (1,),
    ),
}


def section(text: str, title: str) -> str:
    """The text between a heading of a page and the next one."""
    return re.split(r"^## ", text.partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def measured(table: str, row: str) -> list[str]:
    """The cells of the first row of a benchmark's table that begins so."""
    found = re.search(rf"^\| {re.escape(row)}.*$", read("docs/performance.md").partition(f"**{table}**\n")[2], re.MULTILINE)
    assert found, row
    return [cell.strip() for cell in found[0].split("|")[1:]]


def numbers(text: str) -> list[str]:
    """The numbers of a cell; the percentiles' names are none."""
    return re.findall(r"\d[\d,.]*\d|\d", re.sub(r"\bp\d+(\.\d)?\b", "", text))


def quoted() -> dict[str, str]:
    """The README's figures by what was measured."""
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", section(read("README.md"), "Speed"), re.MULTILINE)
    return dict(rows[2:])


def test_every_figure_of_the_readme_has_a_row_of_the_benchmark() -> None:
    assert list(quoted()) == list(FIGURES)


@pytest.mark.parametrize("what", FIGURES)
def test_a_figure_of_the_readme_is_the_one_that_was_measured(what: str) -> None:
    table, row, columns = FIGURES[what]
    cells = measured(table, row)
    expected = [number for column in columns for number in numbers(cells[column])]
    assert expected
    assert numbers(quoted()[what]) == expected


@pytest.mark.server
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_command_completes_in_the_shells_that_the_readme_names(shell: str) -> None:
    assert f"{shell}_source" in read("README.md")
    done = subprocess.run(
        [Path(sys.executable).with_name("cqar")],
        env={**os.environ, "_CQAR_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"_CQAR_COMPLETE={shell}_complete" in done.stdout


def test_the_readme_names_every_extra_of_the_package() -> None:
    install = section(read("README.md"), "Install")
    extras = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]
    assert [name for name in extras if not re.search(rf"`{name}`|\[{name}\]", install)] == []


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md"])
def test_the_oldest_servers_are_the_same_on_all_pages(page: str) -> None:
    assert re.search(r"PostgreSQL 15\b[^.]*Redis 7\b[^.]*Valkey[^.]*\b2\.9\b", read(page)), page
