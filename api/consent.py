"""What an operator, or a person by a link, says about being sent things: as an event, on the way that all events take.

Used by the API and by the command line, which send it. It speaks for every identifier that the person is known by now,
so what those have said before counts no more (docs/decisions/0043).
"""

import uuid
from collections.abc import Sequence
from typing import get_args

import msgspec

from api.clocks import has_event_clock
from api.identifiers import identity_rules, queried_profile_id
from api.profiles import queried_profile
from api.requests import RequestRefused, UnknownProfile, requested_identifier
from definitions.consent import NO_RULES, ConsentRules
from definitions.sets.topic import ensure_topic, read_publication
from runtime.clock import now_ms
from runtime.hints import did_you_mean
from schemas.consent import ALL, PREFERENCE_UPDATED, Status
from schemas.identity import identifier_key
from schemas.records import Event, Identifier
from settings import Settings
from warehouse.client import look_ups
from warehouse.queries.consents import ProfileConsent, find_consent
from warehouse.queries.segments import Segments

MAX_TEXT = 100
STATUSES: tuple[Status, ...] = get_args(Status)
REQUEST_SOURCE, LINK_SOURCE = "consent_request", "unsubscribe_link"
"""The sources of what operators say, and of what people say by a link. `operator` is taken of no event (RESOLVE)."""


class ConsentChoice(msgspec.Struct, frozen=True):
    """What is said for a purpose and a channel; either may be ALL.

    `text`: the version of the text that the person has read; empty: the one that `consent.yaml` has now.
    """

    purpose: str
    status: Status
    channel: str = ALL
    text: str = ""
    reason: str = ""


def consent_rules(settings: Settings) -> ConsentRules:
    """Return the rules of the set that was applied last. Raises OnefoldError; asks Kafka, so may block."""
    ensure_topic(settings.kafka, settings.replication)
    newest = read_publication(settings.kafka).newest
    return NO_RULES if newest is None else newest.consent


def operator_event(settings: Settings, workspace: str, person: str, choice: ConsentChoice) -> Event:
    """Return the event by which an operator says what a person wants: a profile id, or NAMESPACE:VALUE.

    Raises RequestRefused, UnknownProfile and OnefoldError.
    """
    rules = consent_rules(settings)
    _check(choice, rules)
    text = choice.text or rules.text_of(choice.purpose)
    said = msgspec.structs.replace(choice, text=text)
    return _event(settings, workspace, _identifiers_of(settings, workspace, person), said, REQUEST_SOURCE)


def link_event(settings: Settings, workspace: str, profile_id: str, purpose: str, channel: str) -> Event:
    """Return the event by which a person unsubscribes. What is not defined any more is denied altogether.

    Raises UnknownProfile and OnefoldError.
    """
    rules = consent_rules(settings)
    denied = ConsentChoice(
        purpose if purpose in rules.defaults else ALL,
        "denied",
        channel if channel in rules.channels else ALL,
        rules.text_of(purpose),
        "unsubscribed",
    )
    return _event(settings, workspace, _identifiers_of(settings, workspace, profile_id), denied, LINK_SOURCE)


def requested_status(text: str) -> Status:
    """Return a status as people say it. Raises RequestRefused."""
    for status in STATUSES:
        if status == text:
            return status
    raise RequestRefused("status", f"there is no status {text[:MAX_TEXT]!r} ({did_you_mean(text, STATUSES)})")


def event_key(event: Event) -> bytes:
    """Return the key under which an event is written."""
    return identifier_key(event.workspace, event.identifiers[0])


def queried_consent(settings: Settings, workspace: str, text: str) -> ProfileConsent | None:
    """Find what somebody has said, by an identifier or a profile's id; None if there is no such profile.

    Raises InvalidIdentifier and OnefoldError.
    """
    profile = queried_profile(settings, workspace, text)
    if profile is None:
        return None
    return find_consent(look_ups(settings.clickhouse), workspace, str(profile["profile_id"]))


def _check(choice: ConsentChoice, rules: ConsentRules) -> None:
    purposes, channels = (*rules.defaults, ALL), (*rules.channels, ALL)
    if not rules.purposes:
        raise RequestRefused("purpose", "no purposes are defined: say them in consent.yaml, and apply it")
    for field, value, choices in (
        ("purpose", choice.purpose, purposes),
        ("channel", choice.channel, channels),
    ):
        if value not in choices:
            raise RequestRefused(field, f"there is no {field} {value[:MAX_TEXT]!r} ({did_you_mean(value, choices)})")
    for field, value in (("text", choice.text), ("reason", choice.reason)):
        if len(value) > MAX_TEXT:
            raise RequestRefused(field, f"{field} has at most {MAX_TEXT} characters")


def _identifiers_of(settings: Settings, workspace: str, person: str) -> tuple[Identifier, ...]:
    """Return the identifiers of a person, strongest first; one that nobody has yet stands for itself."""
    try:
        profile = queried_profile(settings, workspace, person)
    except ValueError as error:
        raise RequestRefused("profile", str(error)) from None
    if profile is not None:
        members = msgspec.convert(profile["identifiers"], list[Identifier])
        if members:
            return tuple(sorted(members, key=identity_rules(settings.definitions).rank))
    if queried_profile_id(person) is not None:
        raise UnknownProfile(f"workspace {workspace!r} has no profile {person}")
    return (requested_identifier(settings, workspace, "profile", person, alternative="a profile id, or "),)


def _event(
    settings: Settings, workspace: str, identifiers: Sequence[Identifier], choice: ConsentChoice, source: str
) -> Event:
    now = now_ms()
    of_purpose = choice.status if choice.channel == ALL else {choice.channel: choice.status}
    consent = {"purposes": {choice.purpose: of_purpose}, "text": choice.text, "reason": choice.reason}
    return Event(
        workspace=workspace,
        source=source,
        message_id=str(uuid.uuid4()),
        type="track",
        event=PREFERENCE_UPDATED,
        occurred_at=min(_now(settings, workspace, now), now),
        sent_at=None,
        received_at=now,
        identifiers=(identifiers[0],),
        properties=_json({"speaks_for": [str(identifier) for identifier in identifiers]}),
        context=_json({"consent": consent}),
    )


def _now(settings: Settings, workspace: str, now: int) -> int:
    """Return the time of the workspace's clock: an event of today would move an event clock to today."""
    if not has_event_clock(settings, workspace):
        return now
    return Segments(look_ups(settings.clickhouse), workspace, is_event_clock=True).now()


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
