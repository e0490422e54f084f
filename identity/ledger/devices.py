"""Shared devices, and who signed in on the devices whose events are attributed by sign-in."""

from collections.abc import Sequence

import msgspec

from identity.ledger.table import LedgerTable
from identity.ownership import SignIns, without
from schemas.records import Identifier, Owner

_ATTRIBUTED = b"+"
_encode = msgspec.msgpack.Encoder().encode
_decode_sign_ins = msgspec.msgpack.Decoder(tuple[tuple[int, str, str], ...]).decode


class DeviceLedger:
    """The devices of one workspace."""

    def __init__(self, table: LedgerTable) -> None:
        self._table = table

    def is_shared(self, device: Identifier) -> bool:
        """Tell whether a device was found to be used by several persons."""
        return self._table.get("shared", device) is not None

    def is_attributed(self, device: Identifier) -> bool:
        """Tell whether a shared device's events belong to whoever signed in last."""
        return (self._table.get("shared", device) or b"").endswith(_ATTRIBUTED)

    def share(
        self, device: Identifier, decision: int, attributed: bool = False, untied: Sequence[Identifier] = ()
    ) -> None:
        """Remember that a device is used by several persons, and whether its events go to whoever signed in last.

        `untied`: what links tied to it until now; where it is shared already, what they did then is still known.
        """
        if not self.is_shared(device):
            self._table.put_names("untied", device, untied)
        self._table.put("shared", device, decision.to_bytes(8, "big") + (_ATTRIBUTED if attributed else b""))

    def unshare(self, device: Identifier) -> None:
        """Forget that a device is used by several persons; who signed in on it is still known."""
        self._table.put("shared", device, None)
        self._table.put_names("untied", device, ())

    def untied(self, device: Identifier) -> tuple[Identifier, ...]:
        """Return what links tied to a shared device when it was found so."""
        return self._table.names("untied", device)

    def sign_ins(self, device: Identifier) -> SignIns:
        """Return who signed in on a device, and when."""
        stored = self._table.get("signed", device)
        return () if stored is None else tuple(Owner(*packed) for packed in _decode_sign_ins(stored))

    def keep_sign_ins(self, device: Identifier, sign_ins: SignIns) -> None:
        """Remember who signed in on a device."""
        packed = [(sign_in.since, sign_in.namespace, sign_in.value) for sign_in in sign_ins]
        self._table.put("signed", device, _encode(packed) if packed else None)
        for person in {sign_in.identifier for sign_in in sign_ins}:
            devices = self.used_by(person)
            if device not in devices:
                self._table.put_names("devices", person, (*devices, device))

    def forget_sign_ins(self, device: Identifier, person: Identifier) -> None:
        """Forget a person's sign-ins on a device: what tied the two was taken back."""
        self.keep_sign_ins(device, without(self.sign_ins(device), person))
        self._table.put_names("devices", person, [used for used in self.used_by(person) if used != device])

    def used_by(self, person: Identifier) -> tuple[Identifier, ...]:
        """Return the devices on which somebody signed in."""
        return self._table.names("devices", person)
