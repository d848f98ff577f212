"""How a server is, for those who look after it: `/healthz`, `/readyz`, `/metrics`.

    app = Starlette(routes=[*health_routes(handler), ...])

Neighbours: `app.py` (mounts these), `actors/telemetry` (what there is to measure).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from a2a.utils.errors import A2AError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from actors.a2a.handler import RequestHandler
from actors.telemetry import Observer
from actors.telemetry.words import release

HEALTH = "/healthz"
"""Answers 200 as long as the process lives and its loop turns."""
READY = "/readyz"
"""Answers 200 when requests will be carried out: see `_ready`."""
METRICS = "/metrics"
"""What Prometheus scrapes."""

LOOK = 2.0
"""Seconds within which the journal must answer a server that is ready."""

Endpoint = Callable[[Request], Awaitable[Response]]


def health_routes(handler: RequestHandler, *, metrics: bool | None = None) -> list[BaseRoute]:
    """Return the routes for those who look after the server of a handler.

    They are for the inside: what they say names no client and no task, but put them behind what
    guards the rest if the world is not to know how busy you are.

    Args:
        handler: whose server it is.
        metrics: with `/metrics`; None: if the packages of the extra `telemetry` are installed.

    Raises:
        ImportError: metrics are wanted, and a package of the extra is missing.
    """
    routes: list[BaseRoute] = [
        Route(HEALTH, _health(handler.observer)),
        Route(READY, _ready(handler)),
    ]
    endpoint = None if metrics is False else _metrics(handler.observer, must=metrics is True)
    return [*routes, Route(METRICS, endpoint)] if endpoint is not None else routes


def _health(observer: Observer) -> Endpoint:
    began = time.monotonic()

    async def health(_: Request) -> Response:
        """Tell a supervisor that the process need not be started anew."""
        body = {
            "status": "ok",
            "version": release(),
            "uptime": round(time.monotonic() - began, 3),
            "webhooks": {"attempts": dict(observer.verdicts), **observer.webhooks()},
        }
        return JSONResponse(body)

    return health


def _ready(handler: RequestHandler) -> Endpoint:
    async def ready(_: Request) -> Response:
        """Tell a load balancer: recovery is done, nothing drains, the journal answers."""
        try:
            async with asyncio.timeout(LOOK):
                found = await handler.recovery()
                await handler.look()
        except TimeoutError:
            return _unready("The server's storage does not answer.")
        except A2AError as error:
            return _unready(str(error))
        recovery = {"done": found.done, "settled": found.settled, "failed": found.failed}
        body = {"ready": found.done, "recovery": recovery}
        return JSONResponse(body, 200 if found.done else 503)

    return ready


def _unready(why: str) -> Response:
    return JSONResponse({"ready": False, "error": why}, 503)


def _metrics(observer: Observer, *, must: bool) -> Endpoint | None:
    try:
        from actors.telemetry.prometheus import Exposition  # imports what may not be installed
    except ImportError as error:
        if must:
            raise ImportError(
                f"/metrics needs the package {error.name}: pip install "
                "'statechart-actors[telemetry]'"
            ) from error
        return None
    exposition = Exposition(observer)

    async def metrics(request: Request) -> Response:
        body, kind = exposition.render(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": kind})

    return metrics
