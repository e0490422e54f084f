"""Profiles in which an event may count twice: it came by identifiers of two profiles, which have merged since."""

from collections.abc import Iterator

from identity.ledger import Ledger
from identity.rules import IdentityRules
from identity.verdicts import Recount, Verdict
from schemas.records import IdentityRequest


def judge_recount(request: IdentityRequest, _ledger: Ledger, _rules: IdentityRules) -> Iterator[Verdict]:
    """Rebuild whoever has the identifier now."""
    yield Recount(request.identifiers[0])
