"""People who are planted among the others because of what they say about being sent things, and what must come of it.

Everybody else grants everything with every call. Each sort of person has a script: calls in stages, between which the
test comes to rest. What may be sent follows from the script alone.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from definitions.streaming.times import text_of
from schemas.identity import default_profile_id
from schemas.records import Event, Identifier, IdentityRequest
from tests.deliveries.soundness import Taken
from tests.oracle.stream import MINUTE_MS, WEB, Delivery, device, user

Stage: TypeAlias = Literal["first", "paused", "denied", "later"]
"""Before everything; while destinations are paused; still so, a bit later; when they go on."""
STAGES: tuple[Stage, ...] = ("first", "paused", "denied", "later")

GRANTED = {"consent": {"purposes": {"all": "granted"}}}
DENIED = {"consent": {"purposes": {"all": "denied"}}}
NOTHING: Mapping[str, object] = {}

VIP, NOT_VIP, NEAR = {"plan": "vip"}, {"plan": "free"}, {"address": {"city": "北京"}}
ENTERS_BY_VIP, ENTERS_BY_NEAR = "vip_or_busy", "to_be_written_to"


class Call(NamedTuple):
    """An identify call: at which stage, by whom of a person's identifiers (u: the user, d: a device)."""

    stage: Stage
    by: str
    traits: Mapping[str, object]
    says: Mapping[str, object] = NOTHING


SCRIPTS: Mapping[str, Sequence[Call]] = {
    # Has never said a word: nothing is sent where a grant is needed.
    "silent": [Call("first", "u", VIP), Call("later", "u", NEAR)],
    # Is sent nothing, ever.
    "denied": [
        Call("first", "u", VIP, DENIED),
        Call("paused", "u", NEAR),
        Call("later", "u", NOT_VIP),
        Call("later", "u", VIP),
    ],
    # Denies while something waits: that is not sent any more.
    "denying": [
        Call("first", "u", VIP, GRANTED),
        Call("paused", "u", NEAR),
        Call("denied", "u", NOTHING, DENIED),
        Call("later", "u", NOT_VIP),
        Call("later", "u", VIP),
    ],
    # What was not sent before the grant is sent if it is replayed.
    "granting": [Call("first", "u", VIP, DENIED), Call("later", "u", NEAR, GRANTED)],
    # A device denies, the user grants: once they are one person, the denial counts.
    "merging": [
        Call("first", "d", VIP, DENIED),
        Call("first", "u", VIP, GRANTED),
        Call("paused", "ud", NOTHING),
        Call("later", "u", NEAR, GRANTED),
    ],
    # Denies as a user with a device; then they are taken for two, and both do what they are sent something for.
    "parting": [Call("first", "ud", NOTHING, DENIED), Call("later", "d", {**VIP, **NEAR}), Call("later", "u", VIP)],
}


class Planted:
    """So many people of each sort, in a workspace whose stages begin at these times (ms)."""

    def __init__(self, workspace: str, namespace: uuid.UUID, number: int, starts: Mapping[Stage, int]) -> None:
        self._workspace, self._namespace, self._number, self._starts = workspace, namespace, number, starts

    @property
    def ids(self) -> set[str]:
        """All profile ids that they may have."""
        return {self._id(*each) for each in self._people()}

    @property
    def identifiers(self) -> set[Identifier]:
        """All that they are known by."""
        return {_identifier(*each) for each in self._people()}

    def calls(self, stage: Stage) -> list[Delivery]:
        """Return what they send at a stage, in order: person after person, a minute from one call to the next."""
        sent = []
        for sort, script in SCRIPTS.items():
            for number in range(self._number):
                calls = [call for call in script if call.stage == stage]
                for index, call in enumerate(calls):
                    sent.append(self._delivery(f"{sort}-{number}-{stage}-{index}", sort, number, index, call))
        return sent

    def unmerges(self) -> Iterator[IdentityRequest]:
        """Yield what an operator requests of those who part, before they do what comes later."""
        for number in range(self._number):
            both, request_id = tuple(_identifier("parting", number, by) for by in "ud"), f"parting-{number}"
            yield IdentityRequest(
                self._workspace, "", "operator", self._starts["denied"], both, "unmerge", request_id, "planted", True
            )

    def forbidden(self, destination: str, taken: Iterable[Taken], may_replay: bool) -> list[str]:
        """Return the entries that should not have been sent to a destination that asks for consent.

        `may_replay`: what was suppressed is replayed, so that it reaches whoever has granted since.
        """
        denied_from = {each: self._denied_from(*each, destination) for each in self._people()}
        granted_at = _iso(self._starts["later"])
        whose = {self._id(*each): each for each in self._people()}
        wrong = []
        for each in taken:
            person = whose.get(each.profile_id)
            if person is None or each.change != "entered" or each.happened_at < denied_from[person]:
                continue
            if person[0] == "granting" and (may_replay or each.happened_at >= granted_at):
                continue
            wrong.append(f"{'-'.join(map(str, person))} was sent {each}, and has not consented")
        return wrong

    def missing(self, destination: str, taken: Iterable[Taken]) -> list[str]:
        """Return the entries that should have been sent to a destination that asks for consent, after all replays."""
        sent = _entered(taken)
        sorts = ("granting",) if destination == "ads" else ("granting", "silent")
        return [
            f"{sort}-{number} was not sent {segment}"
            for sort in sorts
            for segment in (ENTERS_BY_VIP, ENTERS_BY_NEAR)
            for number in range(self._number)
            if (self._id(sort, number, "u"), segment) not in sent
        ]

    def was_sent_before(self, sort: str, taken: Iterable[Taken]) -> bool:
        """Return whether any people of a sort were sent what happened before they denied; a receiver refuses some."""
        sent = _entered(taken)
        return any((self._id(sort, number, "u"), ENTERS_BY_VIP) in sent for number in range(self._number))

    def _people(self) -> Iterator[tuple[str, int, str]]:
        for sort in SCRIPTS:
            for number in range(self._number):
                yield from ((sort, number, by) for by in "ud")

    def _denied_from(self, sort: str, _number: int, by: str, destination: str) -> str:
        """Return the time from which on nothing that happens to a person's profile may be sent."""
        at_once, never = "", "9"
        match sort, by:
            case "silent", _:
                return at_once if destination == "ads" else never
            case ("denied" | "granting" | "parting", _) | ("merging", "d"):
                return at_once
            case _:
                return _iso(self._starts["paused"])

    def _id(self, sort: str, number: int, by: str) -> str:
        return default_profile_id(self._namespace, _identifier(sort, number, by))

    def _delivery(self, message_id: str, sort: str, number: int, index: int, call: Call) -> Delivery:
        at = self._starts[call.stage] + index * MINUTE_MS
        event = Event(
            workspace=self._workspace,
            source=WEB,
            message_id=message_id,
            type="identify",
            event=None,
            occurred_at=at,
            sent_at=None,
            received_at=at,
            identifiers=tuple(_identifier(sort, number, by) for by in call.by),
            traits=json.dumps(call.traits),
            context=json.dumps(call.says),
        )
        return Delivery(event, "http")


def granting_all(sent: Iterable[Delivery]) -> list[Delivery]:
    """Return the same calls, each with the grant of everything."""
    return [replace(each, event=_granting(each.event)) for each in sent]


def _granting(event: Event) -> Event:
    return msgspec.structs.replace(event, context=json.dumps(json.loads(event.context) | GRANTED, ensure_ascii=False))


def _entered(taken: Iterable[Taken]) -> set[tuple[str, str]]:
    return {(each.profile_id, each.segment) for each in taken if each.change == "entered"}


def _iso(at: int) -> str:
    text = text_of(at)
    assert text is not None
    return text


def _identifier(sort: str, number: int, by: str) -> Identifier:
    return user(f"{sort}-{number}") if by == "u" else device(f"{sort}-{number}")
