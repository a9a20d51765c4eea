"""Files of questions and decisions: what is written is read back, and what is malformed is refused with its line."""

import json
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from cqar.importers.identity import decision_files
from cqar.importers.identity.decision_files import Decided
from cqar.importers.run.documents import FileError, Refused

HEADER = "venues,decision,asset,symbol,name,class,from,notes"


def read(text: str | bytes) -> list[tuple[int, Any]]:
    data = text if isinstance(text, bytes) else text.encode()
    return [(source.line, each) for source, each in decision_files.rows(data, "d.csv")]


def only(line: str, header: str = HEADER) -> Any:
    [(number, found)] = read(f"{header}\n{line}\n")
    assert number == 2
    return found


def refused(line: str, header: str = HEADER) -> tuple[str, str]:
    found = only(line, header)
    assert isinstance(found, Refused), found
    return found.kind, found.detail.partition(":")[0]


def decided(line: str, header: str = HEADER) -> Decided:
    found = only(line, header)
    assert isinstance(found, Decided), found
    return found


def test_a_row_names_its_codes_and_its_decision() -> None:
    row = decided("gate:ZEPH; mexc:ZEPH,ASSET,coingecko:zephyr,,,,,by its contract")
    assert (row.codes, row.asset, row.notes) == ((("gate", "ZEPH"), ("mexc", "ZEPH")), "coingecko:zephyr", "by its contract")
    new = decided("bitstamp:dydx,new,,DYDX,dYdX,crypto,,")
    assert (new.symbol, new.name, new.asset_class) == ("DYDX", "dYdX", "crypto")
    reused = decided("kraken:LUNA,reuse,coingecko:terra-luna-2,,,,2022-05-28,")
    assert reused.since is not None
    assert reused.since.isoformat() == "2022-05-28T00:00:00+00:00"


def test_rows_without_a_decision_are_left_alone() -> None:
    assert only("gate:ZEPH,,,,,,,") is None


@pytest.mark.parametrize("text", [f"\ufeff{HEADER}\r\ngate:A,reject,,,,,,\r\n", f"{HEADER}\ngate:A,reject,,,,,,"])
def test_byte_order_marks_and_line_ends_do_not_matter(text: str) -> None:
    [(line, row)] = read(text)
    assert (line, row.codes) == (2, (("gate", "A"),))


def test_a_semicolon_separates_columns_too() -> None:
    row = decided("gate:A;reject", "venues;decision")
    assert row.codes == (("gate", "A"),)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gate:A,perhaps,,,,,,", ("no_decision", "decision")),
        ("gate:A,,coingecko:x,,,,,", ("no_decision", "decision")),
        ("gate:A,asset,,,,,,", ("incomplete", "asset")),
        ("gate:A,correction,,,,,,", ("incomplete", "asset")),
        ("gate:A,new,coingecko:x,,,,,", ("contradictory", "asset")),
        ("gate:A,reject,coingecko:x,,,,,", ("contradictory", "asset")),
        ("gate:A,asset,x,A,,,,", ("contradictory", "symbol")),
        ("gate:A,new,,A,,,2022-05-28,", ("contradictory", "from")),
        ("gate:A,reuse,x,,,,28.05.2022,", ("no_time", "from")),
        (",reject,,,,,,", ("incomplete", "venues")),
        ("gate,reject,,,,,,", ("malformed", "venues")),
        ("gate:,reject,,,,,,", ("malformed", "venues")),
        ("gate:A,new,,1E5,,,,", ("looks_rewritten", "symbol")),
        ("gate:A,reject", ("malformed", "the line has 2 cells, the header 8")),
    ],
)
def test_a_malformed_row_is_refused(line: str, expected: tuple[str, str]) -> None:
    assert refused(line) == expected


def test_a_marked_ticker_is_text() -> None:
    assert decided("gate:A,new,,'1E5,'=A1,,,").symbol == "1E5"
    assert decided("gate:A,new,,'1E5,'=A1,,,").name == "=A1"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"venues,decision,answer\n", "unknown column answer"),
        (b"venues,asset\n", "missing column decision"),
        (b"venues,decision,decision\n", "repeated column decision"),
        (b'venues,decision\n"gate:A,reject\n', "d.csv: line"),
        (b"venues,decision\ngate:\xff,reject\n", "not UTF-8"),
        (b"\x1f\x8b\x00", "not UTF-8"),
        (b'{"venues": ["gate:\xff"]}', "not UTF-8"),
    ],
)
def test_a_file_of_another_kind_is_one_message(data: bytes, said: str) -> None:
    with pytest.raises(FileError, match=said):
        read(data)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('{"venues": "gate:A", "decision": "reject"}', "malformed"),
        ('{"venues": [1], "decision": "reject"}', "malformed"),
        ('{"venues": ["gate:A"], "decision": 3}', "malformed"),
        ('{"venue": ["gate:A"], "decision": "reject"}', "malformed"),
        ('{"venues": ["gate:A"], "decision": "reject"', "malformed"),
        ("[1]", "malformed"),
        ('{"venues": ["gate:A"], "decision": "maybe"}', "no_decision"),
    ],
)
def test_a_malformed_object_is_refused_with_its_line(line: str, kind: str) -> None:
    [(number, bad), (_, good)] = read(f'{line}\n{{"venues": ["gate:B"], "decision": "reject", "asset": null}}\n')
    if line.startswith("["):
        assert number == 1
    assert isinstance(bad, Refused)
    assert bad.kind == kind
    assert isinstance(good, Decided)


def test_formulas_are_written_as_text() -> None:
    cells = ["=cmd|'/c calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", "'quoted"]
    for each in cells:
        [_, line] = decision_files.csv_lines([{"reason": each, "names": [each]}])
        assert f"'{each}" in line
        assert decision_files.unescaped(decision_files.escaped(each)) == each


_TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).map(str.strip).filter(bool)
_CODES = st.tuples(st.sampled_from(["gate", "mexc"]), _TEXTS).map(":".join)


@pytest.mark.parametrize("write", [decision_files.csv_lines, decision_files.json_lines])
@hypothesis.given(
    codes=st.lists(_CODES, min_size=1, unique=True), names=st.lists(_TEXTS), symbol=_TEXTS, name=_TEXTS, notes=_TEXTS
)
def test_what_is_written_is_read_back(
    write: Any, codes: list[str], names: list[str], symbol: str, name: str, notes: str
) -> None:
    row = {"venues": codes, "names": names, "decision": "new", "symbol": symbol, "name": name, "notes": notes}
    data = "".join(f"{line}\r\n" for line in write([row])).encode()
    [(_, found)] = [(source, each) for source, each in decision_files.rows(data, "d")]
    assert isinstance(found, Decided), found
    assert found.codes == tuple(tuple(each.split(":", 1)) for each in codes)
    assert (found.symbol, found.name, found.notes) == (symbol, name, notes)
    assert found.said["names"] == frozenset(names)


def test_an_exported_row_has_empty_columns_for_the_decision() -> None:
    [line] = decision_files.json_lines([{"venues": ["gate:A"], "ticker": "A"}])
    assert {name: json.loads(line)[name] for name in decision_files.DECISION} == dict.fromkeys(decision_files.DECISION, "")
