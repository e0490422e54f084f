"""The default rules of identity as the file that a person would write. The rules themselves are `identity.rules`'."""

import json
from collections.abc import Iterable, Iterator

from identity.rules import DEFAULT_RULES, NORMALISER_NAMES, IdentityRules, Namespace

_WIDTH = 120
_HEAD = """\
# The rules of identity that hold where a folder of definitions has no identity.yaml of its own.
#
# To change them, put a file of this name into your folder, with the keys to change: a key that is absent keeps the
# value that stands here. A list replaces this one entirely, so copy what should stay. See docs/guide/identity-rules.md.
"""
_REGION = """\
# The country of phone numbers without a country code: two letters as in ISO 3166-1. Not set by default, because a wrong
# guess makes the numbers of two people one.
"""
_BLOCKED = """\
# Values that name nobody, in any namespace; upper and lower case and quotes around them do not matter. Empty and blank
# values, those with control characters and those longer than 512 characters never do, and need not be listed. A blocked
# value stays on its event but is no identifier.
"""
_OF_PROFILE = """\
# Of one profile: how many identifiers it may have, and of how many merges it may come. Beyond them its events still
# count, but nothing more is linked, and what would have been waits for a review.
"""
_FAN_IN = """\
# An identifier that would tie more others than this together waits for a review, unless its namespace is unique.
"""
_NAMESPACES = f"""\
# What identifies, strongest first. Identifiers of other namespaces stay on their events and identify nobody.
#
#   namespace   its name, as events give it
#   kind        person: names somebody. device: names what somebody uses, and others too, perhaps. session: names a
#               visit. account: names a company or a group, and never ties people together.
#   limit       how many values one profile may have: a number, or {{at_most: 5, within: 30d}} for those first seen
#               within a period. Without it any number.
#   unique      true: two different values never belong to one person. Implies `limit: 1`.
#   shared      of devices: what becomes of one on which a second person signs in. isolate (unless said): its events are
#               nobody's, from the beginning. first_owner: they stay with the first person. last_login: each event is
#               attributed to whoever signed in last.
#   normaliser  how values are brought into one form: {", ".join(NORMALISER_NAMES)}
#   blocked     values that name nobody in this namespace, beside those above, in the form that the normaliser yields
"""
_MEANINGS = {
    "user_id": "A user of your own system.",
    "id_card": "The number of a Chinese resident identity card.",
    "unionid": "A user of WeChat, over all apps of one company.",
    "openid": "A user of WeChat within one app.",
    "external_id": "An id from another system of yours.",
    "idfa": "The advertising id of Apple.",
    "gaid": "The advertising id of Google.",
    "imei": "The number of a phone.",
    "push_token": "Where messages are pushed to.",
    "cookie": "A browser.",
    "anonymous_id": "What an SDK calls somebody who has not signed in.",
    "session_id": "One visit.",
    "group_id": "A company or a group, as `group` calls name it.",
}


def default_rules_text() -> str:
    """Return the text of an identity.yaml that says exactly DEFAULT_RULES, every key explained."""
    return rules_text(DEFAULT_RULES)


def rules_text(rules: IdentityRules) -> str:
    """Return the text of an identity.yaml that says exactly `rules`, as far as such a file can."""
    region = f"region: {rules.region}" if rules.region is not None else "# region: CN"
    namespaces = "\n".join(line for namespace in rules.namespaces for line in _namespace_lines(namespace))
    sections = (
        _HEAD,
        f"{_REGION}{region}\n",
        f"{_BLOCKED}{_listed('blocked', rules.blocked, indent=0)}\n",
        f"{_OF_PROFILE}max_identifiers: {rules.max_identifiers}\nmax_merges: {rules.max_merges}\n",
        f"{_FAN_IN}max_fan_in: {rules.max_fan_in}\n",
        f"{_NAMESPACES}namespaces:\n{namespaces}\n",
    )
    return "\n".join(sections)


def _namespace_lines(namespace: Namespace) -> Iterator[str]:
    if namespace.name in _MEANINGS:
        yield f"  # {_MEANINGS[namespace.name]}"
    yield f"  - namespace: {namespace.name}"
    yield f"    kind: {namespace.kind}"
    if namespace.unique:
        yield "    unique: true"
    elif namespace.period_ms is not None:
        yield f"    limit: {{at_most: {namespace.limit}, within: {namespace.period_ms // 1000}s}}"
    elif namespace.limit is not None:
        yield f"    limit: {namespace.limit}"
    if namespace.shared != "isolate":
        yield f"    shared: {namespace.shared}"
    if namespace.normaliser is not None:
        yield f"    normaliser: {namespace.normaliser}"
    if namespace.blocked:
        yield _listed("blocked", namespace.blocked, indent=4)


def _listed(key: str, values: Iterable[str], indent: int) -> str:
    """Return a list under a key, its values quoted as in JSON, several in a line as far as they fit."""
    margin = " " * (indent + 2)
    lines = [""]
    for value in sorted(values):
        item = f"{json.dumps(value, ensure_ascii=False)},"
        if lines[-1] and len(margin) + len(lines[-1]) + 1 + len(item) > _WIDTH:
            lines.append("")
        lines[-1] += f" {item}" if lines[-1] else item
    body = "\n".join(f"{margin}{line}" for line in lines)
    return f"{' ' * indent}{key}: [\n{body}\n{' ' * indent}]"
