"""What PROFILE publishes: profiles, sessions, segment changes and messages, as records of their topics."""

from collections.abc import Iterator
from operator import attrgetter

from msgspec.structs import replace

from definitions.destinations import Destination
from schemas.codec import Codec
from schemas.consent import NO_CONSENT, encode_consent
from schemas.identity import identifier_key, profile_key
from schemas.records import (
    ConsentChange,
    Deny,
    FiredTrigger,
    Identifier,
    IdentityRequest,
    Profile,
    ProfileCommand,
    Repetition,
    Route,
    SegmentChange,
    Session,
)
from schemas.topics import (
    CONSENTS,
    EVENTS_REPEATED,
    IDENTITY_REQUESTS,
    IDENTITY_ROUTES,
    PROFILE_COMMANDS,
    PROFILES,
    SEGMENTS,
    SESSIONS,
    TRIGGERS,
    activation,
)
from state.outputs import Output
from streams import metrics
from streams.agents.profile.activation import sent_to
from streams.agents.profile.batch import Batch, BatchProfile, Message
from streams.fold.entry import Forward
from streams.fold.records import (
    consent_records,
    deleted_record,
    is_empty,
    merged_record,
    profile_record,
    shown_traits,
    traits_object,
)
from streams.fold.said import Denials, encode_denials
from streams.fold.state import ProfileState
from streams.metrics import Tally

NO_TRAITS = "{}"


class ProfileOutputs:
    """Encodes what a batch publishes."""

    def __init__(self, codec: Codec) -> None:
        self._profile = codec.encoder(Profile)
        self._session = codec.encoder(Session)
        self._change = codec.encoder(SegmentChange)
        self._command = codec.encoder(ProfileCommand)
        self._route = codec.encoder(Route)
        self._request = codec.encoder(IdentityRequest)
        self._repetition = codec.encoder(Repetition)
        self._trigger = codec.encoder(FiredTrigger)
        self._consent = codec.encoder(ConsentChange)

    def of(self, batch: Batch) -> Iterator[Output]:
        """Yield everything that a batch publishes: messages in order, then each changed profile's records."""
        for message in batch.messages:
            yield self._of_message(message)
        for profile in batch.changed():
            yield from self._of_profile(profile, batch)

    def _of_message(self, message: Message) -> Output:
        match message:
            case ProfileCommand(workspace=workspace, profile_id=profile_id):
                return Output(PROFILE_COMMANDS, profile_key(workspace, profile_id), self._command(message))
            case Route(workspace=workspace, namespace=namespace, value=value):
                key = identifier_key(workspace, Identifier(namespace, value))
                return Output(IDENTITY_ROUTES, key, self._route(message))
            case Repetition(workspace=workspace, profile_id=profile_id):
                return Output(EVENTS_REPEATED, profile_key(workspace, profile_id), self._repetition(message))
            case IdentityRequest(workspace=workspace):
                return Output(IDENTITY_REQUESTS, workspace.encode(), self._request(message))

    def _of_profile(self, profile: BatchProfile, batch: Batch) -> Iterator[Output]:
        tally = batch.tally
        for (field, reason), number in profile.outputs.drops.items():
            tally[metrics.DROPPED, (profile.context.workspace, field, reason)] += number
        for reader, number in profile.outputs.mistyped.items():
            for what, name in profile.context.program.named_by_reader.get(reader, ()):
                tally[metrics.MISTYPED, (profile.context.workspace, what, name)] += number
        for trigger_name, number in profile.outputs.missed_texts.items():
            tally[metrics.MISSED_TEXTS, (profile.context.workspace, trigger_name)] += number
        for session in profile.outputs.sessions.values():
            tally[metrics.SESSIONS, (session.workspace, session.status)] += 1
            yield Output(SESSIONS, profile.key, self._session(session))
        if profile.outputs.segment_changes or profile.outputs.reaffirmed:
            yield from self._of_changes(profile, batch)
        for trigger in profile.outputs.triggers:
            yield from self._of_trigger(profile, replace(trigger, decided_at=batch.clocks.wall_now), tally)
        if (retired := profile.outputs.retired_consent) is not None:
            yield Output(CONSENTS, profile.key, self._consent(replace(retired, changed_at=batch.now(profile))))
        if profile.outputs.touches_consent and isinstance(profile.entry, ProfileState):
            yield from self._of_consent(profile, profile.entry, batch)
        for identifier, denials in profile.outputs.denied.items():
            yield from self._of_denials(profile, identifier, denials, batch)
        record = _record(profile, batch.now(profile)) if profile.visible else None
        if record is not None:
            yield Output(PROFILES, profile.key, self._profile(record))
        if profile.vanished:
            yield Output(PROFILES, profile.key, None)

    def _of_denials(
        self, profile: BatchProfile, identifier: Identifier, denials: Denials, batch: Batch
    ) -> Iterator[Output]:
        """Yield the command that tells an identifier's profile what was denied for it, unless it is this one's."""
        if isinstance(profile.entry, ProfileState) and profile.entry.identifiers.has(identifier):
            return
        workspace, profile_id = profile.context.workspace, batch.default_profile_id(profile, identifier)
        command = ProfileCommand.of(workspace, profile_id, Deny(identifier, encode_denials(denials)))
        yield Output(PROFILE_COMMANDS, profile_key(workspace, profile_id), self._command(command))

    def _of_changes(self, profile: BatchProfile, batch: Batch) -> Iterator[Output]:
        """Yield all changes for `segments`, then for each destination those that it is sent, by version."""
        tally, adopted, workspace = batch.tally, batch.adopted, profile.context.workspace
        concerning: dict[Destination, list[SegmentChange]] = {}
        for change in profile.outputs.segment_changes:
            tally[metrics.CHANGES, (workspace, change.segment, change.change)] += 1
            yield Output(SEGMENTS, profile.key, self._change(change))
            for destination in adopted.destinations.get((workspace, change.segment), ()):
                concerning.setdefault(destination, []).append(change)
        reaffirmed = profile.outputs.reaffirmed
        for destination in dict.fromkeys((*concerning, *reaffirmed)):
            sent, withheld = sent_to(destination, concerning.get(destination, ()))
            if destination in reaffirmed:
                sent = sorted((*sent, *reaffirmed[destination]), key=attrgetter("version"))
            for reason, number in withheld.items():
                tally[metrics.WITHHELD, (workspace, destination.name, reason)] += number
            traits = _traits_for(destination, profile) if sent and destination.traits else NO_TRAITS
            consent, timezone = (_consent_of(profile), _timezone_of(profile)) if sent else (NO_CONSENT, "")
            for change in sent:
                activated = replace(change, traits=traits, consent=consent, timezone=timezone)
                yield Output(activation(destination.name), profile.key, self._change(activated))

    def _of_trigger(self, profile: BatchProfile, trigger: FiredTrigger, tally: Tally) -> Iterator[Output]:
        workspace = trigger.workspace
        tally[metrics.FIRED, (workspace, trigger.trigger)] += 1
        yield Output(TRIGGERS, profile.key, self._trigger(trigger))
        for destination in profile.context.program.trigger_destinations.get(trigger.trigger, ()):
            if destination.is_too_late(trigger.decided_at - trigger.fired_at):
                tally[metrics.WITHHELD, (workspace, destination.name, "too_late")] += 1
                continue
            traits = _traits_for(destination, profile) if destination.traits else ""
            consent, timezone = _consent_of(profile), _timezone_of(profile)
            activated = replace(trigger, consent=consent, timezone=timezone, traits=traits)
            yield Output(activation(destination.name), profile.key, self._trigger(activated))

    def _of_consent(self, profile: BatchProfile, state: ProfileState, batch: Batch) -> Iterator[Output]:
        """Yield what the profile has said now, also under the default ids of its identifiers, of which it was made."""
        context = profile.context
        is_of_persons = context.kind == "person"
        former_ids = [
            batch.default_profile_id(profile, identifier) for identifier in state.identifiers.listed() if is_of_persons
        ]
        for record in consent_records(state, context, profile.outputs, former_ids, batch.now(profile)):
            key = profile_key(record.workspace, record.profile_id)
            yield Output(CONSENTS, key, self._consent(record))


def _consent_of(profile: BatchProfile) -> str:
    """Return what a person has said, as of the end of the batch or before a merge: JSON of `schemas.consent`."""
    entry = profile.entry
    return encode_consent(entry.consent.state()) if isinstance(entry, ProfileState) else profile.outputs.former_consent


def _timezone_of(profile: BatchProfile) -> str:
    """Return the time zone that a person was last in; empty if it is not known."""
    zone = profile.entry.triggers.zone if isinstance(profile.entry, ProfileState) else None
    return "" if zone is None else zone.name


def _traits_for(destination: Destination, profile: BatchProfile) -> str:
    """Return the traits that a destination asks for, as they are at the end of the batch or were before a merge."""
    entry, former = profile.entry, profile.outputs.former_traits
    shown = shown_traits(entry, profile.context) if isinstance(entry, ProfileState) else former
    return traits_object({name: shown[name] for name in destination.traits if name in shown})


def _record(profile: BatchProfile, now: int) -> Profile | None:
    """Return the record of a profile under a new version; None while it is rebuilt."""
    match profile.entry:
        case Forward() as forward:
            return merged_record(profile.context, forward.target, forward.version, forward.decision, now)
        case ProfileState() as state if profile.vanished or is_empty(state):
            return deleted_record(state, profile.context, now)
        case ProfileState() as state:
            return profile_record(state, profile.context, now)
        case _:
            return None
