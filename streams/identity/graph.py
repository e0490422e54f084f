"""Who is who: decides requests one after the other and says which profiles move where. Pure but for the given store.

Reading requests in order, producing and storing are left to the agent; obeying the commands to PROFILE. The protocol
between the three: docs/decisions/0006-resolve-routes-at-once.md.
"""

import uuid
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from schemas.identity import default_profile_id
from schemas.records import Identifier, IdentityRequest, Link, ProfileCommand
from streams.identity.components import Components, LinkStatus, Members, Store

MAX_COMPONENT = 1_000


class Rules(msgspec.Struct, frozen=True):
    """`limits`: how many identifiers of a namespace one profile may have; a namespace not listed has no limit."""

    version: str = "default-1"
    limits: Mapping[str, int] = MappingProxyType({"user_id": 1})
    max_component: int = MAX_COMPONENT


DEFAULT_RULES = Rules()


class Decision(msgspec.Struct, frozen=True):
    """What to publish. `merged`: components that lost their id to another; `refused`: pairs refused by this request."""

    links: tuple[Link, ...] = ()
    commands: tuple[ProfileCommand, ...] = ()
    merged: int = 0
    refused: int = 0


_NOTHING_NEW = Decision()


def decide(
    request: IdentityRequest, store: Store, workspace_namespace: uuid.UUID, rules: Rules = DEFAULT_RULES
) -> Decision:
    """Unite the components of the request's identifiers as far as the rules allow, and record the evidence.

    `request.identifiers`: at least one, usable and strongest first; the first is the primary, which every other is
    paired with. A limit that would break drops the weakest identifier, until the rest fits; this is Segment's rule:
    https://segment.com/docs/unify/identity-resolution/identity-resolution-settings/. Repeating a request changes
    nothing.
    """
    components = Components(store, request.workspace)
    identifiers = request.identifiers
    canonicals = {identifier: components.canonical_of(identifier) for identifier in identifiers}
    fitting, refusal = _fitting(components, canonicals, rules)
    statuses = _new_statuses(components, canonicals, fitting)
    if not statuses:
        return _NOTHING_NEW
    decision = components.next_decision()
    for other, status in statuses.items():
        components.record_link(identifiers[0], other, status)
    links = tuple(
        Link(
            workspace=request.workspace,
            left=identifiers[0],
            right=other,
            message_id=request.message_id,
            source=request.source,
            occurred_at=request.occurred_at,
            rule_version=rules.version,
            decision=decision,
            status=status,
            reason=refusal if status == "refused" else "",
        )
        for other, status in statuses.items()
    )
    commands: tuple[ProfileCommand, ...] = ()
    if len(fitting) > 1:
        canonical = components.unite(fitting.values())
        commands = _transfers(request.workspace, fitting, canonical, workspace_namespace, decision)
    refused = sum(status == "refused" for status in statuses.values())
    return Decision(links, commands, len(commands), refused)


def _fitting(
    components: Components, canonicals: Mapping[Identifier, Identifier], rules: Rules
) -> tuple[dict[Identifier, Members], str]:
    """Components by canonical identifier that may become one, and why the next one may not.

    Going from the strongest identifier until the first that does not fit is the same as dropping the weakest until
    the rest fits, since no limit that is broken is mended by adding more.
    """
    own, *others = dict.fromkeys(canonicals.values())
    if not others:
        return {own: ()}, ""
    fitting = {own: components.members_of(own)}
    size = len(fitting[own])
    held = _limited(fitting[own], rules)
    for canonical in others:
        members = components.members_of(canonical)
        size += len(members)
        held += _limited(members, rules)
        broken = next((namespace for namespace, count in held.items() if count > rules.limits[namespace]), None)
        if broken is not None:
            return fitting, f"limit:{broken}"
        if size > rules.max_component:
            return fitting, "cap"
        fitting[canonical] = members
    return fitting, ""


def _limited(members: Members, rules: Rules) -> Counter[str]:
    return Counter(member.namespace for member in members if member.namespace in rules.limits)


def _new_statuses(
    components: Components, canonicals: Mapping[Identifier, Identifier], fitting: Mapping[Identifier, Members]
) -> dict[Identifier, LinkStatus]:
    """Pairs (primary, other) whose status this request sets for the first time or mends; an active one stays."""
    primary, *others = canonicals
    new: dict[Identifier, LinkStatus] = {}
    for other in others:
        status: LinkStatus = "active" if canonicals[other] in fitting else "refused"
        if components.link_status(primary, other) != status:
            new[other] = status
    return new


def _transfers(
    workspace: str,
    fitting: Mapping[Identifier, Members],
    canonical: Identifier,
    workspace_namespace: uuid.UUID,
    decision: int,
) -> tuple[ProfileCommand, ...]:
    target = default_profile_id(workspace_namespace, canonical)
    return tuple(
        ProfileCommand(
            workspace=workspace,
            profile_id=default_profile_id(workspace_namespace, old),
            command="transfer",
            decision=decision,
            target=target,
            identifiers=members,
        )
        for old, members in fitting.items()
        if old != canonical
    )
