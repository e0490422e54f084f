"""Wires the collector together and serves it until SIGTERM or SIGINT, finishing what it has begun."""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from api.evidence import evidence_routes
from api.profiles import profile_routes
from api.unmerge import IdentityOrders
from collectors import metrics
from collectors.access import WriteKeys
from collectors.intake import Intake
from collectors.judging import Judging
from collectors.readiness import Readiness, stack_parts
from collectors.routes import PATHS, Ingestion, service_routes
from identity.rules import IdentityRules
from runtime.http.bodies import Bodies
from runtime.http.connections import Limits
from runtime.http.serving import configure, listen
from runtime.http.trust import TrustedHosts
from runtime.kafka.async_producer import AsyncProducer
from schemas.contracts import Contracts
from settings import Settings

FINISH_REQUESTS_S = 3
FLUSH_S = 1.0
_FOR_PAGES = frozenset(path for paths in PATHS.values() for path in paths)

logger = logging.getLogger(__name__)


class PortTaken(Exception):
    """The address to listen on is in use or not ours; the message says which."""


class ProducerFailed(Exception):
    """Kafka's client has fenced itself off and cannot recover: a new process has to start."""


def create_app(settings: Settings, rules: IdentityRules, whole_stack: bool, give_up: Callable[[], None]) -> Starlette:
    """The ASGI application. `whole_stack`: ready only when worker, sink and warehouse are ready too.

    `give_up` is called when nothing but a new process can help.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        producer = AsyncProducer(
            settings.kafka, "onefold-collector", on_fatal=give_up, observe_s=metrics.PRODUCE_SECONDS.observe
        )
        contracts = Contracts(settings)
        readiness = Readiness(producer, contracts, stack_parts(settings) if whole_stack else {})
        bodies, judging = Bodies(), Judging()
        ingestion = Ingestion(WriteKeys(settings.workspaces), rules, bodies, judging, Intake(producer, contracts))
        orders = IdentityOrders(producer, contracts, bodies)
        app.router.routes.extend(_routes(ingestion, orders, readiness))
        try:
            yield
        finally:
            judging.close()
            contracts.stop()
            await readiness.close()
            remaining = await asyncio.to_thread(producer.close, FLUSH_S)
            if remaining:
                logger.warning("ended with %d records that Kafka did not acknowledge", remaining)

    trust = Middleware(
        TrustedHosts, listens_on=settings.http_host, names=settings.trusted_hosts, for_pages=_is_for_pages
    )
    app = Starlette(lifespan=lifespan, middleware=[trust])
    app.state.settings = settings
    return app


def serve(settings: Settings, rules: IdentityRules, whole_stack: bool) -> None:
    """Serve until a signal; then finish the requests under way, flush, return, all within 5 s.

    Raises PortTaken or ProducerFailed.
    """
    has_failed = threading.Event()

    def give_up() -> None:
        has_failed.set()
        server.should_exit = True

    limits = Limits(
        connections=settings.connections,
        connections_per_address=settings.connections_per_address,
        finish_s=FINISH_REQUESTS_S,
    )
    app = create_app(settings, rules, whole_stack, give_up)
    server = uvicorn.Server(configure(app, limits, lifespan="on", behind_proxy=True))
    with _listen(settings.http_host, settings.http_port) as listener:
        host, port = listener.getsockname()[:2]
        logger.info("listening on http://%s:%d", host, port)
        server.run(sockets=[listener])
    if has_failed.is_set():
        raise ProducerFailed("Kafka's client cannot go on; start the collector again")


def _routes(ingestion: Ingestion, orders: IdentityOrders, readiness: Readiness) -> list[Route]:
    return [*ingestion.routes(), *profile_routes(), *evidence_routes(), *orders.routes(), *service_routes(readiness)]


def _is_for_pages(method: str, path: str) -> bool:
    """Whether web pages of other sites are meant to send this: events, and the questions that browsers ask before."""
    return method in ("POST", "OPTIONS") and path.removesuffix("/") in _FOR_PAGES


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        reason = f"{error.strerror} (ONEFOLD_HTTP_PORT chooses another)"
        raise PortTaken(f"cannot listen on {host}:{port}: {reason}") from None
