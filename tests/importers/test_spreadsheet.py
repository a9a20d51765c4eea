"""Tables written with spreadsheets: exact values, and no text that a spreadsheet has rewritten."""

import asyncpg
import pytest

from cqar.importers.run.documents import FileError
from cqar.importers.sources import spreadsheet
from tests.client import Client
from tests.importers.imports import Importers, ImportResult, revision


async def table(importers: Importers, kind: str, text: str) -> ImportResult:
    return await importers.run(lambda run: spreadsheet.load(run, text.encode(), "table.csv", kind))


async def test_assets_symbols_and_listings_are_imported_from_tables(importers: Importers, registry: Client) -> None:
    result = await table(
        importers,
        "asset",
        "coingecko_id,symbol,name,asset_type\nbitcoin,BTC,Bitcoin,native\ntether,USDT,Tether,ASSET_TYPE_ERC20\n",
    )
    assert result.line.startswith("created=2 updated=0 unchanged=0 ")
    ids = {each.symbol: each.asset_id for each in (await registry.call("ListAssets")).assets}
    await table(importers, "venue", "venue_id;name;venue_type\nkraken;Kraken;CEX\n")
    pair = f"{ids['BTC']},{ids['USDT']}"
    result = await table(importers, "symbol", f"symbol_type,base_asset_id,quote_asset_id,tick_size\nspot,{pair},0.5\n")
    [symbol] = (await registry.call("ListSymbols")).symbols
    listing = "venue_id,symbol_id,venue_symbol,tick_size,maker_fee_decimal,is_active,listed_at\n"
    row = f"kraken,{symbol.symbol_id},XBTUSDT,0.10,0.0016,TRUE,2020-01-31T12:00:00+00:00\n"
    result = await table(importers, "venue_symbol", listing + row)
    assert result.line.startswith("created=1 ")
    found = await registry.call("GetVenueSymbol", venue_id="kraken", venue_symbol="XBTUSDT")
    assert found.symbol.tick_size_decimal == "0.1"
    assert found.venue_symbol.maker_fee_decimal == "0.0016"
    assert found.venue_symbol.listed_at.ToJsonString() == "2020-01-31T12:00:00Z"
    result = await table(importers, "venue_symbol", listing + row)
    assert result.line.startswith("created=0 updated=0 unchanged=1 ")


@pytest.mark.parametrize(
    "cell", ["1E5", "100000", "1,5", "TRUE", "false", "12-Mar", "2026-03-01", "Mar-26", "#N/A", "NaN", "50%"]
)
async def test_text_that_a_spreadsheet_may_have_rewritten_is_rejected_unless_quoted(importers: Importers, cell: str) -> None:
    quoted = f'"{cell}"'
    result = await table(importers, "asset", f"coingecko_id,symbol,name,asset_type\nx,{quoted},Name,native\n")
    assert [each.reason for each in result.of("rejected")] == ["looks_rewritten"]
    assert f"put an apostrophe before it: '{cell}" in result.of("rejected")[0].detail
    marked = f'"\'{cell}"'
    result = await table(importers, "asset", f"coingecko_id,symbol,name,asset_type\nx,{marked},Name,native\n")
    assert result.line.startswith("created=1 ")


@pytest.mark.parametrize("cell", ["1E-8", "1,000.5", "10%", "0x10", "ten", "'1", "1.", ".5"])
async def test_only_plain_decimal_numbers_are_accepted(importers: Importers, cell: str) -> None:
    result = await table(importers, "symbol", f'symbol_type,base_asset_id,quote_asset_id,tick_size\nspot,a,b,"{cell}"\n')
    assert [each.reason for each in result.of("rejected")] == ["no_number"]


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("venue", "venue_id,name,venue_type\nkraken,Kraken,BROKER\n", "unknown_value"),
        ("venue", "venue_id,name,venue_type,is_active\nkraken,Kraken,CEX,yes\n", "no_boolean"),
        ("venue", "venue_id,name,venue_type\nkraken,Kraken\n", "malformed"),
        ("venue", 'venue_id,name,venue_type\n" "," "," "\n', "incomplete"),
        ("chain", "chain_id,chain_name,max_decimals\nx,X,1.5\n", "no_number"),
        ("chain", "chain_id,chain_name,max_decimals\nx,X,99999999999\n", "no_number"),
        ("venue_asset", "venue_id,asset_id,listed_at\nk,a,2026-01-31\n", "no_time"),
        ("asset", "symbol,name,asset_type,address\nA,A,native,0x1\n", "incomplete"),
    ],
)
async def test_an_invalid_row_is_rejected_with_its_reason(importers: Importers, kind: str, text: str, reason: str) -> None:
    result = await table(importers, kind, text)
    assert [each.reason for each in result.of("rejected")] == [reason]
    assert result.created == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("venue_id,nmae\nx,y\n", "unknown column nmae; the columns are venue_id, name,"),
        ("venue_id,name,name\nx,y,z\n", "twice"),
        ('venue_id,name\n"x,y\n', "line"),
    ],
)
async def test_a_malformed_table_changes_nothing(
    importers: Importers, connection: asyncpg.Connection, text: str, said: str
) -> None:
    head = await revision(connection)
    with pytest.raises(FileError, match=said):
        await table(importers, "venue", text)
    assert await revision(connection) == head


async def test_common_spreadsheet_export_formats_are_read(importers: Importers) -> None:
    for name, text in (
        ("a", "venue_id\tname\tvenue_type\na\tA\tCEX\n"),
        ("b", "\ufeffvenue_id;name;venue_type\r\nb;B;CEX\r\n"),
    ):
        result = await table(importers, "venue", text)
        assert result.created == 1, name
    with pytest.raises(FileError, match="CSV UTF-8"):
        await importers.run(lambda run: spreadsheet.load(run, b"venue_id,name\nx,\xff\n", "t.csv", "venue"))


async def test_a_cell_may_contain_several_values(importers: Importers, registry: Client) -> None:
    header = "chain_id,chain_name,chain_type,caip2,rpc_urls\n"
    await table(importers, "chain", f"{header}base,Base,EVM,eip155:8453,https://one.example; https://two.example\n")
    [chain] = (await registry.call("ListChains")).chains
    assert list(chain.rpc_urls) == ["https://one.example", "https://two.example"]


async def test_the_example_of_each_kind_is_imported(importers: Importers, registry: Client) -> None:
    """`cqar import csv KIND --help` shows them. Each builds on those before it; a venue lists the symbol first."""
    examples = dict(spreadsheet.EXAMPLES)
    listing = examples.pop("venue_symbol")
    await table(importers, "venue", "venue_id,name,venue_type\nbinance,Binance,CEX\n")
    for kind, example in examples.items():
        if kind == "symbol_identifier":
            [symbol] = (await registry.call("ListSymbols")).symbols
            for venue, text in (("binance", "BTCUSDT"), ("kraken", "XBTUSDT")):
                row = f"venue_id,symbol_id,venue_symbol\n{venue},{symbol.symbol_id},{text}\n"
                assert (await table(importers, "venue_symbol", row)).created == 1
        result = await table(importers, kind, example)
        assert (result.created, result.rejected, result.conflict) == (example.count("\n"), 0, 0), (kind, result.entries)
    result = await table(importers, "venue_symbol", listing)
    assert (result.rejected, result.conflict) == (0, 0), result.entries
    found = await registry.call("GetVenueSymbol", venue_id="kraken", venue_symbol="XBTUSDT")
    assert found.venue_symbol.maker_fee_decimal == "0.0016"
    assert found.base_asset.symbol == "BTC"


@pytest.mark.parametrize(
    ("kind", "row", "reason", "said"),
    [
        (
            "venue_asset",
            "kraken,coingecko:none,N",
            "unknown_asset",
            "asset_id: the registry has no asset 'coingecko:none'",
        ),
        ("venue_asset", "kraken,kraken:NONE,N", "unknown_asset", "asset_id: no assets have the code 'kraken:NONE'"),
        ("venue_asset", "kraken,eip155:999/0x1,N", "unknown_chain", "asset_id: the registry has no chain 'eip155:999'"),
        ("venue_symbol", "kraken,kraken:NONE,N", "unknown_symbol", "symbol_id: the registry has no listing 'kraken:NONE'"),
    ],
)
async def test_a_natural_key_that_means_nothing_is_refused_by_its_column(
    importers: Importers, kind: str, row: str, reason: str, said: str
) -> None:
    await table(importers, "venue", spreadsheet.EXAMPLES["venue"])
    header = {"venue_asset": "venue_id,asset_id,venue_asset_symbol", "venue_symbol": "venue_id,symbol_id,venue_symbol"}
    result = await table(importers, kind, f"{header[kind]}\n{row}\n")
    assert [(each.reason, each.detail) for each in result.of("rejected")] == [(reason, said)]


async def test_errors_name_the_columns_of_the_table(importers: Importers) -> None:
    await table(importers, "chain", spreadsheet.EXAMPLES["chain"])
    header = "coingecko_id,symbol,name,asset_type,chain_id,address\n"
    result = await table(importers, "asset", f"{header}x,X,X,ERC20,eip155:1,0x12\n")
    [rejected] = result.of("rejected")
    assert "address" in rejected.reason
    assert "deployments[0]" not in rejected.reason + rejected.detail
    pair = "base_asset_id,quote_asset_id"
    await table(importers, "asset", spreadsheet.EXAMPLES["asset"])
    result = await table(importers, "symbol", f"symbol_type,{pair},tick_size\nspot,coingecko:bitcoin,coingecko:tether,-1\n")
    [rejected] = result.of("rejected")
    assert "tick_size" in rejected.reason
    assert "_decimal" not in rejected.reason + rejected.detail
