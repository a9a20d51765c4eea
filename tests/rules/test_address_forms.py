"""All forms of an account lead to one address on chains with several address forms."""

import base64
import binascii
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cqar.errors import Invalid
from cqar.model.addresses import normalize

Broken = Callable[..., list[tuple[str, str]]]
quick = settings(deadline=None, max_examples=200)
TON_RAW = "0:ca6e321c7cce9ecedf0a8ca2492ec8592494aa5fb5ce0387dff96ef6af982a3e"
SUI = "0x" + "0" * 63 + "2::sui::SUI"
APT = "0x" + "0" * 63 + "1::aptos_coin::AptosCoin"


def text(chain_type: str, address: str) -> str:
    """The canonical text of an address that is a contract."""
    found = normalize(chain_type, address, "address")
    assert not found.is_native
    return found.text


def friendly(tag: int, workchain: int, account: bytes, *, urlsafe: bool = True) -> str:
    """The user-friendly form of a TON account."""
    packed = bytes([tag, workchain & 0xFF]) + account
    packed += binascii.crc_hqx(packed, 0).to_bytes(2, "big")
    return (base64.urlsafe_b64encode(packed) if urlsafe else base64.b64encode(packed)).decode()


def base58(packed: bytes) -> str:
    """Base58 of bytes, written independently of the code under test."""
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, digits = int.from_bytes(packed, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = alphabet[digit] + digits
    return "1" * (len(packed) - len(packed.lstrip(b"\0"))) + digits


# ---- Solana


@quick
@given(st.binary(min_size=32, max_size=32).filter(any))
def test_solana_addresses_keep_their_case(packed: bytes) -> None:
    assert text("SOLANA", base58(packed)) == base58(packed)


@quick
@given(st.binary(min_size=20, max_size=40).filter(lambda packed: len(packed) != 32 and any(packed)))
def test_base58_of_other_than_32_bytes_is_no_solana_address(packed: bytes) -> None:
    with pytest.raises(Invalid):
        normalize("SOLANA", base58(packed), "address")


def test_the_largest_solana_address_is_32_bytes_of_ones(broken: Broken) -> None:
    assert text("SOLANA", base58(b"\xff" * 32)) == base58(b"\xff" * 32)
    one_more = base58(b"\x01" + b"\0" * 32)
    assert broken(lambda: normalize("SOLANA", one_more, "address")) == [("address", "BAD_ADDRESS")]


def test_leading_zero_bytes_of_a_solana_address_count() -> None:
    short = base58(b"\0" * 8 + b"\xff" * 24)
    assert text("SOLANA", short) == short
    with pytest.raises(Invalid):
        normalize("SOLANA", short[1:], "address")


def test_two_solana_addresses_that_differ_in_case_are_two() -> None:
    one, other = "ax7EjwgRaerUacfCAptcMnkckmf8Wiee5T9KLqSzsF6", "Ax7EjwgRaerUacfCAptcMnkckmf8Wiee5T9KLqSzsF6"
    assert text("SOLANA", one) == one
    assert text("SOLANA", other) == other


@pytest.mark.parametrize("letter", ["0", "O", "I", "l", "+", "\u0410"])
def test_letters_outside_of_base58_are_refused(letter: str, broken: Broken) -> None:
    address = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1" + letter
    assert broken(lambda: normalize("SOLANA", address, "address")) == [("address", "BAD_ADDRESS")]


# ---- TON


@pytest.mark.parametrize(
    "spelling",
    [
        "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF",
        "UQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPuwA",
        "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff+W72r5gqPrHF",
        TON_RAW,
        TON_RAW.upper(),
    ],
)
def test_ton_spellings_of_one_account_are_one(spelling: str) -> None:
    assert text("TON", spelling) == TON_RAW


@quick
@given(st.sampled_from([0x11, 0x51]), st.integers(-128, 127), st.binary(min_size=32, max_size=32).filter(any), st.booleans())
def test_ton_friendly_forms_give_the_raw_form(tag: int, workchain: int, account: bytes, urlsafe: bool) -> None:  # noqa: FBT001
    raw = text("TON", friendly(tag, workchain, account, urlsafe=urlsafe))
    assert raw == f"{workchain}:{account.hex()}"
    assert text("TON", raw) == raw


@quick
@given(st.integers(0, 47), st.sampled_from("ABYZabyz0189-_"))
def test_a_misspelt_ton_address_is_refused(place: int, letter: str) -> None:
    address = "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF"
    wrong = address[:place] + letter + address[place + 1 :]
    if wrong != address:
        with pytest.raises(Invalid):
            normalize("TON", wrong, "address")


def test_ton_addresses_for_the_testnet_only_are_refused(broken: Broken) -> None:
    testnet = "kQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPgpP"
    assert broken(lambda: normalize("TON", testnet, "address")) == [("address", "BAD_ADDRESS")]


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHG", "BAD_CHECKSUM"),
        (friendly(0x12, 0, b"\x01" * 32), "BAD_ADDRESS"),
        (TON_RAW[:-1], "BAD_ADDRESS"),
        (TON_RAW + "0", "BAD_ADDRESS"),
        (TON_RAW[2:], "BAD_ADDRESS"),
        ("0" + TON_RAW, "BAD_ADDRESS"),
        ("2147483648:" + TON_RAW[2:], "BAD_ADDRESS"),
        ("toncoin", "BAD_ADDRESS"),
        (" " + TON_RAW, "OUTER_SPACE"),
    ],
)
def test_other_ton_texts_are_refused(address: str, rule: str, broken: Broken) -> None:
    assert broken(lambda: normalize("TON", address, "address")) == [("address", rule)]


def test_ton_masterchain_accounts_have_a_negative_workchain() -> None:
    assert text("TON", "-1:" + "5" * 64) == "-1:" + "5" * 64
    assert text("TON", "-0:" + "5" * 64) == "0:" + "5" * 64
    assert text("TON", "-2147483648:" + "5" * 64) == "-2147483648:" + "5" * 64


# ---- Move


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("0x2::sui::SUI", SUI),
        ("0X2::sui::SUI", SUI),
        (SUI, SUI),
        (SUI.removeprefix("0x"), SUI),
        ("0x0002::sui::SUI", SUI),
        ("0xA::Coin::_x1", "0x" + "a".zfill(64) + "::Coin::_x1"),
        ("0x27792D9", "0x" + "27792d9".zfill(64)),
        ("0x027792d9", "0x" + "27792d9".zfill(64)),
        ("0x1::aptos_coin::AptosCoin", APT),
        ("0xa", APT),
        ("0x3::lp::LP<0x2::sui::SUI,0x1::a::B>", f"0x{'3'.zfill(64)}::lp::LP<{SUI},0x{'1'.zfill(64)}::a::B>"),
        ("0x3::lp::LP<0x2::sui::SUI, vector<u8>>", f"0x{'3'.zfill(64)}::lp::LP<{SUI},vector<u8>>"),
        ("0x3::a::A<0x3::a::A<0x2::sui::SUI, u64>, bool>", f"0x{'3'.zfill(64)}::a::A<0x{'3'.zfill(64)}::a::A<{SUI},u64>,bool>"),
    ],
)
def test_move_addresses_are_padded_wherever_they_stand(spelling: str, canonical: str) -> None:
    assert text("MOVE", spelling) == canonical
    assert text("MOVE", canonical) == canonical


def test_move_names_keep_their_case() -> None:
    assert text("MOVE", "0x2::sui::SUI") != text("MOVE", "0x2::sui::Sui")
    assert text("MOVE", "0x2::sui::SUI") != text("MOVE", "0x2::Sui::SUI")


@pytest.mark.parametrize(
    "address",
    [
        *(
            "0x",
            "2",
            "sui",
            "0x" + "1" * 65,
            "1" * 63,
            "0xg",
            "0x2::sui",
            "0x2::sui::",
            "0x2::::SUI",
            "0x2:sui:SUI",
            "0x2::sui::SUI::X",
        ),
        *("0x2::sui::1X", "0x2::sui::_", "0x2::s-i::SUI", "0x2::sui::\u0405UI", "0x2 ::sui::SUI", "0x2::sui::SUI\n"),
        *("0x2::a::A<", "0x2::a::A<>", "0x2::a::A<u8>>", "0x2::a::A<u8,>", "0x2::a::A<,u8>", "0x2::a::A<u9>", "0x2::a::A<0x2>"),
        *(
            "0x2::a::A<u8>,0x2::b::B<u8>",
            "0x2::a::A<vector>",
            "0x2::a::A<vector<u8,u8>>",
            "0x2::a::A<vector<>>",
            "0x2::a::A<u8>b",
        ),
        *(
            "u8",
            "address",
            "vector<u8>",
            "0x2::a::A" + "<0x2::a::A" * 10 + ">" * 10,
            "vector<" * 70,
            "0x2::a::A<" + "vector<" * 70,
            "0x2::a::A<" + "vector<" * 9 + "u8" + ">" * 10,
        ),
    ],
)
def test_other_move_texts_are_refused(address: str, broken: Broken) -> None:
    ((field, rule),) = broken(lambda: normalize("MOVE", address, "address"))
    assert field == "address"
    assert rule == ("OUTER_SPACE" if address != address.strip() else "BAD_ADDRESS")


def test_a_move_type_that_grows_too_long_when_padded_is_refused(broken: Broken) -> None:
    pair = "0x2::a::A<" + ",".join(["0x2::a::A"] * 40) + ">"
    assert broken(lambda: normalize("MOVE", pair, "address")) == [("address", "TOO_LONG")]


account = st.integers(1, 2**256 - 1).map(hex)
name = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,2}", fullmatch=True)
struct = st.builds("{}::{}::{}".format, account, name, name)
leaf = struct | st.sampled_from(["u8", "bool", "address"])
inner = leaf | leaf.map("vector<{}>".format) | st.builds("{}<{}>".format, struct, leaf)


@quick
@given(struct, st.lists(inner, max_size=2), st.sampled_from([",", ", "]))
def test_move_types_keep_their_meaning_and_are_stable(head: str, inside: list[str], comma: str) -> None:
    given_type = f"{head}<{comma.join(inside)}>" if inside else head
    canonical = text("MOVE", given_type)
    assert text("MOVE", canonical) == canonical
    assert canonical.split("::")[1:2] == given_type.split("::")[1:2]
    assert canonical.count("::") == given_type.count("::")
    assert canonical.count(",") == given_type.count(",")
    assert " " not in canonical


# ---- Starknet


@quick
@given(st.integers(1, 2**251 - 1), st.integers(0, 64))
def test_starknet_addresses_are_padded(number: int, width: int) -> None:
    assert text("STARKNET", f"0x{number:0{width}x}") == f"0x{number:064x}"
    assert text("STARKNET", f"0X{number:0{width}X}") == f"0x{number:064x}"


@pytest.mark.parametrize("address", ["0x", "49d3", "0x" + "1" * 65, hex(2**251), "0x0\n1", "strk"])
def test_other_starknet_texts_are_refused(address: str, broken: Broken) -> None:
    ((field, rule),) = broken(lambda: normalize("STARKNET", address, "address"))
    assert (field, rule) == ("address", "BAD_CHARACTER" if "\n" in address else "BAD_ADDRESS")
