"""A copy of GRAPH's ledger in memory, made of evidence that was published: to try requests on. Pure.

Pairs that are forbidden without evidence of their own are not published, and so not in it.
"""

from collections.abc import Iterable, Mapping

from identity.ledger import Evidence, Ledger, LedgerStore
from identity.ownership import SignIns
from identity.rules import IdentityRules
from schemas.records import Identifier, Link


def copied_ledger(  # noqa: PLR0913, PLR0917 - all that a ledger is made of
    store: LedgerStore,
    workspace: str,
    rules: IdentityRules,
    links: Iterable[Link],
    shared: Iterable[Identifier] = (),
    sign_ins: Mapping[Identifier, SignIns] | None = None,
) -> Ledger:
    """Return a ledger over the store, which must be empty; `sign_ins`: of shared devices that are attributed."""
    ledger = Ledger(store, workspace, rules.rank)
    for link in sorted(links, key=lambda link: link.status != "active"):
        _restore(ledger, link)
    for device in shared:
        ledger.devices.share(device, 0)
    for device, signed_in in (sign_ins or {}).items():
        ledger.devices.share(device, 0, attributed=True)
        ledger.devices.keep_sign_ins(device, signed_in)
    return ledger


def _restore(ledger: Ledger, link: Link) -> None:
    left, right = link.left, link.right
    evidence = Evidence(
        link.source, link.message_id, link.occurred_at, link.rule_version, link.decision, link.status, link.reason,
        link.request_id,
    )  # fmt: skip
    ledger.links.record(left, right, [evidence])
    components = [ledger.components.of(end, link.occurred_at) for end in (left, right)]
    if link.reason == "forbidden":  # of one person, too: they stay apart once nothing else ties them
        ledger.components.forbid(left, right, link.occurred_at)
    elif link.status == "active" and components[0].canonical != components[1].canonical:
        ledger.components.unite(components)
