"""What the command line prints cannot control a terminal, and errors have one form."""

import json
from pathlib import Path

import click
import pytest
from grpc import StatusCode

from cqar import config
from cqar.cli import errors, output
from cqar.cli.main import cli, main
from cqar.client.connect import CallError
from cqar.errors import Unavailable
from cqar.importers.sources import spreadsheet

HOSTILE = "a\x1b[31m\x00b\u202ec\u200dd\u2028\U000e0001e"
ESCAPED = r"a\x1b[31m\x00b\u202ec\u200dd\u2028\U000e0001e"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code, standard output and standard error."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    printed = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, printed.out, printed.err


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in (*(each.variable for each in config.declared()), *config.VARIABLES):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CQAR_HOME", str(tmp_path))


def test_control_and_format_characters_are_escaped_and_line_breaks_stay(capsys: pytest.CaptureFixture[str]) -> None:
    output.echo(f"{HOSTILE}\nsecond line: é 漢字")
    assert capsys.readouterr().out == f"{ESCAPED}\nsecond line: é 漢字\n"


def test_json_stays_the_same_data_and_holds_no_raw_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    output.echo_json({"name": HOSTILE, "other": "é 漢字"})
    line = capsys.readouterr().out
    assert json.loads(line) == {"name": HOSTILE, "other": "é 漢字"}
    assert line.rstrip("\n").isprintable()
    assert "é 漢字" in line


def test_an_error_is_one_escaped_line(capsys: pytest.CaptureFixture[str]) -> None:
    errors.CliError(f"no venue {HOSTILE}").show()
    assert capsys.readouterr().err == f"cqar: no venue {ESCAPED}\n"


def test_an_error_of_a_command_with_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "resolve", "binance", "BTCUSDT", "--json", "--address", "127.0.0.1:1")
    assert (code, out) == (1, "")
    assert json.loads(err)["error"]["message"].startswith("nothing answers at 127.0.0.1:1")
    code, _, err = run(capsys, "resolve", "binance", "--json")
    assert (code, "SYMBOL" in json.loads(err)["error"]["message"]) == (2, True)


def test_the_status_of_a_failed_call_is_the_code_of_the_error() -> None:
    assert errors.data(errors.CliError(CallError("gone", StatusCode.NOT_FOUND))) == {
        "error": {"message": "gone", "code": "NOT_FOUND"}
    }
    assert errors.CliError(Unavailable("the database is down")).code == "UNAVAILABLE"
    assert errors.data(click.UsageError("no such option")) == {"error": {"message": "no such option"}}


def test_ctrl_c_ends_a_command_with_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(config, "in_force", interrupted)
    code, out, err = run(capsys, "settings")
    assert (code, out, err.strip()) == (130, "", "cqar: interrupted")


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The words of every command below a command."""
    if isinstance(command, click.Group):
        return [leaf for name, each in command.commands.items() for leaf in leaves(each, (*words, name))]
    return [words]


@pytest.mark.parametrize("words", leaves(cli), ids=" ".join)
def test_every_command_refuses_a_settings_file_that_cannot_be_read(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "--config", "/nope", *words)
    assert (code, out) == (2, "")
    assert err == "cqar: cannot read the settings in '/nope': No such file or directory\n"


def test_a_settings_file_named_by_the_environment_is_refused_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CQAR_CONFIG", "/nope")
    assert run(capsys, "settings")[0] == 2


def test_settings_shows_the_value_in_force_and_its_origin(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("hotpath:\n  port: 7070\ndatabase:\n  url: postgresql://me:hunter2@db/cqar\n")
    monkeypatch.setenv("CQAR_ADMIN_PORT", "7071")
    monkeypatch.setenv("CQAR_PEPPER", "a-pepper-that-is-a-secret")
    code, out, _ = run(capsys, "--config", str(path), "settings")
    assert code == 0
    lines = out.splitlines()
    at = lines.index("CQAR_HOTPATH_PORT=7070")
    assert lines[at + 2] == f"    From {path}:2: hotpath.port; the default is 9090."
    assert lines[lines.index("CQAR_ADMIN_PORT=7071") + 2] == "    From CQAR_ADMIN_PORT; the default is 9190."
    assert lines[lines.index("CQAR_LOG_LEVEL=info") + 2] == "    The default."
    assert "CQAR_DATABASE_URL=postgresql://me:***@db/cqar" in lines
    assert "CQAR_PEPPER=***" in lines
    assert "hunter2" not in out
    _, out, _ = run(capsys, "--config", str(path), "settings", "--json")
    found = {each["name"]: each for each in json.loads(out)}
    assert (found["hotpath.port"]["value"], found["hotpath.port"]["default"]) == ("7070", 9090)
    assert found["admin.port"]["origin"] == "CQAR_ADMIN_PORT"
    assert found["pepper"]["value"] == "***"
    assert set(found) == {each.name for each in config.declared()}


def test_an_invalid_interval_or_time_names_the_form(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run(capsys, "import", "chains", "x", "--every", "15")
    assert "invalid interval '15': use 90s, 15m, 6h or 1d" in err
    _, _, err = run(capsys, "resolve", "binance", "X", "--as-of", "yesterday")
    assert "invalid time 'yesterday': use 2026-01-31 or 2026-01-31T08:00:00Z" in err


def test_help_names_completion_and_lists_the_columns_of_a_table_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert "_CQAR_COMPLETE=bash_source cqar" in run(capsys, "--help")[1]
    for kind in spreadsheet.KINDS:
        _, out, _ = run(capsys, "import", "csv", kind, "--help")
        header, *rows = spreadsheet.EXAMPLES[kind].split("\n")
        assert all(f"\n  {line}" in out for line in (header, *rows))
        named = {name for name, _ in spreadsheet.columns(kind)}
        assert set(header.split(",")) <= named
        assert all(f"\n  {name} " in out for name in named)


def test_every_command_that_prints_data_takes_json() -> None:
    text_only = {"up", "admin", "hotpath"}
    for words in leaves(cli):
        command: click.Command = cli
        for word in words:
            assert isinstance(command, click.Group)
            command = command.commands[word]
        takes = any("--json" in each.opts for each in command.params)
        assert takes == (" ".join(words) not in text_only), words
