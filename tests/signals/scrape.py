"""Requests to the HTTP side of a worker or admin, as a monitoring system makes them."""

from collections.abc import Mapping
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(port: int) -> Samples:
    """Every sample of `/metrics`, by name and labels."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
        assert response.status == 200
        text = await response.text()
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def of(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the samples of a name that have these labels."""
    return sum(value for (found, has), value in samples.items() if found == name and labels.items() <= set(has))


async def health(port: int, path: str = "/health/ready") -> tuple[int, Any]:
    """The status and the JSON of the answer."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.json()
