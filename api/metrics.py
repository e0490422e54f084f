"""What the API measures, for Prometheus. Labels are bounded: a request's route is the first words of its path."""

import time

from prometheus_client import Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_ROUTES = (
    "/v1/profiles",
    "/v1/segments",
    "/v1/identity/explain",
    "/v1/identity/devices",
    "/v1/identity/quarantine",
    "/v1/identity/unmerge",
    "/v1/identity/merge",
    "/v1/identity/allow",
    "/v1/identity/unshare",
    "/v1/identity/requests",
    "/v1/consent",
    "/v1/unsubscribe",
)

REQUEST_SECONDS = Histogram(
    "onefold_api_request_seconds",
    "From a request's head to the end of its answer.",
    ["route", "status"],
    buckets=_SECONDS,
)
REQUESTS_IN_FLIGHT = Gauge("onefold_api_requests_in_flight", "Requests that wait for their answer.")


class Measured:
    """ASGI middleware that measures every look-up and every request of an operator."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and observe how long its answer took."""
        route = next((route for route in _ROUTES if scope.get("path", "").startswith(route)), None)
        if scope["type"] != "http" or route is None:
            await self._app(scope, receive, send)
            return
        status = "500"

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        started = time.perf_counter()
        with REQUESTS_IN_FLIGHT.track_inprogress():
            try:
                await self._app(scope, receive, observed)
            finally:
                REQUEST_SECONDS.labels(route, status).observe(time.perf_counter() - started)
