"""The facts of the sample, and their consistency."""

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import resources

import pytest
import yaml

from cqar import exact
from cqar.dev.sample import requests
from cqar.dev.sample.facts import Asset, Deployment, Facts, Listing
from cqar.dev.sample.reading import read
from cqar.model import addresses

DERIVATIVES = ("PERPETUAL", "FUTURE", "OPTION")


@pytest.fixture(scope="module")
def facts() -> Facts:
    """The sample."""
    return read()


def _asset(facts: Facts, key: str) -> Asset:
    return next(asset for asset in facts.assets if asset.ref == key)


def _listings(facts: Facts, venue: str, text: str) -> dict[str, Listing]:
    return {listing.type: listing for listing in facts.listings if (listing.venue, listing.text) == (venue, text)}


def _relations(facts: Facts) -> set[tuple[str, str, str]]:
    return {(each.source, each.type, each.target) for each in facts.relationships}


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _deployed(facts: Facts, key: str) -> dict[str, Deployment]:
    return {each.chain: each for each in facts.deployments if each.asset == key}


def test_the_sample_has_the_documented_size(facts: Facts) -> None:
    assert 20 <= len(facts.assets) <= 26
    assert len(facts.chains) == 10
    assert 30 <= len(facts.deployments) <= 40
    assert 190 <= len(facts.listings) <= 220
    assert {venue.slug for venue in facts.venues} == {"binance", "binanceusdm", "coinbase", "kraken", "deribit"}
    assert {listing.type for listing in facts.listings} == {"SPOT", "PERPETUAL", "FUTURE", "OPTION"}
    assert all(Counter(listing.venue for listing in facts.listings)[venue.slug] >= 20 for venue in facts.venues)


def test_the_sample_has_the_most_common_assets(facts: Facts) -> None:
    symbols = {asset.symbol for asset in facts.assets}
    assert symbols >= {"BTC", "ETH", "USDT", "USDC", "WETH", "stETH", "wstETH", "cbETH", "rETH", "WBTC", "SOL", "USD", "EUR"}


def test_every_asset_has_an_external_id_and_fiat_its_iso_code(facts: Facts) -> None:
    for asset in facts.assets:
        if asset.category == "fiat":
            assert asset.type == "NATIVE"
            assert asset.ids == {"internal": f"iso4217:{asset.symbol}"}
        else:
            assert asset.ids.get("coingecko") or asset.category == "example"


def test_no_number_in_the_files_is_a_float_to_any_yaml_reader() -> None:
    def floats(value: object) -> list[float]:
        if isinstance(value, dict):
            return [found for each in value.values() for found in floats(each)]
        if isinstance(value, list):
            return [found for each in value for found in floats(each)]
        return [value] if isinstance(value, float) else []

    files = [file for file in resources.files("cqar.dev.sample").iterdir() if file.name.endswith(".yaml")]
    assert len(files) >= 3
    for file in files:
        assert floats(yaml.safe_load(file.read_text(encoding="utf-8"))) == [], file.name


# ---- chains and deployments ----------------------------------------------------------------------------------------


def test_evm_addresses_carry_their_checksum(facts: Facts) -> None:
    types = {chain.slug: chain.type for chain in facts.chains}
    checked = 0
    for each in facts.deployments:
        if each.address and types[each.chain] == "EVM":
            assert each.address == "0x" + addresses.checksum(each.address[2:].lower()), each.asset
            checked += 1
    assert checked >= 20


def test_tron_addresses_carry_their_checksum(facts: Facts) -> None:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    tron = [each.address for each in facts.deployments if each.chain == "tron" and each.address]
    assert tron
    for address in tron:
        number = 0
        for character in address:
            number = number * 58 + alphabet.index(character)
        packed = number.to_bytes(25, "big")
        assert packed[0] == 0x41, address
        assert packed[21:] == _sha256(_sha256(packed[:21]))[:4], address


def test_every_chain_has_exactly_one_native_coin(facts: Facts) -> None:
    native = Counter((each.chain, each.asset) for each in facts.deployments if each.native)
    assert native == Counter((chain.slug, chain.native) for chain in facts.chains)


def test_every_deployed_asset_has_one_canonical_chain(facts: Facts) -> None:
    home = Counter(each.asset for each in facts.deployments if each.canonical)
    assert home == Counter({each.asset for each in facts.deployments})


def test_chains_whose_tokens_have_many_decimals_declare_the_largest_uint8(facts: Facts) -> None:
    for chain in facts.chains:
        assert chain.max_decimals == (255 if chain.type in ("EVM", "SOLANA") else None), chain.slug


def test_evm_chains_have_the_network_id_of_their_caip2_id(facts: Facts) -> None:
    for chain in facts.chains:
        namespace, reference = chain.caip2.split(":")
        assert (namespace == "eip155") == (chain.type == "EVM")
        if namespace == "eip155":
            assert chain.network_id == int(reference)


def test_an_asset_has_the_same_decimals_on_all_chains_of_its_issuer(facts: Facts) -> None:
    for asset in facts.assets:
        assert len({each.decimals for each in facts.deployments if each.asset == asset.ref}) <= 1, asset.ref
    assert {_deployed(facts, key)["ethereum"].decimals for key in ("USDC", "USDT")} == {6}
    assert _deployed(facts, "WBTC")["ethereum"].decimals == 8


# ---- the traps -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", ["polygon", "arbitrum-one", "optimism"])
def test_bridged_usdc_and_native_usdc_are_different_assets(facts: Facts, chain: str) -> None:
    (bridged,) = [each.asset for each in facts.deployments if each.chain == chain and each.asset.startswith("USDC.e")]
    assert _asset(facts, bridged).symbol == "USDC.e"
    assert (bridged, "BRIDGES", "USDC") in _relations(facts)
    assert _deployed(facts, "USDC")[chain].address != _deployed(facts, bridged)[chain].address


def test_variants_of_ether_are_related_and_grouped(facts: Facts) -> None:
    assert _relations(facts) >= {
        ("WETH", "WRAPS", "ETH"),
        ("stETH", "STAKES", "ETH"),
        ("wstETH", "WRAPS", "stETH"),
        ("cbETH", "STAKES", "ETH"),
        ("rETH", "STAKES", "ETH"),
        ("WBTC", "WRAPS", "BTC"),
    }
    (group,) = [group for group in facts.groups if group.name == "all_eth_variants"]
    assert {member.asset for member in group.members} == {"ETH", "WETH", "stETH", "wstETH", "cbETH", "rETH"}


def test_btcusdt_is_a_spot_pair_at_binance_and_a_perpetual_at_binanceusdm(facts: Facts) -> None:
    spot = _listings(facts, "binance", "BTCUSDT")
    perpetual = _listings(facts, "binanceusdm", "BTCUSDT")
    assert list(spot) == ["SPOT"]
    assert list(perpetual) == ["PERPETUAL"]
    assert (spot["SPOT"].tick, perpetual["PERPETUAL"].tick) == (Decimal("0.01"), Decimal("0.1"))
    assert perpetual["PERPETUAL"].canonical.settle == "USDT"


@pytest.mark.parametrize(("text", "base"), [("1000SHIBUSDT", "SHIB"), ("1000PEPEUSDT", "PEPE")])
def test_a_listing_of_1000_units_has_a_multiplier_and_the_same_asset(facts: Facts, text: str, base: str) -> None:
    listing = _listings(facts, "binanceusdm", text)["PERPETUAL"]
    assert (listing.base, listing.multiplier) == (base, Decimal(1000))
    codes = [asset.code for venue in facts.venues for asset in venue.assets]
    assert not [code for code in codes if code.startswith("1000")]


def test_kraken_calls_bitcoin_xbt_and_dogecoin_xdg(facts: Facts) -> None:
    (kraken,) = [venue for venue in facts.venues if venue.slug == "kraken"]
    codes = {code: each.asset for each in kraken.assets for code in (each.code, *each.aliases)}
    assert {codes[code] for code in ("XBT", "XXBT")} == {"BTC"}
    assert {codes[code] for code in ("XDG", "XXDG")} == {"DOGE"}
    assert (codes["ZUSD"], codes["ZEUR"]) == ("USD", "EUR")


def test_two_venue_symbols_can_mean_one_symbol(facts: Facts) -> None:
    rest, feed = _listings(facts, "kraken", "XXBTZUSD")["SPOT"], _listings(facts, "kraken", "XBT/USD")["SPOT"]
    assert rest.canonical == feed.canonical


def test_the_fictitious_scam_token_is_flagged_and_not_listed(facts: Facts) -> None:
    critical = {flag.asset for flag in facts.flags if flag.severity == "CRITICAL"}
    assert critical == {"FREEUSDT"}
    assert not critical & {asset.asset for venue in facts.venues for asset in venue.assets}
    assert not critical & {asset for each in facts.listings for asset in (each.base, each.quote, each.settle)}


# ---- listings ------------------------------------------------------------------------------------------------------


def test_every_listing_has_steps_and_fees(facts: Facts) -> None:
    for listing in facts.listings:
        assert listing.tick > 0, listing.text
        assert listing.lot > 0, listing.text
        assert listing.maker is not None, listing.text
        assert listing.taker is not None, listing.text
        assert abs(listing.maker) <= listing.taker < Decimal("0.01"), listing.text


def test_a_negative_maker_fee_is_a_rebate(facts: Facts) -> None:
    assert [listing.text for listing in facts.listings if listing.maker is not None and listing.maker < 0]


def test_every_derivative_has_a_contract_size_and_all_but_options_a_leverage(facts: Facts) -> None:
    for listing in facts.listings:
        assert (listing.contract_size is not None) == (listing.type in DERIVATIVES), listing.text
        assert (listing.max_leverage is not None) == (listing.type in ("PERPETUAL", "FUTURE")), listing.text


def test_every_expiry_is_the_last_friday_of_a_quarter_at_8_utc_and_matches_the_symbol(facts: Facts) -> None:
    expiring = [(listing, listing.expiry) for listing in facts.listings if listing.expiry is not None]
    assert len(expiring) >= 50
    for listing, expiry in expiring:
        assert (expiry.weekday(), expiry.hour, expiry.minute) == (4, 8, 0), listing.text
        assert expiry.utcoffset() == timedelta(0)
        assert (expiry + timedelta(days=7)).month != expiry.month, listing.text
        assert expiry.month % 3 == 0, listing.text
        short = f"{expiry:%y%m%d}" if listing.venue == "binanceusdm" else f"{expiry.day}{expiry:%b%y}".upper()
        assert short in listing.text


def test_most_contracts_expire_more_than_a_year_after_they_were_written(facts: Facts) -> None:
    later = datetime(2027, 12, 1, tzinfo=UTC)
    left = [listing for listing in facts.listings if listing.expiry is None or listing.expiry > later]
    assert len(left) >= 190


def test_options_come_in_pairs_of_call_and_put_on_both_coins(facts: Facts) -> None:
    options = [listing for listing in facts.listings if listing.type == "OPTION"]
    assert {option.base for option in options} == {"BTC", "ETH"}
    pairs: dict[tuple[str, datetime | None, Decimal | None], set[str | None]] = {}
    for option in options:
        pairs.setdefault((option.base, option.expiry, option.strike), set()).add(option.option)
        assert option.settle == option.base
        assert option.margin == "inverse"
        assert option.text.endswith(f"-{option.strike}-{option.option}")
    assert all(sides == {"C", "P"} for sides in pairs.values())


def test_venues_share_one_canonical_symbol_with_different_steps(facts: Facts) -> None:
    shared = [each for each in facts.listings if (each.base, each.quote, each.type) == ("BTC", "USDT", "SPOT")]
    assert {each.venue for each in shared} == {"binance", "coinbase", "kraken"}
    assert len({each.canonical for each in shared}) == 1
    assert len({(each.tick, each.lot) for each in shared}) > 1


# ---- as requests ---------------------------------------------------------------------------------------------------


def test_numbers_are_sent_as_exact_text_and_never_as_doubles(facts: Facts) -> None:
    for listing in facts.listings:
        request = requests.listing(listing, listing.venue, "symbol")
        assert exact.parse(request.tick_size_decimal, "tick_size") == listing.tick
        assert "e" not in request.tick_size_decimal.lower()
        assert not request.HasField("maker_fee")
        assert not request.HasField("taker_fee")


def test_missing_fields_of_a_listing_stay_unset(facts: Facts) -> None:
    request = requests.listing(_listings(facts, "kraken", "ZEURZUSD")["SPOT"], "kraken", "symbol")
    unset = ("min_order_size_decimal", "max_leverage_decimal", "quantity_multiplier_decimal", "listed_at", "delisted_at")
    assert not [field for field in unset if request.HasField(field)]


def test_an_option_request_is_complete(facts: Facts) -> None:
    listing = _listings(facts, "deribit", "BTC-31DEC27-100000-C")["OPTION"]
    request = requests.symbol(listing.canonical, listing.margin, {"BTC": "b", "USD": "u"})
    assert (request.base_asset_id, request.quote_asset_id, request.settlement_asset_id) == ("b", "u", "b")
    assert request.expiry.ToDatetime(tzinfo=UTC) == datetime(2027, 12, 31, 8, tzinfo=UTC)
    assert (request.strike_price_decimal, request.option_type, request.margin_kind) == ("100000", 1, "inverse")
