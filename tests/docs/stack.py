"""A running `cqar up`, and the translation of documented commands to its ports and folders."""

import re
import sys

from tests.up import running
from tests.up.running import Up


class Stack:
    """A running `cqar up`, and the translation between default and actual ports and folders."""

    def __init__(self, up: Up) -> None:
        self.up = up
        at = {
            name: (re.search(rf"^  {name} .*gRPC \S+:(\d+), HTTP \S+:(\d+)/", up.said, re.MULTILINE) or [""] * 3)
            for name in ("hotpath", "admin")
        }
        self._ports = {"9090": at["hotpath"][1], "8080": at["hotpath"][2], "9190": at["admin"][1], "8180": at["admin"][2]}

    @property
    def address(self) -> str:
        return self.up.address("hotpath")

    def url(self, title: str) -> str:
        """The URL of a server."""
        found = re.search(rf"^  {title} +(\w+:\S+)$", self.up.said, re.MULTILINE)
        assert found, self.up.said
        return found[1]

    def environment(self) -> dict[str, str]:
        """The environment for commands."""
        return running.environment(
            CQAR_HOME=str(self.up.home),
            CQAR_DATABASE_URL=self.url("PostgreSQL"),
            CQAR_REDIS_URL=self.url("Redis"),
            CQAR_NATS_URL=self.url("NATS"),
            CQAR_HOTPATH_PORT=self._ports["9090"],
            CQAR_ADMIN_PORT=self._ports["9190"],
        )

    def own(self, text: str) -> str:
        """Replace default ports and folders by those of this stack."""
        for usual, own in self._ports.items():
            text = re.sub(rf"(?<=:){usual}\b", own, text)
        text = re.sub(r"(?<![^\s\"])\.cqar\b", str(self.up.home), text)
        text = text.replace(".venv/bin/python ", f"{sys.executable} ")
        return text.replace(".venv/bin/cqar ", f"{sys.executable} -m cqar ")

    def usual(self, text: str) -> str:
        """Replace the ports and folders of this stack by the defaults."""
        for usual, own in self._ports.items():
            text = re.sub(rf"(?<=:){own}\b", usual, text)
        return text.replace(str(self.up.home), ".cqar")
