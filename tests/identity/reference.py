"""A naive model of who is who, for tests: no store, no shortcuts, only the rules as the documentation words them."""

from collections.abc import Collection, Sequence

from schemas.records import Identifier, IdentityRequest

_STRENGTH = {"user_id": 0, "email": 1, "cookie": 2, "anonymous_id": 3}


def strength(identifier: Identifier) -> tuple[int, str]:
    """Sort key of the namespaces that these tests use, written down once more on purpose."""
    return (_STRENGTH[identifier.namespace], identifier.value)


class Persons:
    """Sets of identifiers. `together` tries all identifiers, then drops the weakest until no limit is broken."""

    def __init__(self, max_size: int = 1_000) -> None:
        self._max_size = max_size
        self._sets: list[frozenset[Identifier]] = []
        self.limit_was_hit = False

    def together(self, identifiers: Sequence[Identifier]) -> None:
        kept = sorted(identifiers, key=strength)
        while not self._fits(united := frozenset().union(*map(self.person_of, kept))):
            self.limit_was_hit = True
            kept.pop()
            if len(kept) == 1:
                return
        self._sets = [known for known in self._sets if not known & united] + [united]

    def person_of(self, identifier: Identifier) -> frozenset[Identifier]:
        return next((known for known in self._sets if identifier in known), frozenset({identifier}))

    def canonical_of(self, identifier: Identifier) -> Identifier:
        return min(self.person_of(identifier), key=strength)

    def _fits(self, united: frozenset[Identifier]) -> bool:
        users = sum(identifier.namespace == "user_id" for identifier in united)
        return users <= 1 and len(united) <= self._max_size


class Evidence:
    """Requests of all kinds by plain sets: what each source has shown of a pair, and which pairs are forbidden.

    Only for rules without devices. A person is whoever can be reached over active pairs, found anew each time.
    """

    def __init__(self, max_size: int = 1_000, users: int = 1) -> None:
        self._max_size = max_size
        self._users = users
        self.status: dict[tuple[frozenset[Identifier], str], str] = {}
        self.forbidden: set[frozenset[Identifier]] = set()

    def decide(self, request: IdentityRequest) -> None:
        named = request.identifiers
        match request.kind:
            case "link":
                self._link(named[0], named[1:], request.source)
            case "unmerge":
                self._unmerge(named[0], set(named[1:]), request.forbid)
            case "retract":
                for pair in request.pairs:
                    self._retract(frozenset((pair.left, pair.right)), pair.source, request.forbid)
            case "accept" | "reject":
                for pair in request.pairs:
                    self._review(frozenset((pair.left, pair.right)), request.kind == "accept")

    def person_of(self, identifier: Identifier, without: Collection[Identifier] = ()) -> frozenset[Identifier]:
        person = {identifier}
        while further := {one for pair in self.active() if pair & person for one in pair - person}.difference(without):
            person |= further
        return frozenset(person)

    def canonical_of(self, identifier: Identifier) -> Identifier:
        return min(self.person_of(identifier), key=strength)

    def active(self) -> set[frozenset[Identifier]]:
        return {pair for (pair, _), status in self.status.items() if status == "active"}

    def sources(self, pair: frozenset[Identifier], status: str) -> list[str]:
        return [source for (known, source), found in self.status.items() if known == pair and found == status]

    def _link(self, primary: Identifier, others: Sequence[Identifier], source: str) -> None:
        dropped = ""
        before = {one: self.person_of(one) for one in (primary, *others)}
        for other in others:
            pair = frozenset((primary, other))
            if other in self.person_of(primary):
                verdict = "refused" if pair in self.forbidden else "active"
            else:
                verdict = dropped = dropped or self._objection(before[other] | self.person_of(primary))
                verdict = verdict or "active"
            if self.status.get((pair, source)) != "active":
                self.status[pair, source] = verdict

    def _objection(self, united: frozenset[Identifier], reviewed: bool = False) -> str:
        users = sum(identifier.namespace == "user_id" for identifier in united)
        apart = any(pair <= united and len({self.person_of(one) for one in pair}) == 2 for pair in self.forbidden)
        if users > self._users or apart:
            return "refused"
        return "waiting" if len(united) > self._max_size and not reviewed else ""

    def _unmerge(self, anchor: Identifier, split: set[Identifier], forbid: bool) -> None:
        if not split or anchor in split or not split <= self.person_of(anchor):
            return
        # What only the parted tie to the anchor's person goes with them.
        kept = self.person_of(anchor, without=split)
        tied = {pair for pair in self.active() if pair & split and pair & kept}
        for pair in tied:
            self._take_back(pair, "")
        if forbid:
            self.forbidden |= tied | {frozenset((anchor, one)) for one in split}

    def _retract(self, pair: frozenset[Identifier], source: str, forbid: bool) -> None:
        if self._take_back(pair, source) and forbid:
            self.forbidden.add(pair)

    def _take_back(self, pair: frozenset[Identifier], source: str) -> bool:
        meant = [one for one in self.sources(pair, "active") if source in ("", one)]
        self.status |= dict.fromkeys(((pair, one) for one in meant), "retracted")
        return bool(meant)

    def _review(self, pair: frozenset[Identifier], accepted: bool) -> None:
        waiting = self.sources(pair, "waiting")
        if not waiting:
            return
        left, right = pair
        if not accepted:
            verdict = "refused"
            self.forbidden.add(pair)
        elif right in self.person_of(left):
            verdict = "refused" if pair in self.forbidden else "active"
        else:
            verdict = self._objection(self.person_of(left) | self.person_of(right), reviewed=True) or "active"
        self.status |= dict.fromkeys(((pair, one) for one in waiting), verdict)
