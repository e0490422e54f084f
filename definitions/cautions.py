"""What definitions say of segments that hardly anybody means, and that is no mistake for sure. Pure."""

from collections.abc import Iterator
from typing import TypeAlias

from definitions.model import Definitions
from definitions.shared_places import SharedPlace, sharing_segments
from definitions.withdrawals import UnaskedSegment, unasked_segments

Caution: TypeAlias = UnaskedSegment | SharedPlace
"""Of a `segment` at a `destination`; `advice` says what comes of it, and what to write."""


def cautions(of: Definitions) -> Iterator[Caution]:
    """Yield all."""
    yield from unasked_segments(of)
    yield from sharing_segments(of)
