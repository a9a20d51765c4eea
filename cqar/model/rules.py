"""Rules that need only the request: numbers, contract terms, labels, intervals, relationships.

Every function takes the name of the request field and raises `cqar.errors.Invalid` for it; it returns the valid value,
completed where the contract derives something. Enum numbers are those of the wire contract.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from cqar import exact
from cqar.errors import Invalid, Violation, required
from cqar.text import quoted

#: The category of an asset that stands for a venue's code until a review decides what the code means.
PROVISIONAL: Final = "provisional"

#: How the reason begins why a listing is blocked while a review about it is open.
OPEN_QUESTION: Final = "open question: "

#: cqc.markets.v1.SymbolType.
SPOT: Final = 1
PERPETUAL: Final = 2
FUTURE: Final = 3
OPTION: Final = 4
MARGIN: Final = 5
#: cqc.markets.v1.OptionType.
CALL: Final = 1
PUT: Final = 2
#: Derivatives: the symbol types with a settlement asset and a margin kind.
DERIVATIVES: Final = frozenset({PERPETUAL, FUTURE, OPTION})
#: What a contract's profit is paid in: the quote, the base, or another asset.
MARGIN_KINDS: Final = ("linear", "inverse", "quanto")

#: cqc.assets.v1.RelationshipType; 1 to 8 are known.
RELATIONSHIPS: Final = range(1, 9)
#: The types that must not form a cycle of any length: WRAPS, BRIDGES, STAKES, SYNTHETIC_OF, REBASES_WITH.
ACYCLIC: Final = frozenset({1, 2, 3, 4, 8})
#: MIGRATES_TO: an asset that migrates to another is not what that one migrates to.
MIGRATES: Final = frozenset({6})

#: Maximum decimals of a token if its chain declares no limit.
DECIMALS_DEFAULT: Final = 18
#: Maximum decimals that a chain may declare: contracts of EVM and Solana store them in one byte.
DECIMALS_END: Final = 255

_KINDS = MappingProxyType({SPOT: "spot", PERPETUAL: "perpetual", FUTURE: "future", OPTION: "option", MARGIN: "margin"})
_PARTS = MappingProxyType({FUTURE: frozenset({"expiry"}), OPTION: frozenset({"strike_price", "expiry", "option_type"})})
_CAIP2 = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}")


def decimals(value: int, max_decimals: int | None, field: str) -> int:
    """A token's decimals: 0 to the chain's `max_decimals`, or 18 if that is None. Raises Invalid: OUT_OF_RANGE."""
    limit = DECIMALS_DEFAULT if max_decimals is None else min(max_decimals, DECIMALS_END)
    if not 0 <= value <= limit:
        hint = f"; more need the chain's max_decimals, at most {DECIMALS_END}" if limit < value <= DECIMALS_END else ""
        raise Invalid(field, "OUT_OF_RANGE", f"{value} is outside 0 to {limit}, the decimals of this chain{hint}")
    return value


def max_decimals(value: int, field: str) -> int:
    """The maximum decimals that a chain declares: 0 to 255. Raises Invalid: OUT_OF_RANGE."""
    if not 0 <= value <= DECIMALS_END:
        raise Invalid(field, "OUT_OF_RANGE", f"{value} is outside 0 to {DECIMALS_END}")
    return value


def fee_maker(value: Decimal, field: str) -> Decimal:
    """A maker fee as a fraction, -1 to 1; a negative fee is a rebate. Raises Invalid: OUT_OF_RANGE."""
    return _fee(value, Decimal(-1), field)


def fee_taker(value: Decimal, field: str) -> Decimal:
    """A taker fee as a fraction, 0 to 1. Raises Invalid: OUT_OF_RANGE."""
    return _fee(value, Decimal(0), field)


def _fee(value: Decimal, least: Decimal, field: str) -> Decimal:
    if not least <= value <= 1:
        raise Invalid(field, "OUT_OF_RANGE", f"{_shown(value)} is not within {least} to 1; fees are fractions: 0.001 is 0.1 %")
    return value


def positive(value: Decimal, field: str) -> Decimal:
    """A size, tick, price step or rate. Raises Invalid: NOT_POSITIVE."""
    if not value > 0:
        raise Invalid(field, "NOT_POSITIVE", f"{_shown(value)} is not greater than zero; leave it unset if unknown")
    return value


def not_negative(value: Decimal, field: str) -> Decimal:
    """An amount that may be zero, such as a withdrawal fee or a minimum. Raises Invalid: NEGATIVE."""
    if not value >= 0:
        raise Invalid(field, "NEGATIVE", f"{_shown(value)} is negative")
    return value


def not_zero(value: Decimal, field: str) -> Decimal:
    """A signed multiplier or contract size. Raises Invalid: ZERO."""
    if not value:
        raise Invalid(field, "ZERO", "is zero; leave the field unset if there is none")
    return value


def weight(value: Decimal, field: str) -> Decimal:
    """The weight of a member in its group, in the group's own unit. Raises Invalid: NEGATIVE."""
    return not_negative(value, field)


def order_sizes(least: Decimal | None, most: Decimal | None, fields: tuple[str, str]) -> None:
    """The minimum is less than the maximum, if both are set; `fields` names both. Raises Invalid on the second: BAD_RANGE."""
    if least is not None and most is not None and not least < most:
        raise Invalid(fields[1], "BAD_RANGE", f"{_shown(most)} is not greater than {fields[0]}, which is {_shown(least)}")


def interval(listed_at: datetime | None, delisted_at: datetime | None, fields: tuple[str, str]) -> None:
    """[listed_at, delisted_at) is not empty; None means unbounded. Raises Invalid on the second: BAD_RANGE."""
    if listed_at is not None and delisted_at is not None and not listed_at < delisted_at:
        times = f"{delisted_at.isoformat()} is not after {fields[0]}, which is {listed_at.isoformat()}"
        raise Invalid(fields[1], "BAD_RANGE", times)


def relationship(from_asset_id: str, to_asset_id: str, relationship_type: int, fields: tuple[str, str, str]) -> None:
    """A known type between two assets; `fields` names all three. Raises Invalid: REQUIRED, BAD_TYPE or SELF_LINK."""
    if relationship_type not in RELATIONSHIPS:
        if relationship_type == 0:
            raise Invalid.missing(fields[2], "say how the assets are related")
        raise Invalid(fields[2], "BAD_TYPE", f"{relationship_type} is not a known relationship type")
    if from_asset_id == to_asset_id:
        raise Invalid(fields[1], "SELF_LINK", f"is the same asset as {fields[0]}; a relationship links two assets")


def cycle_free(relationship_type: int) -> frozenset[int]:
    """The types among which a relationship of this type must not close a cycle; empty if it may."""
    return next((types for types in (ACYCLIC, MIGRATES) if relationship_type in types), frozenset())


def caip2(text: str, field: str) -> str:
    """A CAIP-2 chain id, `namespace:reference`, unchanged. Raises Invalid: BAD_CAIP2."""
    if not _CAIP2.fullmatch(text):
        form = "namespace:reference, 3-8 of -a-z0-9 and 1-32 of -_a-zA-Z0-9, such as eip155:1"
        raise Invalid(field, "BAD_CAIP2", f"{quoted(text)} is not a CAIP-2 chain id: {form}")
    return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """The contract terms of a canonical symbol. `terms` completes an unset settlement asset and margin kind."""

    #: number of cqc.markets.v1.SymbolType; 0 if unset
    symbol_type: int
    base_asset_id: str
    quote_asset_id: str
    #: the asset in which profit is paid; None for spot and margin
    settlement_asset_id: str | None = None
    #: one of MARGIN_KINDS; None for spot and margin
    margin_kind: str | None = None
    #: options only; greater than zero, in the quote
    strike_price: Decimal | None = None
    #: futures and options only; aware
    expiry: datetime | None = None
    #: options only: number of cqc.markets.v1.OptionType; 0 if unset
    option_type: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a naive expiry."""
        if self.expiry is not None and self.expiry.tzinfo is None:
            msg = "the expiry has no time zone"
            raise ValueError(msg)


def terms(given: Terms, *, now: datetime | None, strike_field: str = "strike_price_decimal") -> Terms:
    """The completed terms: settlement and margin kind are derived if they follow from the rest. Idempotent.

    `now`: an option's expiry must be later; None skips this check. `strike_field`: the request's name of the strike; the
    other fields keep their names. Raises one Invalid with all violations.
    """
    if given.symbol_type not in _KINDS:
        rule = "REQUIRED" if given.symbol_type == 0 else "BAD_TYPE"
        text = f"{given.symbol_type} is not a symbol type; use spot, perpetual, future, option or margin"
        raise Invalid(*Violation("symbol_type", rule, text))
    done = replace(given, option_type=None) if given.option_type == 0 else given
    broken = [*_pair(done), *_parts(done, strike_field), *_values(done, now, strike_field)]
    if done.symbol_type in DERIVATIVES:
        done, faults = _settled(done)
        broken += faults
    else:
        broken += _unsettled(done)
    if broken:
        raise Invalid.of(broken)
    return done


def _pair(given: Terms) -> list[Violation]:
    """Base and quote are set; in spot and margin they differ."""
    sides = (("base_asset_id", given.base_asset_id), ("quote_asset_id", given.quote_asset_id))
    broken = [required(field, "a symbol has a base and a quote") for field, asset in sides if not asset]
    if not broken and given.symbol_type not in DERIVATIVES and given.base_asset_id == given.quote_asset_id:
        kind = _KINDS[given.symbol_type]
        broken.append(Violation("quote_asset_id", "SAME_ASSET", f"is the same as the base; a {kind} symbol trades two assets"))
    return broken


def _parts(given: Terms, strike_field: str) -> list[Violation]:
    """Strike, expiry and option type are set if the type needs them, and only then."""
    kind = _KINDS[given.symbol_type]
    needed = _PARTS.get(given.symbol_type, frozenset())
    broken = []
    for name in ("strike_price", "expiry", "option_type"):
        field = strike_field if name == "strike_price" else name
        held = getattr(given, name) is not None
        if name in needed and not held:
            broken.append(required(field, f"a symbol of type {kind} needs it"))
        elif held and name not in needed:
            broken.append(Violation(field, "NOT_ALLOWED", f"is not allowed for a symbol of type {kind}; leave it unset"))
    return broken


def _values(given: Terms, now: datetime | None, strike_field: str) -> list[Violation]:
    """Valid values of an option's fields."""
    if given.symbol_type != OPTION:
        return []
    broken = []
    if given.strike_price is not None and not given.strike_price > 0:
        broken.append(Violation(strike_field, "NOT_POSITIVE", f"{_shown(given.strike_price)} is not greater than zero"))
    if given.expiry is not None and now is not None and not given.expiry > now:
        broken.append(
            Violation("expiry", "EXPIRED", f"{given.expiry.isoformat()} is in the past; options expire in the future")
        )
    if given.option_type not in (None, CALL, PUT):
        broken.append(Violation("option_type", "BAD_TYPE", f"{given.option_type} is not an option type; use call or put"))
    return broken


def _unsettled(given: Terms) -> list[Violation]:
    """Spot and margin have neither settlement nor margin kind."""
    kind = _KINDS[given.symbol_type]
    held = (("settlement_asset_id", given.settlement_asset_id), ("margin_kind", given.margin_kind))
    text = f"is not allowed for a symbol of type {kind}; leave it unset"
    return [Violation(field, "NOT_ALLOWED", text) for field, value in held if value is not None]


def _settled(given: Terms) -> tuple[Terms, list[Violation]]:
    """The derivative with settlement and margin kind, and the violations of contradicting fields."""
    kind = given.margin_kind
    if kind is not None and kind not in MARGIN_KINDS:
        text = f"{quoted(kind)} is not a margin kind; use {', '.join(MARGIN_KINDS)} or leave it unset"
        return given, [Violation("margin_kind", "BAD_MARGIN_KIND", text)]
    settlement = given.settlement_asset_id
    if settlement == "" or (settlement is None and kind in ("inverse", "quanto")):
        hint = f"a contract of margin kind {kind} needs it" if kind else "leave it unset for the quote"
        return given, [required("settlement_asset_id", hint)]
    if settlement is None:
        settlement = given.quote_asset_id
    follows = margin_kind(given.base_asset_id, given.quote_asset_id, settlement)
    if kind not in (None, follows):
        text = f"is {kind}, but base, quote and settlement make the contract {follows}; correct one, or leave this unset"
        return given, [Violation("margin_kind", "MARGIN_KIND_MISMATCH", text)]
    return replace(given, settlement_asset_id=settlement, margin_kind=follows), []


def margin_kind(base_asset_id: str, quote_asset_id: str, settlement_asset_id: str) -> str:
    """Inverse if the contract settles in its base, linear if in its quote, else quanto; inverse if base equals quote."""
    if settlement_asset_id == base_asset_id:
        return "inverse"
    return "linear" if settlement_asset_id == quote_asset_id else "quanto"


def label(terms: Terms, base_ticker: str, quote_ticker: str, settle_ticker: str | None) -> str:
    """The label in ccxt's notation: BTC/USDT, BTC/USDT:USDT, BTC/USD:BTC-260327, BTC/USD:BTC-260327-72000-C.

    `terms` are completed terms; the date is that of the expiry in UTC. A label is for display and never a key. Raises
    ValueError if a part is missing.
    """
    parts = []
    if terms.symbol_type in DERIVATIVES:
        parts.append(settle_ticker or "")
    if terms.symbol_type in (FUTURE, OPTION):
        parts.append(f"{terms.expiry.astimezone(UTC):%y%m%d}" if terms.expiry else "")
    if terms.symbol_type == OPTION:
        parts.append(exact.plain(terms.strike_price) if terms.strike_price else "")
        parts.append({CALL: "C", PUT: "P"}.get(terms.option_type or 0, ""))
    text = f"{base_ticker}/{quote_ticker}"
    if not (base_ticker and quote_ticker and all(parts)):
        msg = f"a part of the label of {text} is absent"
        raise ValueError(msg)
    return f"{text}:{'-'.join(parts)}" if parts else text


def _shown(value: Decimal) -> str:
    """A number as shown in a message."""
    return exact.plain(value) if value.is_finite() else str(value)
