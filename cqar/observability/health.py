"""HTTP routes for liveness, readiness and metrics."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from aiohttp import web

from cqar.observability.metrics import Exposed, Metrics

#: Whether a dependency is healthy.
Check = Callable[[], Awaitable[bool]]
#: Seconds for a dependency to respond to a check.
_CHECK_TIMEOUT = 1.0


class _State(NamedTuple):
    well: bool
    #: milliseconds
    took: float


def mount(application: web.Application, ready: Callable[[], bool], components: Mapping[str, Check]) -> None:
    """Add `/health/live` and `/health/ready`: 503 while the process cannot answer, `degraded` while a dependency is down."""

    async def readiness(_request: web.Request) -> web.Response:
        found = await asyncio.gather(*(_checked(check) for check in components.values()))
        states = dict(zip(components, found, strict=True))
        status = "unready" if not ready() else "ready" if all(each.well for each in found) else "degraded"
        report = {
            "status": status,
            "components": {name: "ok" if each.well else "down" for name, each in states.items()},
            "latencies_ms": {name: each.took for name, each in states.items()},
        }
        return readiness_response(report)

    application.router.add_get("/health/live", live)
    application.router.add_get("/health/ready", readiness)


async def live(_request: web.Request) -> web.Response:
    """The handler of `/health/live`."""
    return web.json_response({"status": "ok"})


def readiness_response(report: Mapping[str, Any]) -> web.Response:
    """The response of `/health/ready`."""
    return web.json_response(report, status=503 if report["status"] == "unready" else 200)


def exposed(metrics: Exposed) -> web.Response:
    """The response of `/metrics`."""
    return web.Response(body=metrics.body, headers={"Content-Type": metrics.content_type})


def mount_metrics(application: web.Application, metrics: Metrics) -> None:
    """Add `/metrics`."""

    async def expose(request: web.Request) -> web.Response:
        return exposed(await metrics.exposed(request.headers.get("Accept", "")))

    application.router.add_get("/metrics", expose)


async def _checked(check: Check) -> _State:
    began = time.perf_counter()
    well = False
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_CHECK_TIMEOUT):
            well = await check()
    return _State(well, round((time.perf_counter() - began) * 1000, 3))
