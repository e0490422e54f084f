"""The profile of a component: a person's, or that of a shared device (docs/decisions/0016)."""

import uuid

from identity.ledger.devices import DeviceLedger
from schemas.identity import default_profile_id, device_profile_id
from schemas.records import Identifier


class ProfileIds:
    """The ids of the profiles of one workspace, by what the ledger says at the moment."""

    def __init__(self, namespace: uuid.UUID, devices: DeviceLedger) -> None:
        self._namespace = namespace
        self._devices = devices

    def default(self, identifier: Identifier) -> str:
        """Return the profile that an identifier has by itself, as long as it is no shared device."""
        return default_profile_id(self._namespace, identifier)

    def of(self, canonical: Identifier) -> str:
        """Return the profile of the component with this canonical identifier."""
        if self._devices.is_shared(canonical):
            return device_profile_id(self._namespace, canonical)
        return default_profile_id(self._namespace, canonical)
