"""Segments over HTTP: lists, members, history and overlap, page by page."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from definitions.model import Comparison, Operator, Segment, TraitComparison
from embedded.stack import Stack
from schemas import topics
from schemas.records import Identifier, SegmentChange
from tests.api.conftest import Client
from tests.sinks.examples import ADA, ADAS, NOW, PHONES, insert, placed, profile
from tests.support.sets import applied
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

ODD = "a/b 犹豫"
EVE = "00000000-0000-5000-8000-0000000000ef"


@pytest.fixture
def buyers(warehouse: Warehouse, workspace: str) -> str:
    """A workspace in which Ada's phone was a buyer, became Ada, and Eve is one as well."""
    changes = [
        SegmentChange(workspace, "c1", PHONES, "buyers", "entered", NOW, "m1", 1),
        SegmentChange(workspace, "c2", PHONES, "buyers", "exited", NOW + 5, "merge", 2),
        SegmentChange(workspace, "c3", ADAS, "buyers", "entered", NOW + 6, "merge", 3, (ADA,), "person", NOW + 9, 7),
        SegmentChange(workspace, "c4", EVE, "buyers", "entered", NOW + 7, "m2", 1, (Identifier("user_id", "eve"),)),
        SegmentChange(workspace, "c5", EVE, ODD, "entered", NOW + 8, "m2", 2),
    ]
    insert(warehouse, [placed(topics.SEGMENTS, change, at) for at, change in enumerate(changes)])
    records = [
        profile(ADAS, 5, workspace, identifiers=(ADA,)),
        profile(EVE, 3, workspace, identifiers=(Identifier("user_id", "eve"),)),
        profile(PHONES, 3, workspace, merged_into=ADAS, decision=1),
    ]
    insert(warehouse, [placed(topics.PROFILES, record, at) for at, record in enumerate(records)])
    return workspace


def test_segments_are_listed_page_by_page_those_that_are_defined_with_their_version(
    client: Client, buyers: str, stack: Stack
) -> None:
    pros = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))
    of = applied(stack, Segment("nobody", pros, workspaces=(buyers,)), Segment("buyers", pros, workspaces=(buyers,)))
    since = datetime.fromtimestamp(of.applied_at / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    reader, query = client(kafka=stack.settings.kafka), {"workspace": buyers, "limit": "1"}
    nothing = {"members": 0, "entered": 0, "exited": 0, "version": None, "since": None}
    pages: list[dict[str, Any]] = []
    while not pages or (query := query | {"cursor": pages[-1]["next"]})["cursor"]:
        pages.append(reader.get("/v1/segments", params=query).json())
    assert [page["segments"] for page in pages] == [
        [nothing | {"name": ODD, "members": 1}],
        [nothing | {"name": "buyers", "members": 2, "version": of.version, "since": since}],
        [nothing | {"name": "nobody", "version": of.version, "since": since}],
    ]


def test_members_are_listed_now_and_then_page_by_page(client: Client, buyers: str) -> None:
    query = {"workspace": buyers, "limit": "1"}
    first = client().get("/v1/segments/buyers/members", params=query).json()
    assert first == {
        "segment": "buyers",
        "at": None,
        "members": [
            {
                "profile_id": EVE,
                "profile_kind": "person",
                "entered_at": "2023-11-14T22:13:20.130Z",
                "identifiers": [{"namespace": "user_id", "value": "eve"}],
            }
        ],
        "next": EVE,
    }
    rest = client().get("/v1/segments/buyers/members", params=query | {"cursor": first["next"]}).json()
    assert ([member["profile_id"] for member in rest["members"]], rest["next"]) == ([ADAS], None)
    then = client().get("/v1/segments/buyers/members", params=query | {"at": "2023-11-14T23:13:20.124+01:00"}).json()
    assert [member["profile_id"] for member in then["members"]] == [PHONES]


def test_the_history_of_a_person_has_what_was_merged_into_it(client: Client, buyers: str) -> None:
    for person in ("user_id:ada", ADAS):
        found = client().get("/v1/segments/buyers/history", params={"workspace": buyers, "profile": person}).json()
        assert [(change["change_id"], change["change"]) for change in found["changes"]] == [
            ("c3", "entered"),
            ("c2", "exited"),
            ("c1", "entered"),
        ]
    assert found["changes"][0] == {
        "change_id": "c3",
        "profile_id": ADAS,
        "profile_kind": "person",
        "segment": "buyers",
        "change": "entered",
        "changed_at": "2023-11-14T22:13:20.129Z",
        "decided_at": "2023-11-14T22:13:20.132Z",
        "cause": "merge",
        "version": 3,
        "definition": 7,
        "identifiers": [{"namespace": "user_id", "value": "ada"}],
    }
    query = {"workspace": buyers, "limit": "3"}
    whole = client().get("/v1/segments/buyers/history", params=query).json()
    rest = client().get("/v1/segments/buyers/history", params=query | {"cursor": whole["next"]}).json()
    ids = [change["change_id"] for change in (*whole["changes"], *rest["changes"])]
    assert (ids, rest["next"]) == (["c4", "c3", "c2", "c1"], None)


def test_two_segments_are_compared_whatever_they_are_called(client: Client, buyers: str) -> None:
    path = f"/v1/segments/{quote(ODD, safe='')}/overlap"
    found = client().get(path, params={"workspace": buyers, "with": "buyers"}).json()
    assert found == {"left": ODD, "right": "buyers", "at": None, "both": 1, "only_left": 0, "only_right": 1}


@pytest.mark.parametrize(
    ("path", "status", "code", "field", "message"),
    [
        ("buyer/members", 404, "unknown_segment", "segment", "did you mean 'buyers'?"),
        ("buyer/history", 404, "unknown_segment", "segment", "did you mean 'buyers'?"),
        ("buyers/overlap?with=byers", 404, "unknown_segment", "segment", "did you mean 'buyers'?"),
        ("buyers/overlap", 400, "invalid_request", "with", "name the other segment"),
        ("buyers/members?at=2200-01-01", 400, "invalid_request", "at", "'2200-01-01' lies in the future: by the clock"),
        ("buyers/members?at=yesterday", 400, "invalid_request", "at", "'yesterday' is no time in ISO 8601"),
        ("buyers/members?limit=0", 400, "invalid_request", "limit", "a number from 1 to 1,000, not '0'"),
        ("buyers/members?limit=1001", 400, "invalid_request", "limit", "a number from 1 to 1,000"),
        ("buyers/members?limit=%D9%A1", 400, "invalid_request", "limit", "a number from 1 to 1,000"),
        ("buyers/history?cursor=x", 400, "invalid_request", "cursor", "'x' is no cursor"),
        ("buyers/history?profile=nobody", 400, "invalid_identifier", "identifier", "NAMESPACE:VALUE"),
        ("buyers/history?profile=user_id:nobody", 404, "unknown_profile", "profile", "no profile with user_id:nobody"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(  # noqa: PLR0913, PLR0917 - a question and its answer
    client: Client, buyers: str, stack: Stack, path: str, status: int, code: str, field: str, message: str
) -> None:
    separator = "&" if "?" in path else "?"
    answer = client(kafka=stack.settings.kafka).get(f"/v1/segments/{path}{separator}workspace={buyers}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (status, code, field)
    assert message in error["message"]
