"""`POST /v1/consent` by admin keys, `GET /v1/consent/...` by read keys, `/v1/unsubscribe/...` by signed links alone."""

import asyncio
import logging
import uuid
from functools import partial

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.access import check_admin_key, check_any_admin_key
from api.answering import answer
from api.consent import (
    ConsentChoice,
    consent_rules,
    event_key,
    link_event,
    operator_event,
    queried_consent,
    requested_status,
)
from api.failures import FAILURES, failure_response
from api.operator_bodies import read_json
from api.requests import UnknownProfile
from api.unsubscribing import asking_page, done_page, forged_page, trial_page, unavailable_page
from runtime.errors import OnefoldError, TransientError
from runtime.http.bodies import Bodies
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.deliveries import ProducerRecord
from schemas import topics
from schemas.consent import ALL
from schemas.contracts import Contracts
from schemas.identity import NOBODY
from schemas.records import Event
from schemas.unsubscribing import PATH, ForgedLink, UnsubscribeLink, read_link
from settings import Settings
from warehouse.queries.consents import ProfileConsent

logger = logging.getLogger(__name__)


class ConsentBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a person wants. `profile`: its id, or NAMESPACE:VALUE, also of somebody who is not known yet."""

    profile: str
    purpose: str
    status: str
    workspace: str = "main"
    channel: str = ALL
    text: str = ""
    reason: str = ""


class Consents:
    """The handlers. They read `app.state.settings`."""

    def __init__(self, producer: AsyncProducer, contracts: Contracts, bodies: Bodies) -> None:
        self._producer = producer
        self._contracts = contracts
        self._bodies = bodies

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/consent", self.take, methods=["POST"]),
            Route("/v1/consent/{identifier:path}", _consent, methods=["GET"]),
            Route(f"{PATH}{{token}}", self.ask, methods=["GET"]),
            Route(f"{PATH}{{token}}", self.unsubscribe, methods=["POST"]),
        ]

    async def take(self, request: Request) -> Response:
        """Answer 202 with the message id of the event that says so; refusals as those of operators' requests."""
        settings: Settings = request.app.state.settings
        try:
            check_any_admin_key(settings, request)
            body = await read_json(self._bodies, request, ConsentBody)
            check_admin_key(settings, body.workspace, request)
            status = requested_status(body.status)
            choice = ConsentChoice(body.purpose, status, body.channel, body.text, body.reason)
            event = await asyncio.to_thread(operator_event, settings, body.workspace, body.profile, choice)
            await self._send(event)
        except ClientDisconnect:
            return Response(status_code=400)
        except FAILURES as failure:
            return failure_response(failure)
        return JSONResponse({"message_id": event.message_id}, 202)

    async def ask(self, request: Request) -> Response:
        """Show a page with a button; nothing else happens."""
        settings: Settings = request.app.state.settings
        try:
            link = _link(settings, request)
            return asking_page(link, await asyncio.to_thread(_title, settings, link))
        except ForgedLink:
            return forged_page()
        except OnefoldError as error:
            logger.warning("answered 503: %s", error)
            return unavailable_page()

    async def unsubscribe(self, request: Request) -> Response:
        """Do what the link says, and return once Kafka has it.

        Nobody is sent a link who is not known: whoever is not found is not in the warehouse yet, and comes again. Only
        a trial is about NOBODY: nothing is written then.
        """
        settings: Settings = request.app.state.settings
        try:
            link = _link(settings, request)
            if link.profile_id == NOBODY:
                return trial_page(link, await asyncio.to_thread(_title, settings, link))
            making = partial(link_event, settings, link.workspace, link.profile_id, link.purpose, link.channel)
            await self._send(await asyncio.to_thread(making))
            return done_page(link, await asyncio.to_thread(_title, settings, link))
        except ForgedLink:
            return forged_page()
        except (UnknownProfile, OnefoldError) as error:
            logger.warning("answered 503: %s", error)
            return unavailable_page()

    async def _send(self, event: Event) -> None:
        encoders = self._contracts.encoders
        if encoders is None:
            raise TransientError(self._contracts.reason)
        await self._producer.send([ProducerRecord(topics.EVENTS, event_key(event), encoders.event(event))])


def is_for_everybody(method: str, path: str) -> bool:
    """Return whether pages of other sites may lead here: webmail does, by the links of messages."""
    return method in {"GET", "POST"} and path.startswith(PATH)


def _link(settings: Settings, request: Request) -> UnsubscribeLink:
    def namespace_of(workspace: str) -> uuid.UUID | None:
        member = settings.workspaces.get(workspace)
        return None if member is None else member.namespace

    return read_link(request.path_params["token"], namespace_of)


def _title(settings: Settings, link: UnsubscribeLink) -> str:
    purposes = consent_rules(settings).purposes
    return next((each.title for each in purposes if each.name == link.purpose), "everything")


async def _consent(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> ProfileConsent | None:
        return queried_consent(settings, workspace, request.path_params["identifier"])

    return await answer(request, look_up, missing="profile")
