"""Consent in SQL: what counts of all statements about a purpose and a channel, as `schemas.consent` says it.

`statements` is a map by PURPOSE|CHANNEL, either may be ALL, to the pair of a code of the status and the time (ms) since
when it was said: of whoever has said nothing an empty one.
"""

from collections.abc import Mapping

from definitions.model import ConsentComparison
from definitions.sql.columns import SqlText, joined, sql
from definitions.sql.profiles import Profiles
from schemas.consent import ALL, Default

CODES = {"unknown": 0, "granted": 1, "denied": 2}
"""What stands for a status; a pair that is missing in a map is (0, 0)."""


def compile_consent(wanted: ConsentComparison, profiles: Profiles, defaults: Mapping[str, Default]) -> SqlText:
    """Say in SQL whether what a profile has said comes to an answer; `defaults`: by purpose."""
    channel = wanted.channel or ALL
    about = {
        (said_purpose, said_channel): profiles.statement(said_purpose, said_channel)
        for said_purpose in dict.fromkeys((wanted.purpose, ALL))
        for said_channel in dict.fromkeys((channel, ALL))
    }
    denied = joined(" OR ", [_stands(key, about) for key in about], "0")
    granted = joined(" OR ", [sql(f"{{0}}.1 = {CODES['granted']}", each) for each in about.values()], "0")
    match wanted.answer:
        case "denied":
            return denied
        case "granted":
            return sql("(NOT {0} AND {1})", denied, granted)
        case "unknown":
            return sql("(NOT {0} AND NOT {1})", denied, granted)
        case "allowed" if wanted.purpose not in defaults:
            return SqlText("0")
        case "allowed" if defaults[wanted.purpose] == "opt_out":
            return sql("(NOT {0})", denied)
        case "allowed":
            return sql("(NOT {0} AND {1})", denied, granted)


def _stands(of: tuple[str, str], about: Mapping[tuple[str, str], SqlText]) -> SqlText:
    """Say in SQL whether a statement is a denial that no later grant of a part of it lifts."""
    purpose, channel = of
    grants = [
        each
        for (granted_purpose, granted_channel), each in about.items()
        if (granted_purpose, granted_channel) != of and purpose in {granted_purpose, ALL}
        if channel in {granted_channel, ALL}
    ]
    lifting = [sql(f"({{0}}.1 = {CODES['granted']} AND {{0}}.2 > {{1}}.2)", each, about[of]) for each in grants]
    return sql(f"({{0}}.1 = {CODES['denied']} AND NOT {{1}})", about[of], joined(" OR ", lifting, "0"))
