"""A random past in ClickHouse: events as they were routed, merges, unmerges, repetitions, devices, accounts.

Profiles publish as PROFILE does: what gives way claims nothing, an unmerged identifier is claimed by its own profile.
"""

import random
from collections.abc import Iterator

from schemas import topics
from schemas.records import Claim, Claimant, Event, Identifier, IdentityChange, Repetition
from tests.sinks.examples import NOW, Placed, codec, event, placed, profile, resolved

DAY_MS = 86_400_000
TEXTS = (
    '{"a":1.0,"b":null,"c":{}}',
    '{"a.b":1,"a":{"b":2}}',
    "{}",
    '{"n":18446744073709551616}',
    "[1]",
    '{"x":"é\\u0000"}',
)


def profile_of(identifier: Identifier, kind: str = "5") -> str:
    """The default profile of an identifier of this past; `kind` is the version of its id."""
    return f"00000000-0000-{kind.ljust(4, '0')}-8000-{int(identifier.value[1:]):012}"


class Past:
    """What has happened so far, and the records that say so."""

    def __init__(self, seed: int, workspace: str, identifiers: int = 12) -> None:
        self._chance = random.Random(seed)
        self.workspace = workspace
        self._identifiers = [Identifier("anonymous_id", f"i{number}") for number in range(identifiers)]
        self._owner = {identifier: profile_of(identifier) for identifier in self._identifiers}
        self._decisions = dict.fromkeys(self._owner.values(), 0)
        self._versions = dict.fromkeys(self._owner.values(), 0)
        self._decision = 0
        self._offset = 0
        self._routed: list[Event] = []

    def happen(self, times: int) -> list[Placed]:
        """The records of so many things that happen, in order."""
        things = (self._sent, self._sent, self._sent, self._merged, self._unmerged, self._said, self._account)
        return [record for _ in range(times) for record in self._chance.choice(things)()]

    def device(self) -> list[Placed]:
        """A device of which two persons sign in by turns."""
        device, *persons = self._chance.sample(self._identifiers, 3)
        self._decision += 1
        claimants = tuple(
            Claimant(self._owner[person], (Claim(device.namespace, device.value, NOW - day * DAY_MS),))
            for day, person in zip((40, 10), persons, strict=True)
        )
        change = IdentityChange(
            self.workspace, self._decision, "attributed", NOW, identifiers=(device, *persons), claimants=claimants
        )
        return [placed(topics.IDENTITY_CHANGES, change, self._next()), *self._published(self._owner[persons[0]])]

    def sent_by(self, identifier: Identifier, profile_id: str) -> Placed:
        """An event that is routed to a profile, whosever it is by now."""
        chance = self._chance
        at = self._next()
        record = event(
            f"m{at}",
            self.workspace,
            identifiers=(identifier,),
            occurred_at=NOW - chance.randrange(70 * DAY_MS),
            **{field: chance.choice(TEXTS) for field in ("properties", "traits", "context")},
        )
        self._routed.append(record)
        return resolved(record, at, profile_id, partition=at % 3)

    def merge(self, left: Identifier, right: Identifier) -> list[Placed]:
        """Two profiles become one, unless they are."""
        gone, target = self._owner[left], self._owner[right]
        if gone == target:
            return []
        self._decision += 1
        for identifier, owner in self._owner.items():
            if owner == gone:
                self._owner[identifier] = target
        self._decisions[target] = self._decision
        return self._published(target)

    def unmerge(self, identifier: Identifier) -> list[Placed]:
        """An identifier gets its own profile back, and all others of its profile stay together."""
        former, own = self._owner[identifier], profile_of(identifier)
        if former == own:
            return []
        self._decision += 1
        self._owner[identifier] = own
        self._decisions[former] = self._decisions[own] = self._decision
        return [*self._published(own), *self._published(former)]

    def said_of(self, identifier: Identifier, *, is_repeated: bool) -> Placed:
        """What its profile says of the last event of an identifier."""
        last = next(record for record in reversed(self._routed) if record.identifiers[0] == identifier)
        return self._said_of(last, is_repeated=is_repeated)

    def identifier(self, number: int) -> Identifier:
        """One of the identifiers."""
        return self._identifiers[number]

    def owner(self, identifier: Identifier) -> str:
        """Its profile of now."""
        return self._owner[identifier]

    def _sent(self) -> Iterator[Placed]:
        identifier = self._chance.choice(self._identifiers)
        yield self.sent_by(identifier, self._owner[identifier])

    def _merged(self) -> list[Placed]:
        left, right = self._chance.sample(self._identifiers, 2)
        return self.merge(left, right)

    def _unmerged(self) -> list[Placed]:
        return self.unmerge(self._chance.choice(self._identifiers))

    def _said(self) -> Iterator[Placed]:
        """What its profile says of an event: that it is a repetition, or is none after all."""
        if self._routed:
            yield self._said_of(self._chance.choice(self._routed), is_repeated=self._chance.random() < 0.5)

    def _account(self) -> Iterator[Placed]:
        identifier = self._chance.choice(self._identifiers)
        yield self.sent_by(identifier, profile_of(identifier, kind="8a"))

    def _said_of(self, record: Event, *, is_repeated: bool) -> Placed:
        owner = self._owner[record.identifiers[0]]
        self._versions[owner] += 1
        encoded, decision = codec().encoder(Event)(record), self._decisions[owner]
        said = Repetition(self.workspace, owner, encoded, is_repeated, decision, self._versions[owner])
        return placed(topics.EVENTS_REPEATED, said, self._next())

    def _published(self, profile_id: str) -> list[Placed]:
        self._versions[profile_id] += 1
        claimed = tuple(identifier for identifier, owner in self._owner.items() if owner == profile_id)
        record = profile(
            profile_id, self._versions[profile_id], self.workspace, identifiers=claimed,
            decision=self._decisions[profile_id], events=len(claimed), deleted=not claimed,
        )  # fmt: skip
        return [placed(topics.PROFILES, record, self._next())]

    def _next(self) -> int:
        self._offset += 1
        return self._offset
