"""The chains of the networks over which exchanges take deposits, where the id of the network leaves no doubt."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "eip155:1": ("eth", "ethereum", "erc20", "erc-20", "ethereum(erc20)", "networks/ethereum-mainnet"),
    "eip155:10": ("optimism", "opeth", "op mainnet"),
    "eip155:25": ("cronos",),
    "eip155:56": ("bsc", "bep20", "bep20(bsc)", "bsc(bep20)", "bnb smart chain", "bnbsmartchain"),
    "eip155:100": ("gnosis", "xdai"),
    "eip155:128": ("heco",),
    "eip155:137": ("polygon", "polygon pos", "matic"),
    "eip155:250": ("fantom", "ftm"),
    "eip155:324": ("zksyncera", "zksync era"),
    "eip155:1284": ("moonbeam",),
    "eip155:1285": ("moonriver",),
    "eip155:5000": ("mantle",),
    "eip155:8453": ("base", "baseevm"),
    "eip155:42161": ("arbitrum", "arbitrum one", "arbitrumone", "arbevm"),
    "eip155:42220": ("celo",),
    "eip155:43114": ("avaxc", "avax_c", "avax-c", "avax c-chain", "avalanche c-chain", "cavax"),
    "eip155:59144": ("linea",),
    "eip155:81457": ("blast",),
    "eip155:534352": ("scroll",),
    "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp": ("sol", "solana", "spl"),
    "ton:-239": ("ton", "toncoin"),
    "tron:0x2b6653dc": ("trx", "tron", "trc20", "trc20(tron)"),
    "aptos:1": ("apt", "aptos"),
    "near:mainnet": ("near",),
    "sui:35834a8a": ("sui",),
}
#: Ids that all exchanges use for the same network. BNB, AVAX and BTC are not among them: they mean several.
_EVERYWHERE: Final[Mapping[str, str]] = MappingProxyType({name: chain for chain, names in _NAMES.items() for name in names})
#: (exchange, id of a network) -> CAIP-2 id
_OWN: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("kucoin", "kcc"): "eip155:321",
        ("kucoin", "kavaevm"): "eip155:2222",
        ("oxfun", "arb"): "eip155:42161",
    }
)
#: Exchanges whose ids of networks are the chain ids of EVM chains.
_NUMBERED: Final = frozenset({"modetrade", "woofipro"})


def chain(exchange_id: str, network: str) -> str | None:
    """The CAIP-2 id of a network of an exchange; None where the id may mean several.

    >>> chain("kucoin", "eth")
    'eip155:1'
    >>> chain("kucoin", "bnb") is None
    True
    """
    name = network.strip().lower()
    if exchange_id in _NUMBERED and name.isascii() and name.isdecimal():
        return f"eip155:{int(name)}"
    return _OWN.get((exchange_id, name)) or _EVERYWHERE.get(name)
