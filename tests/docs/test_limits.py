"""Every number that the documents give for a limit is that of the code."""

import re
from collections.abc import Iterator, Mapping

import pytest

from cqar import config
from cqar.auth import attempts
from cqar.hotpath import key_source
from cqar.hotpath.transports.lane import limits_of
from cqar.lane import accepting, hpack, limits, route_cache, timeouts
from cqar.server import descriptors, process, streams
from cqar.server import limits as calls

from .pages import ROOT

KIBI, MEBI = calls.KIBI, calls.MEBI
_HOTPATH = config.Hotpath()
_LANE = limits_of(_HOTPATH)
_UNTIL_NEXT = re.compile(r"\n(?=#+ )")
#: Text with digits that are no limits: names, addresses, statuses.
_NAMES = re.compile(r"CVE-\d+-\d+|IPv[46]|HTTP/\d|SHA256|`[^`]*`|\]\([^)]*\)|7807")


def _size(many: float) -> str:
    return f"{many // MEBI:g} MB" if many % MEBI == 0 else f"{many // KIBI:g} KB"


def _whole(number: float) -> str:
    return f"{number:,.0f}"


def _row(what: str, number: str, setting: str = "") -> str:
    """The start of a row of a table of limits."""
    return f"| {what} | {number} |{f' `{setting}` |' if setting else ' |'}"


_SIZES = f"{_size(calls.SINGLE)}, {_size(calls.BATCH)}, {_size(calls.APPLY)}"
_MINUTES = f"{calls.LONGEST / 60:g} minutes"
_HEAD, _NEXT = process._HEAD_TIMEOUT, process._KEEPALIVE_TIMEOUT
_QUARTER = {4: "a quarter"}[accepting._SHARE]

OPERATIONS = {
    "Limits": (
        f"also after decompression | {_SIZES} |",
        f"| metadata of a call | {_size(calls.METADATA)}, at most {_size(calls.METADATA_AT_MOST)} |",
        f"| concurrent calls of one connection | {_whole(calls.STREAMS)} |",
        f"every {calls.PING_EVERY:g} seconds",
        f"or {calls.DEADLINE:g} seconds without one; never more than {_MINUTES}",
        f"| {calls.KEEPALIVE:g}, {calls.KEEPALIVE_TIMEOUT:g} | closed |",
        f"TLS handshakes included | {_whole(_HOTPATH.max_connections)}, and fewer than",
        f"files: {descriptors._RESERVED}, or half",
        f"at most to {_whole(descriptors._ENOUGH)} | `CQAR_HOTPATH_MAX_CONNECTIONS` |",
        f"IPv6 network (/64) | {_whole(_LANE.address_connections)} | `CQAR_HOTPATH_ADDRESS_CONNECTIONS` |",
        _row("concurrent TLS handshakes", f"{_QUARTER} of the connections"),
        _row("seconds for a TLS handshake or the first bytes of a connection", f"{_LANE.preface_timeout:g}"),
        _row("seconds for the rest of a frame or header block", f"{_LANE.frame_timeout:g}"),
        _row("seconds for the rest of a request", f"{_LANE.request_timeout:g}"),
        _row("seconds in which a client reads nothing", f"{_LANE.stall_timeout:g}"),
        _row("seconds without calls", f"{_LANE.idle_timeout:g}"),
        f"less up to {timeouts._JITTER * 100:g} % at random | {_LANE.connection_age:g} | `CQAR_HOTPATH_CONNECTION_AGE` |",
        f"its calls may go on for {_LANE.grace:g} seconds",
        _row("concurrent calls without a cached response", _whole(_LANE.all_calls)),
        _row("streams", _whole(_LANE.all_streams)),
        _row("bytes of requests", _size(_LANE.buffered), "CQAR_HOTPATH_REQUEST_MEMORY"),
        _row(
            "bytes of requests of one connection",
            _size(_LANE.connection_buffered),
            "CQAR_HOTPATH_CONNECTION_REQUEST_MEMORY",
        ),
        f"those from admin included | {_size(_LANE.all_queued)}; no caller",
        _row("bytes of unread responses of one connection", _size(_LANE.queued)),
        f"up to {route_cache._SMALL_ROUTE // KIBI} KiB a call |",
        f"{_size(_LANE.all_cached)}, {_size(_LANE.cached)} | | not cached |",
        _row("concurrent queries for uncached keys", f"{_HOTPATH.max_fills}", "CQAR_HOTPATH_MAX_FILLS"),
        f"A request of a reader has at most {_size(calls.SINGLE)}, except",
        f"has at most {_size(calls.SINGLE)} for readers and writers, and {_size(calls.MAX_MESSAGE)} for an admin",
        f"The HTTP ports accept {process._HTTP_CONNECTIONS} connections each",
        f"{_QUARTER} of them may be in a handshake. A handshake may take {_HEAD:g} seconds",
        f"first request does not arrive within {_HEAD:g} seconds, or that of the next one within {_NEXT:g}.",
        f"decompresses requests of up to {_size(calls.MAX_MESSAGE)}",
    ),
    "Callers without a verified key": (
        f"for at most {_LANE.proof_timeout:g} seconds",
        f"half of what is left | {_whole(_LANE.stranger_calls)} | `CQAR_HOTPATH_STRANGER_CALLS` |",
        f"gets at most half | {_size(_LANE.stranger_bytes)} | `CQAR_HOTPATH_STRANGER_BYTES` |",
        f"{_LANE.connection_public_calls} per connection | {_LANE.public_calls} | `CQAR_HOTPATH_HEALTH_CALLS` |",
        _row("bytes of the request of such a check after decompression", _size(_LANE.public_unpacked)),
        f"line in the log | {_whole(_LANE.stranger_refusals)} | `CQAR_HOTPATH_STRANGER_REFUSALS` |",
    ),
    "Attacks": (
        f"a bucket of {_whole(_LANE.flood)} tokens, or of {_LANE.stranger_flood} until a caller",
        f"It drains {_whole(_LANE.flood_rate)} a second,",
        f"and {limits.ANSWERED} with each call",
        f"rapid reset (CVE-2023-44487) | {limits.RESET.weight} |",
        f"MadeYouReset (CVE-2025-8671) | {limits.STREAM_ERROR.weight} |",
        f"an acknowledgement costs {limits.SETTINGS_ACK.weight} token | {limits.SETTINGS.weight},",
        f"{limits.SETTING} for each entry, and 1 for each {limits.STREAMS_PER_TOKEN} open streams",
        f"more than {limits.PING_STRIKES} pings within the minimum interval",
        f"on a connection without calls | {limits.PING.weight} |",
        f"| `priorities` | PRIORITY | {limits.PRIORITY.weight} |",
        f"GOAWAY and unknown frames | {limits.CONTROL.weight} |",
        f"more than {limits.USUAL_NEW} new names or table entries, or with more than {limits.USUAL_FIELDS} fields",
        f"1 for each new one, 1 for each {limits.FIELDS_PER_TOKEN} fields;",
        f"determines the route counts as {limits.ROUTING_FIELD} |",
        f"less than {limits.SMALL_DATA} bytes that does not end a request | {limits.PIECE.weight} |",
        f"WINDOW_UPDATE by 0 | {limits.EMPTY.weight} |",
        f"less than {limits.SMALL_WINDOW} bytes for a response that waits for it | {limits.SMALL_UPDATE.weight} |",
        f"frames on closed streams | {limits.REFUSED.weight} |",
        f"refused by their headers | {limits.REJECTED.weight} |",
        f"do not fit beside unread ones | {limits.UNREAD.weight} |",
        f"header list of more than {hpack._BOMB * limits.HEADER_LIST // KIBI} KiB or {hpack.MAX_FIELDS} fields",
        f"above {limits.HEADER_LIST // KIBI} KiB a call gets",
        f"more than {limits.CONTINUATIONS} CONTINUATION frames or {limits.BLOCK_BYTES // KIBI} KiB",
        f"takes longer than {_LANE.preface_timeout:g} s, a frame or header block longer than {_LANE.frame_timeout:g} s",
        f"reads nothing for {_LANE.stall_timeout:g} s",
    ),
}
ACCESS = {
    "Failed attempts": (
        f"by /{attempts._PREFIX} of IPv6 addresses",
        f"fail more than {attempts.FAILURES} times a second",
        f"failed within the last {({1.0: 'second'})[attempts._REFUSED]} is refused",
        f"loads at most {key_source._LOOKUPS} keys at a time",
    ),
    "Streams and uploads": (f"before each message and every {({1.0: 'second'})[streams._CHECK_EVERY]}",),
}
SECURITY = {
    "Limits": (
        f"connections ({_whole(_LANE.connections)}, of one address {_whole(_LANE.address_connections)})",
        f"TLS handshakes ({_QUARTER} of them, {_LANE.preface_timeout:g} seconds)",
        f"requests ({_size(calls.SINGLE)}, {_size(calls.BATCH)} or {_size(calls.APPLY)} by the call",
        f"and the role; {_size(_LANE.buffered)} in all)",
        f"unread responses ({_size(_LANE.all_queued)} in all)",
        f"calls ({_whole(calls.STREAMS)} per connection, {_whole(_LANE.all_calls)} in all)",
        f"the time of a call ({_MINUTES})",
        f"failed keys ({attempts.FAILURES} per second and network)",
        f"({_whole(_LANE.stranger_calls)} calls, {_size(_LANE.stranger_bytes)}, {_LANE.public_calls} health checks)",
    ),
}
PAGES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "docs/operations.md": OPERATIONS,
    "docs/access.md": ACCESS,
    "SECURITY.md": SECURITY,
}


def _section(page: str, title: str) -> str:
    """The text below a heading, or the paragraph that begins with a bold title; on one line."""
    text = (ROOT / page).read_text(encoding="utf-8")
    _, bold, paragraph = text.partition(f"\n**{title}")
    if bold:
        return " ".join(paragraph.partition("\n\n")[0].split())
    [start] = re.finditer(rf"^#+ {re.escape(title)}\n", text, re.MULTILINE)
    return " ".join(_UNTIL_NEXT.split(text[start.end() :], maxsplit=1)[0].split())


def _claims() -> Iterator[object]:
    for page, sections in PAGES.items():
        for title, phrases in sections.items():
            yield pytest.param(page, title, phrases, id=f"{page}: {title}")


@pytest.mark.parametrize(("page", "title", "phrases"), list(_claims()))
def test_every_number_of_a_section_is_that_of_the_code(page: str, title: str, phrases: tuple[str, ...]) -> None:
    text = _section(page, title)
    for phrase in phrases:
        assert phrase in text
        text = text.replace(phrase, "", 1)
    left = _NAMES.sub("", text)
    assert not re.search(r".{0,60}\d.{0,60}", left), re.findall(r".{0,60}\d.{0,60}", left)


def test_the_lane_has_the_limits_of_the_settings() -> None:
    assert (_LANE.streams, _LANE.request, _LANE.call_timeout) == (calls.STREAMS, calls.MAX_MESSAGE, calls.DEADLINE)
    assert limits.HEADER_LIST == calls.METADATA
    assert _LANE.min_ping_interval == calls.PING_EVERY
