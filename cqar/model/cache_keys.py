"""Keys of cache parts: `<kind>:<rest>`, a function per kind.

Only the last element of a key is free text, so two different parts never share a key.
"""


def kind_of(key: str) -> str:
    """The kind of a key."""
    return key.partition(":")[0]


def asset_key(asset_id: str) -> str:
    """The asset with its active flags."""
    return f"asset:{asset_id}"


def symbol_key(symbol_id: str) -> str:
    """The canonical symbol."""
    return f"symbol:{symbol_id}"


def venue_key(venue_id: str) -> str:
    """The venue."""
    return f"venue:{venue_id}"


def chain_key(chain_id: str) -> str:
    """The chain."""
    return f"chain:{chain_id}"


def caip2_key(caip2: str) -> str:
    """The chain with a CAIP-2 id."""
    return f"caip2:{caip2}"


def venue_asset_key(venue_id: str, asset_id: str) -> str:
    """What a venue says of an asset."""
    return f"venue_asset:{venue_id}:{asset_id}"


def identity_key(venue_id: str, asset_id: str) -> str:
    """The same, for the listings of the asset at the venue: how far its identity there can be trusted."""
    return f"identity:{venue_id}:{asset_id}"


def venue_code_key(venue_id: str, code: str) -> str:
    """The venue assets that a venue's code may mean, as main code or alias."""
    return f"venue_code:{venue_id}:{code}"


def listings_key(venue_id: str, venue_symbol: str) -> str:
    """The listings of a venue under one text, of all types and times."""
    return f"listings:{venue_id}:{venue_symbol}"


def symbol_listings_key(symbol_id: str) -> str:
    """The listings of a canonical symbol at all venues."""
    return f"symbol_listings:{symbol_id}"


def deployment_key(chain_id: str, address: str) -> str:
    """The living deployment at an address."""
    return f"deployment:{chain_id}:{address}"


def asset_identifiers_key(asset_id: str) -> str:
    """The external ids of an asset."""
    return f"asset_identifiers:{asset_id}"


def external_asset_key(source: int, external_id: str) -> str:
    """The asset identifiers with one external id."""
    return f"external_asset:{source}:{external_id}"


def symbol_identifiers_key(symbol_id: str) -> str:
    """The external ids of a symbol."""
    return f"symbol_identifiers:{symbol_id}"


def external_symbol_key(source: int, external_id: str) -> str:
    """The symbol identifiers with one external id."""
    return f"external_symbol:{source}:{external_id}"


def api_key_key(key_id: str) -> str:
    """The API key."""
    return f"api_key:{key_id}"
