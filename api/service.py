"""Wires the API together and serves it until SIGTERM or SIGINT, finishing what it has begun."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

import definitions
from api import metrics
from api.consents import Consents, is_for_everybody
from api.delivery_operators import DeliveryOperators
from api.lookups import lookup_routes
from api.operators import Operators
from runtime.http.answers import Boundary, routing_error
from runtime.http.bodies import Bodies
from runtime.http.connections import Limits
from runtime.http.health import Health, probe_kafka, probe_state, service_routes
from runtime.http.serving import serve as serve_application
from runtime.http.trust import TrustedHosts
from runtime.kafka.async_producer import AsyncProducer
from schemas import topics
from schemas.contracts import Contracts
from settings import Settings
from warehouse.watch import Watch

FLUSH_S = 1.0

logger = logging.getLogger(__name__)


def create_app(settings: Settings, watch: Watch, give_up: Callable[[], None]) -> Starlette:
    """Return the ASGI application; it calls `give_up` when nothing but a new process can help."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        producer = AsyncProducer(settings.kafka, "onefold-api", on_fatal=give_up)
        contracts = Contracts(settings)
        health = Health(
            {
                "kafka": probe_kafka(producer, topics.IDENTITY_REQUESTS),
                "schemas": contracts.probe,
                "clickhouse": probe_state(watch.reason),
            }
        )
        bodies = Bodies()
        routes = [*Operators(producer, contracts, bodies).routes(), *DeliveryOperators(bodies).routes()]
        routes += Consents(producer, contracts, bodies).routes()
        app.router.routes.extend([*lookup_routes(), *routes, *service_routes(health)])
        try:
            yield
        finally:
            contracts.stop()
            remaining = await asyncio.to_thread(producer.close, FLUSH_S)
            if remaining:
                logger.warning("ended with %d requests that Kafka did not acknowledge", remaining)

    middleware = [
        Middleware(
            TrustedHosts,
            listens_on=settings.serving.http_host,
            names=settings.serving.trusted_hosts,
            for_pages=is_for_everybody,
        ),
        Middleware(metrics.Measured),
        Middleware(Boundary),
    ]
    app = Starlette(lifespan=lifespan, middleware=middleware, exception_handlers={HTTPException: routing_error()})
    app.state.settings = settings
    return app


def serve(settings: Settings) -> None:
    """Serve until a signal; then finish the requests under way and return, within 5 s.

    Raises DefinitionErrors and SettingsError before it starts, PortTaken or ApplicationGaveUp.
    """
    definitions.load(settings.definitions)
    serving = settings.serving
    limits = Limits(connections=serving.connections, connections_per_address=serving.connections_per_address)
    with Watch(settings.clickhouse) as watch:

        def build(give_up: Callable[[], None]) -> Starlette:
            return create_app(settings, watch, give_up)

        serve_application(build, serving.http_host, serving.api_port, limits, port_variable="ONEFOLD_API_PORT")
