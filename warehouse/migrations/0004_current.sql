-- The present: whose events are whose, after every decision since they were routed.

-- To whom the events of a shared device belong, from when to when, where its namespace says `shared: last_login`.
-- The first owner has what came before the sign-in, too; from when on a device is its own owner, no person is. Nobody
-- owns a device that was unshared, until it is found shared anew: then all its owners are published once more.
CREATE OR REPLACE VIEW onefold.device_owners AS
SELECT
    workspace, device_namespace, device_value,
    if(row_number() OVER owned = 1, toDateTime64('1900-01-01 00:00:00', 3, 'UTC'), signed_in_at) AS since,
    leadInFrame(toNullable(signed_in_at)) OVER (owned ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS until,
    tupleElement(owner, 1) AS namespace, tupleElement(owner, 2) AS value, signed_in_at
FROM
(
    SELECT
        workspace,
        toString(identifiers[1].namespace) AS device_namespace,
        identifiers[1].value AS device_value,
        fromUnixTimestamp64Milli(JSONExtractInt(claimant, 'claims', 1, 'since'), 'UTC') AS signed_in_at,
        max((toString(person.namespace), person.value)) AS owner
    FROM
    (
        SELECT
            workspace, kind, decision, identifiers, claimants,
            maxIf(decision, kind = 'unshared')
                OVER (PARTITION BY workspace, identifiers[1].namespace, identifiers[1].value) AS unshared
        FROM onefold.identity_changes FINAL
        WHERE kind IN ('attributed', 'unshared')
    )
    ARRAY JOIN JSONExtractArrayRaw(claimants) AS claimant, arraySlice(identifiers, 2) AS person
    WHERE kind = 'attributed' AND decision > unshared
    GROUP BY workspace, device_namespace, device_value, signed_in_at
)
WINDOW owned AS (PARTITION BY workspace, device_namespace, device_value ORDER BY signed_in_at);

-- Events with the profile of now: that of the owner of the event's shared device, otherwise of its primary identifier.
-- An identifier that no profile has claimed keeps the profile it was routed to.
CREATE OR REPLACE VIEW onefold.events_current AS
SELECT
    routed.* EXCEPT (unparsed, version, owner_namespace, owner_value, routed_profile_id, routed_profile_kind),
    coalesce(nullIf(claimed.profile_id, ''), routed.routed_profile_id) AS profile_id,
    routed.routed_profile_id AS routed_profile_id,
    coalesce(nullIf(claimed.profile_kind, ''), routed.routed_profile_kind) AS profile_kind
FROM
(
    SELECT
        event.* EXCEPT (profile_id, profile_kind),
        event.profile_id AS routed_profile_id,
        event.profile_kind AS routed_profile_kind,
        if(owned.value = '', event.identifiers[1].namespace, owned.namespace) AS owner_namespace,
        if(owned.value = '', event.identifiers[1].value, owned.value) AS owner_value
    FROM (SELECT * FROM onefold.events FINAL) AS event
    ASOF LEFT JOIN onefold.device_owners AS owned
        ON event.workspace = owned.workspace
        AND event.identifiers[1].namespace = owned.device_namespace
        AND event.identifiers[1].value = owned.device_value
        AND event.occurred_at >= owned.since
) AS routed
LEFT ANY JOIN (SELECT workspace, namespace, value, profile_id, profile_kind FROM onefold.identifiers FINAL) AS claimed
    ON routed.workspace = claimed.workspace
    AND routed.owner_namespace = claimed.namespace
    AND routed.owner_value = claimed.value;
