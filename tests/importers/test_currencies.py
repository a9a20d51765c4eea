"""The currencies of an exchange: names and addresses of its codes, on chains that the network's id leaves no doubt of."""

import json
from typing import Any

import pytest

from cqar.importers.exchanges import networks
from cqar.importers.exchanges.currencies import Currency, facts_of
from cqar.importers.exchanges.declarations import declared
from cqar.importers.exchanges.facts import Address
from cqar.importers.run.documents import FileError
from cqar.importers.sources import currencies
from tests.importers.test_markets import SPOT, SWAP, read

A, B = f"0x{'ab' * 20}", f"0x{'cd' * 20}"


def currency(code: str, name: str | None = None, **over: dict[str, Any]) -> dict[str, Any]:
    """A currency of ccxt; `over`: networks by ccxt's code, as the exchange answers about them."""
    listed = {key: {"id": key.lower(), "info": info} for key, info in over.items()}
    return {"id": code, "code": code.upper(), "name": name, "networks": listed, "info": {}}


def test_names_and_addresses_are_read_by_the_exchanges_own_code() -> None:
    document = {"WAXP": currency("WAX", "WAX Worldwide", ETH={"contractAddress": A})}
    assert facts_of(document, "kucoin") == {"WAX": Currency(("WAX Worldwide",), (Address(A, "eip155:1", sole=True),))}
    assert facts_of(list(document.values()), "kucoin") == facts_of(document, "kucoin")


def test_an_address_on_one_of_several_networks_does_not_stand_alone() -> None:
    document = {"AAA": currency("AAA", ETH={"contractAddress": A}, BSC={"contractAddress": B}, AAA={"contractAddress": ""})}
    assert facts_of(document, "kucoin")["AAA"].addresses == (
        Address(A, "eip155:1", sole=False),
        Address(B, "eip155:56", sole=False),
    )


@pytest.mark.parametrize(("exchange", "key"), [("gate", "addr"), ("mexc", "contract"), ("bitmex", "tokenAddress")])
def test_an_address_is_read_where_the_exchange_has_it(exchange: str, key: str) -> None:
    assert facts_of({"AAA": currency("AAA", SOL={key: A})}, exchange)["AAA"].addresses[0].text == A
    assert facts_of({"AAA": currency("AAA", SOL={"address": A})}, exchange)["AAA"].addresses == ()
    assert facts_of({"AAA": currency("AAA", SOL={key: A})}, "okx")["AAA"].addresses == ()


def test_an_address_that_repeats_the_code_is_none() -> None:
    assert facts_of({"BTC": currency("BTC", BTC={"contractAddress": "btc"})}, "weex")["BTC"].addresses == ()


def test_a_name_that_repeats_the_code_is_none() -> None:
    assert facts_of({"AAA": currency("AAA", "aaa")}, "kucoin")["AAA"].names == ()
    assert facts_of({"BTC": currency("XXBT", "XBT")}, "kraken")["XXBT"].names == ()


@pytest.mark.parametrize(
    ("exchange", "network", "chain"),
    [
        ("kucoin", "eth", "eip155:1"),
        ("gate", "ARBEVM", "eip155:42161"),
        ("kucoin", "kcc", "eip155:321"),
        ("gate", "kcc", None),
        ("kucoin", "bnb", None),
        ("kucoin", "avax", None),
        ("woofipro", "42161", "eip155:42161"),
        ("gate", "42161", None),
        ("woofipro", "²", None),
        ("kucoin", "", None),
    ],
)
def test_a_network_has_a_chain_where_its_id_leaves_no_doubt(exchange: str, network: str, chain: str | None) -> None:
    assert networks.chain(exchange, network) == chain


def test_currencies_add_to_what_the_row_says() -> None:
    said = {"AAA": Currency(("Triple A",), (Address(A.upper(), "eip155:1"), Address(B))), "BBB": Currency(("Double B",))}
    row = {**SPOT, "info": {"fullName": "Coin A", "contractAddress": A}}
    market = read(row, declared("mexc")).told(said)
    assert market.base.names == ("Coin A", "Triple A")
    assert market.base.addresses == (Address(A), Address(B))
    assert market.quote.names == ("Double B",)
    settle = read(SWAP, declared("mexc")).told(said).settle
    assert settle is not None
    assert settle.names == ("Double B",)
    assert read(row, declared("mexc")).told({}) == read(row, declared("mexc"))


def test_a_code_takes_only_what_is_said_of_its_own_text() -> None:
    row = {**SPOT, "base": "LUNA", "baseId": "LUNA", "info": {"base": "LUNA2", "quote": "BBB"}}
    assert read(row, declared("kraken")).told({"LUNA": Currency(("Terra Classic",))}).base.names == ()


@pytest.mark.parametrize("wrong", [None, 7, "x", [], {}, [7], {"AAA": None}, {"AAA": {"id": None}}, {"AAA": {"id": ["x"]}}])
def test_a_document_without_currencies_is_refused(wrong: Any) -> None:
    with pytest.raises(FileError, match="no currencies of kucoin"):
        currencies.load(json.dumps(wrong).encode(), "currencies.json", "kucoin")


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 100_000, b"\xff"])
def test_a_document_that_is_not_json_is_refused(raw: bytes) -> None:
    with pytest.raises(FileError, match="no JSON"):
        currencies.load(raw, "currencies.json", "kucoin")


def test_the_currencies_of_one_exchange_are_taken_from_a_document_of_several() -> None:
    one = {"AAA": currency("AAA", "Coin A")}
    several = {"kucoin": one, "gate": {"AAA": currency("AAA", "Another")}}
    assert currencies.load(json.dumps(several).encode(), "x", "kucoin") == facts_of(one, "kucoin")
    assert currencies.load(json.dumps(one).encode(), "x", "kucoin") == facts_of(one, "kucoin")


@pytest.mark.parametrize("wrong", [None, 7, "x", [], {}, {"ETH": None}, {"ETH": []}, {"ETH": {"id": [], "info": 7}}])
def test_malformed_networks_have_no_addresses(wrong: Any) -> None:
    assert facts_of({"AAA": {"id": "AAA", "networks": wrong}}, "kucoin")["AAA"] == Currency()
