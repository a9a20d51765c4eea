"""The settings: their sources, their precedence, and the errors for invalid values."""

import re
from operator import attrgetter
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from cqar import config
from cqar.config import ConfigError, Settings, load

ROOT = Path(__file__).parents[2]


def written(folder: Path, text: str | bytes) -> Path:
    """A settings file with the text."""
    path = folder / "cqar.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(env: dict[str, str], path: Path | None = None) -> str:
    """The one-line error."""
    with pytest.raises(ConfigError) as caught:
        load(path, env)
    message = str(caught.value)
    assert "\n" not in message
    return message


# ---- sources --------------------------------------------------------------------------------------------------------


def test_defaults_apply_without_a_file_and_environment_variables() -> None:
    assert load(None, {}) == Settings()


def test_the_file_overrides_defaults_and_the_environment_overrides_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "hotpath:\n  port: 1111\n  http_port: 2222\n")
    settings = load(path, {"CQAR_HOTPATH_PORT": "3333"})
    assert (settings.hotpath.port, settings.hotpath.http_port, settings.admin.port) == (3333, 2222, 9190)


def test_cqar_config_names_the_file_and_an_explicit_path_overrides_it(tmp_path: Path) -> None:
    by_variable = written(tmp_path, "home: from-variable\n")
    by_hand = tmp_path / "by-hand.yaml"
    by_hand.write_text("home: by-hand\n")
    assert load(None, {"CQAR_CONFIG": str(by_variable)}).home == "from-variable"
    assert load(by_hand, {"CQAR_CONFIG": str(by_variable)}).home == "by-hand"


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("CQAR_HOME", "/srv/cqar", "home", "/srv/cqar"),
        ("CQAR_AUTH", "keys", "auth", "keys"),
        ("CQAR_REFLECTION", "true", "reflection", True),
        ("CQAR_LOG_LEVEL", "WARNING", "log.level", "warning"),
        ("CQAR_DATABASE_URL", "postgresql://cqar@/cqar?host=/run/pg", "database.url", "postgresql://cqar@/cqar?host=/run/pg"),
        ("CQAR_DATABASE_LOCK_TIMEOUT", "3", "database.lock_timeout", 3.0),
        ("CQAR_REDIS_URL", "unix:///run/valkey.sock", "redis.url", "unix:///run/valkey.sock"),
        ("CQAR_NATS_URL", "nats://a:1,nats://b:2", "nats.url", "nats://a:1,nats://b:2"),
        ("CQAR_HOTPATH_PORT", "0", "hotpath.port", 0),
        ("CQAR_HOTPATH_HTTP_PORT", "65535", "hotpath.http_port", 65535),
        ("CQAR_HOTPATH_ADMIN_ADDRESS", "admin:9190", "hotpath.admin_address", "admin:9190"),
        ("CQAR_HOTPATH_PRELOAD", "0", "hotpath.preload", False),
        ("CQAR_ADMIN_PORT", "1", "admin.port", 1),
        ("CQAR_ADMIN_HTTP_PORT", "2", "admin.http_port", 2),
        ("CQAR_METRICS_PORT", "3", "metrics.port", 3),
        ("CQAR_COHERENCE_OUTBOX_KEEP_HOURS", "48", "coherence.outbox_keep_hours", 48),
    ],
)
def test_a_setting_is_read_from_its_variable(variable: str, text: str, name: str, value: object) -> None:
    found = attrgetter(name)(load(None, {variable: text}))
    assert (found, type(found)) == (value, type(value))


def test_every_setting_can_be_set_in_the_environment() -> None:
    env = {each.variable: str(each.default) for each in config.declared()}
    assert len(env) == len(list(config.declared()))
    assert not env.keys() & config.VARIABLES.keys()
    assert load(None, env) == Settings()


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("1", True), ("false", False), ("FALSE", False)])
def test_a_switch_in_the_environment_is_true_false_1_or_0(text: str, value: object) -> None:
    assert load(None, {"CQAR_REFLECTION": text}).reflection is value


def test_other_variables_are_ignored() -> None:
    others = dict.fromkeys(config.VARIABLES, "x") | {"PATH": "/bin", "cqar_home": "x"}
    del others["CQAR_CONFIG"]
    assert load(None, others) == Settings()


def test_settings_are_immutable() -> None:
    settings = load(None, {})
    with pytest.raises(AttributeError):
        settings.hotpath.port = 1  # type: ignore[misc]


# ---- wrong values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "text", "allowed"),
    [
        ("CQAR_HOTPATH_PORT", "65536", "a whole number from 0 to 65535"),
        ("CQAR_HOTPATH_PORT", "-1", "a whole number from 0 to 65535"),
        ("CQAR_HOTPATH_PORT", "90.5", "a whole number from 0 to 65535"),
        ("CQAR_REDIS_TIMEOUT", "0", "a number from 0.001 to 86400"),
        ("CQAR_REDIS_TIMEOUT", "nan", "a number from 0.001 to 86400"),
        ("CQAR_REDIS_TIMEOUT", "inf", "a number from 0.001 to 86400"),
        ("CQAR_REDIS_TIMEOUT", "50ms", "a number from 0.001 to 86400"),
        ("CQAR_REFLECTION", "yes", "true or false"),
        ("CQAR_AUTH", "none", "keys or off"),
        ("CQAR_DATABASE_URL", "mysql://h/x", "postgresql://user:password@host:port/database"),
        ("CQAR_HOTPATH_ADMIN_ADDRESS", "admin", "host:port or unix:/path"),
        ("CQAR_HOTPATH_HOST", "a host", "a host name or an IP address"),
    ],
)
def test_an_invalid_value_is_reported_with_its_variable_and_the_allowed_values(variable: str, text: str, allowed: str) -> None:
    assert refusal({variable: text}) == f"{variable} is {text!r}; expected {allowed}"


@pytest.mark.parametrize("variable", ["CQAR_HOME", "CQAR_DATABASE_URL", "CQAR_ADMIN_PORT", "CQAR_AUTH"])
def test_an_empty_variable_is_an_error(variable: str) -> None:
    assert refusal({variable: ""}).startswith(f"{variable} is empty; expected ")


def test_a_timeout_that_postgresql_would_round_to_zero_is_refused() -> None:
    assert "CQAR_DATABASE_LOCK_TIMEOUT" in refusal({"CQAR_DATABASE_LOCK_TIMEOUT": "0.0004"})


@pytest.mark.parametrize(
    ("variable", "suggestion"),
    [
        ("CQAR_HOTPATH_PROT", "CQAR_HOTPATH_PORT"),
        ("CQAR_DATABSE_URL", "CQAR_DATABASE_URL"),
        ("CQAR_HOTPATH__PORT", "CQAR_HOTPATH_PORT"),
        ("CQAR_APIKEY", "CQAR_API_KEY"),
    ],
)
def test_an_unknown_variable_is_an_error_that_suggests_the_nearest(variable: str, suggestion: str) -> None:
    assert refusal({variable: "1"}) == f"unknown setting {variable}; did you mean {suggestion}?"


def test_variables_set_by_kubernetes_are_recognized() -> None:
    assert "enableServiceLinks" in refusal({"CQAR_HOTPATH_PORT": "tcp://10.0.0.1:9090"})
    assert "enableServiceLinks" in refusal({"CQAR_HOTPATH_SERVICE_HOST": "10.0.0.1"})


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (
            {"CQAR_COHERENCE_LEASE": "0.1"},
            "the default of coherence.probe_interval is 0.25, which exceeds 0.1, CQAR_COHERENCE_LEASE",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(env: dict[str, str], message: str) -> None:
    assert refusal(env) == message


# ---- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://cqar:secret@db:5432/cqar", "postgresql://cqar:***@db:5432/cqar"),
        ("postgresql://cqar:sec/r@et@db/cqar", "postgresql://cqar:***@db/cqar"),
        ("postgresql://cqar@/cqar?host=/run&password=secret&port=1", "postgresql://cqar@/cqar?host=/run&password=***&port=1"),
        ("redis://:secret@cache/0", "redis://:***@cache/0"),
        ("nats://secret@bus:4222", "nats://***@bus:4222"),
        ("nats://secret@bus,nats://secret@bus2", "nats://***@bus2"),
        ("cqar:secret@db/cqar", "***@db/cqar"),
        ("postgresql://db/cqar", "postgresql://db/cqar"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert config.masked(url) == shown


@given(st.text(), st.sampled_from(["x://u:{}@h", "nats://u:{}@h,nats://{}@h", "u:{}@h", "{}@h", "x://h?password={}"]))
@example("/?#@:", "x://u:{}@h")
def test_no_error_shows_a_password(rest: str, form: str) -> None:
    url = form.format(f"s3cret{rest}", f"s3cret{rest}")
    for variable in ("CQAR_DATABASE_URL", "CQAR_REDIS_TIMEOUT", "CQAR_ADMIN_PORT"):
        assert "s3cret" not in refusal({variable: url})


def test_no_error_shows_a_password_of_a_file(tmp_path: Path) -> None:
    message = refusal({}, written(tmp_path, "database:\n  url: postgers://u:secret@h/x\n"))
    assert "u:***@h" in message
    assert "secret" not in message
    assert "secret" not in refusal({}, written(tmp_path, "database: postgresql://u:secret@h/x\n"))


# ---- the file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "~\n", "hotpath:\n", "hotpath: {}\nadmin: ~\n", "\ufeffauth: off\n"]
)
def test_settings_missing_in_a_file_have_their_defaults(tmp_path: Path, text: str) -> None:
    assert load(written(tmp_path, text), {}) == Settings()


def test_values_are_parsed_by_the_type_of_the_setting_and_not_by_yaml(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "auth: off\nhome: 2024-01-01\nnats: {connect_timeout: 3}\nhotpath: {host: no}\n"), {})
    assert (settings.auth, settings.home, settings.nats.connect_timeout, settings.hotpath.host) == (
        "off",
        "2024-01-01",
        3.0,
        "no",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hotpath:\n  port: abc\n", "2: hotpath.port is 'abc'; expected a whole number from 0 to 65535"),
        ("hotpath:\n  port: '9090'\n", "2: hotpath.port is the text '9090'; expected a whole number from 0 to 65535"),
        ("hotpath:\n  port: [1]\n", "2: hotpath.port is a list; expected a whole number from 0 to 65535"),
        ("hotpath:\n  port: {a: 1}\n", "2: hotpath.port is a mapping; expected a whole number from 0 to 65535"),
        ("hotpath:\n  port:\n", "2: hotpath.port is empty; expected a whole number from 0 to 65535"),
        ("home: null\n", "1: home is empty; expected a path"),
        ("home: !path x\n", "1: home is a value with the tag !path; expected a path"),
        ("admin:\n  port: 1:30\n", "2: admin.port is '1:30'; expected a whole number from 0 to 65535"),
        ("- hotpath\n", "1: expected settings as `name: value`, found a list"),
        ("\nhotpath\n", "2: expected settings as `name: value`, found the text 'hotpath'"),
        ("hotpath: 9090\n", "1: hotpath is a section; expected settings as `name: value`, found the text '9090'"),
        ("hotpath:\n  prot: 1\n", "2: unknown setting hotpath.prot; did you mean hotpath.port?"),
        ("databse:\n  url: x\n", "1: unknown setting databse; did you mean database?"),
        ("<<: {}\n", "1: unknown setting <<"),
        ("? [a]\n: b\n", "1: unknown setting a list"),
        ("auth: off\nhome: x\nauth: keys\n", "3: auth is set twice, first in line 1"),
        ("admin:\n  port: 1\nadmin:\n  port: 2\n", "3: admin is set twice, first in line 1"),
        (
            "coherence:\n  lease: 700\n",
            "2: coherence.lease is 700.0, which exceeds 600.0, the default of coherence.detached_serve",
        ),
        ("auth: off\n---\nauth: off\n", "2: not valid YAML: but found another document"),
        ("auth: [\n", "2: not valid YAML: expected the node content, but found '<stream end>'"),
        ("auth: off\n\tx: 1\n", "2: not valid YAML: found character '\\t' that cannot start any token"),
        ("home: x\nauth: \x00\n", "2: not valid YAML: special characters are not allowed"),
        (b"home: x\nauth: \xff\n", "2: not UTF-8 text"),
    ],
)
def test_a_mistake_in_a_file_is_reported_in_one_line_with_its_position(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = written(tmp_path, text)
    assert refusal({}, path) == f"{path}:{message}"


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    assert refusal({}, tmp_path / "none.yaml").endswith("none.yaml': No such file or directory")
    assert refusal({"CQAR_CONFIG": str(tmp_path)}).endswith(": Is a directory")


WORDS = (
    st.sampled_from(["hotpath", "port", "host", "home", "auth", "keys", "log", "redis", "url", "1", "true", "~"]) | st.text()
)
TREES = st.recursive(WORDS, lambda leaf: st.lists(leaf, max_size=3) | st.dictionaries(WORDS, leaf, max_size=4))


@given(st.text() | TREES.map(yaml.dump))
@example("a: &a\n  *a : *a\n")
@example("hotpath: &x\n  port: *x\n")
def test_any_file_gives_settings_or_a_one_line_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = written(tmp_path_factory.getbasetemp(), text.encode("utf-8", "surrogatepass"))
    try:
        lines = repr(load(path, {})).splitlines()
    except ConfigError as error:
        lines = str(error).splitlines()
    assert len(lines) == 1


# ---- what is generated ----------------------------------------------------------------------------------------------


def test_config_yaml_has_every_default_with_its_comment() -> None:
    path = ROOT / "config.yaml"
    assert load(path, {}) == Settings()
    assert path.read_text(encoding="utf-8") == config.template()
    assert len(yaml.safe_load(config.template())) == len(msgspec.structs.fields(Settings))


def test_config_dev_yaml_enables_reflection_and_logs_text() -> None:
    settings = load(ROOT / "config.dev.yaml", {})
    assert (settings.reflection, settings.log.format, settings.log.level) == (True, "text", "info")


def test_config_prod_yaml_requires_keys_logs_json_and_disables_reflection() -> None:
    settings = load(ROOT / "config.prod.yaml", {})
    assert (settings.auth, settings.reflection, settings.log.format) == ("keys", False, "json")


def test_the_list_of_settings_has_default_range_and_meaning_of_each() -> None:
    text = config.describe()
    assert "\nCQAR_HOTPATH_PORT=9090\n    TCP port of gRPC; 0 for a free port (a whole number from 0 to 65535).\n" in text
    listed = re.findall(r"^(CQAR_\w+)", text, flags=re.MULTILINE)
    assert listed == [each.variable for each in config.declared()] + list(config.VARIABLES)
    assert max(map(len, text.splitlines())) <= 128
