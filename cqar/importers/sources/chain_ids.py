"""How sources name chains, and which chain each name means: normalised CAIP-2 ids and names declared here.

Names are looked up by (family of sources, name). Names that are not declared here come from the chains in the registry,
whose metadata keeps the names that sources use.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from google.protobuf import json_format

from cqar.importers.run import caip2 as caip2_ids
from cqar.importers.run.documents import Refused

_CAIP2 = re.compile(r"([-a-z0-9]{3,8}):([-_a-zA-Z0-9]{1,32})")
_COSMOS = re.compile(r"[-_a-zA-Z0-9]{1,32}")
_HASHED = 16

BITCOIN: Final = caip2_ids.BITCOIN
SOLANA: Final = caip2_ids.SOLANA
TON: Final = caip2_ids.TON
TRON: Final = caip2_ids.TRON

#: Non-standard spellings of CAIP-2 ids in sources.
SPELLINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ton:mainnet": TON,
        "ton:testnet": "ton:-3",
        "sui:mainnet": "sui:35834a8a",
        "aptos:mainnet": "aptos:1",
        "starknet:mainnet": "starknet:SN_MAIN",
        "tron:mainnet": TRON,
        "solana:mainnet": SOLANA,
        "solana:4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZ": SOLANA,
    }
)

#: The chain type of each CAIP-2 namespace; all others are OTHER.
TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "eip155": "EVM",
        "solana": "SOLANA",
        "bip122": "BITCOIN",
        "cosmos": "COSMOS",
        "ton": "TON",
        "sui": "MOVE",
        "aptos": "MOVE",
        "starknet": "STARKNET",
    }
)
#: Namespaces whose tokens store their decimals in one byte.
BYTE_DECIMALS: Final = frozenset({"eip155", "solana", "near"})
BYTE: Final = 255

#: Entries of chain-registry that are not chains: it lists other traded things as chains too.
NO_CHAINS: Final = frozenset({("chain-registry", "forex"), ("chain-registry", "comex")})

#: (family of sources, its name of a chain) -> CAIP-2.
NAMES: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        **{
            ("chain-registry", name): caip2
            for name, caip2 in {
                "ethereum": "eip155:1",
                "ethereumtestnet": "eip155:11155111",
                "arbitrum": "eip155:42161",
                "avalanche": "eip155:43114",
                "avalanchetestnet": "eip155:43113",
                "base": "eip155:8453",
                "berachain": "eip155:80094",
                "binancesmartchain": "eip155:56",
                "binancesmartchaintestnet": "eip155:97",
                "fantom": "eip155:250",
                "fantomtestnet": "eip155:4002",
                "mantle": "eip155:5000",
                "moonbeam": "eip155:1284",
                "moonbeamtestnet": "eip155:1287",
                "optimism": "eip155:10",
                "polygon": "eip155:137",
                "rootstock": "eip155:30",
                "solana": SOLANA,
                "ton": TON,
                "tron": TRON,
                "bitcoin": BITCOIN,
                "bitcoincash": "bip122:000000000000000000651ef99cb9fcbe",
                "dogecoin": "bip122:00000000001a91e3dace36e2be3bf030",
                "litecoin": "bip122:12a765e31ffd4059bada1e25190f6e98",
                "zcash": "bip122:00040fe8ec8471911baa1db1266ea15d",
                "aptos": "aptos:1",
                "sui": "sui:35834a8a",
                "polkadot": "polkadot:91b171bb158e2d3848fa23a9f1c25182",
                "kusama": "polkadot:b0a8d493285c2df73290dfb7e61f870f",
                "statemine": "polkadot:48239ef607d7928874027a43a6768920",
                "stellar": "stellar:pubnet",
                "xrpl": "xrpl:0",
            }.items()
        },
        **{
            ("web3icons", name): caip2
            for name, caip2 in {
                "aptos": "aptos:1",
                "sui": "sui:35834a8a",
                "starknet": "starknet:SN_MAIN",
                "tron": TRON,
                "injective": "cosmos:injective-1",
                "juno": "cosmos:juno-1",
                "osmosis": "cosmos:osmosis-1",
                "stargaze": "cosmos:stargaze-1",
                "terra-classic": "cosmos:columbus-5",
                "kucoin": "eip155:321",
            }.items()
        },
        **{
            ("coingecko", name): caip2
            for name, caip2 in {
                "ethereum": "eip155:1",
                "binance-smart-chain": "eip155:56",
                "polygon-pos": "eip155:137",
                "arbitrum-one": "eip155:42161",
                "arbitrum-nova": "eip155:42170",
                "optimistic-ethereum": "eip155:10",
                "avalanche": "eip155:43114",
                "base": "eip155:8453",
                "fantom": "eip155:250",
                "sonic": "eip155:146",
                "xdai": "eip155:100",
                "cronos": "eip155:25",
                "linea": "eip155:59144",
                "scroll": "eip155:534352",
                "blast": "eip155:81457",
                "mantle": "eip155:5000",
                "zksync": "eip155:324",
                "polygon-zkevm": "eip155:1101",
                "celo": "eip155:42220",
                "moonbeam": "eip155:1284",
                "moonriver": "eip155:1285",
                "aurora": "eip155:1313161554",
                "harmony-shard-0": "eip155:1666600000",
                "metis-andromeda": "eip155:1088",
                "boba": "eip155:288",
                "klay-token": "eip155:8217",
                "kava": "eip155:2222",
                "opbnb": "eip155:204",
                "manta-pacific": "eip155:169",
                "mode": "eip155:34443",
                "berachain": "eip155:80094",
                "unichain": "eip155:130",
                "world-chain": "eip155:480",
                "rootstock": "eip155:30",
                "ethereum-classic": "eip155:61",
                "pulsechain": "eip155:369",
                "energi": "eip155:39797",
                "okex-chain": "eip155:66",
                "huobi-token": "eip155:128",
                "kucoin-community-chain": "eip155:321",
                "telos": "eip155:40",
                "iotex": "eip155:4689",
                "core": "eip155:1116",
                "flare-network": "eip155:14",
                "fuse": "eip155:122",
                "evmos": "eip155:9001",
                "canto": "eip155:7700",
                "solana": SOLANA,
                "tron": TRON,
                "the-open-network": TON,
                "sui": "sui:35834a8a",
                "aptos": "aptos:1",
                "starknet": "starknet:SN_MAIN",
                "stellar": "stellar:pubnet",
                "xrp": "xrpl:0",
                "osmosis": "cosmos:osmosis-1",
                "injective": "cosmos:injective-1",
            }.items()
        },
        **{
            ("cqar", name): caip2
            for name, caip2 in {
                "ethereum": "eip155:1",
                "bitcoin": BITCOIN,
                "dogecoin": "bip122:00000000001a91e3dace36e2be3bf030",
                "solana": SOLANA,
                "polygon_pos": "eip155:137",
                "binance_smart_chain": "eip155:56",
                "arbitrum_one": "eip155:42161",
                "optimism": "eip155:10",
            }.items()
        },
    }
)

#: Slugs of well-known chains, which sources name differently.
SLUGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "eip155:1": "ethereum",
        "eip155:10": "optimism",
        "eip155:25": "cronos",
        "eip155:56": "bnb-smart-chain",
        "eip155:100": "gnosis",
        "eip155:137": "polygon",
        "eip155:250": "fantom",
        "eip155:324": "zksync-era",
        "eip155:1101": "polygon-zkevm",
        "eip155:1284": "moonbeam",
        "eip155:1285": "moonriver",
        "eip155:5000": "mantle",
        "eip155:8453": "base",
        "eip155:42161": "arbitrum-one",
        "eip155:42220": "celo",
        "eip155:43114": "avalanche-c-chain",
        "eip155:59144": "linea",
        "eip155:81457": "blast",
        "eip155:534352": "scroll",
        "eip155:11155111": "sepolia",
        SOLANA: "solana",
        BITCOIN: "bitcoin",
        TRON: "tron",
        TON: "ton",
        "aptos:1": "aptos",
        "sui:35834a8a": "sui",
        "starknet:SN_MAIN": "starknet",
    }
)


def family(source: str) -> str:
    """The family of a source: its name without scope, version and suffix. `@subwallet/chain-list@0.2.89` -> subwallet."""
    name = source.split(" ", 1)[0].removeprefix("@").split("@", 1)[0]
    if name == "Combine-Capital/cqar":
        return "cqar"
    return name.split("/", 1)[0]


def caip2(text: str) -> str:
    """A CAIP-2 id in the spelling of its namespace. Raises Refused if it is malformed."""
    known = SPELLINGS.get(text)
    if known is not None:
        return known
    namespace, _, reference = text.partition(":")
    if namespace == "cosmos" and reference.startswith("INVALID-ID"):
        raise Refused("placeholder_id", f"{text!r} is marked as not an id by its source")
    if namespace == "cosmos" and reference and not _COSMOS.fullmatch(reference):
        # CAIP-5: references that do not fit the form are hashed.
        return f"cosmos:hashed-{hashlib.sha256(reference.encode()).hexdigest()[:_HASHED]}"
    if not _CAIP2.fullmatch(text):
        raise Refused("bad_caip2", f"{text!r} is not a CAIP-2 id")
    return text


def chain_type(caip2_id: str) -> str:
    """The chain type of a namespace."""
    return TYPES.get(caip2_id.partition(":")[0], "OTHER")


class Chains:
    """The chains of the registry by CAIP-2 id, slug, and the names of sources."""

    def __init__(self, chains: Iterable[Any]) -> None:
        self.by_slug: dict[str, Any] = {}
        self.by_caip2: dict[str, Any] = {}
        self._by_name: dict[tuple[str, str], Any] = {}
        for chain in chains:
            self.add(chain)

    def add(self, chain: Any) -> None:
        """Add a chain."""
        self.by_slug[chain.chain_id] = chain
        if chain.caip2:
            self.by_caip2[chain.caip2] = chain
        for source, name in names_of(chain).items():
            self._by_name[source, name] = chain

    def find(self, text: str) -> Any:
        """The chain for the source's name `namespace:reference` or `<family>:<name>`. Raises Refused."""
        source, _, name = text.partition(":")
        if (source, name) in NO_CHAINS:
            raise Refused("no_chain", f"{text!r} is a market, not a chain")
        chain = self._by_name.get((source, name))
        if chain is None:
            chain = self.by_caip2.get(NAMES.get((source, name)) or _spelled(text))
        if chain is None:
            raise Refused("unknown_chain", f"the registry has no chain {text!r}")
        return chain


def _spelled(text: str) -> str:
    try:
        return caip2(text)
    except Refused:
        return text


def names_of(chain: Any) -> dict[str, str]:
    """The names that sources use for a chain, by family."""
    metadata = json_format.MessageToDict(chain.metadata)
    names = metadata.get("names")
    return {str(key): str(value) for key, value in names.items()} if isinstance(names, dict) else {}
