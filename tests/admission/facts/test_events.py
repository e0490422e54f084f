"""Facts on events: what senders say as such is not believed, all else stays, nothing raises."""

import json
import subprocess
import sys
import time
import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from admission.facts.events import MAX_CACHED_BYTES, FactReader, FactReaders, Requester
from admission.facts.values import MAX_FACT_LENGTH
from settings import FactParser, FactSettings
from tests.admission.facts.given import CHROME, READER, event, facts_of

VISIT: dict[str, Any] = {
    "page": {"url": "https://shop.example/p?utm_source=crm&utm_campaign=c", "referrer": "https://www.google.com/"},
    "userAgent": CHROME,
    "ip": "5.9.0.1",
}


def test_what_a_sender_says_as_facts_is_replaced() -> None:
    assert facts_of(event(facts={"is_bot": True, "vip": 1}, userAgent=CHROME)) == {
        "device": "desktop", "system": "Windows", "browser": "Chrome", "is_bot": False,
    }  # fmt: skip
    lying = event(facts={"country": "XX"}, locale="de")
    assert READER.with_facts(lying).context == '{"locale":"de"}'
    assert READER.with_facts(event(facts=[1])).context == "{}"


@pytest.mark.parametrize("facts", ["", ',"facts":{"country":"XX"}', ',"facts":null'])
def test_the_rest_of_a_context_keeps_its_text(facts: str) -> None:
    sent = '{"ip":"5.9.0.1","exact":1.10,"big":123456789012345678901234567890,"名":"é\\u0001"' + facts + "}"
    kept = READER.with_facts(msgspec.structs.replace(event(), context=sent)).context
    assert '"exact":1.10,"big":123456789012345678901234567890,' in kept
    assert json.loads(kept) == json.loads(sent) | {"facts": {"country": "DE"}}


def test_an_event_without_facts_is_left_alone() -> None:
    for sent in (event(), event(library={"name": "analytics-go"}), event(traits={"plan": "pro"})):
        assert READER.with_facts(sent) is sent


def test_facts_are_the_same_from_the_cache() -> None:
    assert facts_of(event(**VISIT)) == facts_of(event(**VISIT)) != facts_of(event(**VISIT | {"ip": "8.8.8.8"}))
    assert READER.with_facts(event(**VISIT)) == FactReader().with_facts(event(**VISIT))


PARSED_BY: dict[FactParser, set[str]] = {
    "campaign": {"campaign"},
    "referrer": {"referrer"},
    "channel": {"channel"},
    "page": {"page"},
    "agent": {"device", "system", "browser"},
    "bot": {"is_bot"},
    "place": {"country"},
}


@pytest.mark.parametrize("parser", PARSED_BY)
def test_each_parser_can_be_switched_off(parser: FactParser) -> None:
    everything, without = facts_of(event(**VISIT)), facts_of(event(**VISIT), off=(parser,))
    assert everything.keys() - without.keys() == PARSED_BY[parser]


def test_all_of_them_can_be_switched_off() -> None:
    assert facts_of(event(**VISIT), Requester("5.9.0.1", CHROME), off=tuple(PARSED_BY)) == {}


def test_nothing_is_ever_fetched() -> None:
    """In a process of its own, which notes whoever connects or asks for a name."""
    script = f"""
import sys
forbidden = []
calls = {{"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request"}}
sys.addaudithook(lambda event, args: forbidden.append((event, args)) if event in calls else None)
from admission.facts.events import prepare
from tests.admission.facts.given import event, facts_of
prepare()
assert facts_of(event(**{VISIT!r}))["country"] == "DE"
assert facts_of(event(page={{"url": "https://shop.unknown-suffix/", "referrer": "https://a.b.c.co.uk/"}}))
sys.exit(repr(forbidden) if forbidden else 0)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_each_workspace_has_its_own_settings() -> None:
    readers = FactReaders({"main": None, "quiet": FactSettings(off=tuple(PARSED_BY))})
    sent = event(**VISIT)
    assert readers.with_facts(sent) == READER.with_facts(sent)
    quiet = msgspec.structs.replace(sent, workspace="quiet")
    assert readers.with_facts(quiet) is quiet
    unknown = msgspec.structs.replace(sent, workspace="unknown")
    assert "facts" in readers.with_facts(unknown).context


CONTROL = {"Cc", "Cs"}
HOSTILE_TEXTS = ["https://", "http://[::1", "a" * 100_000, "%" * 5_000, "&=" * 9_000, "xn--", "http://" + "." * 300]
LINKS = r"https?://[a-z.\-0-9]{1,40}/[%a-zA-Z0-9]{0,20}\?(utm_source|gclid|wd)=[%0-9A-F]{0,12}"
TEXTS = st.one_of(st.text(max_size=40), st.sampled_from(HOSTILE_TEXTS), st.from_regex(LINKS, fullmatch=True))
LEAVES = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
NAMES = st.sampled_from(
    ["url", "referrer", "path", "source", "medium", "name", "term", "content", "brands", "brand", "platform", "mobile",
     "type", "model", "width", "height", "density", "facts"]
)  # fmt: skip
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)
CONTEXTS = st.dictionaries(
    st.sampled_from(
        ["page", "campaign", "referrer", "userAgent", "userAgentData", "os", "device", "screen", "ip", "facts", "x"]
    ),
    VALUES,
)


@given(CONTEXTS, VALUES, TEXTS, TEXTS)
def test_whatever_is_sent_gives_short_facts_and_keeps_the_rest(
    context: dict[str, Any], properties: object, address: str, user_agent: str
) -> None:
    sent = event("page", properties if isinstance(properties, dict) else {}, **context)
    for name, fact in facts_of(sent, Requester(address, user_agent)).items():
        assert isinstance(fact, bool) if name == "is_bot" else isinstance(fact, str)
        assert len(str(fact)) <= MAX_FACT_LENGTH
        assert not CONTROL & set(map(unicodedata.category, str(fact)))


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"page":', "", "null", '{"a":1}x', "\ud800"])
def test_a_context_that_is_none_stays_as_it_is(text: str) -> None:
    broken = msgspec.structs.replace(event(), context=text)
    assert READER.with_facts(broken, Requester("5.9.0.1", CHROME)) is broken


HOSTILE = ["a", "(", "bot", "Mozilla/5.0 ", "1.", " ", "é", "Android ", "; ", "a-", "compatible;", "http://a/"]


@pytest.mark.parametrize("unit", HOSTILE)
def test_the_time_for_a_long_text_does_not_grow_with_it(unit: str) -> None:
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        page = {"url": f"https://a.example/?utm_source={text}", "referrer": f"https://www.google.com/?q={text}"}
        sent = event(userAgent=text, page=page, ip=text, campaign={"name": text})
        least = float("inf")
        for _ in range(3):
            started = time.process_time()
            FactReader().with_facts(sent)
            least = min(least, time.process_time() - started)
        return least

    seconds(1_000)  # what is made at the first use
    assert seconds(100_000) < 10 * seconds(5_000) + 0.02


def test_what_is_long_is_not_kept_in_a_cache() -> None:
    reader = FactReader()
    long = event(page={"url": "https://a.example/", "title": "x" * MAX_CACHED_BYTES}, userAgent="x" * MAX_CACHED_BYTES)
    assert json.loads(reader.with_facts(long).context)["facts"]["page"] == "/"
    assert [read.cache_info().currsize for read in cached(reader)] == [0, 0, 0]
    reader.with_facts(event(**VISIT))
    assert [read.cache_info().currsize for read in cached(reader)] == [1, 1, 1]


def cached(reader: FactReader) -> Any:
    return reader._read_cached
