"""All forms of an account lead to one address; an invalid one is rejected."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cqar.errors import Invalid
from cqar.model import addresses
from cqar.model.addresses import NATIVE, Address, normalize

Broken = Callable[..., list[tuple[str, str]]]
quick = settings(deadline=None, max_examples=200)
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

#: The examples of EIP-55: all upper, all lower, and mixed case.
EIP_55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


def text(chain_type: str, address: str) -> str:
    """The canonical text of an address that is a contract."""
    found = normalize(chain_type, address, "address")
    assert not found.is_native
    return found.text


@pytest.mark.parametrize("given_type", ["EVM", "evm", "Evm", "solana", "Bitcoin", "COSMOS", "move", "Ton", "starknet", "other"])
def test_chain_types_are_read_in_any_case(given_type: str) -> None:
    assert addresses.chain_type(given_type, "chain_type") == given_type.upper()


@pytest.mark.parametrize("given_type", ["", " EVM", "ETHEREUM", "\u017folana", "EVM\n"])
def test_other_chain_types_are_refused(given_type: str, broken: Broken) -> None:
    assert broken(lambda: addresses.chain_type(given_type, "chain_type")) == [("chain_type", "BAD_CHAIN_TYPE")]


# ---- EVM


@pytest.mark.parametrize("address", EIP_55)
def test_evm_addresses_are_stored_with_their_checksum(address: str) -> None:
    digits = address[2:]
    for spelling in (digits, digits.lower(), digits.upper()):
        assert text("EVM", "0x" + spelling) == address
        assert text("EVM", "0X" + spelling) == address


@pytest.mark.parametrize("address", EIP_55[4:])
def test_a_mixed_case_evm_address_with_a_wrong_checksum_is_refused(address: str, broken: Broken) -> None:
    place = next(index for index, letter in enumerate(address) if index > 1 and letter.isalpha())
    wrong = address[:place] + address[place].swapcase() + address[place + 1 :]
    assert broken(lambda: normalize("EVM", wrong, "contract_address")) == [("contract_address", "BAD_CHECKSUM")]
    assert broken(lambda: normalize("EVM", "0x" + address[2:].swapcase(), "address")) == [("address", "BAD_CHECKSUM")]


def test_a_wrong_checksum_from_a_published_list_is_refused(broken: Broken) -> None:
    wrong = "0xc5102fE9359FD9a28f877a67E36B0F050d81a3cc"
    assert broken(lambda: normalize("EVM", wrong, "address")) == [("address", "BAD_CHECKSUM")]


@pytest.mark.parametrize(
    "address",
    [
        *(
            "0x",
            "0x1",
            "a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
            "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb4",
            "0xg" + "0" * 39,
        ),
        *("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb480", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48:USDC", "0x" + "1" * 64),
        *("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "eth", "0x" + "\u0661" * 40, "0x" + "\uff11" * 40),
    ],
)
def test_what_is_not_20_bytes_is_no_evm_address(address: str, broken: Broken) -> None:
    assert broken(lambda: normalize("EVM", address, "address")) == [("address", "BAD_ADDRESS")]


@quick
@given(st.binary(min_size=20, max_size=20).filter(lambda packed: any(packed[:18])))
def test_evm_addresses_are_equal_by_their_bytes(packed: bytes) -> None:
    found = text("EVM", "0x" + packed.hex())
    assert bytes.fromhex(found[2:]) == packed
    assert text("EVM", found) == text("EVM", "0x" + packed.hex().upper()) == found


# ---- native


@pytest.mark.parametrize("chain_type", addresses.CHAIN_TYPES)
@pytest.mark.parametrize(
    "placeholder",
    [
        *(
            "native",
            "NATIVE",
            "Native",
            "slip44:60",
            "slip44:0",
            "SLIP44:966",
            "0x0",
            "0x" + "0" * 40,
            "0X" + "0" * 40,
            "0x" + "0" * 64,
        ),
        *(
            "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE",
            "0x" + "e" * 40,
            "0x" + "E" * 40,
            "0xEEEEEeeeeeEEEEEeeeeeEEEEEeeeeeEEEEEeeeee",
        ),
        *("0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000", "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0000"),
    ],
)
def test_native_placeholders_mean_the_native_asset_on_every_chain(chain_type: str, placeholder: str) -> None:
    assert normalize(chain_type, placeholder, "address") == Address("native", is_native=True) == NATIVE


@pytest.mark.parametrize(
    ("chain_type", "placeholder"),
    [
        ("SOLANA", "1" * 32),
        ("TON", "0:" + "0" * 64),
        ("TON", "EQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM9c"),
        ("MOVE", "0x00"),
        ("STARKNET", "0x" + "0" * 63),
    ],
)
def test_the_zero_account_of_a_chain_means_its_native_asset(chain_type: str, placeholder: str) -> None:
    assert normalize(chain_type, placeholder, "address") == NATIVE


def test_a_wrapped_native_asset_is_a_token_of_its_own() -> None:
    wrapped_sol = "So11111111111111111111111111111111111111112"
    assert text("SOLANA", wrapped_sol) == wrapped_sol
    weth = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
    assert text("EVM", weth) == weth


@pytest.mark.parametrize("caip2", ["eip155:137", "eip155:80002"])
def test_the_contract_face_of_a_native_asset_is_native_on_its_chain_only(caip2: str) -> None:
    face = "0x0000000000000000000000000000000000001010"
    assert normalize("EVM", face, "address", caip2=caip2) == NATIVE
    assert text("EVM", face) == face
    assert normalize("EVM", face, "address", caip2="eip155:1") == Address(face, is_native=False)


@pytest.mark.parametrize("face", addresses.FACES.items())
def test_the_known_contract_faces_are_recognised_in_any_spelling(face: tuple[str, str]) -> None:
    caip2, address = face
    for spelling in (address, text("EVM", address), "0x" + address[2:].upper()):
        assert normalize("EVM", spelling, "address", caip2=caip2) == NATIVE


@pytest.mark.parametrize(
    "address", ["0x000000000000000000000000000000000000dEaD", "0x" + "0" * 39 + "1", "0x" + "e" * 39 + "f"]
)
def test_what_only_resembles_a_placeholder_is_a_contract(address: str) -> None:
    assert text("EVM", address.lower()).lower() == address.lower()


@pytest.mark.parametrize(
    "address", ["slip44:", "slip44:x", "slip44:\u0661", "native ", " native", "nat\u0131ve", "0x" + "0" * 65]
)
def test_a_damaged_placeholder_is_no_evm_address(address: str, broken: Broken) -> None:
    rule = "BAD_ADDRESS" if address == address.strip() else "OUTER_SPACE"
    assert broken(lambda: normalize("EVM", address, "address")) == [("address", rule)]


# ---- Cosmos, Bitcoin and the rest


def test_ibc_hashes_are_upper_case() -> None:
    digest = "27394fb092d2eccd56123c74f36e4c1f926001ceada9ca97ea622b25f41e5eb2"
    for spelling in (f"ibc/{digest}", f"ibc/{digest.upper()}", f"IBC/{digest}"):
        assert text("COSMOS", spelling) == f"ibc/{digest.upper()}"


@pytest.mark.parametrize("address", ["ibc/", "ibc/abc", "ibc/" + "g" * 64, "ibc/" + "a" * 65])
def test_a_damaged_ibc_denom_is_refused(address: str, broken: Broken) -> None:
    assert broken(lambda: normalize("COSMOS", address, "address")) == [("address", "BAD_ADDRESS")]


@pytest.mark.parametrize(
    ("chain_type", "address"),
    [
        ("COSMOS", "uatom"),
        ("COSMOS", "factory/kujira1abc/uKUJI"),
        ("COSMOS", "erc20/0xAbC"),
        ("COSMOS", "cw20:terra1xyz"),
        ("COSMOS", "gravity0xA0b8"),
        ("BITCOIN", "UNCOMMON•GOODS"),
        ("BITCOIN", "ordi"),
        ("BITCOIN", "840000:1"),
        ("OTHER", "eosio.token:XPR"),
        ("OTHER", "eosio.token:ABBC"),
        ("OTHER", "core.vaulta:A"),
        ("OTHER", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        ("OTHER", "usdt.tether-token.near"),
        ("OTHER", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"),
        ("OTHER", "ibc/abc"),
    ],
)
def test_all_else_is_exact(chain_type: str, address: str) -> None:
    assert text(chain_type, address) == address


def test_an_exact_address_may_have_512_characters() -> None:
    assert text("OTHER", "x" * 512) == "x" * 512


@pytest.mark.parametrize("chain_type", addresses.CHAIN_TYPES)
@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("", "EMPTY"),
        (" abc", "OUTER_SPACE"),
        ("abc ", "OUTER_SPACE"),
        ("ab\u200bc", "BAD_CHARACTER"),
        ("ab\x00c", "BAD_CHARACTER"),
        ("e\u0301", "NOT_NFC"),
        ("x" * 513, "TOO_LONG"),
        ("0x" + "0" * 10_000, "TOO_LONG"),
    ],
)
def test_text_that_could_not_be_stored_is_refused_on_every_chain(
    chain_type: str, address: str, rule: str, broken: Broken
) -> None:
    assert broken(lambda: normalize(chain_type, address, "address")) == [("address", rule)]


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(addresses.CHAIN_TYPES),
    st.text(max_size=70)
    | st.text("0123456789abcdefABCDEFxX:_-/<>, ", max_size=70)
    | st.binary(min_size=20, max_size=32).map(lambda packed: "0x" + packed.hex()),
)
def test_the_canonical_spelling_is_its_own(chain_type: str, address: str) -> None:
    try:
        found = normalize(chain_type, address, "address")
    except Invalid:
        return
    assert normalize(chain_type, found.text, "address") == found
    assert found.is_native == (found.text == "native")


# ---- published lists


def published(file: str) -> Any:
    """A list of real data, if it is available."""
    path = DATA / file
    if not path.exists():
        pytest.skip(f"{file} is not at hand")
    return json.loads(gzip.decompress(path.read_bytes()))


def test_every_token_of_a_published_evm_list_has_an_address() -> None:
    tokens = published("tokenlist.json.gz")["tokens"]
    assert len(tokens) > 1000
    for token in tokens:
        found = normalize("EVM", token["address"], "address")
        assert found.is_native or found.text.lower() == token["address"].lower()


def test_every_token_of_a_published_solana_list_has_an_address() -> None:
    tokens = published("tokenlist_solana.json.gz")["tokens"]
    assert len(tokens) > 10_000
    for token in tokens[::5]:
        assert text("SOLANA", token["address"]) == token["address"]


def test_every_published_identifier_of_a_known_namespace_has_an_address() -> None:
    types = {"eip155": "EVM", "solana": "SOLANA", "cosmos": "COSMOS", "ton": "TON", "sui": "MOVE", "starknet": "STARKNET"}
    seen = set()
    for place, (caip19, _) in enumerate(published("coingecko_caip19.json.gz")):
        chain, _, asset = caip19.partition("/")
        chain_type = types.get(chain.partition(":")[0])
        if chain_type is None or (chain_type in {"EVM", "SOLANA"} and place % 10):
            continue
        seen.add(chain_type)
        found = normalize(chain_type, asset if asset.startswith("slip44:") else asset.partition(":")[2], "address")
        assert normalize(chain_type, found.text, "address") == found
    assert seen == set(types.values())
