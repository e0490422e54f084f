"""Wires the collector together and serves it until SIGTERM or SIGINT, finishing what it has begun."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from admission.facts.events import FactReaders, prepare
from collectors import metrics
from collectors.access import WriteKeys
from collectors.intake import Intake
from collectors.probes import probes
from collectors.routes import PATHS, Ingestion, moved_routes
from collectors.validators import Validators
from identity.rules import IdentityRules
from runtime.http.answers import routing_error
from runtime.http.bodies import Bodies
from runtime.http.connections import Limits
from runtime.http.health import Health, probing_client, service_routes
from runtime.http.serving import serve as serve_application
from runtime.http.trust import TrustedHosts
from runtime.kafka.async_producer import AsyncProducer
from schemas.contracts import Contracts
from settings import Settings

FLUSH_S = 1.0
_FOR_PAGES = frozenset(path for paths in PATHS.values() for path in paths)

logger = logging.getLogger(__name__)


def create_app(settings: Settings, rules: IdentityRules, whole_stack: bool, give_up: Callable[[], None]) -> Starlette:
    """Return the ASGI application. `whole_stack`: ready only when every other process is ready too.

    It calls `give_up` when nothing but a new process can help. Raises SettingsError.
    """
    tls = settings.clickhouse.tls() if whole_stack else None
    facts = FactReaders({name: workspace.facts for name, workspace in settings.workspaces.items()})
    prepare()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        producer = AsyncProducer(
            settings.kafka, "onefold-collector", on_fatal=give_up, observe_s=metrics.PRODUCE_SECONDS.observe
        )
        contracts = Contracts(settings)
        validators = Validators()
        async with probing_client(tls) as client:
            health = Health(probes(settings, producer, contracts, client, whole_stack))
            intake = Intake(producer, contracts)
            ingestion = Ingestion(WriteKeys(settings.workspaces), rules, facts, Bodies(), validators, intake)
            app.router.routes.extend(
                [*ingestion.routes(), *service_routes(health), *moved_routes(settings.serving.api_port)]
            )
            try:
                yield
            finally:
                validators.close()
                contracts.stop()
                remaining = await asyncio.to_thread(producer.close, FLUSH_S)
                if remaining:
                    logger.warning("ended with %d records that Kafka did not acknowledge", remaining)

    trust = Middleware(
        TrustedHosts,
        listens_on=settings.serving.http_host,
        names=settings.serving.trusted_hosts,
        for_pages=_is_for_pages,
    )
    hint = f"calls are POSTed to {', '.join(paths[0] for paths in PATHS.values())}"
    return Starlette(lifespan=lifespan, middleware=[trust], exception_handlers={HTTPException: routing_error(hint)})


def serve(settings: Settings, rules: IdentityRules, whole_stack: bool) -> None:
    """Serve until a signal; then finish the requests under way, flush, return, all within 5 s.

    Raises PortTaken or ApplicationGaveUp.
    """
    serving = settings.serving
    limits = Limits(connections=serving.connections, connections_per_address=serving.connections_per_address)

    def build(give_up: Callable[[], None]) -> Starlette:
        return create_app(settings, rules, whole_stack, give_up)

    serve_application(build, serving.http_host, serving.http_port, limits, port_variable="ONEFOLD_HTTP_PORT")


def _is_for_pages(method: str, path: str) -> bool:
    """Return whether web pages of other sites are meant to send this: events, and the preflights before them."""
    return method in ("POST", "OPTIONS") and path.removesuffix("/") in _FOR_PAGES
