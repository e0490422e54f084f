-- Events with the profile of now: that of the event's primary identifier, after every merge since it was routed.
-- An identifier that no profile has claimed yet keeps the profile it was routed to.
CREATE OR REPLACE VIEW onefold.events_current AS
SELECT
    routed.* EXCEPT (profile_id, unparsed, version),
    coalesce(nullIf(claimed.profile_id, ''), routed.profile_id) AS profile_id,
    routed.profile_id AS routed_profile_id
FROM onefold.events AS routed FINAL
LEFT ANY JOIN (SELECT workspace, namespace, value, profile_id FROM onefold.identifiers FINAL) AS claimed
    ON routed.workspace = claimed.workspace
    AND routed.identifiers[1].namespace = claimed.namespace
    AND routed.identifiers[1].value = claimed.value;
