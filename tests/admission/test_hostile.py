"""Records made to cost much: the time to admit them grows with their size, and never faster."""

import gc
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec
import pytest

from admission.admit import TopicPosition, admit
from admission.rejection import Rejection
from identity.rules import DEFAULT_RULES
from schemas.records import Event, Identifier

SIZE = 200_000
LINEAR = 10  # four times as much may cost ten times as much; what is quadratic costs sixteen times as much
FLOOR_S = 0.02
EVENT = Event("main", "erp", "m", "track", "e", 1, None, 1_800_000_000_000, (Identifier("user_id", "u"),))

SHAPES: dict[str, Callable[[int], str]] = {
    "escaped quotes without an end": lambda n: '{"' + '\\"' * (n // 2) + ",}",
    "strings without an end": lambda n: '{"a":' + '"x' * (n // 2),
    "commas": lambda n: "{" + "," * n + "}",
    "commas and blanks": lambda n: "{" + ", " * (n // 2) + "}",
    "a comma before many blanks": lambda n: '{"a":1,' + " " * n + "}",
    "trailing commas": lambda n: '{"a":[' + "[1,]," * (n // 5) + "]}",
    "depth without end": lambda n: "[" * n,
    "depth": lambda n: '{"a":' + "[" * (n // 2) + "]" * (n // 2) + "}",
    "depth of objects": lambda n: '{"a":' * (n // 6) + "1" + "}" * (n // 6),
    "depths beside each other": lambda n: '{"a":[' + ",".join(["[" * 2_000 + "]" * 2_000] * (n // 4_001)) + "]}",
    "lists after what is too deep": lambda n: '{"a":' + "[" * 2_000 + "]" * 2_000 + ',"b":[' + "[]," * (n // 3) + "0]}",
    "halves": lambda n: '{"a":"' + "\\ud800" * (n // 6) + '"}',
    "broken keys": lambda n: "{" + ",".join(f'"\\ud800{number}":NaN' for number in range(n // 16)) + "}",
    "repeated keys": lambda n: "{" + '"a":1,' * (n // 6) + '"a":1}',
    "blanks": lambda n: " " * n,
}


def seconds(event: Event) -> float:
    """CPU time to admit; the least of a few runs.

    Without the search for cycles, whose steps depend on all else that the tests have in memory.
    """
    least = float("inf")
    gc.disable()
    try:
        for _ in range(3):
            started = time.process_time()
            with suppress(Rejection):
                admit(event, TopicPosition("events", 0, 0), DEFAULT_RULES)
            least = min(least, time.process_time() - started)
    finally:
        gc.enable()
    return least


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_time_grows_no_faster_than_json_text(shape: Callable[[int], str]) -> None:
    small, large = (seconds(msgspec.structs.replace(EVENT, properties=shape(size))) for size in (SIZE, 4 * SIZE))
    assert large < LINEAR * max(small, FLOOR_S)


@pytest.mark.parametrize("field", ["event", "message_id", "source"])
@pytest.mark.parametrize("character", ["x", "\x00", "\udc80", " "])
def test_time_grows_no_faster_than_a_text(field: str, character: str) -> None:
    small, large = (
        seconds(msgspec.structs.replace(EVENT, **{field: character * size})) for size in (SIZE, 4 * SIZE)
    )  # fmt: skip
    assert large < LINEAR * max(small, FLOOR_S)


def test_time_grows_no_faster_than_the_identifiers() -> None:
    def event(size: int) -> Event:
        identifiers = tuple(Identifier("cookie", f"c{number}") for number in range(size // 20))
        return msgspec.structs.replace(EVENT, identifiers=identifiers)

    assert seconds(event(4 * SIZE)) < LINEAR * max(seconds(event(SIZE)), FLOOR_S)
