"""Bodies made to cost much: time and what comes of them grow with what was sent, and never faster."""

import gc
import gzip
import itertools
import json
import random
import time
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from admission.rejection import Rejection
from collectors.access import UsableKeys, WriteKeys
from collectors.arrivals import Arrivals
from collectors.identifiers import MAX_EXTERNAL_IDS
from collectors.validation import (
    MAX_BATCH_EXTERNAL_IDS,
    MAX_REPEATED_CONTEXT_BYTES,
    ReceivedBody,
    ValidatedCalls,
    validate_body,
)
from identity.normalise import Unusable, normalise
from identity.rules import DEFAULT_RULES, MAX_VALUE_LENGTH
from runtime.http.bodies import Gunzip
from runtime.http.callers import Caller
from schemas.records import EventType, Identifier
from tests.collectors.calls import RECEIVED_AT, SENDER, WORKSPACE

SIZE = 150_000
LINEAR = 10  # four times as much may cost ten times as much; what is quadratic costs sixteen times as much
ARRIVALS = Arrivals()
KEYS = WriteKeys({"main": WORKSPACE}).used_by(Caller())

Shape = Callable[[int], bytes]


def validate(body: bytes, kind: EventType | None = "track") -> ValidatedCalls | Rejection:
    return validate_body(body, ReceivedBody(kind, SENDER, KEYS, RECEIVED_AT, ARRIVALS), DEFAULT_RULES).outcome


def seconds(body: bytes, kind: EventType | None, repeats: int = 3) -> float:
    """CPU time to find a key, and to validate; the least of a few runs.

    Without the search for cycles, whose steps depend on all else that the tests have in memory.
    """
    least = float("inf")
    gc.disable()
    try:
        for _ in range(repeats):
            started = time.process_time()
            UsableKeys({}).presented_in(body)
            validate(body, kind)
            least = min(least, time.process_time() - started)
    finally:
        gc.enable()
    return least


def joined(size: int, items: Iterator[str], separator: str = ",") -> str:
    parts = []
    for item in items:
        parts.append(item)
        size -= len(item) + len(separator)
        if size < 0:
            break
    return separator.join(parts)


def call(*fields: str) -> bytes:
    return ("{" + ",".join(('"type":"track","userId":"u","event":"e"', *fields)) + "}").encode()


def batch(calls: str, shared: str = "{}") -> bytes:
    return ('{"context":' + shared + ',"batch":[' + calls + "]}").encode()


def each(text: str) -> Iterator[str]:
    """The text again and again, each time with the next number."""
    return (text.replace("#", str(number)) for number in itertools.count())


ORDINARY = json.dumps({
    "type": "track", "userId": "u#", "anonymousId": "a#", "event": "Viewed", "messageId": "m-#",
    "timestamp": "2026-11-23T22:34:44.734Z", "properties": {"total": 19.9, "sku": "abc", "n": 7},
    "context": {"library": {"name": "x"}, "page": {"url": "https://shop.example/p"}},
})  # fmt: skip


def ordinary(size: int) -> bytes:
    return batch(joined(size, each(ORDINARY)))


SHAPES: dict[str, Shape] = {
    "keys of which the last is the first again": lambda n: call(joined(n, each('"k#":0')), '"k0":1'),
    "keys of which the last is there twice": lambda n: call(joined(n, each('"k#":0')), '"k":1,"k":1'),
    "one key again and again": lambda n: call(joined(n, each('"k":0'))),
    "pairs of repeated keys": lambda n: call('"x":[' + joined(n, each('{"k":0,"k":0}')) + "]"),
    "a long key around many objects": lambda n: call(
        f'"{"k" * 2 * n}":{{' + joined(2 * n, each('"#":{}')) + "}"  # copying is fast: it takes much to be seen
    ),
    "long keys around each other": lambda n: call(f'"{"k" * (n // 30)}":{{' * 29 + '"k":[{}]' + "}" * 29),
    "long keys around a fault": lambda n: call(f'"{"k" * (n // 30)}":{{' * 29 + '"k":NaN' + "}" * 29),
    "lists": lambda n: call('"x":[' + joined(n, each("[]")) + "]"),
    "objects": lambda n: call('"x":[' + joined(n, each("{}")) + "]"),
    "lists in lists": lambda n: call('"x":[' + joined(n, each("[" * 29 + "]" * 29)) + "]"),
    "depth without end": lambda n: b"[" * n,
    "depth in a call": lambda n: call('"x":[' + joined(n, each("[" * 200 + "]" * 200)) + "]"),
    "digits": lambda n: call(f'"x":{"7" * n}'),
    "decimals": lambda n: call(f'"x":0.{"7" * n}'),
    "numbers": lambda n: call('"properties":[' + joined(n, each("1.5")) + "]"),
    "numbers that are none": lambda n: call('"x":[' + joined(n, each("NaN")) + "]"),
    "numbers beside half a pair": lambda n: call('"properties":{"x":["\\ud800",' + joined(n, each("1.5")) + "]}"),
    "escapes": lambda n: call('"properties":{"x":"' + joined(n, each("\\u00e9"), "") + '"}'),
    "halves of pairs": lambda n: call('"properties":{"x":"' + joined(n, each("\\ud800"), "") + '"}'),
    "a string without an end": lambda n: b'{"userId":"' + b"x" * n,
    "keys without an end": lambda n: b'"writeKey":"x\\' * (n // 14),
    "write keys": lambda n: b'"writeKey":"x",' * (n // 15),
    "write keys of blanks": lambda n: b'"writeKey"   ' * (n // 13),
    "blanks": lambda n: b" " * n,
    "lines": lambda n: b"\n" * n + b"x",
    "commas": lambda n: b"{" + b"," * n,
    "a long user id": lambda n: f'{{"event":"e","userId":"{"x" * n}"}}'.encode(),
    "a long user id of blanks": lambda n: call(f'"anonymousId":"{" " * n}x{" " * n}"'),
    "a long name": lambda n: f'{{"userId":"u","event":"{"x" * n}"}}'.encode(),
    "a long time": lambda n: call(f'"timestamp":"2026-11-23T22:34:44.{"7" * n}Z"'),
    "a long message id": lambda n: call(f'"messageId":"{"x" * n}"'),
    "a long type": lambda n: batch(f'{{"type":"{"x" * n}"}}'),
    "external ids": lambda n: call('"context":{"externalIds":[' + joined(n, each('{"type":"crm","id":"#"}')) + "]}"),
    "external ids of phones": lambda n: call(
        '"context":{"externalIds":[' + joined(n, each(f'{{"type":"phone","id":"{"+" * 60}#"}}')) + "]}"
    ),
    "calls": lambda n: batch(joined(n // 4, each('{"type":"track","userId":"u","event":"e"}'))),
    "calls that are none": lambda n: batch(joined(n // 16, each("7"))),
    "calls that name nobody": lambda n: batch(joined(n // 4, each('{"type":"track","userId":"0","event":"e"}'))),
    "calls with blocked external ids": lambda n: batch(
        joined(n // 4, each('{"type":"track","event":"e","context":{"externalIds":[{"type":"phone","id":"+++#"}]}}'))
    ),
}  # fmt: skip


@cache
def floor_s() -> float:
    """CPU time of a body as it should be: what takes less is not worth measuring."""
    return seconds(ordinary(SIZE), None)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_time_grows_no_faster_than_a_body(shape: Shape) -> None:
    kind: EventType | None = None if b'"batch":' in shape(100)[:40] else "track"
    assert seconds(shape(4 * SIZE), kind) < LINEAR * max(seconds(shape(SIZE), kind), floor_s())


KEY = st.sampled_from(["", "a", "b", "a" * 40, "context", "traits", "externalIds", "type", "id", "writeKey", "userId"])
SCALAR = st.sampled_from(
    ["0", "-1.50", "7" * 30, "1e999", "NaN", "true", "null", '""', '"u"', '"\\u0041"', '"\\ud800"', '"phone"', '"+49#"']
)


def objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(KEY, inner), max_size=4)
    return pairs.map(lambda listed: "{" + ",".join(f'"{key}":{value}' for key, value in listed) + "}")


FRAGMENT = st.recursive(
    SCALAR, lambda inner: objects(inner) | st.lists(inner, max_size=4).map(lambda listed: f"[{','.join(listed)}]")
)
PLACES = (
    '"properties":{"x":[@]}',
    '"context":{"externalIds":[@]}',
    '"traits":{"email":[@]}',
    '"properties":{"long@":{"x":[@]}}',
    '"userId":"u","messageId":[@]',
)


@pytest.mark.soak
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(FRAGMENT, st.sampled_from(PLACES), st.booleans())
def test_time_grows_no_faster_than_any_repeated_value(fragment: str, template: str, is_keyed: bool) -> None:
    text = '"k#":' + fragment if is_keyed else fragment

    def body(size: int) -> bytes:
        values = joined(size, each(text))
        return call(
            template.replace("@", "{" + values + "}" if is_keyed else values).replace("long", "k" * (size // 4))
        )

    assert seconds(body(4 * SIZE), "identify") < LINEAR * max(seconds(body(SIZE), "identify"), floor_s())


def sizes(validated: ValidatedCalls | Rejection) -> int:
    """Characters of what becomes of a body."""
    if isinstance(validated, Rejection):
        return len(validated.message) + len(validated.field or "")
    return sum(
        len(event.properties + event.traits + event.context) + sum(len(one.value) for one in event.identifiers)
        for event in validated.accepted
    ) + sum(
        len(rejected.body) + len(rejected.rejection.message) + len(rejected.rejection.field or "")
        for rejected in validated.rejected
    )  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_what_becomes_of_a_body_is_bounded_by_it(shape: Shape) -> None:
    body = shape(SIZE)
    kind: EventType | None = None if b'"batch":' in body[:40] else "track"
    validated = validate(body, kind)
    rejected = len(validated.rejected) if isinstance(validated, ValidatedCalls) else 1
    assert sizes(validated) <= 3 * len(body) + 1_000 * rejected


def test_a_context_is_repeated_no_further_than_it_could_have_been_sent() -> None:
    shared = json.dumps({"traits": {"x": "y" * 4_000}})
    most = MAX_REPEATED_CONTEXT_BYTES // len(shared.replace(" ", ""))
    calls = ['{"type":"identify","userId":"u"}'] * most
    fitting = validate(batch(",".join(calls), shared), None)
    assert isinstance(fitting, ValidatedCalls)
    assert len(fitting.accepted) == most
    assert sizes(fitting) <= 2 * MAX_REPEATED_CONTEXT_BYTES + most
    more = validate(batch(",".join([*calls, calls[0]]), shared), None)
    assert isinstance(more, Rejection)
    assert (more.code, more.field) == ("event_too_large", "context")


def test_external_ids_of_a_batch_are_bounded_together_whoever_lists_them() -> None:
    external_ids = ",".join(['{"type":"crm","id":"7"}'] * 9)
    context = f'{{"externalIds":[{external_ids}]}}'
    plain = '{"type":"track","userId":"u","event":"e"}'
    own = plain[:-1] + f',"context":{context}}}'
    most = MAX_BATCH_EXTERNAL_IDS // 9
    for sent, shared in ((own, "{}"), (plain, context)):
        fitting = validate(batch(",".join([sent] * most), shared), None)
        assert isinstance(fitting, ValidatedCalls)
        assert len(fitting.accepted) == most
        more = validate(batch(",".join([sent] * (most + 1)), shared), None)
        assert isinstance(more, Rejection)
        assert (more.code, more.field) == ("too_many_identifiers", "batch")


def test_external_ids_behind_a_bound_are_counted_and_not_read() -> None:
    listed = ['{"type":"crm","id":"#"}'] * MAX_EXTERNAL_IDS + ["7"] * 3
    validated = validate(call(f'"context":{{"externalIds":[{",".join(listed)}]}}'))
    assert isinstance(validated, ValidatedCalls)
    assert validated.unused.count("too_many") == 3
    assert validated.unused.count("unknown_namespace") == MAX_EXTERNAL_IDS


def test_a_refusal_keeps_nothing_of_its_body_alive() -> None:
    validated = validate(
        batch(",".join(['{"userId":"u"}', '{"type":"track","userId":"u","event":"e","sentAt":"soon"}'])), None
    )
    assert isinstance(validated, ValidatedCalls)
    whole = validate(b'{"batch":7}', None)
    assert isinstance(whole, Rejection)
    for rejection in (*(rejected.rejection for rejected in validated.rejected), whole):
        assert (rejection.__traceback__, rejection.__context__, rejection.__cause__) == (None, None, None)


@pytest.mark.parametrize("is_packed", [True, False])
def test_time_to_unpack_grows_no_faster_than_a_body(is_packed: bool) -> None:
    def unpack(size: int) -> float:
        body = random.Random(1).randbytes(size)
        sent = gzip.compress(body) if is_packed else body
        started = time.process_time()
        gunzip = Gunzip("gzip" if is_packed else "")
        assert sum(len(piece) for piece in gunzip.feed(sent)) == size
        gunzip.end()
        return time.process_time() - started

    small, large = (min(unpack(size) for _ in range(3)) for size in (5_000_000, 20_000_000))
    assert large < LINEAR * max(small, floor_s())


NUMBERS = itertools.count()  # no value is normalised twice: the second time would cost nothing


def seconds_to_normalise(namespace: str, text: str) -> float:
    """CPU time for some values like this; the least of a few runs."""
    least = float("inf")
    for _ in range(5):
        values = [Identifier(namespace, text.replace("#", str(next(NUMBERS)))) for _ in range(20)]
        started = time.process_time()
        for value in values:
            normalised = normalise(DEFAULT_RULES, value)
            assert isinstance(normalised, Unusable) or len(normalised.value) <= MAX_VALUE_LENGTH
        least = min(least, time.process_time() - started)
    return least


@pytest.mark.parametrize(
    "text",
    [
        "+" * 240 + "#",
        "+" + "4-(9)./ " * 30 + "#",
        "(" * 240 + "#",
        "+" + "\u0661" * 200 + "#",
        "+49" + "7" * 240 + "#",
        "+" + "1 " * 250 + "#",
        "\ufdfa" * 500 + "#",
        "\ufdfa" * 500 + "#@b.example",
        "a#@" + "\ufdfa" * 480 + ".example",
        "a#@" + "\u00fc" * 50 + ".example",
        "a#@" + "\u00fc." * 230 + "example",
        "a#@" + "\u0627" * 480 + ".example",
        "a#@" + "a." * 120 + "example",
        "a#@" + "xn--tda." * 60 + "example",
        "a#@[IPv6:" + "1:" * 200 + "]",
        '"' + "a\\ " * 150 + '#"@b.example',
        "<" * 250 + "a#@b.example" + ">" * 200,
        "@" * 500 + "#",
        "x" * 1_000_000 + "#",
        "\ufdfa" * 1_000_000 + "#",
    ],
    ids=lambda text: f"{text[:12]}{len(text)}",
)
def test_no_value_makes_a_normaliser_work_much_longer_than_a_common_one(text: str) -> None:
    common = seconds_to_normalise("email", "a#@b.example") + seconds_to_normalise("phone", "+49301234#")
    for named in DEFAULT_RULES.namespaces:
        assert seconds_to_normalise(named.name, text) < 20 * common
