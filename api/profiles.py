"""The profile that somebody queries: by any of its identifiers, or by its id, also one that was merged away."""

from api.identifiers import queried_identifier, queried_profile_id
from api.requests import UnknownProfile
from settings import Settings
from warehouse.client import JsonObject, look_ups
from warehouse.queries.profiles import find_profile, find_profile_by_id, merged_into, profile_id_of


def queried_profile(settings: Settings, workspace: str, text: str) -> JsonObject | None:
    """Find the profile; None if there is none. `forwarded_from`: the id that was queried, if it was merged into it.

    Raises InvalidIdentifier and OnefoldError.
    """
    warehouse = look_ups(settings.clickhouse)
    profile_id = queried_profile_id(text)
    if profile_id is not None:
        return find_profile_by_id(warehouse, workspace, profile_id)
    identifier = queried_identifier(text, settings.definitions, alternative="a profile id, or ")
    return find_profile(warehouse, workspace, identifier)


def queried_profile_ids(settings: Settings, workspace: str, text: str) -> tuple[str, ...]:
    """Return the profile that is queried, and those that were merged into it and still are.

    Raises UnknownProfile, InvalidIdentifier and OnefoldError.
    """
    warehouse, profile_id = look_ups(settings.clickhouse), queried_profile_id(text)
    if profile_id is None:
        identifier = queried_identifier(text, settings.definitions, alternative="a profile id, or ")
        profile_id = profile_id_of(warehouse, workspace, identifier)
        if profile_id is None:
            raise UnknownProfile(f"workspace {workspace!r} has no profile with {text}")
    return (profile_id, *merged_into(warehouse, workspace, profile_id))
