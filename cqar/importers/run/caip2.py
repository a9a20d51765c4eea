"""CAIP-2 ids of chains that are not of EVM."""

from typing import Final

BITCOIN: Final = "bip122:000000000019d6689c085ae165831e93"
SOLANA: Final = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
TON: Final = "ton:-239"
TRON: Final = "tron:0x2b6653dc"
