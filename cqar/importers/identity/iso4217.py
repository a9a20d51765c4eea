"""Money by ISO 4217: the codes in force, as facts.

Precious metals and units of account are in the list too and are commodities here; codes for tests and for "no currency" are
not. A code alone does not mean money: many are tickers of coins as well (ALL, MNT, NOK, RON, SAR, SOS, TOP).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.importers.run import rows

FIAT: Final = "fiat"
COMMODITY: Final = "commodity"

MONEY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AED": "UAE dirham",
        "AFN": "Afghani",
        "ALL": "Lek",
        "AMD": "Armenian dram",
        "AOA": "Kwanza",
        "ARS": "Argentine peso",
        "AUD": "Australian dollar",
        "AWG": "Aruban florin",
        "AZN": "Azerbaijan manat",
        "BAM": "Convertible mark",
        "BBD": "Barbados dollar",
        "BDT": "Taka",
        "BGN": "Bulgarian lev",
        "BHD": "Bahraini dinar",
        "BIF": "Burundi franc",
        "BMD": "Bermudian dollar",
        "BND": "Brunei dollar",
        "BOB": "Boliviano",
        "BRL": "Brazilian real",
        "BSD": "Bahamian dollar",
        "BTN": "Ngultrum",
        "BWP": "Pula",
        "BYN": "Belarusian ruble",
        "BZD": "Belize dollar",
        "CAD": "Canadian dollar",
        "CDF": "Congolese franc",
        "CHF": "Swiss franc",
        "CLP": "Chilean peso",
        "CNY": "Yuan renminbi",
        "COP": "Colombian peso",
        "CRC": "Costa Rican colon",
        "CUP": "Cuban peso",
        "CVE": "Cabo Verde escudo",
        "CZK": "Czech koruna",
        "DJF": "Djibouti franc",
        "DKK": "Danish krone",
        "DOP": "Dominican peso",
        "DZD": "Algerian dinar",
        "EGP": "Egyptian pound",
        "ERN": "Nakfa",
        "ETB": "Ethiopian birr",
        "EUR": "Euro",
        "FJD": "Fiji dollar",
        "FKP": "Falkland Islands pound",
        "GBP": "Pound sterling",
        "GEL": "Lari",
        "GHS": "Ghana cedi",
        "GIP": "Gibraltar pound",
        "GMD": "Dalasi",
        "GNF": "Guinean franc",
        "GTQ": "Quetzal",
        "GYD": "Guyana dollar",
        "HKD": "Hong Kong dollar",
        "HNL": "Lempira",
        "HTG": "Gourde",
        "HUF": "Forint",
        "IDR": "Rupiah",
        "ILS": "New Israeli sheqel",
        "INR": "Indian rupee",
        "IQD": "Iraqi dinar",
        "IRR": "Iranian rial",
        "ISK": "Iceland krona",
        "JMD": "Jamaican dollar",
        "JOD": "Jordanian dinar",
        "JPY": "Yen",
        "KES": "Kenyan shilling",
        "KGS": "Som",
        "KHR": "Riel",
        "KMF": "Comorian franc",
        "KPW": "North Korean won",
        "KRW": "Won",
        "KWD": "Kuwaiti dinar",
        "KYD": "Cayman Islands dollar",
        "KZT": "Tenge",
        "LAK": "Lao kip",
        "LBP": "Lebanese pound",
        "LKR": "Sri Lanka rupee",
        "LRD": "Liberian dollar",
        "LSL": "Loti",
        "LYD": "Libyan dinar",
        "MAD": "Moroccan dirham",
        "MDL": "Moldovan leu",
        "MGA": "Malagasy ariary",
        "MKD": "Denar",
        "MMK": "Kyat",
        "MNT": "Tugrik",
        "MOP": "Pataca",
        "MRU": "Ouguiya",
        "MUR": "Mauritius rupee",
        "MVR": "Rufiyaa",
        "MWK": "Malawi kwacha",
        "MXN": "Mexican peso",
        "MYR": "Malaysian ringgit",
        "MZN": "Mozambique metical",
        "NAD": "Namibia dollar",
        "NGN": "Naira",
        "NIO": "Cordoba oro",
        "NOK": "Norwegian krone",
        "NPR": "Nepalese rupee",
        "NZD": "New Zealand dollar",
        "OMR": "Rial Omani",
        "PAB": "Balboa",
        "PEN": "Sol",
        "PGK": "Kina",
        "PHP": "Philippine peso",
        "PKR": "Pakistan rupee",
        "PLN": "Zloty",
        "PYG": "Guarani",
        "QAR": "Qatari rial",
        "RON": "Romanian leu",
        "RSD": "Serbian dinar",
        "RUB": "Russian ruble",
        "RWF": "Rwanda franc",
        "SAR": "Saudi riyal",
        "SBD": "Solomon Islands dollar",
        "SCR": "Seychelles rupee",
        "SDG": "Sudanese pound",
        "SEK": "Swedish krona",
        "SGD": "Singapore dollar",
        "SHP": "Saint Helena pound",
        "SLE": "Leone",
        "SOS": "Somali shilling",
        "SRD": "Surinam dollar",
        "SSP": "South Sudanese pound",
        "STN": "Dobra",
        "SVC": "El Salvador colon",
        "SYP": "Syrian pound",
        "SZL": "Lilangeni",
        "THB": "Baht",
        "TJS": "Somoni",
        "TMT": "Turkmenistan manat",
        "TND": "Tunisian dinar",
        "TOP": "Pa'anga",
        "TRY": "Turkish lira",
        "TTD": "Trinidad and Tobago dollar",
        "TWD": "New Taiwan dollar",
        "TZS": "Tanzanian shilling",
        "UAH": "Hryvnia",
        "UGX": "Uganda shilling",
        "USD": "US dollar",
        "UYU": "Peso uruguayo",
        "UZS": "Uzbekistan sum",
        "VED": "Bolivar digital",
        "VES": "Bolivar soberano",
        "VND": "Dong",
        "VUV": "Vatu",
        "WST": "Tala",
        "XAF": "CFA franc BEAC",
        "XCD": "East Caribbean dollar",
        "XCG": "Caribbean guilder",
        "XOF": "CFA franc BCEAO",
        "XPF": "CFP franc",
        "YER": "Yemeni rial",
        "ZAR": "Rand",
        "ZMW": "Zambian kwacha",
        "ZWG": "Zimbabwe gold",
    }
)
COMMODITIES: Final[Mapping[str, str]] = MappingProxyType(
    {"XAG": "Silver", "XAU": "Gold", "XPD": "Palladium", "XPT": "Platinum"}
)


def known(code: str) -> bool:
    """Whether ISO 4217 has the code."""
    return code in MONEY or code in COMMODITIES


def external_id(code: str) -> str:
    """The id by which the registry finds it, of source INTERNAL."""
    return f"iso4217:{code}"


def asset(code: str, ref: str = "") -> pb.ApplyRow:
    """The asset of a known code."""
    metal = code in COMMODITIES
    return rows.asset(
        code,
        COMMODITIES[code] if metal else MONEY[code],
        assets_pb2.ASSET_TYPE_SYNTHETIC if metal else assets_pb2.ASSET_TYPE_NATIVE,
        category=COMMODITY if metal else FIAT,
        identifiers=[rows.identifier(rows.INTERNAL, external_id(code))],
        ref=ref,
    )
