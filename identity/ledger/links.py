"""Links: the evidence of each pair of identifiers by source, and what active links lead to."""

from collections.abc import Callable, Iterable

import msgspec

from identity.ledger.table import LedgerTable
from schemas.records import Identifier, Link, LinkStatus

MAX_REFUSED = 1_000


class Evidence(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one source has shown of a pair, and what was decided of it."""

    source: str
    message_id: str
    occurred_at: int
    rule_version: str
    decision: int
    status: LinkStatus
    reason: str = ""
    request_id: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Evidence, ...]).decode


def link_key(workspace: str, left: Identifier, right: Identifier, source: str | None = None) -> bytes:
    """Return the key of a pair in the ledger; with its source, on `identity.links`. No identifier has a line break."""
    key = f"{workspace}|link|{left.namespace}:{left.value}\n{right.namespace}:{right.value}"
    return (key if source is None else f"{key}\n{source}").encode()


def link_of(workspace: str, left: Identifier, right: Identifier, evidence: Evidence) -> Link:
    """Return evidence as it is published."""
    return Link(
        workspace, left, right, evidence.message_id, evidence.source, evidence.occurred_at, evidence.rule_version,
        evidence.decision, evidence.status, evidence.reason, evidence.request_id,
    )  # fmt: skip


class LinkLedger:
    """The evidence of one workspace."""

    def __init__(self, table: LedgerTable, rank: Callable[[Identifier], tuple[int, str, str]]) -> None:
        self._table = table
        self._rank = rank

    def pair(self, identifier: Identifier, other: Identifier) -> tuple[Identifier, Identifier]:
        """Return two identifiers as they are kept: the stronger first, by the rules when they were first together."""
        if self._rank(identifier) > self._rank(other):
            identifier, other = other, identifier
        if self._stored(identifier, other) is None and self._stored(other, identifier) is not None:
            return other, identifier
        return identifier, other

    def evidence(self, left: Identifier, right: Identifier) -> tuple[Evidence, ...]:
        """Return the evidence of a pair, one of each source."""
        stored = self._stored(*self.pair(left, right))
        return () if stored is None else _decode(stored)

    def record(
        self, identifier: Identifier, other: Identifier, evidence: Iterable[Evidence]
    ) -> tuple[Identifier, Identifier]:
        """Replace the evidence of its sources, and keep `near` and `refused` in step; return the pair as it is kept."""
        left, right = self.pair(identifier, other)
        stored = self._stored(left, right)
        by_source = {} if stored is None else {earlier.source: earlier for earlier in _decode(stored)}
        before = {earlier.status for earlier in by_source.values()}
        by_source |= {new.source: new for new in evidence}
        after = {current.status for current in by_source.values()}
        self._table.store.put(link_key(self._table.workspace, left, right), _encode(tuple(by_source.values())))
        for end, far in ((left, right), (right, left)):
            if ("active" in before) != ("active" in after):
                near = set(self.near(end))
                self._table.put_names("near", end, sorted(near | {far} if "active" in after else near - {far}))
            if ("refused" in before) != ("refused" in after):
                refused = [earlier for earlier in self.refused(end) if earlier != far]
                self._table.put_names("refused", end, [*refused, far][-MAX_REFUSED:] if "refused" in after else refused)
        return left, right

    def near(self, identifier: Identifier) -> tuple[Identifier, ...]:
        """Return the identifiers that active links tie it to."""
        return self._table.names("near", identifier)

    def fan_in(self, identifier: Identifier) -> int:
        """Return how many identifiers active links tie it to."""
        return self._table.count("near", identifier)

    def refused(self, identifier: Identifier) -> tuple[Identifier, ...]:
        """Return the identifiers that it was seen with, but not tied to; of very many, the last."""
        return self._table.names("refused", identifier)

    def reached(self, start: Identifier, without: Iterable[Identifier] = ()) -> set[Identifier]:
        """Return all that active links lead to from an identifier, on ways that do not pass any of `without`."""
        reached, unvisited = {start}, [start]
        avoided = set(without)
        while unvisited:
            new = set(self.near(unvisited.pop())) - reached - avoided
            reached |= new
            unvisited += new
        return reached

    def pieces(self, identifiers: Iterable[Identifier]) -> list[set[Identifier]]:
        """Return the sets that active links make of the members of a component."""
        unreached = set(identifiers)
        pieces: list[set[Identifier]] = []
        while unreached:
            pieces.append(self.reached(next(iter(unreached))))
            unreached -= pieces[-1]
        return pieces

    def _stored(self, left: Identifier, right: Identifier) -> bytes | None:
        return self._table.store.get(link_key(self._table.workspace, left, right))
