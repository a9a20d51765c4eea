"""Any text that the registry stores passes through paths, parameters and JSON unchanged."""

from tests.http.client import Api, path

TEXTS = (
    *(
        "LBA/BTC",
        "tAAVE:USD",
        "ETH2.SETH",
        "P-ADA-1.52-291121",
        "ADA_USDT-20260304-0.24-C",
        "@107",
        "xyz:NVDA",
        ".BXBT",
        "-1000000MOGUSDTPI",
    ),
    *("币安人生USDT", "人生K线_USDT", "rTSLA", "RTSLA", "btcusdt", "BTCUSDT", "é", "BTC USDT", "a+b", "a%2Fb", "100%", "%"),
    *(
        "a?b=c",
        "a#b",
        "a&b=c",
        "a;b",
        "{venue}",
        "[x]",
        '"quoted"',
        "back\\slash",
        "a,b",
        "..",
        "a//b",
        "~",
        "*",
        "'",
        "<b>",
        "delist",
    ),
)


async def test_a_venue_symbol_of_any_text_resolves_at_its_path(shared: Api) -> None:
    venue = await shared.venue()
    symbol = await shared.pair()
    for text in TEXTS:
        listing = await shared.listing(venue, symbol, text)
        answer = await shared.get(path("/v1/venues/{venue}/symbols/{text}", venue=venue, text=text))
        assert answer.status == 200, (text, answer.body)
        assert answer.body["venue_symbol"]["venue_symbol"] == text
        assert answer.body["venue_symbol"]["listing_id"] == listing["listing_id"]
        found = await shared.get(path("/v1/listings?venue_id={venue}&venue_symbol={text}", venue=venue, text=text))
        assert [each["venue_symbol"] for each in found.body["venue_symbols"]] == [text]


async def test_an_external_id_may_have_slashes(shared: Api) -> None:
    asset = await shared.asset()
    sent = {"source": "DATA_SOURCE_INTERNAL", "external_id": "venue:a/b/../c d"}
    await shared.made(f"/v1/assets/{asset}/identifiers", **sent)
    answer = await shared.get(path("/v1/identifiers/assets/{source}/{external_id}", **sent))
    assert answer.body["identifier"]["asset_id"] == asset


_UNSTORABLE = (
    ("/v1/venues/v/symbols/%FF", "venue_symbol"),
    ("/v1/venues/v/symbols/%ED%A0%80", "venue_symbol"),
    ("/v1/listings?venue_symbol=%FF", "query"),
    ("/v1/venues/v/symbols/a%00b", "venue_symbol"),
    ("/v1/venues/v/symbols/a%E2%80%AEb", "venue_symbol"),
)


async def test_what_could_not_be_stored_is_refused_in_a_url(shared: Api) -> None:
    for target, field in _UNSTORABLE:
        answer = await shared.get(target)
        assert answer.status == 400
        assert [each[0] for each in answer.broken] == [field]
