"""Finds what a profile has said about being sent things: what counts now, and what was said before."""

import msgspec

from warehouse.client import JsonObject, Warehouse

HISTORY_SHOWN = 1_000
_COLUMNS = "purpose, channel, status, since, event, source, text, reason, changed_at"
_NOW = f"""
SELECT {_COLUMNS} FROM onefold.consents
WHERE workspace = {{workspace:String}} AND profile_id = {{profile_id:String}}
ORDER BY purpose, channel, version DESC
LIMIT 1 BY purpose, channel
"""
_HISTORY = f"""
SELECT {_COLUMNS} FROM onefold.consents FINAL
WHERE workspace = {{workspace:String}} AND profile_id = {{profile_id:String}}
ORDER BY version DESC, purpose, channel
LIMIT {{limit:UInt32}}
"""


class ProfileConsent(msgspec.Struct, frozen=True):
    """What a profile has said. `consent`: what counts, by purpose and channel. `history`: the newest change first."""

    profile_id: str
    consent: tuple[JsonObject, ...]
    history: tuple[JsonObject, ...]


def find_consent(warehouse: Warehouse, workspace: str, profile_id: str) -> ProfileConsent:
    """Find what a living profile has said, times in ISO 8601; nothing of one that has said nothing."""
    of_profile = {"workspace": workspace, "profile_id": profile_id}
    history = warehouse.rows(_HISTORY, of_profile | {"limit": str(HISTORY_SHOWN)})
    return ProfileConsent(profile_id, tuple(warehouse.rows(_NOW, of_profile)), tuple(history))
