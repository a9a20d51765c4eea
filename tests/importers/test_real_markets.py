"""Markets published by exchanges, from the shared data: the invariants of each, computed independently."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cqar.importers.exchanges.declarations import declared
from cqar.importers.run import documents
from cqar.importers.run.documents import Refused, Source
from cqar.importers.sources import markets
from cqar.importers.sources.markets import Market
from tests.importers.test_markets import KINDS

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FILES = sorted(FOLDER.glob("markets_*.json.gz")) or [FOLDER / "markets_none.json.gz"]

pytestmark = pytest.mark.skipif(not FILES[0].exists(), reason="the data of exchanges are not beside the project")


class Read(NamedTuple):
    exchange: str
    rows: list[dict[str, Any]]
    #: place of the row in the file -> what became of it
    found: dict[int, Market]
    refused: dict[int, str]


def _read(path: Path) -> Read:
    exchange_id = path.name.removeprefix("markets_").removesuffix(".json.gz")
    exchange, sources = declared(exchange_id), documents.rows(documents.load(str(path)), path.name)
    decoded: list[tuple[Source, Any]] = [(source, markets.decode(source)) for source in sources]
    mode = markets.mode_of([row for _, row in decoded], exchange) or markets.TICK_SIZE
    found: dict[int, Market] = {}
    refused: dict[int, str] = {}
    for source, row in decoded:
        try:
            found[source.line] = markets.parse(source, row, exchange, mode)
        except Refused as refusal:
            refused[source.line] = refusal.kind
    # Numbers as text: what follows reckons with them in its own way.
    return Read(exchange_id, [json.loads(source.raw, parse_float=str, parse_int=str) for source in sources], found, refused)


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.name.split(".")[0])
def read(request: pytest.FixtureRequest) -> Read:
    return _read(request.param)


def test_every_row_is_read_or_rejected_for_a_declared_reason(read: Read) -> None:
    assert len(read.found) + len(read.refused) == len(read.rows) > 0
    assert set(read.refused.values()) <= KINDS
    wanted = Counter(
        row["type"] not in {"spot", "margin", "swap", "future", "option"} or row.get("optionType") not in {None, "call", "put"}
        for row in read.rows
    )
    assert Counter(read.refused.values())["unsupported_type"] == wanted[True]


def test_no_number_is_a_float_and_no_text_is_a_null_marker(read: Read) -> None:
    for market in read.found.values():
        numbers = [getattr(market.specs, name) for name in markets.Specs.__struct_fields__]
        assert all(each is None or type(each) is Decimal for each in (*numbers, market.strike)), market.id
        codes = [market.base, market.quote, *([market.settle] if market.settle else [])]
        texts = [market.id, *(text for code in codes for text in (code.code, code.ticker))]
        assert not {"", "undefined", "None", "null", "NaN"}.intersection(texts), market.id


def test_every_step_is_positive_and_every_market_has_a_tick(read: Read) -> None:
    for market in read.found.values():
        assert market.specs.tick_size is not None, market.id
        assert market.specs.tick_size > 0, market.id
        assert market.specs.lot_size is None or market.specs.lot_size > 0, market.id


def test_every_derivative_has_a_settlement_asset_and_its_terms(read: Read) -> None:
    for line, market in read.found.items():
        kind = read.rows[line - 1]["type"]
        if kind in {"spot", "margin"}:
            assert (market.settle, market.margin_kind, market.expiry, market.strike) == (None, None, None, None)
            continue
        assert market.settle is not None, market.id
        assert market.margin_kind in {"linear", "inverse", "quanto"}, market.id
        # The value of a BitMEX quanto contract is not a number of units.
        assert (market.specs.contract_size is None) == (read.exchange == "bitmex" and market.margin_kind == "quanto")
        assert market.specs.contract_size is None or market.specs.contract_size > 0
        assert (market.expiry is None) == (kind == "swap"), market.id
        assert (market.strike is None) == (market.option_type is None) == (kind != "option"), market.id


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_SIX = re.compile(r"(?<![0-9])\d{6}(?=-|$)")
_LAST_DDMMYY = frozenset({"delta"})
_DAY_MONTH = re.compile(r"[-_](\d{1,2})([A-Za-z]{3})(\d{2})?(?:-|$)")


def _date_in(text: str, exchange: str) -> tuple[int, int] | tuple[int, int, int] | None:
    """The day, month and, if present, year in an id."""
    named = _DAY_MONTH.search(text)
    if named:
        day_month = int(named[1]), _MONTHS.index(named[2].upper()) + 1
        return (*day_month, 2000 + int(named[3])) if named[3] else day_month
    glued = _SIX.findall(text)
    if not glued:
        return None
    last = exchange in _LAST_DDMMYY  # after the strike, which may have six digits too
    parts = [int(glued[-last][at : at + 2]) for at in (0, 2, 4)]
    year, month, day = reversed(parts) if last else parts
    return day, month, 2000 + year


def test_the_date_in_an_id_equals_the_expiry(read: Read) -> None:
    dated = [market for market in read.found.values() if market.expiry is not None]
    compared = 0
    for market in dated:
        named = _date_in(market.id, read.exchange)
        if named is not None and market.expiry is not None:
            assert (market.expiry.day, market.expiry.month, market.expiry.year)[: len(named)] == named, market.id
            compared += 1
    assert compared == (0 if read.exchange == "bitmex" else len(dated))


def test_timestamps_equal_the_dates_written_in_the_rows(read: Read) -> None:
    for line, market in read.found.items():
        written = read.rows[line - 1].get("expiryDatetime")
        if market.expiry is not None and written:
            assert market.expiry == datetime.strptime(written, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC), market.id


def test_the_terms_of_an_option_equal_those_in_its_id(read: Read) -> None:
    for market in read.found.values():
        if market.option_type is None or market.strike is None:
            continue
        parts = market.id.split("-")
        side = next(part for part in (parts[-1], parts[0]) if part in {"C", "P"})
        assert side == ("C" if market.option_type == 1 else "P"), market.id
        strikes = {Decimal(part) for part in parts if re.fullmatch(r"\d+(\.\d+)?", part) and len(part) != len("YYMMDD")}
        assert market.strike in strikes or str(market.strike) in parts, market.id


def test_a_multiplied_ticker_contains_its_coin(read: Read) -> None:
    prefixes = {Decimal(1000): ("1000", "k", "K"), Decimal(1_000_000): ("1000000", "1M", "M")}
    for market in read.found.values():
        if market.base.factor is not None:
            spelled = {f"{prefix}{market.base.ticker}" for prefix in prefixes[market.base.factor]}
            assert market.base.code in spelled | {f"{market.base.ticker}1000"}, market.id


# ---- reckoned a second time ----------------------------------------------------------------------------------------


def _digits(count: str) -> str:
    """The step of a number of decimal places, as text."""
    return "1" if count == "0" else f"0.{'0' * (int(count) - 1)}1"


def _unified(row: Mapping[str, Any], *path: str) -> Decimal | None:
    value: Any = row
    for name in path:
        value = (value or {}).get(name)
    return None if value is None else Decimal(value)


def _step(read: Read, row: Mapping[str, Any], name: str) -> Decimal | None:
    """ccxt's own number: all its files here have steps, but that of Hyperliquid, which has places."""
    value = _unified(row, "precision", name)
    if value is None or read.exchange != "hyperliquid":
        return value
    return Decimal(_digits(str(value)))


def test_ticks_and_lots_equal_those_of_ccxt(read: Read) -> None:
    for line, market in read.found.items():
        row = read.rows[line - 1]
        assert market.specs.tick_size == _step(read, row, "price"), market.id
        assert market.specs.lot_size == _step(read, row, "amount"), market.id


def test_contract_sizes_equal_those_of_the_exchange(read: Read) -> None:
    for line, market in read.found.items():
        row, size = read.rows[line - 1], market.specs.contract_size
        if size is None:
            continue
        if read.exchange == "bitmex" and market.margin_kind == "inverse":
            assert size == 1, market.id  # one dollar each
        else:
            assert size == Decimal(row["contractSize"]), market.id


def test_fees_equal_those_of_the_exchange_or_of_ccxt(read: Read) -> None:
    own = {"gate": ("maker_fee_rate", "taker_fee_rate"), "bitmex": ("makerFee", "takerFee")}
    own["deribit"] = ("maker_commission", "taker_commission")
    for line, market in read.found.items():
        row = read.rows[line - 1]
        for fee, unified, at in ((market.specs.maker_fee, "maker", 0), (market.specs.taker_fee, "taker", 1)):
            said = (row.get("info") or {}).get(own[read.exchange][at]) if read.exchange in own else None
            assert fee == (Decimal(said) if said is not None else _unified(row, unified)), market.id
            assert fee is None or abs(fee) < Decimal("0.05"), market.id


#: What exchanges write for "no maximum"; a leverage of 1 is what ccxt fills in.
PLACEHOLDERS = re.compile(r"1|9{6,}|10{15,}")


def test_limits_equal_those_of_ccxt_and_a_placeholder_for_no_maximum_is_unset(read: Read) -> None:
    for line, market in read.found.items():
        limits, specs = read.rows[line - 1]["limits"], market.specs
        assert specs.min_order_size == _unified(limits, "amount", "min"), market.id
        assert specs.min_notional == _unified(limits, "cost", "min"), market.id
        most = [("max_leverage", "leverage"), ("max_order_size", "amount"), ("max_order_value", "cost")]
        for field, limit in most if read.exchange != "phemex" else most[:1]:
            own, unified = getattr(specs, field), _unified(limits, limit, "max") or None
            doubted = [each for each in market.doubts if each.field == field]
            assert own == (None if doubted else unified), market.id
            assert all(each.value == unified and PLACEHOLDERS.fullmatch(str(unified)) for each in doubted), market.id
        assert all(each.routine for each in market.doubts), market.id
