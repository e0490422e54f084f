"""Consent: what a person has said about being sent things; whether that allows a delivery is `schemas.consent`'s.

Which statement counts follows from the events alone, in whatever order they come and profiles merge: of one identifier
the last one in total order, of several identifiers the most restrictive (docs/decisions/0043).
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Self

import msgspec

from definitions.streaming.consent import consent_for
from schemas.consent import ALL, ConsentState, ConsentStatement, Status, is_part
from schemas.records import ConsentEntry, Event, Identifier
from streams.fold.facet import NOTHING, Facet
from streams.fold.moment import Moment
from streams.fold.said import STATUSES, Denials, SaidOnce

MAX_IDENTIFIERS = 64
"""Of each purpose and channel; what identifiers beyond them have said counts as what one other identifier has."""
MAX_ORDER_LENGTH = 128  # of the message id, which orders what nothing else does
_OTHERS = "~"  # sorts behind every hash


class PublishedStatement(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What others know of a statement."""

    status: Status
    text: str
    reason: str
    since: int

    def differs(self, former: "PublishedStatement | None") -> bool:
        """Return whether it says something else than before; that it was said again is nothing else."""
        return former is None or (self.status, self.text, self.reason) != (former.status, former.text, former.reason)


class Consent(Facet):
    """The last statement of each identifier, by PURPOSE|CHANNEL; identifiers by their hashes.

    `published`: by PURPOSE|CHANNEL, what others know of this profile id. `apart`: hashes of identifiers that were of
    the same profile once; what calls that come here deny for them is passed on to theirs. `denied`: as `said`, the last
    denial, whatever was said later: that may have been said in a call that stays with another profile.
    """

    said: dict[str, dict[str, SaidOnce]] = {}
    published: dict[str, PublishedStatement] = {}
    apart: set[str] = set()
    denied: dict[str, dict[str, SaidOnce]] = {}

    def add(self, event: Event, moment: Moment) -> Collection[str]:
        """Take in what an event says, for each identifier that it speaks for; return for which purposes that counts."""
        rules = moment.context.program.consent
        said, unread = rules.read(event)
        for purpose in unread:
            moment.drop_mistyped((consent_for(purpose),), "consent")
        if not said:
            return NOTHING
        priority = moment.context.source_priority(event.source)
        speakers = {_hashed(identifier): identifier for identifier in rules.speaks_for(event)}
        changed = set[str]()
        for each in said:
            once = SaidOnce(
                event.occurred_at,
                priority,
                event.ordinal,
                event.message_id[:MAX_ORDER_LENGTH],
                STATUSES.index(each.status),
                event.source,
                each.text,
                each.reason,
            )
            key = f"{each.purpose}|{each.channel}"
            if self._take(key, dict.fromkeys(speakers, once)):
                changed.add(consent_for(each.purpose))
            for hashed in self.apart.intersection(speakers) if once.is_denial else ():
                namespace, _, value = speakers[hashed].partition(":")
                moment.out.deny(Identifier(namespace, value), {key: once})
        moment.out.touches_consent = True
        return changed

    def unite(self, other: Self, moment: Moment) -> None:
        """Take over what the other one's identifiers have said."""
        for key, by_identifier in other.said.items():
            _take(self.said, key, by_identifier)
        for key, by_identifier in other.denied.items():
            _take(self.denied, key, by_identifier)
        self.apart = self.apart | other.apart

    def retire(self, moment: Moment) -> None:
        """Drop what was published: that is of this profile id alone."""
        self.published = {}

    def outlast(self) -> Self:
        """Keep what was published, to publish what is different in the end, and what was denied.

        Some of it was denied in calls that are another profile's, and are not replayed here.
        """
        said, denied = ({key: dict(by_identifier) for key, by_identifier in self.denied.items()} for _ in range(2))
        return type(self)(said, self.published, self.apart, denied)

    def denials(self, identifier: Identifier) -> Denials:
        """Return what was denied for an identifier, also where something else was said later."""
        hashed = _hashed(str(identifier))
        last = ((key, denied.get(hashed) or denied.get(_OTHERS)) for key, denied in self.denied.items())
        return {key: once for key, once in last if once is not None}

    def hear(self, identifier: Identifier, denials: Denials) -> bool:
        """Take in what calls of another profile have denied for an identifier; return whether that is news."""
        hashed = _hashed(str(identifier))
        taken = [self._take(key, {hashed: once}) for key, once in denials.items()]
        return any(taken)

    def shown(self) -> dict[str, PublishedStatement]:
        """Return what others are to know, by PURPOSE|CHANNEL."""
        return {key: _published(once) for key, once in self._counting().items()}

    def counts_otherwise(self, former: Mapping[str, PublishedStatement]) -> bool:
        """Return whether what counts is more than what was `shown` before, said again."""
        shown = self.shown()
        is_other = any(each.differs(former.get(key)) for key, each in shown.items()) or shown.keys() != former.keys()
        return is_other or _liftings(shown) != _liftings(former)

    def come_apart(self, own: Iterable[Identifier], others: Iterable[Identifier]) -> None:
        """Go on with what its own identifiers have said alone, and know the others that were of the same profile."""
        kept = {_OTHERS, *(_hashed(str(identifier)) for identifier in own)}
        self.said, self.denied = _of(kept, self.said), _of(kept, self.denied)
        self.apart = self.apart.union(_hashed(str(identifier)) for identifier in others)

    def rejoin(self, own: Iterable[Identifier]) -> None:
        """Pass nothing on for identifiers that are its own again."""
        if self.apart:
            self.apart = self.apart.difference(_hashed(str(identifier)) for identifier in own)

    def state(self) -> ConsentState:
        """Return what counts, by purpose and channel."""
        statements: dict[str, dict[str, ConsentStatement]] = {}
        for key, once in self._counting().items():
            purpose, _, channel = key.partition("|")
            statements.setdefault(purpose, {})[channel] = once.statement()
        return ConsentState(statements)

    def about(self, purpose: str, channel: str) -> ConsentState:
        """Return what counts of all that is about a purpose on a channel (empty: on every one)."""
        statements: dict[str, dict[str, ConsentStatement]] = {}
        for said_purpose in dict.fromkeys((purpose, ALL)):
            for said_channel in dict.fromkeys((channel or ALL, ALL)):
                by_identifier = self.said.get(f"{said_purpose}|{said_channel}")
                if by_identifier:
                    statement = _most_restrictive(by_identifier.values()).statement()
                    statements.setdefault(said_purpose, {})[said_channel] = statement
        return ConsentState(statements)

    def publish(self, as_of: int) -> tuple[ConsentEntry, ...]:
        """Return what counts otherwise than was published, and go on from there.

        What was only said again is published if by its time a grant lifts a denial now, or does no more. What no event
        says any more, after an unmerge, is unknown since `as_of`.
        """
        counting, former, shown = self._counting(), self.published, self.shown()
        known = {key: each if each.differs(former.get(key)) else former[key] for key, each in shown.items()}
        self.published = known if _liftings(known) == _liftings(shown) else shown
        entries = [_entry(key, counting[key]) for key in sorted(shown) if self.published[key] != former.get(key)]
        return (*entries, *_retracted(former.keys() - shown, as_of))

    def retracted(self, as_of: int) -> tuple[ConsentEntry, ...]:
        """Return that nothing of what was published counts any more, since `as_of`."""
        return _retracted(self.published, as_of)

    def entries(self) -> tuple[ConsentEntry, ...]:
        """Return everything that counts."""
        return tuple(_entry(key, once) for key, once in sorted(self._counting().items()))

    def _counting(self) -> dict[str, SaidOnce]:
        return {key: _most_restrictive(by_identifier.values()) for key, by_identifier in self.said.items()}

    def _take(self, key: str, statements: dict[str, SaidOnce]) -> bool:
        """Take statements over by identifier; return whether any is later than what is known."""
        denials = {identifier: once for identifier, once in statements.items() if once.is_denial}
        is_denied_anew = bool(denials) and _take(self.denied, key, denials)
        return _take(self.said, key, statements) or is_denied_anew


def _take(known: dict[str, dict[str, SaidOnce]], key: str, statements: dict[str, SaidOnce]) -> bool:
    by_identifier = known.setdefault(key, {})
    changes = False
    for identifier, once in statements.items():
        changes |= _put(by_identifier, identifier, once)
    while len(by_identifier) > MAX_IDENTIFIERS and len(by_identifier) > MAX_IDENTIFIERS + (_OTHERS in by_identifier):
        last = max(identifier for identifier in by_identifier if identifier != _OTHERS)
        _put(by_identifier, _OTHERS, by_identifier.pop(last))
    return changes


def _of(kept: Collection[str], known: Mapping[str, dict[str, SaidOnce]]) -> dict[str, dict[str, SaidOnce]]:
    """Return what is known of these identifiers."""
    restricted = {
        key: {identifier: once for identifier, once in by_identifier.items() if identifier in kept}
        for key, by_identifier in known.items()
    }
    return {key: some for key, some in restricted.items() if some}


def _put(by_identifier: dict[str, SaidOnce], identifier: str, once: SaidOnce) -> bool:
    former = by_identifier.get(identifier)
    if former is not None and once <= former:
        return False
    by_identifier[identifier] = once
    return True


def _most_restrictive(statements: Iterable[SaidOnce]) -> SaidOnce:
    return max(statements, key=lambda once: once.severity)


def _published(once: SaidOnce) -> PublishedStatement:
    return PublishedStatement(STATUSES[once.restriction], once.text, once.reason, once.occurred_at)


def _liftings(published: Mapping[str, PublishedStatement]) -> set[tuple[str, str]]:
    """Return which denials and later grants of a part of them there are: by its time a grant lifts a denial."""
    denials = [(key, each.since) for key, each in published.items() if each.status == "denied"]
    grants = [(key, each.since) for key, each in published.items() if each.status == "granted"]
    return {
        (denial, grant)
        for denial, denied_at in denials
        for grant, granted_at in grants
        if granted_at > denied_at and _is_part(grant, denial)
    }


def _is_part(key: str, whole: str) -> bool:
    """Return whether what one key is about belongs to what another one is about."""
    (purpose, _, channel), (wide_purpose, _, wide_channel) = key.partition("|"), whole.partition("|")
    return is_part(purpose, channel, wide_purpose, wide_channel)


def _entry(key: str, once: SaidOnce) -> ConsentEntry:
    purpose, _, channel = key.partition("|")
    said = once.statement()
    return ConsentEntry(purpose, channel, said.status, said.since, said.event, said.source, said.text, said.reason)


def _retracted(keys: Iterable[str], as_of: int) -> tuple[ConsentEntry, ...]:
    split = (key.partition("|") for key in sorted(keys))
    return tuple(ConsentEntry(purpose, channel, "unknown", as_of, "", "") for purpose, _, channel in split)


def _hashed(identifier: str) -> str:
    return hashlib.blake2b(identifier.encode(errors="surrogatepass"), digest_size=8).hexdigest()
