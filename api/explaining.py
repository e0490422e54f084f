"""Why somebody is in a segment or not, what a trait is made of, when a trigger fired: for the API and the command line.

Evaluates a definition once more over the profile's events in ClickHouse, beside what the streams have published.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, get_args

import msgspec

from api.profiles import queried_profile
from api.requests import RequestRefused, UnknownDefinition
from definitions import compile_program
from definitions.explaining.explain import (
    Explained,
    ExplainedTrait,
    ShownEvent,
    explain_condition,
    explain_sent,
    explain_trait,
    shown_event,
)
from definitions.explaining.past import PastProfile
from definitions.explaining.triggers import ExplainedTrigger, PublishedFiring, explain_trigger, missing_texts
from definitions.model import SESSION_GAP_MS, Definitions, Mining, Segment, SessionName, Trait, Trigger
from definitions.sets import Publication
from definitions.sets.differences import trigger_since
from definitions.sets.refreshes import name_of, next_at
from definitions.sets.topic import read_publication
from definitions.streaming.subject import SessionBounds
from definitions.streaming.times import text_of, time_of
from runtime.clock import now_ms
from runtime.hints import did_you_mean
from schemas.identity import kind_of
from settings import Settings
from warehouse.client import look_ups
from warehouse.queries.past_profile import FoundProfile, find_firings, find_membership, find_past_profile

Subject = Literal["segment", "trait", "trigger"]


class ShownFiring(msgspec.Struct, frozen=True, omit_defaults=True):
    """A time at which a trigger fired. `cause`: a message id, or what else made it fire; `event`: of that message.

    `missing`: why the payload lacks texts, by key.
    """

    fired_at: str
    cause: str
    payload: object
    event: ShownEvent | None
    missing: dict[str, str] = {}


class ExplainedDefinition(msgspec.Struct, frozen=True, omit_defaults=True):
    """An explanation as of a time.

    `condition`: of a segment, and of a trigger that has one. `trait`, `trigger`: of one of those. `member_since`: as
    the streams say, None if it is no member. `fired`: the last times. `cut`: the profile has more events than were
    read. `version`: of the definitions.
    """

    subject: Subject
    name: str
    profile_id: str
    at: str | None
    version: int
    condition: Explained | None = None
    trait: ExplainedTrait | None = None
    member_since: str | None = None
    trigger: ExplainedTrigger | None = None
    fired: tuple[ShownFiring, ...] = ()
    cut: bool = False


def explained(settings: Settings, workspace: str, subject: Subject, name: str, text: str) -> ExplainedDefinition | None:
    """Explain a definition for one person; None if there is no such person.

    Raises UnknownDefinition, but for a trait that is sent; RequestRefused for a profile of another kind than the
    definition's; InvalidIdentifier and OnefoldError.
    """
    publication = read_publication(settings.kafka)
    in_force = publication.evaluated(workspace, settings.partitions)
    defined = in_force.definitions if in_force is not None else Definitions()
    named = _named(defined, workspace, subject)
    composed = unicodedata.normalize("NFC", name)
    name = composed if composed in named else name  # a trait that is sent stays as it is
    definition = named.get(name)
    if definition is None and subject != "trait":
        raise _unknown(defined, workspace, subject, name)
    warehouse = look_ups(settings.clickhouse)
    profile_id = _profile_id(settings, workspace, text)
    found = find_past_profile(warehouse, workspace, profile_id) if profile_id else None
    if profile_id is None or found is None:
        return None
    if definition is not None and definition.kind != found.kind:
        raise RequestRefused(subject, f"{subject} {name!r} is about {definition.kind}s, and {text} is a {found.kind}")
    is_live = settings.workspaces[workspace].clock != "event"
    past = _past(defined, workspace, profile_id, found, now_ms() if is_live else found.updated_at)
    trait = None
    if subject == "trait":
        trait = (
            _explained_trait(definition, past, publication, workspace)
            if isinstance(definition, Trait)
            else explain_sent(name, past)
        )
        if trait is None:
            raise _unknown(defined, workspace, subject, name, found.traits)
    firings: tuple[ShownFiring, ...] = ()
    trigger = None
    if isinstance(definition, Trigger) and in_force is not None:
        firings = tuple(_shown_firings(find_firings(warehouse, workspace, profile_id, name), definition, past))
        fired = [PublishedFiring(time_of(firing.fired_at) or 0, firing.cause) for firing in firings]
        trigger = explain_trigger(definition, past, fired, trigger_since(publication, in_force, name).applied_at)
    when = definition.when if isinstance(definition, Segment | Trigger) else None
    return ExplainedDefinition(
        subject,
        name,
        profile_id,
        text_of(past.now),
        in_force.version if in_force is not None else 0,
        None if when is None else explain_condition(when, past),
        trait,
        find_membership(warehouse, workspace, profile_id, name) if subject == "segment" else None,
        trigger,
        firings,
        found.is_cut,
    )


def _explained_trait(trait: Trait, past: PastProfile, publication: Publication, workspace: str) -> ExplainedTrait:
    """Explain a trait; of a mined one also when its query ran, and runs next."""
    found = explain_trait(trait, past)
    last = publication.refreshes.get(name_of(workspace, trait.name))
    if not isinstance(trait.value, Mining):
        return found
    if last is None or not last.succeeded_by:
        return msgspec.structs.replace(found, says=f"{found.says}, which was not queried yet")
    failed = f"; that of {text_of(last.queried_at)} failed: {last.error}" if last.error else ""
    says = f"{found.says}, queried at {text_of(last.succeeded_at)}{failed}"
    return msgspec.structs.replace(found, says=says, until=text_of(next_at(last, trait)))


def why_not_across(settings: Settings, workspace: str, name: str) -> RequestRefused | UnknownDefinition:
    """Say why a name is that of no trigger across persons. Raises OnefoldError."""
    in_force = read_publication(settings.kafka).evaluated(workspace, settings.partitions)
    defined = in_force.definitions if in_force is not None else Definitions()
    if unicodedata.normalize("NFC", name) in _named(defined, workspace, "trigger"):
        return RequestRefused("trigger", f"trigger {name!r} is about persons: say for whom")
    return _unknown(defined, workspace, "trigger", name)


def _named(defined: Definitions, workspace: str, subject: Subject) -> dict[str, Segment | Trait | Trigger]:
    """Return what is in force in a workspace, by name."""
    kinds: Mapping[Subject, tuple[Segment | Trait | Trigger, ...]] = {
        "segment": defined.segments,
        "trait": defined.traits,
        "trigger": defined.triggers,
    }
    return {each.name: each for each in kinds[subject] if not each.workspaces or workspace in each.workspaces}


def _unknown(
    defined: Definitions, workspace: str, subject: Subject, name: str, sent: Iterable[str] = ()
) -> UnknownDefinition:
    """Say that there is no such definition, and what may be meant; `sent`: traits that the person was given."""
    names = {*_named(defined, workspace, subject), *sent}
    if subject == "trigger":
        names.update(each.name for each in defined.across if not each.workspaces or workspace in each.workspaces)
    others = (other for other in get_args(Subject) if name in _named(defined, workspace, other))
    other = next(others, None)
    if other is not None:
        hint = f"it is a {other}: `onefold explain {other}`"
    else:
        hint = did_you_mean(name, sorted(names)) or "none is in force: see `onefold definitions status`"
    return UnknownDefinition(subject, f"there is no {subject} {name!r} ({hint})")


def _shown_firings(
    firings: Iterable[Mapping[str, object]], trigger: Trigger, past: PastProfile
) -> Iterator[ShownFiring]:
    events = {event.message_id: event for event in past.events}
    for firing in firings:
        event = events.get(str(firing["cause"]))
        shown = None if event is None else shown_event(event)
        payload = firing["payload"]
        missing = missing_texts(trigger, payload, event, past) if isinstance(payload, dict) else {}
        yield ShownFiring(str(firing["fired_at"]), str(firing["cause"]), payload, shown, missing)


def _profile_id(settings: Settings, workspace: str, text: str) -> str | None:
    person = queried_profile(settings, workspace, text)
    return None if person is None else str(person["profile_id"])


def _past(defined: Definitions, workspace: str, profile_id: str, found: FoundProfile, now: int) -> PastProfile:
    program = compile_program(defined).of(workspace, kind_of(profile_id))
    names = {trait.name for trait in defined.traits}
    sent = {name: value for name, value in found.traits.items() if name not in names}
    mined = {name: found.traits.get(name) for name in program.mined}
    facts: dict[SessionName, Mapping[str, str]] = {}
    current = None
    if found.first is not None:
        facts["first"] = found.first.facts
    if found.last is not None:
        facts["last"] = facts["current"] = found.last.facts
        current = SessionBounds(found.last.started_at, found.last.ended_at + SESSION_GAP_MS)
    return PastProfile(profile_id, program, found.events, now, sent, current, facts, mined, found.statements)
