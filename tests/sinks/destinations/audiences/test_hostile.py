"""Whatever a service answers and a mapping makes, there are outcomes, never an exception."""

from contextlib import suppress

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from definitions.receivers.salesforce import Salesforce
from definitions.receivers.values import Secret
from sinks.destinations import google_data_manager, hubspot, meta_audience, salesforce
from sinks.destinations.audiences.answers import Answer
from sinks.destinations.audiences.memberships import Unsendable
from sinks.destinations.audiences.sending import Again, Stopped, Unclear
from sinks.destinations.audiences.tables import rows_in, table_of
from sinks.destinations.audiences.waves import Change
from sinks.destinations.contract import Refused
from tests.sinks.destinations.deliveries import delivery

NAMES = st.sampled_from(
    [
        *("error", "code", "message", "error_subcode", "num_invalid_entries", "num_received", "invalid_entry_samples"),
        *("details", "@type", "fieldViolations", "field", "status", "requestId", "retryDelay", "errors", "context"),
        *("objectWriteTraceId", "numErrors", "category", "policyName", "errorCode", "is_transient", "k1"),
    ]
)
WORDS = st.sampled_from(
    [
        *("INVALID_ARGUMENT", "x.BadRequest", "x.RetryInfo", "audience_members[1]", "audienceMembers[99999]", "12s"),
        *("k1", "k2", "RATE_LIMITS", "DAILY", "REQUEST_LIMIT_EXCEEDED", "9" * 30, "-1", "٣"),
    ]
)
LEAVES = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=5) | WORDS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
SHAPED = st.fixed_dictionaries(
    {"num_invalid_entries": st.integers(0, 3), "num_received": st.just(2), "invalid_entry_samples": VALUES}
) | st.fixed_dictionaries({"numErrors": st.integers(0, 3), "errors": st.lists(VALUES, max_size=2)})
STATUSES = st.sampled_from([200, 201, 204, 207, 302, 400, 401, 403, 404, 409, 413, 423, 429, 477, 500, 503])
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "x-business-use-case-usage"]), st.text(max_size=9) | st.just('{"a": [{"b": 1}]}')
)
ANSWERS = st.builds(Answer, STATUSES, (VALUES | SHAPED).map(msgspec.json.encode) | st.binary(max_size=20), HEADERS)
ROW = (("EMAIL", "k1"),)
ROWS = [
    Change(at, (key,), frozenset({key}), ("POST", "1"), meta_audience.Member(key, 1, (ROW,)))
    for at, key in enumerate(("k1", "k2"))
]
CONTACTS = [hubspot.Contact(key, key, {"a": "b"}) for key in ("k1", "k2")]


@given(ANSWERS)
def test_any_answer_has_outcomes(answer: Answer) -> None:
    for settled in (
        meta_audience.settled_of(ROWS, answer),
        google_data_manager.settled_of(2, answer),
        hubspot.settled_of(CONTACTS, answer),
    ):
        if isinstance(settled, Again):
            assert 0 < len(settled.refused) <= 2
            assert set(settled.refused) <= {0, 1}
        elif not isinstance(settled, Refused | Stopped | Unclear):
            assert len(settled) == 2
    assert isinstance(salesforce.error_of(answer), Refused | Stopped | None)


@given(
    st.dictionaries(
        st.sampled_from(["id", "EMAIL", "emailAddress", "properties", "record", "segment", "change"]), VALUES
    )
)
def test_any_fields_are_sent_or_refused(fields: dict[str, object]) -> None:
    options = Salesforce("https://shop.example", "a", Secret(env="A"))
    for read in (
        lambda: meta_audience.rows_of(fields, is_entry=True),
        lambda: google_data_manager.identifiers_of(fields),
        lambda: msgspec.json.encode(hubspot.contact_of(delivery("p", fields), "in_{segment}")),
        lambda: table_of([salesforce.record_of(fields, options).columns]),
    ):
        with suppress(Unsendable):
            read()


@given(st.binary(max_size=50))
def test_any_bytes_are_read_as_a_table(table: bytes) -> None:
    assert all(isinstance(row, dict) for row in rows_in(table))


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b", 'ü,"']),
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
            min_size=3,
        ),
        max_size=4,
    )
)
def test_what_is_written_as_a_table_is_read_again(rows: list[dict[str, str]]) -> None:
    assert rows_in(table_of(rows)) == rows
