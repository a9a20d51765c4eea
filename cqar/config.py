"""The settings: one immutable tree, read once and passed down.

A setting is declared once, as a field of the structs below: its name, its default, its range and its meaning. From this
follow its place in the YAML file (`hotpath.port`), its environment variable (`CQAR_HOTPATH_PORT`), the list in `--help`
(`describe`) and the commented defaults in `config.yaml` (`template`). The file overrides the defaults, and
the environment overrides both.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, NoReturn
from urllib.parse import urlsplit

import msgspec
import yaml
from msgspec import Meta, Struct, inspect

VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "CQAR_CONFIG": "The YAML file with the settings, unless --config names one",
        "CQAR_API_KEY": "The key that the command line and the client send",
        "CQAR_BOOTSTRAP_KEY_HASH": "The hash of a first administrator's key",
        "CQAR_POSTGRES_BIN": "The folder of the initdb and postgres that `cqar up` uses",
        "CQAR_VALKEY_BIN": "The valkey-server or redis-server that `cqar up` uses",
        "CQAR_NATS_BIN": "The nats-server that `cqar up` uses",
    }
)
"""The CQAR_ environment variables that are not settings, with their meaning."""

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1, le=2**40)]
Seconds = Annotated[float, Meta(ge=0.001, le=86_400)]  # below a millisecond PostgreSQL rounds to 0, which means no limit
Host = Annotated[str, Meta(pattern=r"^\S+\Z", title="a host name or an IP address")]


#: The origin of a value that neither the file nor the environment sets.
DEFAULT = "default"


class ConfigError(Exception):
    """A setting is invalid: `str()` is one line with its name as the user wrote it, the value, and the allowed values."""

    def __init__(self, message: str) -> None:
        super().__init__("".join(each if each.isprintable() else repr(each)[1:-1] for each in message))


class Log(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="Minimum level of log events")] = "info"
    format: Annotated[Literal["auto", "json", "text"], Meta(description="auto is text on a terminal and json otherwise")] = (
        "auto"
    )
    slow_call: Annotated[Seconds, Meta(description="Calls that take at least this many seconds are logged as slow")] = 0.5
    sample: Annotated[
        int, Meta(ge=0, le=2**40, description="A worker logs one in N calls that are neither failed nor slow; 0 logs none")
    ] = 10_000


class Database(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PostgreSQL, the source of truth."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^postgres(ql)?://\S*\Z",
            title="postgresql://user:password@host:port/database",
            description="The primary, or several hosts that include it; ?host=/folder for a socket",
        ),
    ] = "postgresql://127.0.0.1:5432/cqar"
    pool_max: Annotated[int, Meta(ge=1, le=10_000, description="Maximum number of connections per process")] = 10
    acquire_timeout: Annotated[Seconds, Meta(description="Seconds to wait for a free connection of the pool")] = 2.0
    statement_timeout: Annotated[Seconds, Meta(description="Timeout of a statement of admin in seconds")] = 10.0
    fill_timeout: Annotated[Seconds, Meta(description="Timeout of a statement of a hotpath worker in seconds")] = 2.0
    lock_timeout: Annotated[Seconds, Meta(description="Seconds that a statement waits for a lock")] = 2.0
    idle_timeout: Annotated[Seconds, Meta(description="Seconds that a transaction may be idle between two statements")] = 5.0
    connect_timeout: Annotated[Seconds, Meta(description="Seconds to open a connection")] = 5.0


class Redis(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Redis or Valkey, a shared cache. Correctness does not depend on it."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^(redis|rediss|unix)://\S+\Z",
            title="redis://user:password@host:port/number, rediss:// for TLS, or unix:///path",
            description="The server, the same for all processes",
        ),
    ] = "redis://127.0.0.1:6379/0"
    timeout: Annotated[Seconds, Meta(description="Timeout of connecting and of each command in seconds")] = 0.05


class Nats(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """NATS with JetStream, which transports the changes."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^(nats|tls|ws|wss)://\S+\Z",
            title="nats://user:password@host:port, or tls://, ws://, wss://",
            description="The server, or several separated by commas",
        ),
    ] = "nats://127.0.0.1:4222"
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^([A-Za-z0-9_-]{1,32})?\Z",
            title="1 to 32 letters, digits, _ and -, or nothing",
            description="Prefix of subjects and streams, one per registry on a shared NATS",
        ),
    ] = ""
    connect_timeout: Annotated[Seconds, Meta(description="Seconds to open a connection")] = 2.0


class Hotpath(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hotpath worker, which answers lookups."""

    host: Annotated[Host, Meta(description="The address to listen on; 0.0.0.0 means every interface")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="TCP port of gRPC; 0 for a free port")] = 9090
    transport: Annotated[
        Literal["grpcio", "lane"], Meta(description="The gRPC server: the library grpcio, or lane, which is much faster")
    ] = "lane"
    http_port: Annotated[Port, Meta(description="TCP port of HTTP (health, sums of metrics); 0 for a free port")] = 8080
    workers: Annotated[
        int, Meta(ge=0, le=256, description="Number of worker processes that share the port; 0 for one per core")
    ] = 0
    own_ports: Annotated[
        Port, Meta(description="First of the workers' own ports, in addition to the shared port; 0 for none")
    ] = 0
    connection_age: Annotated[
        Seconds, Meta(description="Seconds after which a connection is asked to reconnect, which balances the load")
    ] = 600.0
    silence: Annotated[Seconds, Meta(description="Seconds without a health report after which a worker is replaced")] = 30.0
    admin_address: Annotated[
        str,
        Meta(
            pattern=r"^(unix:\S+|\S+:\d{1,5})\Z",
            title="host:port or unix:/path",
            description="The gRPC address of admin, which serves all calls other than lookups",
        ),
    ] = "127.0.0.1:9190"
    cache_entries: Annotated[Count, Meta(description="Maximum number of cached parts and responses")] = 200_000
    cache_bytes: Annotated[Count, Meta(description="Maximum bytes of cached parts and responses")] = 256 * 1024 * 1024
    max_fills: Annotated[
        Count, Meta(description="Maximum number of concurrent queries for uncached keys; more are refused")
    ] = 64
    recent_changes: Annotated[Count, Meta(description="Number of keys whose last change is remembered")] = 100_000
    preload: Annotated[bool, Meta(description="Load the cache before the worker reports that it is ready")] = True
    max_connections: Annotated[
        Count, Meta(description="Maximum number of gRPC connections, or fewer if the process may open fewer files")
    ] = 10_000
    address_connections: Annotated[
        Count, Meta(description="Maximum number of them from one IPv4 address or IPv6 network (/64)")
    ] = 1_000
    request_memory: Annotated[Count, Meta(description="Maximum bytes of requests that a worker holds")] = 256 * 1024 * 1024
    connection_request_memory: Annotated[Count, Meta(description="Maximum bytes of requests of one connection")] = (
        32 * 1024 * 1024
    )
    response_memory: Annotated[Count, Meta(description="Maximum bytes of responses that their callers have not read")] = (
        256 * 1024 * 1024
    )
    stranger_calls: Annotated[Count, Meta(description="Maximum number of calls whose keys are being verified")] = 2_000
    stranger_bytes: Annotated[Count, Meta(description="Maximum bytes of requests without a verified key")] = 32 * 1024 * 1024
    stranger_refusals: Annotated[Count, Meta(description="Refusals with details per second for calls without a valid key")] = (
        2_000
    )
    health_calls: Annotated[Count, Meta(description="Maximum number of concurrent health checks without a key")] = 256
    passthrough_timeout: Annotated[
        Seconds, Meta(description="Timeout of a call that is passed on to admin without a deadline, in seconds")
    ] = 30.0


class Admin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The admin process, which owns every write."""

    host: Annotated[Host, Meta(description="The address to listen on; 0.0.0.0 means every interface")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="TCP port of gRPC; 0 for a free port")] = 9190
    http_port: Annotated[Port, Meta(description="TCP port of HTTP (API, health); 0 for a free port")] = 8180
    http_hosts: Annotated[
        str,
        Meta(
            pattern=r"^[^\s/@]*\Z",
            title="host names or addresses separated by commas, or nothing",
            description="Hosts of the HTTP API besides loopback while keys are off",
        ),
    ] = ""


class Metrics(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Metrics for Prometheus."""

    port: Annotated[Port, Meta(description="TCP port of /metrics; 0 for a free port")] = 9091


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS of the ports of both processes, of workers calling admin, and of the command line."""

    certificate: Annotated[
        str,
        Meta(
            title="a path, or nothing for plaintext",
            description="The certificate and its chain in PEM; reloaded when it changes",
        ),
    ] = ""
    key: Annotated[str, Meta(title="a path, or nothing", description="The private key of the certificate in PEM")] = ""
    client_ca: Annotated[
        str,
        Meta(
            title="a path, or nothing",
            description="The authorities of clients, in PEM; if set, clients need a certificate",
        ),
    ] = ""
    server_ca: Annotated[
        str,
        Meta(
            title="a path, or nothing for those of the system",
            description="The authorities that clients trust, in PEM; if set, clients use TLS",
        ),
    ] = ""
    plaintext_allowed: Annotated[bool, Meta(description="Allow ports without TLS on interfaces other than loopback")] = False


class Coherence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How changes reach the workers, and what a disconnected worker serves."""

    probe_interval: Annotated[Seconds, Meta(description="Seconds between a worker's probes for changes in PostgreSQL")] = 0.25
    lease: Annotated[Seconds, Meta(description="Seconds after its last probe that a worker's answers count as fresh")] = 1.0
    detached_serve: Annotated[
        Seconds, Meta(description="Seconds that a worker serves answers marked stale without a probe; then UNAVAILABLE")
    ] = 600.0
    absent_ttl: Annotated[Seconds, Meta(description="Seconds that a confirmed absence is cached")] = 30.0
    poll_interval: Annotated[
        Seconds, Meta(description="Seconds between the relay's polls of the outbox without a notification")
    ] = 0.05
    min_revision_wait: Annotated[
        Seconds, Meta(description="Seconds that a read with min_revision waits before it reads from PostgreSQL")
    ] = 0.05
    write_wait: Annotated[
        Seconds, Meta(description="Seconds that a worker delays the response to a write until it has applied the change")
    ] = 0.25
    outbox_keep_hours: Annotated[int, Meta(ge=1, le=8760, description="Hours that published changes stay in the outbox")] = 24


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the relay prunes; for the outbox, see coherence."""

    audit_days: Annotated[int, Meta(ge=0, le=36_500, description="Days that the audit is kept; 0 keeps it indefinitely")] = 0
    idempotency_hours: Annotated[
        int, Meta(ge=24, le=8760, description="Hours that responses to idempotency keys are kept; the keys are valid for 24")
    ] = 24


class Tracing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spans of calls. OpenTelemetry's own variables configure the export, such as OTEL_EXPORTER_OTLP_ENDPOINT."""

    spans: Annotated[bool, Meta(description="Record spans of sampled calls and export them over OTLP; needs cqar[otel]")] = (
        False
    )
    ratio: Annotated[float, Meta(ge=0, le=1, description="Share of calls to sample if the caller does not decide")] = 0.01


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of one process."""

    home: Annotated[
        str, Meta(min_length=1, title="a path", description="The folder of `cqar up`: data, keys and sockets of its servers")
    ] = ".cqar"
    auth: Annotated[
        Literal["off", "keys"], Meta(description="Who may call: off admits every caller, keys requires an API key")
    ] = "off"
    pepper: Annotated[
        str,
        Meta(
            pattern=r"^(\S{16,256})?\Z",
            title="16 to 256 characters without spaces, or nothing",
            description="The secret with which API keys are hashed, the same for all processes",
            extra={"secret": True},
        ),
    ] = ""
    environment: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9]{1,16}\Z",
            title="1 to 16 of a-z and 0-9",
            description="The environment's name in new API keys",
        ),
    ] = "dev"
    reflection: Annotated[bool, Meta(description="Serve gRPC reflection")] = False
    log: Log = Log()
    database: Database = Database()
    redis: Redis = Redis()
    nats: Nats = Nats()
    hotpath: Hotpath = Hotpath()
    admin: Admin = Admin()
    metrics: Metrics = Metrics()
    tls: Tls = Tls()
    coherence: Coherence = Coherence()
    retention: Retention = Retention()
    tracing: Tracing = Tracing()


_ASCENDING = (
    ("coherence.probe_interval", "coherence.lease"),
    ("coherence.lease", "coherence.detached_serve"),
)
"""Pairs of settings of which the first must not be greater than the second."""


_LONGEST = 100
"""Maximum number of characters of an invalid value in an error."""


class Setting(NamedTuple):
    """One setting: its dotted `name`, its environment variable, and what its declaration says."""

    name: str
    variable: str
    type: Any
    default: str | float
    meaning: str
    allowed: str
    #: whether messages must not show its value
    secret: bool = False

    def parse(self, text: str) -> str | float:
        """Return the value of the text. Raises ValueError."""
        words = isinstance(_bare(inspect.type_info(self.type)), inspect.LiteralType)
        value: str | float = msgspec.convert(text.lower() if words else text, self.type, strict=False)
        if self.name.endswith(".url") and not all(map(_is_port, _ports(text))):
            raise ValueError(text)
        return value


class _Given(NamedTuple):
    """A value with its origin, as the user wrote it."""

    origin: str
    value: str | float


class Effective(NamedTuple):
    """A setting with the value that holds, its secrets masked, and where the value comes from.

    `origin` is `default`, the name of the environment variable, or `path:line: name` in the YAML file.
    """

    setting: Setting
    value: str
    origin: str


def load(path: Path | None = None, env: Mapping[str, str] = os.environ) -> Settings:
    """Load the defaults, overridden by the YAML file (`path`, else $CQAR_CONFIG), overridden by the environment.

    Raises ConfigError.

    Example: `load(env={"CQAR_HOTPATH_PORT": "9999"}).hotpath.port == 9999`.
    """
    values = {each.name: _Given(f"the default of {each.name}", each.default) for each in declared()}
    values.update(_set(path, env))
    for small, large in _ASCENDING:
        (one, least), (other, most) = values[small], values[large]
        if least > most:  # type: ignore[operator]  # both are numbers
            message = f"{one} is {least}, which exceeds {most}, {other}"
            raise ConfigError(message)
    return msgspec.convert(_tree(values), Settings)


def in_force(path: Path | None = None, env: Mapping[str, str] = os.environ) -> Iterator[Effective]:
    """Yield each setting with the value that holds and its origin. Raises ConfigError as `load`."""
    load(path, env)
    found = _set(path, env)
    for each in declared():
        origin, value = found.get(each.name, _Given(DEFAULT, each.default))
        yield Effective(each, "***" if each.secret and value else masked(plain(value)), origin)


def given(path: Path | None = None, env: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Return the dotted names of the settings that the file or the environment sets. Raises ConfigError as `load`."""
    return frozenset(_set(path, env))


def declared() -> Iterator[Setting]:
    """All settings, in the order of their declarations."""
    yield from _fields(Settings, "")


def describe() -> str:
    """All settings and other CQAR_ variables as text: `VARIABLE=default`, then the meaning and the allowed values."""
    lines = []
    for each in declared():
        lines += [f"{each.variable}={plain(each.default)}", f"    {each.meaning} ({each.allowed})."]
    for name, meaning in VARIABLES.items():
        lines += [name, f"    {meaning}."]
    return "\n".join(lines) + "\n"


def template() -> str:
    """A YAML file with every setting at its default and a comment on each: the contents of `config.yaml`."""
    lines = ["# Every setting at its default. Environment variables override the file: CQAR_HOTPATH_PORT is hotpath.port.", ""]
    section = ""
    for each in declared():
        head, dot, field = each.name.rpartition(".")
        if head != section:
            section = head
            lines += ["", f"# {type(getattr(Settings(), head)).__doc__}", f"{head}:"]
        indent = "  " if dot else ""
        lines += [f"{indent}# {each.meaning} ({each.allowed}).", f"{indent}{field}: {plain(each.default)}".rstrip()]
    return "\n".join(lines) + "\n"


def masked(text: str) -> str:
    """A URL, possibly malformed, without its passwords and tokens."""
    text = re.sub(r"(?i)((?:password|token)=)[^&\s]*", r"\1***", text)
    head, at, tail = text.rpartition("@")
    scheme = "".join(re.findall(r"^[a-z]+://", head))
    login = head.removeprefix(scheme)
    if not at or (scheme.startswith("postgres") and ":" not in login):
        return text  # of NATS, a user without a password is a token
    user = "".join(re.findall(r"^[^:/?@,]*:", login)) if scheme else ""
    return f"{scheme}{user}***@{tail}"


def _set(path: Path | None, env: Mapping[str, str]) -> dict[str, _Given]:
    settings = {each.name: each for each in declared()}
    if path is None and "CQAR_CONFIG" in env:
        path = Path(env["CQAR_CONFIG"])
    found = {} if path is None else _from_file(path, settings)
    return found | _from_environment(env, settings)


def _fields(structure: type[Struct], prefix: str) -> Iterator[Setting]:
    for field in msgspec.structs.fields(structure):
        name = f"{prefix}{field.name}"
        if isinstance(field.default, Struct):
            yield from _fields(type(field.default), f"{name}.")
            continue
        kind = inspect.type_info(field.type)
        notes = (kind.extra_json_schema if isinstance(kind, inspect.Metadata) else None) or {}
        secret = isinstance(kind, inspect.Metadata) and bool((kind.extra or {}).get("secret"))
        allowed = notes.get("title") or _range(kind)
        variable = f"CQAR_{name}".replace(".", "_").upper()
        yield Setting(name, variable, field.type, field.default, notes["description"], allowed, secret)


def _ports(urls: str) -> Iterator[str]:
    """The ports in URLs: NATS accepts several URLs, PostgreSQL several hosts in one."""
    for url in re.split(r",(?=\w+://)", urls):
        for host in urlsplit(url).netloc.rpartition("@")[2].split(","):
            _, colon, port = host.rpartition("]")[2].rpartition(":")
            if colon:
                yield port


def _is_port(text: str) -> bool:
    return re.fullmatch(r"\d{1,5}", text) is not None and int(text) <= 65535  # noqa: PLR2004 - as Port


def _bare(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _range(kind: inspect.Type) -> str:
    match _bare(kind):
        case inspect.IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case inspect.FloatType(ge=least, le=most):
            return f"a number from {least} to {most}"
        case inspect.LiteralType(values=words):
            return " or ".join(map(str, words))
        case inspect.BoolType():
            return "true or false"
    message = f"a setting cannot be of the type {kind}"
    raise TypeError(message)


def plain(value: str | float) -> str:
    """Return a value as the YAML file and the environment write it: `true` for True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tree(values: Mapping[str, _Given]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, each in values.items():
        section, _, field = name.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[field] = each.value
    return tree


def _shown(text: str) -> str:
    text = masked(text)
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _unknown(where: str, name: str, known: list[str], note: str = "") -> NoReturn:
    near = difflib.get_close_matches(name, known, n=1)
    message = f"{where}unknown setting {name}{f'; did you mean {near[0]}?' if near else ''}{note}"
    raise ConfigError(message)


def _parse(origin: str, setting: Setting, text: str, note: str = "") -> _Given:
    if not text and setting.default != "":
        message = f"{origin} is empty; expected {setting.allowed}"
        raise ConfigError(message)
    try:
        return _Given(origin, setting.parse(text))
    except ValueError:
        message = f"{origin} is {'invalid' if setting.secret else _shown(text)}; expected {setting.allowed}{note}"
        raise ConfigError(message) from None


def _from_environment(env: Mapping[str, str], settings: Mapping[str, Setting]) -> dict[str, _Given]:
    variables = {each.variable: each for each in settings.values()}
    found = {}
    for name in sorted(env):
        if not name.startswith("CQAR_") or name in VARIABLES:
            continue
        linked = env[name].startswith(("tcp://", "udp://")) or re.search(r"_SERVICE_(HOST|PORT)", name)
        note = " (a Kubernetes service link? set enableServiceLinks: false)" if linked else ""
        if name not in variables:
            _unknown("", name, [*variables, *VARIABLES], note)
        found[variables[name].name] = _parse(name, variables[name], env[name], note)
    return found


def read(path: Path) -> str:
    """Return the text of a settings file. Raises ConfigError if the file cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        message = f"cannot read the settings in {str(path)!r}: {error.strerror}"
        raise ConfigError(message) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        message = f"{path}:{line}: not UTF-8 text"
        raise ConfigError(message) from None


def _from_file(path: Path, settings: Mapping[str, Setting]) -> dict[str, _Given]:
    text = read(path)
    try:
        # BaseLoader reads every scalar as text: the declared type decides what `off` or `1:30` means, not YAML 1.1.
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"{path}:{mark.line + 1 if mark else 1}: not valid YAML: {error.problem or error.context}"
        raise ConfigError(message) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"{path}:{line}: not valid YAML: {error.reason}"
        raise ConfigError(message) from None
    return {} if root is None else dict(_entries(path, root, "", settings))


def _entries(path: Path, node: yaml.Node, prefix: str, settings: Mapping[str, Setting]) -> Iterator[tuple[str, _Given]]:
    """Yield the settings in a section of the file; in the whole file if `prefix` is empty."""
    if _is_null(node):
        return  # all settings of the section are commented out
    if not isinstance(node, yaml.MappingNode):
        section = f"{prefix[:-1]} is a section; " if prefix else ""
        message = f"{path}:{_line(node)}: {section}expected settings as `name: value`, found {_kind(node)}"
        raise ConfigError(message)
    known = {prefix + name.removeprefix(prefix).partition(".")[0] for name in settings if name.startswith(prefix)}
    lines: dict[str, int] = {}
    for key, value in node.value:
        name = f"{prefix}{key.value}" if isinstance(key, yaml.ScalarNode) else _kind(key)
        where = f"{path}:{_line(key)}: "
        if name not in known:
            _unknown(where, name, sorted(known))
        if name in lines:
            message = f"{where}{name} is set twice, first in line {lines[name]}"
            raise ConfigError(message)
        lines[name] = _line(key)
        if name in settings:
            yield name, _scalar(f"{where}{name}", value, settings[name])
        else:
            yield from _entries(path, value, f"{name}.", settings)


def _scalar(origin: str, node: yaml.Node, setting: Setting) -> _Given:
    tagged = not node.tag.endswith(":str")
    quoted = isinstance(node, yaml.ScalarNode) and node.style and not isinstance(setting.default, str)
    if not isinstance(node, yaml.ScalarNode) or tagged or quoted:
        message = f"{origin} is {_kind(node)}; expected {setting.allowed}"
        raise ConfigError(message)
    return _parse(origin, setting, "" if _is_null(node) else node.value)


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in {"", "~", "null"}


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if not node.tag.endswith(":str"):
        return f"a value with the tag {node.tag}"
    return f"the text {_shown(node.value)}"
