"""Addresses of deployments and pools: one canonical form per account, by the type of its chain.

| chain type | accepted | stored |
|---|---|---|
| EVM | 20 bytes of hex with 0x; mixed case only with its EIP-55 checksum | EIP-55 |
| SOLANA | base58 of 32 bytes | as given |
| TON | `workchain:hex`; the 48 characters of the user-friendly forms | `workchain:hex`, lower case |
| MOVE | hex; `address::module::Struct` with generics | addresses padded to 32 bytes, lower case |
| STARKNET | hex | padded to 32 bytes, lower case |
| COSMOS | `ibc/` and 32 bytes of hex; any other denom or contract | the hash in upper case; else as given |
| BITCOIN, OTHER | any text; `contract:SYMBOL` if a contract holds many tokens | as given |

The native asset has no contract, but sources write placeholders for it. These are accepted on every chain, in any case:
`native`, `slip44:<n>`, zero (`0x0`, and longer), the 0xEeee... of exchange routers and the 0xDeadDeAdde...0000 of optimistic
rollups. Some chains give their native asset a contract, which is a placeholder on that chain only, so it needs the chain's
CAIP-2 id (`0x...1010` is POL on Polygon and an ordinary address elsewhere). A wrapped native asset, such as the mint
So111...112, is a token of its own.
"""

import binascii
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from Crypto.Hash import keccak

from cqar.errors import Invalid
from cqar.text import clean, quoted

#: The chain types, each with its own address format.
CHAIN_TYPES: Final = ("EVM", "SOLANA", "BITCOIN", "COSMOS", "MOVE", "TON", "STARKNET", "OTHER")
#: Maximum characters of an address; the longest are Move types with generics.
ADDRESS: Final = 512


class Address(NamedTuple):
    """One account on a chain, in canonical form."""

    #: the canonical form; `native` for the native asset
    text: str
    #: whether it is the chain's native asset, which has no contract
    is_native: bool


#: Maximum characters of an address whose canonical form is cached: those with checksums are shorter.
_CACHED: Final = 128

#: The chain's native asset.
NATIVE: Final = Address("native", is_native=True)

#: The contract of the native asset, by CAIP-2 id, in lower case.
FACES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "eip155:137": "0x0000000000000000000000000000000000001010",  # Polygon
        "eip155:80001": "0x0000000000000000000000000000000000001010",  # Polygon Mumbai
        "eip155:80002": "0x0000000000000000000000000000000000001010",  # Polygon Amoy
        "eip155:324": "0x000000000000000000000000000000000000800a",  # zkSync Era
        "eip155:1284": "0x0000000000000000000000000000000000000802",  # Moonbeam
    }
)

_PLACEHOLDERS = frozenset(
    {
        "native",
        "0x" + "e" * 40,
        "0x" + "dead" * 9 + "0000",
    }
)
_PLACEHOLDER = re.compile(r"0x0{1,64}|slip44:[0-9]{1,10}")
_EVM = re.compile(r"0[xX]([0-9a-fA-F]{40})")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_DIGITS = MappingProxyType({character: digit for digit, character in enumerate(_BASE58)})
_SOLANA = re.compile(f"[{_BASE58}]{{32,44}}")
_TON_RAW = re.compile(r"(-?(?:0|[1-9][0-9]{0,9})):([0-9a-fA-F]{64})")
_TON_FRIENDLY = re.compile(r"[0-9A-Za-z+/_-]{48}")
_TON_TESTNET = 0x80
_TON_TAGS = frozenset({0x11, 0x51})
_IBC = re.compile(r"[iI][bB][cC]/([0-9a-fA-F]{64})")
_STARKNET = re.compile(r"0[xX]([0-9a-fA-F]{1,64})")
_STARKNET_END = 2**251
_MOVE_ADDRESS = r"(?:0[xX][0-9a-fA-F]{1,64}|[0-9a-fA-F]{64})"
_MOVE_NAME = r"(?:[A-Za-z]|_[0-9A-Za-z_])[0-9A-Za-z_]*"
_MOVE_ACCOUNT = re.compile(_MOVE_ADDRESS)
_MOVE_STRUCT = re.compile(rf"({_MOVE_ADDRESS})(::{_MOVE_NAME}::{_MOVE_NAME})(?:<(.*)>)?")
_MOVE_VECTOR = re.compile(r"vector<(.*)>")
_MOVE_PRIMITIVES = frozenset({"bool", "u8", "u16", "u32", "u64", "u128", "u256", "address", "signer"})
_MOVE_DEPTH = 8
_APTOS_ASSET = "0x" + "a".zfill(64)
_APTOS_COIN = "0x" + "1".zfill(64) + "::aptos_coin::AptosCoin"
_BYTES_32 = 32


def chain_type(text: str, field: str) -> str:
    """The chain type in upper case, from any case. Raises Invalid: BAD_CHAIN_TYPE."""
    upper = text.upper()
    if not text.isascii() or upper not in CHAIN_TYPES:
        raise Invalid(field, "BAD_CHAIN_TYPE", f"{quoted(text)} is not a chain type; use one of {', '.join(CHAIN_TYPES)}")
    return upper


def normalize(chain_type: str, address: str, field: str, *, caip2: str | None = None) -> Address:
    """The canonical form of an address on a chain of this type (one of CHAIN_TYPES). Idempotent.

    `caip2`: the chain's id if known, for placeholders that are valid on it alone. Raises Invalid: BAD_ADDRESS, BAD_CHECKSUM,
    or as `cqar.text.clean`.
    """
    if len(address) > ADDRESS:
        raise _malformed(address, field, "an address")
    if caip2 is not None and FACES.get(caip2) == address.lower():
        return NATIVE
    return (_cached if len(address) <= _CACHED and address.isascii() else _normalized)(chain_type, address, field)


def _normalized(chain_type: str, address: str, field: str) -> Address:
    """The part of `normalize` that is the same on all chains of the type."""
    lower = address.lower()
    if lower in _PLACEHOLDERS or _PLACEHOLDER.fullmatch(lower):
        return NATIVE
    return _RULES[chain_type](address, field)


#: Cached, because checksums are expensive: callers send these addresses, so their number and length are bounded.
_cached: Final = lru_cache(maxsize=16384)(_normalized)


def _malformed(address: str, field: str, need: str) -> Invalid:
    """The error of an address with the wrong format; an invalid character is reported first."""
    try:
        clean(address, field, ADDRESS, trim=False)
    except Invalid as fault:
        return fault
    return Invalid(field, "BAD_ADDRESS", f"{quoted(address)} is not {need}")


def _exact(address: str, field: str) -> Address:
    return Address(clean(address, field, ADDRESS, trim=False), is_native=False)


def _evm(address: str, field: str) -> Address:
    match = _EVM.fullmatch(address)
    if match is None:
        raise _malformed(address, field, "an EVM address: 0x and 40 hex digits")
    digits = match[1]
    lower = digits.lower()
    checked = checksum(lower)
    if digits not in (lower, checked) and digits != digits.upper():
        rule = "does not pass the EIP-55 checksum of its mixed case; check it against its source"
        raise Invalid(field, "BAD_CHECKSUM", f"{quoted(address)} {rule}")
    return Address("0x" + checked, is_native=False)


def checksum(digits: str) -> str:
    """The 40 hex digits of an EVM address, given in lower case without 0x, in the case of EIP-55."""
    digest = keccak.new(digest_bits=256, data=digits.encode()).hexdigest()
    return "".join(digit.upper() if check > "7" else digit for digit, check in zip(digits, digest, strict=False))


def _solana(address: str, field: str) -> Address:
    if not _SOLANA.fullmatch(address):
        raise _malformed(address, field, "a Solana address: base58 of 32 bytes, 32 to 44 characters")
    number = 0
    for character in address:
        number = number * 58 + _BASE58_DIGITS[character]
    zeros = len(address) - len(address.lstrip("1"))
    if zeros + (number.bit_length() + 7) // 8 != _BYTES_32:
        raise Invalid(field, "BAD_ADDRESS", f"{quoted(address)} is not a Solana address: its base58 is not 32 bytes")
    # The system program, all zero: it cannot hold a token, and bridges write it for SOL.
    return Address(address, is_native=False) if number else NATIVE


def _ton(address: str, field: str) -> Address:
    raw = _TON_RAW.fullmatch(address)
    if raw is not None:
        workchain, account = int(raw[1]), raw[2].lower()
        if not -(2**31) <= workchain < 2**31:
            raise Invalid(field, "BAD_ADDRESS", f"{quoted(address)}: the workchain is not a 32 bit number")
    elif _TON_FRIENDLY.fullmatch(address):
        workchain, account = _ton_friendly(address, field)
    else:
        raise _malformed(address, field, "a TON address: workchain:64 hex digits, or the 48 characters of the EQ or UQ form")
    # The zero account cannot be a contract; exchanges on TON write it for the native asset.
    return Address(f"{workchain}:{account}", is_native=False) if account.strip("0") else NATIVE


def _ton_friendly(address: str, field: str) -> tuple[int, str]:
    """Workchain and account of the user-friendly form: tag, workchain, 32 bytes, CRC-16; base64 in either alphabet."""
    packed = binascii.a2b_base64(address.translate({ord("-"): "+", ord("_"): "/"}))
    if binascii.crc_hqx(packed[:34], 0) != int.from_bytes(packed[34:], "big"):
        raise Invalid(field, "BAD_CHECKSUM", f"{quoted(address)} does not pass its CRC-16; check the address")
    tag = packed[0]
    if tag & ~_TON_TESTNET not in _TON_TAGS:
        raise Invalid(field, "BAD_ADDRESS", f"{quoted(address)} has the unknown tag 0x{tag:02x}; send the workchain:hex form")
    if tag & _TON_TESTNET:
        raise Invalid(field, "BAD_ADDRESS", f"{quoted(address)} is marked as testnet only; send the workchain:hex form")
    return int.from_bytes(packed[1:2], "big", signed=True), packed[2:34].hex()


def _starknet(address: str, field: str) -> Address:
    match = _STARKNET.fullmatch(address)
    if match is None or int(match[1], 16) >= _STARKNET_END:
        raise _malformed(address, field, "a Starknet address: 0x and up to 64 hex digits, less than 2**251")
    return Address(_padded(match[1]), is_native=False)


def _cosmos(address: str, field: str) -> Address:
    match = _IBC.fullmatch(address)
    if match is not None:
        return Address("ibc/" + match[1].upper(), is_native=False)
    if address.startswith("ibc/"):
        raise _malformed(address, field, "an IBC denom: ibc/ and 64 hex digits")
    return _exact(address, field)


def _move(address: str, field: str) -> Address:
    text = _padded(address) if _MOVE_ACCOUNT.fullmatch(address) else _move_struct(address, 0)
    if text is None:
        raise _malformed(address, field, "a Move address: 0x and up to 64 hex digits, or address::module::Struct")
    if len(text) > ADDRESS:
        raise Invalid(field, "TOO_LONG", f"{quoted(address)} has more than {ADDRESS} characters when padded")
    # On Aptos the native coin has a second name, the address of its fungible asset.
    return Address(_APTOS_COIN if text == _APTOS_ASSET else text, is_native=False)


def _padded(account: str) -> str:
    """The hex address, with or without 0x, in lower case and full length."""
    return "0x" + account.lower().removeprefix("0x").zfill(64)


def _move_struct(text: str, depth: int) -> str | None:
    """The struct type with padded addresses and without blanks; None if the text is not one."""
    match = _MOVE_STRUCT.fullmatch(text)
    if match is None:
        return None
    name = _padded(match[1]) + match[2]
    if match[3] is None:
        return name
    arguments = [_move_type(each, depth + 1) for each in _arguments(match[3])]
    return None if None in arguments else f"{name}<{','.join(filter(None, arguments))}>"


def _move_type(text: str, depth: int) -> str | None:
    """A type inside generics, as `_move_struct`; at most _MOVE_DEPTH levels deep."""
    text = text.strip(" ")
    if text in _MOVE_PRIMITIVES:
        return text
    if depth > _MOVE_DEPTH:
        return None
    vector = _MOVE_VECTOR.fullmatch(text)
    if vector is None:
        return _move_struct(text, depth)
    inner = _move_type(vector[1], depth + 1)
    return None if inner is None else f"vector<{inner}>"


def _arguments(text: str) -> list[str]:
    """The text between < and >, split at the commas that are not inside nested generics."""
    found = [""]
    depth = 0
    for character in text:
        depth += (character == "<") - (character == ">")
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return found


_RULES: Final[Mapping[str, Callable[[str, str], Address]]] = MappingProxyType(
    {
        "EVM": _evm,
        "SOLANA": _solana,
        "BITCOIN": _exact,
        "COSMOS": _cosmos,
        "MOVE": _move,
        "TON": _ton,
        "STARKNET": _starknet,
        "OTHER": _exact,
    }
)
