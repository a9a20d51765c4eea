"""What a venue says of a code besides its text: names, the class of the underlying, addresses and ids."""

from decimal import Decimal
from typing import Final, Literal, NamedTuple

#: The class of what is traded, as a venue says it.
AssetClass = Literal["crypto", "fiat", "equity", "commodity", "index", "tokenized", "leveraged", "lp"]
CRYPTO: Final[AssetClass] = "crypto"
FIAT: Final[AssetClass] = "fiat"
#: a share, a fund or another security
EQUITY: Final[AssetClass] = "equity"
COMMODITY: Final[AssetClass] = "commodity"
INDEX: Final[AssetClass] = "index"
#: a token that stands for a security
TOKENIZED: Final[AssetClass] = "tokenized"
LEVERAGED: Final[AssetClass] = "leveraged"
#: a share of a liquidity pool
LP: Final[AssetClass] = "lp"

#: Sources of `Code.ids`.
ISO4217: Final = "iso4217"
TOKEN_INDEX: Final = "token_index"  # noqa: S105
ISIN: Final = "isin"


class Address(NamedTuple):
    """A contract address that a venue gives for a code."""

    text: str
    #: CAIP-2 id; None if the venue does not say the chain
    chain: str | None = None
    #: the address in the row itself or of the coin's only network; False: one of several networks
    sole: bool = True


class Code(NamedTuple):
    """A currency of a venue, and what the row says of it."""

    #: as the venue writes it, with its case
    code: str
    #: what ccxt reads it as
    ticker: str
    #: the listing counts in this many units of the ticker
    factor: Decimal | None = None
    #: the venue's own names of the coin
    names: tuple[str, ...] = ()
    #: None: the venue does not say
    asset_class: AssetClass | None = None
    addresses: tuple[Address, ...] = ()
    #: ids elsewhere: ("isin", ...), ("iso4217", ...), ("token_index", ...)
    ids: tuple[tuple[str, str], ...] = ()
    #: False: the one who deploys the token or opens the market chooses the text, so the text proves nothing
    vetted: bool = True
    #: texts under which an earlier import may have recorded the code: ccxt's id or its unified code
    former: tuple[str, ...] = ()
