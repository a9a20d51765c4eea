"""The container files agree with the settings, as far as tests without a container engine show."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cqar.config import load

PEPPER = "pepper-of-the-tests"
ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
OURS = [name for name, service in COMPOSE["services"].items() if "build" in service]


def image_environment() -> dict[str, str]:
    """The CQAR_ variables that the image sets."""
    return dict(re.findall(r"(CQAR_\w+)=(\S+)", (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")))


def interpolated(text: str, env: Mapping[str, str]) -> str:
    """A value of the file as compose reads it: `${NAME:-default}`, and `${NAME:?message}`, which must be set."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if kind == "?" and not env.get(name):
            raise ValueError(rest)
        return str(env.get(name) or rest)

    return re.sub(r"\$\{(\w+):([-?])(.*?)\}", value, text)


@pytest.mark.parametrize("name", OURS)
def test_a_compose_service_has_valid_settings_that_name_the_other_services(name: str) -> None:
    own = {key: text for key, text in COMPOSE["services"][name]["environment"].items() if text is not None}
    env = image_environment() | {key: interpolated(text, {"CQAR_PEPPER": PEPPER}) for key, text in own.items()}
    assert env.pop("CQAR_CONFIG") == "/etc/cqar/config.yaml"
    settings = load(ROOT / "config.prod.yaml", env)
    addresses = (settings.database.url, settings.redis.url, settings.nats.url, f"//{settings.hotpath.admin_address}")
    assert {re.split(r"//(?:.*@)?", each)[1].split(":")[0] for each in addresses} <= COMPOSE["services"].keys()
    assert settings.hotpath.host == settings.admin.host == "0.0.0.0"  # noqa: S104 - inside a container


def test_compose_publishes_the_default_ports_on_loopback_only() -> None:
    settings = load(None, {})
    published = {port for name in OURS for port in COMPOSE["services"][name].get("ports", [])}
    ports = (
        settings.hotpath.port,
        settings.hotpath.http_port,
        settings.metrics.port,
        settings.admin.port,
        settings.admin.http_port,
    )
    assert published == {f"127.0.0.1:{port}:{port}" for port in ports}
    assert not any("ports" in service for name, service in COMPOSE["services"].items() if name not in OURS)


def test_every_awaited_service_can_reach_the_awaited_state() -> None:
    for service in COMPOSE["services"].values():
        for name, rule in service.get("depends_on", {}).items():
            awaited = COMPOSE["services"][name]
            assert ("healthcheck" in awaited) == (rule["condition"] == "service_healthy")


def test_the_image_requires_keys_by_default() -> None:
    env = image_environment()
    del env["CQAR_CONFIG"]
    assert "COPY config.prod.yaml /etc/cqar/config.yaml\n" in (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert load(ROOT / "config.prod.yaml", env).auth == "keys"


def test_files_that_the_image_needs_are_not_ignored() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copies = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {f"!{source}" for line in copies for source in line.split()} == {line for line in ignore if line.startswith("!")}
