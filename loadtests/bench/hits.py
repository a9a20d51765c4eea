"""Cached responses, one key per call: both transports, header blocks of real clients, TLS, latency at half the peak."""

import functools
import re
import shutil
import subprocess
from typing import NamedTuple

import trustme

from loadtests import scripts
from loadtests.bench.context import CONNECTIONS, GET, TRANSPORTS, At, Bench
from loadtests.bench.report import Line, Mark
from loadtests.generator import GeneratorError, Run, pinned, spent
from loadtests.scripts import Calls

_SECTION = "Hits"
_TLS = "TLS and h2load"


class _Hit(NamedTuple):
    """A measurement: client, streams per connection, and the target multiple of the yardstick."""

    client: str
    streams: int
    least: float | None = None


_CLIENTS = {
    "equal": "equal header blocks",
    "grpcio": "as grpcio",
    "grpc-go": "as grpc-go with a deadline",
    "envoy": "as Envoy",
    "grpc-go-traced": "as grpc-go with deadline and trace",
}
_QUICK = ("equal", "envoy")
_LANE = (
    _Hit("equal", 1),
    _Hit("equal", 4),
    _Hit("equal", 32, 70),
    _Hit("grpcio", 32, 22),
    _Hit("grpc-go", 32, 22),
    _Hit("envoy", 32, 17),
    _Hit("grpc-go-traced", 32, 13),
)
_GRPCIO = (_Hit("equal", 1), _Hit("equal", 4), _Hit("equal", 32, 0.9), _Hit("grpcio", 32))


def hits(bench: Bench) -> None:
    """The yardstick, the grpc-go echo, and hits on both transports."""
    streams = (32,) if bench.options.quick else (1, 4, 32)
    for each in streams:
        bench.add(_SECTION, f"yardstick: bare grpc.aio echo, 8x{each}", bench.yard(each))
    went = _go(bench, streams)
    for transport, wanted in (("lane", _LANE), ("grpcio", _GRPCIO)):
        for hit in wanted:
            if hit.streams not in streams or (bench.options.quick and hit.client not in _QUICK):
                continue
            bench.report.doing(f"hits on {transport}, {_CLIENTS[hit.client]}, 8x{hit.streams}")
            serve = functools.partial(bench.worker, transport)
            found = bench.best(serve, bench.calls, hit.client, hit.streams)
            name = f"{transport}: hit, {_CLIENTS[hit.client]}, 8x{hit.streams}"
            marks = [] if hit.least is None else [_least("", found.rate / bench.yard().rate, hit.least)]
            if transport == "lane" and hit.client == "equal":
                marks += _against(went.get(hit.streams), hit.streams, found)
            bench.report.add(Line(_SECTION, name, found, times=found.rate / bench.yard().rate, marks=marks))


def _go(bench: Bench, streams: tuple[int, ...]) -> dict[int, Run]:
    """The bare grpc-go echo, if it can be built."""
    if bench.go is None:
        bench.report.skip(_SECTION, "bare grpc-go echo", "Go or its grpc package is not installed")
        return {}
    found = {}
    for each in streams:
        bench.report.doing(f"grpc-go's echo, 8x{each}")
        found[each] = bench.best(bench.echoed_by_go, bench.echoes, "equal", each)
        bench.add(_SECTION, f"bare grpc-go echo, one core, 8x{each}", found[each])
    return found


def _least(what: str, times: float, least: float) -> Mark:
    return Mark(f">= {least:g} x{what}", times >= least)


def _against(go: Run | None, streams: int, found: Run) -> list[Mark]:
    """The targets relative to grpc-go."""
    if go is None:
        return []
    times = found.rate / go.rate
    if streams == 1:
        part = found.mean / go.mean
        return [_least(f" grpc-go ({times:.1f})", times, 1.7), Mark(f"mean <= 0.6 x grpc-go's ({part:.2f})", part <= 0.6)]
    return [_least(f" grpc-go ({times:.1f})", times, 3.4)] if streams == 32 else []


def latency(bench: Bench) -> None:
    """Hits at half the peak load, on each transport at half of its own peak."""
    for transport in TRANSPORTS:
        calls = bench.calls
        files = scripts.write(bench.folder, "equal", CONNECTIONS, calls)
        bench.report.doing(f"latency on {transport}")
        with bench.worker(transport) as at:
            bench.warm(at, calls)
            peak = bench.measure(at, files, bench.shape(32))
            # Enough streams to send every call when it is due, so that only the server causes delays.
            found = bench.measure(at, files, bench.shape(256, rate=peak.rate / 2, seconds=2 * bench.options.seconds))
        marks = [Mark("p50 <= 150 µs", found.p50 <= 150), Mark("p99 <= 1000 µs", found.p99 <= 1000)]
        name = f"{transport}: hit at half the peak of {peak.rate:,.0f}/s"
        note = f"without {found.lost * 1e3:,.0f} ms in which the generator had no core"
        line = Line("Latency at half the peak load", name, found, marks=marks if transport == "lane" else (), note=note)
        bench.report.add(line)


# ---- TLS ---------------------------------------------------------------------------------------------------------------


def tls(bench: Bench) -> None:
    """One key over TLS and over plaintext, with h2load."""
    if not shutil.which("h2load"):
        bench.report.skip(_TLS, "hits over TLS", "h2load is not installed")
        return
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    chain, key = bench.folder / "certificate.pem", bench.folder / "key.pem"
    chain.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    variables = {"CQAR_TLS_CERTIFICATE": str(chain), "CQAR_TLS_KEY": str(key)}
    go = None
    if bench.go is not None:
        with bench.echoed_by_go() as at:
            go = max((_by_h2load(bench, at, bench.echoes, "http", 1) for _ in range(bench.options.rounds)), key=_rate)
    own: dict[str, str]
    for scheme, own in (("http", {}), ("https", variables)):
        for streams in (1, 32):
            bench.report.doing(f"h2load, {scheme}, 8x{streams}")
            calls, runs = bench.calls, []
            for _ in range(bench.options.rounds):
                with bench.worker("lane", **own) as at:
                    runs.append(_by_h2load(bench, at, calls, scheme, streams))
            found = max(runs, key=_rate)
            times = found.rate / bench.yard().rate
            marks = []
            if scheme == "https" and streams == 32:
                marks = [_least("", times, 60)]
            elif scheme == "https" and go is not None:
                marks = [_least(f" plaintext grpc-go ({found.rate / go.rate:.1f})", found.rate / go.rate, 1.2)]
            name = f"lane: one key by h2load, {'TLS' if own else 'plaintext'}, 8x{streams}"
            bench.report.add(Line(_TLS, name, found, times=times, marks=marks))


def _rate(run: Run) -> float:
    return run.rate


def _by_h2load(bench: Bench, at: At, calls: Calls, scheme: str, streams: int) -> Run:
    """Run h2load. It does not check the gRPC status, so the bytes of all responses are compared: an error has none."""
    port, pid = at
    request, answer = calls.pairs[0]
    body = bench.folder / "body"
    body.write_bytes(scripts.framed(request))
    fields = (f"authorization: {calls.token}", "te: trailers", "content-type: application/grpc")
    headers = [part for field in fields for part in ("-H", field)]
    seconds = max(1, round(bench.options.seconds))
    command = [
        "h2load",
        "-c",
        str(CONNECTIONS),
        "-m",
        str(streams),
        "-d",
        str(body),
        *headers,
        f"{scheme}://127.0.0.1:{port}{GET}",
    ]
    with pinned(1):
        subprocess.run([*command, "-n", "1000"], capture_output=True, check=True)  # noqa: S603 - h2load
        before = spent(pid)
        text = subprocess.run([*command, "-D", str(seconds)], capture_output=True, text=True, check=True).stdout  # noqa: S603
    processor = spent(pid) - before
    [answered], [data] = re.findall(r" (\d+) succeeded", text), re.findall(r"\((\d+)\) data", text)
    if abs(int(data) / len(scripts.framed(answer)) - int(answered)) > CONNECTIONS * streams:
        message = f"responses were wrong or missing: {text}"
        raise GeneratorError(message)
    return Run(int(answered) / seconds, processor / int(answered) * 1e6, 0, 0, 0, 0)
