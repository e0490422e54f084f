"""What the real registry answers about ids that it does not know, and what that means for bytes that bear them."""

import struct

import pytest

from embedded.stack import Stack
from schemas.codec import Codec, DecodeError
from schemas.records import Event
from schemas.registry import Registry

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("schema_id", [0, 999_999, 2**31 - 1, 2**31, 2**32 - 1])
def test_bytes_of_a_schema_that_nobody_registered_are_at_fault_themselves(stack: Stack, schema_id: int) -> None:
    codec = Codec(Registry(stack.settings.registry))
    for _ in range(2):
        with pytest.raises(DecodeError) as error:
            codec.decode(Event, struct.pack(">bI", 0, schema_id) + b"body")
        assert error.value.reason == "unknown_schema"
