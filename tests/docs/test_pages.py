"""The documents agree with the code, and their links work."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cqar import errors
from cqar.dev import api_page
from cqar.server import statuses

from . import pages, settings
from .pages import PAGES, ROOT

ARCHITECTURE = ROOT / "docs" / "architecture.md"


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_links_lead_to_existing_files_and_headings(page: Path) -> None:
    for link in pages.links(page):
        if link.startswith("https://"):
            continue
        path, _, heading = link.partition("#")
        to = (page.parent / path).resolve() if path else page
        assert to.exists(), link
        assert to.is_relative_to(ROOT), link
        assert not heading or heading in pages.anchors(to), link


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=pages.name)
def test_headings_of_a_page_have_unique_anchors(page: Path) -> None:
    """The changelog is exempt: its versions repeat headings, and no page links to them."""
    found = pages.anchors(page)
    assert len(set(found)) == len(found) > 0


def linked(page: Path) -> set[Path]:
    """The files of this repository that the page links to."""
    return {(page.parent / link.partition("#")[0]).resolve() for link in pages.links(page) if "://" not in link}


def test_the_readme_links_to_every_page_but_decision_records() -> None:
    decisions = set((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert set(PAGES) - {pages.README} - decisions <= linked(pages.README)


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_no_page_contains_local_paths(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(root|home|work|tmp|usr|var)/", text)


@pytest.mark.server
def test_the_api_page_is_up_to_date_with_the_proto_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert api_page.main(["--check"]) == 0, capsys.readouterr().err


def test_make_check_verifies_the_api_page_and_make_docs_generates_it() -> None:
    recipes = dict(
        re.findall(r"^(check|docs):.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert f"{api_page.COMMAND} --check\n" in recipes["check"]
    assert f"{api_page.COMMAND}\n" in recipes["docs"]


def test_an_outdated_api_page_is_named_with_the_command_that_generates_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(api_page, "ROOT", tmp_path)
    monkeypatch.setattr(api_page, "PAGE", tmp_path / "api.md")
    monkeypatch.setattr(api_page, "read", api_page.Sources)
    assert api_page.main(["--check"]) == 1
    assert capsys.readouterr().err == "api.md is not up to date, run: python -m cqar.dev.api_page\n"
    assert api_page.main([]) == 0
    assert api_page.main(["--check"]) == 0


def test_comments_become_paragraphs_without_tags() -> None:
    comment = "Of <one> thing\nand `<two>`.\n\nMore.\nErrors: NOT_FOUND\nfor it."
    assert api_page.prose(comment) == ["Of &lt;one> thing and `<two>`.", "More.", "Errors: NOT_FOUND for it."]


def test_the_api_page_lists_every_status_of_an_error() -> None:
    listed = re.findall(r"^\| ([A-Z_]+) \|", api_page.PREFACE.read_text(encoding="utf-8"), re.MULTILINE)
    kinds = [errors.CqarError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert set(listed) >= {statuses.STATUS[kind.code].name for kind in kinds[1:]}


def test_the_table_of_settings_is_up_to_date() -> None:
    assert settings.stated() == settings.table(), "run: python -m tests.docs.settings"


def test_ports_are_listed_with_their_settings_and_defaults() -> None:
    text = settings.PAGE.read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| (?:\w+ )?\| (\d+) \|.*\| `(CQAR_\w+_PORT)` \|$", text, re.MULTILINE))
    assert {variable: port for port, variable in listed.items()} == dict(
        re.findall(r"^\| `(CQAR_\w+_PORT)` \| `(\d+)` \|", settings.table(), re.MULTILINE)
    )


def test_every_setting_named_on_a_page_exists() -> None:
    known = set(re.findall(r"`(CQAR_\w+)`", settings.table()))
    named = {name for page in PAGES for name in re.findall(r"\bCQAR_\w*[A-Z]\b", page.read_text(encoding="utf-8"))}
    assert named - {"CQAR_CHANGES"} <= known


def places() -> Iterator[str]:
    """The packages of cqar, and its flat modules as one place."""
    for path in sorted((ROOT / "cqar").iterdir()):
        if path.is_dir() and any(path.glob("*.py")):
            yield f"cqar/{path.name}/"
    yield "cqar/*.py"


def test_one_table_of_at_most_25_rows_lists_all_packages() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8").partition("## Where things are")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\S+)` \| \S", text, re.MULTILINE)
    assert len(rows) <= 25
    assert sorted(row for row in rows if row.startswith("cqar/")) == sorted(places())
    assert [row for row in rows if "*" not in row and not (ROOT / row).exists()] == []


def test_the_import_rules_list_the_layers_that_the_linter_checks() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    checked = [set(re.findall(r"\w+", layer)) for layer in contracts[0]["layers"]]
    basics = {path.stem for path in (ROOT / "cqar").glob("[!_]*.py")}
    text = ARCHITECTURE.read_text(encoding="utf-8").partition("From top to bottom:")[2].partition(" Packages of one layer")[0]
    layers = [set(re.findall(r"`(\w+)`", layer)) for layer in text.split(">")]
    assert [layer or basics for layer in layers] == checked


def test_at_most_ten_modules_are_outside_of_packages() -> None:
    assert len(list((ROOT / "cqar").glob("*.py"))) <= 10


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=pages.name)
def test_files_named_on_a_page_exist(page: Path) -> None:
    for name in re.findall(r"`((?:cqar|tests|migrations|deploy|loadtests|docs)/[\w./]*)`", page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


def test_log_events_are_written_by_the_documented_logger() -> None:
    text = settings.PAGE.read_text(encoding="utf-8").partition("## Logs")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*`) \| (\w+) \|", text, re.MULTILINE)
    assert len(rows) >= 10
    for events, part in rows:
        writers = [code for path in (ROOT / "cqar").rglob("*.py") if f'logger("{part}")' in (code := path.read_text("utf-8"))]
        for event in re.findall(r"`(\w+)`", events):
            assert any(f'"{event}"' in code for code in writers), event


def test_make_targets_named_on_a_page_exist() -> None:
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        for target in re.findall(r"`make ([\w-]+)", page.read_text(encoding="utf-8")):
            assert re.search(rf"^{target}:", make, re.MULTILINE), target
