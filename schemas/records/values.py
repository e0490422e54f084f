"""What several records hold: times, identifiers, and kinds of profiles."""

from typing import Annotated, Literal

import msgspec

# Years 1 to 9999: what a date can be everywhere downstream. A hostile varint can hold more than 64 bits.
Millis = Annotated[int, msgspec.Meta(ge=-62_135_596_800_000, le=253_402_300_799_999)]
ProfileKind = Literal["person", "device", "account"]


class Identifier(msgspec.Struct, frozen=True, order=True, gc=False):
    """A value that names a person, a device, a session or an account."""

    namespace: str
    value: str

    def __str__(self) -> str:
        return f"{self.namespace}:{self.value}"
