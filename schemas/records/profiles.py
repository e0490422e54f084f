"""Profiles as PROFILE publishes them, with their sessions, changes of segments and triggers."""

from typing import Literal

import msgspec

from schemas.records.values import Identifier, ProfileKind


class Membership(msgspec.Struct, frozen=True, gc=False):
    """That a profile is in a segment, since when."""

    segment: str
    entered_at: int


class OpenSession(msgspec.Struct, frozen=True, gc=False):
    """The session that goes on, as its profile shows it."""

    session_id: str
    started_at: int
    last_event_at: int
    events: int
    entry_url: str | None = None


class Profile(msgspec.Struct, gc=False):
    """Not frozen: each facet of a profile sets its own fields."""

    workspace: str
    profile_id: str
    updated_at: int
    version: int
    traits: str
    merged_into: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    counters: dict[str, int] = {}
    segments: tuple[Membership, ...] = ()
    session: OpenSession | None = None
    events: int = 0
    first_seen_at: int | None = None
    last_seen_at: int | None = None
    decision: int = 0
    deleted: bool = False
    kind: ProfileKind = "person"


class SessionFacts(msgspec.Struct, frozen=True, gc=False):
    """What the first event of a session that has any facts shows of it; empty texts for what it does not."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    keyword: str = ""
    content: str = ""
    channel: str = ""
    referrer: str = ""
    entry_page: str = ""
    device: str = ""
    system: str = ""
    browser: str = ""
    country: str = ""
    region: str = ""


class Session(msgspec.Struct, frozen=True, gc=False):
    """A visit: events of one profile with less than 30 minutes between them."""

    workspace: str
    session_id: str
    profile_id: str
    status: Literal["open", "closed", "retracted"]
    started_at: int
    ended_at: int
    events: int
    version: int
    entry_url: str | None = None
    profile_kind: ProfileKind = "person"
    facts: SessionFacts | None = None


class SegmentChange(msgspec.Struct, frozen=True, gc=False):
    """That a profile entered or left a segment."""

    workspace: str
    change_id: str
    profile_id: str
    segment: str
    change: Literal["entered", "exited"]
    changed_at: int
    cause: str
    version: int
    identifiers: tuple[Identifier, ...] = ()
    profile_kind: ProfileKind = "person"
    decided_at: int = 0
    definition: int = 0
    traits: str = "{}"
    consent: str = ""
    timezone: str = ""


class FiredTrigger(msgspec.Struct, frozen=True, gc=False):
    """About a profile, or across persons: `across` is then the value as JSON, and nothing is said of a profile."""

    workspace: str
    trigger_id: str
    trigger: str
    fired_at: int
    cause: str
    version: int
    payload: str
    profile_id: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    profile_kind: ProfileKind | None = None
    decided_at: int = 0
    across: str | None = None
    consent: str = ""
    timezone: str = ""
    traits: str = ""
