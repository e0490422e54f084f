"""The records of the contract as frozen structs, field by field as in the .avsc files that document them.

Times are milliseconds since 1970 (UTC). `properties`, `traits`, `context` and `payload` are JSON text. A module for
each subject; everybody imports from here.
"""

from schemas.records.commands import (
    Absorb,
    Advance,
    Attribute,
    Command,
    Deny,
    Disown,
    Fold,
    Mine,
    Owner,
    ProfileCommand,
    Reaffirm,
    Rebuild,
    Replay,
    Seed,
    Transfer,
)
from schemas.records.consents import ConsentChange, ConsentEntry
from schemas.records.dead_letters import DeadLetter, Header, Reason
from schemas.records.deliveries import DeliveryAttempt, DeliveryOutcome
from schemas.records.events import Event, EventHead, EventType, RejectedEvent, Repair, Repetition
from schemas.records.identity import (
    ChangeKind,
    Claim,
    Claimant,
    IdentityChange,
    IdentityRequest,
    Link,
    LinkStatus,
    Pair,
    RequestKind,
    Route,
)
from schemas.records.profiles import (
    FiredTrigger,
    Membership,
    OpenSession,
    Profile,
    SegmentChange,
    Session,
    SessionFacts,
)
from schemas.records.values import Identifier, Millis, ProfileKind

__all__ = [
    "Absorb",
    "Advance",
    "Attribute",
    "ChangeKind",
    "Claim",
    "Claimant",
    "Command",
    "ConsentChange",
    "ConsentEntry",
    "DeadLetter",
    "DeliveryAttempt",
    "DeliveryOutcome",
    "Deny",
    "Disown",
    "Event",
    "EventHead",
    "EventType",
    "FiredTrigger",
    "Fold",
    "Header",
    "Identifier",
    "IdentityChange",
    "IdentityRequest",
    "Link",
    "LinkStatus",
    "Membership",
    "Millis",
    "Mine",
    "OpenSession",
    "Owner",
    "Pair",
    "Profile",
    "ProfileCommand",
    "ProfileKind",
    "Reaffirm",
    "Reason",
    "Rebuild",
    "RejectedEvent",
    "Repair",
    "Repetition",
    "Replay",
    "RequestKind",
    "Route",
    "Seed",
    "SegmentChange",
    "Session",
    "SessionFacts",
    "Transfer",
]
