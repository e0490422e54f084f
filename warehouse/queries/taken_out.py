"""Reads which members of a segment another profile's exit has taken out of a receiver, as that had what finds them.

A receiver finds people by what it was sent of them, not by profiles. What an exit that was delivered had named is what
the profile's changes of the segment had, and what is known of it now: more perhaps, so a member may be found who was
not taken out. To be sent once more does no harm. Which values a trait had before is not looked for: who was taken out
by one that the leaver has no more, or by somebody who was merged since, is not found.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from warehouse.client import Warehouse
from warehouse.queries.membership_gaps import SAID, SPILLING, Gap
from warehouse.queries.values import literal, literals, text_array

_TAKEN_OUT = """
WITH
    said AS (
        SELECT profile_id, argMaxIf(changed, (version_of, last_at), outcome_of = 'delivered') = 'entered' AS is_held,
               maxIf(last_at, changed = 'entered' AND outcome_of = 'delivered') AS entry_at,
               maxIf(last_at, changed = 'exited' AND (outcome_of = 'delivered' OR reason_of = 'expired')) AS exit_at,
               maxIf(happened, changed = 'exited') AS happened_at, max(last_at) AS said_at,
               max(happened) AS said_happened, max(version_of) AS said_version,
               argMax(changed, (version_of, last_at)) AS latest,
               argMax(outcome_of, (version_of, last_at)) AS outcome
        FROM (SELECT * REPLACE (toUnixTimestamp64Milli(last_at) AS last_at) FROM ({said}))
        GROUP BY profile_id
    ),
    leavers AS (SELECT profile_id, exit_at, happened_at FROM said WHERE NOT is_held AND exit_at > 0)
SELECT profile_id, any(newest_version) AS version, any(entered) AS entered_at,
       greatest(max(left_at), any(member_happened)) AS exited_at, any(member_said_at) AS last_said_at,
       any(member_latest) AS latest_change, any(member_outcome) AS latest_outcome
FROM
(
    SELECT profile_id, arrayJoin(keys) AS key, entry_at, entered, said.said_at AS member_said_at,
           said.said_happened AS member_happened,
           greatest(member_version, said.said_version) AS newest_version, said.latest AS member_latest,
           said.outcome AS member_outcome
    FROM
    (
        SELECT profile_id, version AS member_version, toUnixTimestamp64Milli(entered_at) AS entered
        FROM onefold.segment_members FINAL
        WHERE workspace = {{workspace:String}} AND segment = {{segment:String}}
    ) AS members
    INNER JOIN said USING (profile_id)
    INNER JOIN (
        SELECT profile_id, {keys} AS keys FROM onefold.profiles FINAL
        WHERE workspace = {{workspace:String}} AND profile_id IN (
            SELECT profile_id FROM onefold.segment_members
            WHERE workspace = {{workspace:String}} AND segment = {{segment:String}})
    ) AS known USING (profile_id)
    WHERE said.is_held
) AS held
INNER JOIN
(
    SELECT key, max(exit_at) AS out_at, max(happened_at) AS left_at
    FROM leavers
    INNER JOIN (
        SELECT profile_id, arrayJoin({keys}) AS key FROM onefold.profiles
        WHERE workspace = {{workspace:String}} AND profile_id IN (SELECT profile_id FROM leavers)
        UNION ALL
        SELECT profile_id, arrayJoin({identifiers}) FROM onefold.segment_changes
        WHERE workspace = {{workspace:String}} AND segment = {{segment:String}}
          AND profile_id IN (SELECT profile_id FROM leavers)
    ) AS named USING (profile_id)
    GROUP BY key
) AS exits USING (key)
WHERE out_at >= entry_at
GROUP BY profile_id
ORDER BY profile_id
"""


class PersonKeys(NamedTuple):
    """By what a receiver finds people. `namespaces`: of identifiers, None for any; `traits`: paths, from the name."""

    namespaces: Sequence[str] | None
    traits: Sequence[Sequence[str]]


def taken_out(
    warehouse: Warehouse, workspace: str, destinations: Sequence[str], segment: str, keys: PersonKeys
) -> Iterator[Gap]:
    """Yield the members whose entry was delivered before an exit of what finds them, in the order of profile ids.

    `destinations`: all names of one. Raises OnefoldError.
    """
    parameters = {"workspace": workspace, "destinations": text_array(destinations), "segment": segment}
    identifiers = _identifiers(keys.namespaces)
    named = f"arrayDistinct(arrayConcat({identifiers}, {_traits(keys.traits)}))"
    query = _TAKEN_OUT.format(said=SAID, keys=named, identifiers=identifiers)
    for batch in warehouse.stream(query, parameters, SPILLING):
        for profile_id, *others in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield Gap(profile_id, "entered", *others)


def _identifiers(namespaces: Sequence[str] | None) -> str:
    """Return the expression of a row's identifiers that are read, as texts."""
    read = "1" if namespaces is None else f"has({literals(namespaces)}, toString(i.1))" if namespaces else "0"
    return f"arrayMap(i -> lower(i.2), arrayFilter(i -> {read}, identifiers))"


def _traits(paths: Sequence[Sequence[str]]) -> str:
    """Return the expression of a row's traits that are read, as texts; those that there are."""
    read = (f"JSONExtractRaw(traits_text, {', '.join(map(literal, path))})" for path in paths)
    texts = ", ".join(f"lower(trim(BOTH '\"' FROM {each}))" for each in read)
    return f"arrayFilter(t -> t NOT IN ('', 'null'), [{texts}]::Array(String))"
