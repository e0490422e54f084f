"""The collector as senders see it, in front of a real Kafka and a real registry."""

import gzip
import json
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from segment.analytics import Client

from collectors.validation import MAX_BATCH_EVENTS
from embedded.stack import Stack
from schemas import topics
from schemas.records import Event, RejectedEvent
from tests.collectors.calls import repairs_of
from tests.collectors.processes import collector_process
from tests.collectors.topics import TopicReader
from tests.support import plain
from tests.support.process import ModuleProcess

pytestmark = pytest.mark.stack

KEY = ("dev", "")
BROWSER_HEADERS = (
    "anonymousid,authorization,content-type,sentat,x-retry-count,"
    "rsa-retry-attempt,rsa-retry-reason,rsa-since-first-attempt,rsa-since-last-attempt"
)


@pytest.fixture(scope="module")
def collector(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleProcess]:
    environment = stack.environment | {"ONEFOLD_HTTP_PORT": "0"}
    with collector_process(environment, tmp_path_factory.mktemp("collector") / "log") as process:
        process.wait_until_ready()
        yield process


@pytest.fixture
def http(collector: ModuleProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=collector.url, auth=KEY, timeout=30) as client:
        yield client


@pytest.fixture
def events(stack: Stack) -> Iterator[TopicReader[Event]]:
    with TopicReader(stack.settings, topics.EVENTS, Event) as reader:
        yield reader


@pytest.fixture
def rejected(stack: Stack) -> Iterator[TopicReader[RejectedEvent]]:
    with TopicReader(stack.settings, topics.EVENTS_REJECTED, RejectedEvent) as reader:
        yield reader


def counted(http: httpx.Client, metric: str) -> float:
    lines = (line.split(" ") for line in http.get("/metrics").text.splitlines())
    return sum(float(line[-1]) for line in lines if line[0] == metric)


def track(**fields: object) -> dict[str, object]:
    return {"type": "track", "userId": "u-service", "event": "Viewed", "messageId": str(uuid.uuid4())} | fields


def test_an_event_has_its_facts_and_keeps_the_rest_of_its_context(
    http: httpx.Client, events: TopicReader[Event]
) -> None:
    page = {"url": "https://shop.example/p?utm_source=june&utm_medium=email", "referrer": "https://mail.qq.com/"}
    context = {"page": page, "ip": "114.114.114.114", "exact": 1.5, "facts": {"country": "XX", "vip": True}}
    chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"
    headers = {"User-Agent": f"{chrome} Safari/537.36"}
    assert http.post("/v1/track", json=track(context=context), headers=headers).status_code == 200
    assert json.loads(events.read(1)[0].context) == context | {
        "facts": {
            "source": "june", "medium": "email", "channel": "email", "referrer": "qq.com", "page": "/p",
            "device": "desktop", "system": "Windows", "browser": "Chrome", "is_bot": False, "country": "CN",
        }
    }  # fmt: skip
    assert http.post("/v1/track", json=track(context={"ip": "5.9.0.1"})).status_code == 200
    assert json.loads(events.read(2)[1].context)["facts"] == {"country": "DE"}


@pytest.mark.parametrize("path", ["/v1/track", "/v1/track/", "/v1/t"])
def test_what_is_answered_with_200_is_in_kafka_under_its_primary_identifier(
    http: httpx.Client, events: TopicReader[Event], path: str
) -> None:
    sent = track(properties={"total": 1.10}, anonymousId="a")
    answer = http.post(path, json=sent)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 1, "rejected": []})
    (event,) = events.read(1)
    assert (event.message_id, event.workspace, event.source) == (sent["messageId"], "main", "dev")
    assert event.properties == '{"total":1.1}'
    assert events.records[0].key == b"main|user_id:u-service"


@pytest.mark.parametrize(
    ("paths", "fields"),
    [
        (("/v1/alias", "/v1/a", "/v1/a/"), {"previousId": "a-1"}),
        (("/v1/group", "/v1/g", "/v1/g/"), {"groupId": "acme"}),
    ],
)
def test_alias_and_group_have_paths_of_their_own(
    http: httpx.Client, events: TopicReader[Event], paths: tuple[str, ...], fields: dict[str, str]
) -> None:
    for path in paths:
        assert http.post(path, json=track(**fields)).json()["accepted"] == 1
    assert {f"/v1/{event.type}" for event in events.read(len(paths))} == {paths[0]}


def test_the_java_sdk_sends_its_batches_to_import(collector: ModuleProcess, events: TopicReader[Event]) -> None:
    batch = {"writeKey": "dev", "sequence": 1, "context": {"library": {"name": "analytics-java"}}, "batch": [track()]}
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    assert plain.post(f"{collector.url}/v1/import/", json=batch, headers=headers).json()["accepted"] == 1
    assert events.read(1)[0].context == '{"library":{"name":"analytics-java"}}'


def test_identifiers_that_name_nobody_are_counted_and_the_event_is_accepted(
    http: httpx.Client, events: TopicReader[Event]
) -> None:
    metric = 'onefold_collector_identifiers_unused_total{reason="blocked"}'
    before = counted(http, metric)
    assert http.post("/v1/track", json=track(anonymousId="undefined")).json()["accepted"] == 1
    assert counted(http, metric) == before + 1
    assert [str(one) for one in events.read(1)[0].identifiers] == ["user_id:u-service", "anonymous_id:undefined"]


def test_a_number_is_one_key_in_every_notation_and_the_sender_is_told_of_what_is_none(
    http: httpx.Client, events: TopicReader[Event]
) -> None:
    numbers = ("9007199254740993", "9007199254740993.0", "9007199254740.993e3", '"9007199254740993.0"')
    calls = [json.dumps(track(userId="N", anonymousId=1.5)).replace('"N"', number) for number in numbers]
    answer = http.post("/v1/batch", content=f'{{"batch": [{",".join(calls)}]}}'.encode()).json()
    assert answer["accepted"] == len(numbers)
    assert answer["unused"][3] == {
        "index": 3,
        "field": "anonymousId",
        "reason": "wrong_type",
        "message": "anonymousId '1.5' is no anonymous_id: an identifier is a text or a whole number",
    }
    read = events.read(len(numbers))
    assert {tuple(map(str, event.identifiers)) for event in read} == {
        ("user_id:9007199254740993", "unused.anonymous_id:1.5")
    }
    assert {record.key for record in events.records} == {b"main|user_id:9007199254740993"}


def test_times_that_cannot_be_read_are_counted_and_the_events_are_accepted(
    http: httpx.Client, events: TopicReader[Event]
) -> None:
    metric = 'onefold_collector_repairs_total{reason="unreadable_time"}'
    before = counted(http, metric)
    calls = [track(timestamp="yesterday"), track(timestamp="۲۰۱۶-۱۲-۳۱T۲۳:۵۹:۶۰Z")]
    assert http.post("/v1/batch", json={"batch": calls, "sentAt": "0001-01-01T00:00:00Z"}).json()["accepted"] == 2
    assert counted(http, metric) == before + 3
    first, second = sorted(events.read(2), key=lambda event: event.ordinal)
    assert first.occurred_at == first.received_at
    assert [repair.field for repair in first.repairs] == ["timestamp", "sentAt"]
    assert (second.occurred_at, second.sent_at) == (1_483_228_800_000, None)
    assert 0 < first.ordinal < second.ordinal


def test_odd_fields_are_repaired_and_counted(http: httpx.Client, events: TopicReader[Event]) -> None:
    metric = 'onefold_collector_repairs_total{reason="broken_character"}'
    before = counted(http, metric)
    calls = [track(properties=[]), track(properties={"agent": "BYTE"}), track(properties={"text": "\ud83d"})]
    body = json.dumps({"batch": calls}).encode().replace(b"BYTE", b"\xe9")
    answer = http.post("/v1/batch", content=body, headers={"Content-Encoding": "gzip"})
    assert answer.json()["accepted"] == 3
    assert counted(http, metric) == before + 2
    kept = sorted(events.read(3), key=lambda event: event.ordinal)
    assert [event.properties for event in kept] == ["{}", '{"agent":"\ufffd"}', '{"text":"\ufffd"}']
    assert [repairs_of(event) for event in kept] == [
        [("properties", "empty_list")],
        [("properties.agent", "broken_character")],
        [("properties.text", "broken_character")],
    ]


def test_bad_calls_of_a_batch_are_kept_beside_the_good(
    http: httpx.Client, events: TopicReader[Event], rejected: TopicReader[RejectedEvent]
) -> None:
    good, bad = track(), track(event=None)
    answer = http.post("/v1/batch", json={"batch": [bad, good]})
    refused = {"index": 0, "messageId": bad["messageId"], "code": "missing_field", "field": "event"}
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 1
    assert answer.json()["rejected"][0].items() >= refused.items()
    assert [event.message_id for event in events.read(1)] == [good["messageId"]]
    (kept,) = rejected.read(1)
    assert (kept.workspace, kept.source, kept.message_id, kept.reason) == (
        "main",
        "dev",
        bad["messageId"],
        "missing_field",
    )
    assert kept.detail.startswith("event: ")
    assert json.loads(kept.body) == bad


def test_a_bad_call_alone_is_answered_with_400(http: httpx.Client, rejected: TopicReader[RejectedEvent]) -> None:
    answer = http.post("/v1/track", json=track(userId=""))
    assert answer.status_code == 400
    assert answer.json()["error"].items() >= {"code": "missing_identifier", "field": "userId"}.items()
    assert rejected.read(1)[0].reason == "missing_identifier"


def test_a_body_that_is_no_json_is_kept_where_the_key_is_known(
    http: httpx.Client, rejected: TopicReader[RejectedEvent]
) -> None:
    assert http.post("/v1/track", content=b'{"writeKey": "dev",', auth=("", "")).status_code == 400
    answer = http.post("/v1/batch", content=b'{"batch": [\xff')
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_json"
    (kept,) = rejected.read(1)
    assert (kept.reason, kept.body) == ("invalid_json", '{"batch": [\ufffd')


@pytest.mark.parametrize("body", [{}, {"writeKey": "unknown"}, {"writeKey": 7}])
@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
def test_without_a_known_key_it_is_401(collector: ModuleProcess, path: str, body: dict[str, object]) -> None:
    answer = plain.post(f"{collector.url}{path}", json=body | {"batch": [track()]})
    assert (answer.status_code, answer.json()["error"]["field"]) == (401, "writeKey")
    wrong = plain.post(f"{collector.url}{path}", json=track(writeKey="dev"), auth=("unknown", ""))
    assert wrong.status_code == 401


def test_the_key_may_be_in_the_body(collector: ModuleProcess) -> None:
    body = {"writeKey": "dev", "batch": [track()]}
    assert plain.post(f"{collector.url}/v1/b", json=body, headers={"Content-Type": "text/plain"}).json()["success"]
    assert plain.post(f"{collector.url}/v1/t", json=track(writeKey="dev")).json()["success"]
    assert plain.post(f"{collector.url}/v1/batch", json={"batch": [track(writeKey="dev")]}).json()["accepted"] == 1


def test_gzip_declared_as_a_form_is_read(http: httpx.Client) -> None:
    body = gzip.compress(json.dumps({"batch": [track()]}).encode())
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert http.post("/v1/batch", content=body, headers=headers).json()["accepted"] == 1


def test_too_much_is_413(http: httpx.Client) -> None:
    assert http.post("/v1/track", content=b" " * (5 * 1024 * 1024 + 1)).status_code == 413
    answer = http.post("/v1/batch", json={"batch": [{}] * (MAX_BATCH_EVENTS + 1)})
    assert (answer.status_code, answer.json()["error"]["field"]) == (413, "batch")


def test_browsers_may_send_and_see_when_to_retry(http: httpx.Client) -> None:
    preflighted = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    preflight = http.options("/v1/t", headers=preflighted | {"Access-Control-Request-Headers": BROWSER_HEADERS})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    refused = http.post("/v1/t", content=b"", headers={"Origin": "http://localhost:3000"})
    assert refused.status_code == 400
    assert refused.headers["access-control-expose-headers"] == "Retry-After"
    assert "access-control-allow-origin" not in http.get("/metrics", headers={"Origin": "https://x.example"}).headers


def test_outcomes_are_counted_by_source_and_reason(http: httpx.Client) -> None:
    http.post("/v1/track", json=track())
    http.post("/v1/track", json=track(event=""))
    lines = http.get("/metrics").text.splitlines()
    for wanted in (
        'onefold_collector_events_total{outcome="accepted",source="dev",workspace="main"}',
        'onefold_collector_events_total{outcome="rejected",source="dev",workspace="main"}',
        'onefold_collector_rejections_total{reason="missing_field",source="dev",workspace="main"}',
        'onefold_collector_request_seconds_count{route="/v1/track",status="200"}',
        "onefold_collector_produce_seconds_count",
    ):
        assert any(line.startswith(wanted) and float(line.split()[-1]) > 0 for line in lines), wanted


def test_the_real_sdk_delivers_every_event_once(collector: ModuleProcess, events: TopicReader[Event]) -> None:
    errors: list[Exception] = []
    client = Client("dev", host=collector.url, on_error=lambda error, _batch: errors.append(error))
    ids = [f"sdk-{number}-{uuid.uuid4()}" for number in range(250)]
    for number, message_id in enumerate(ids):
        client.track("u-sdk", "Viewed", {"number": number, "text": "中文 🎁"}, message_id=message_id)
    client.identify("u-sdk", {"email": "Ann@Example.com"})
    client.page("u-sdk", name="Home", category="Docs")
    client.alias("a-sdk", "u-sdk")
    client.group("u-sdk", "acme", {"name": "Acme", "employees": 7})
    client.shutdown()
    assert errors == []
    found = events.read(254)
    assert sorted(event.message_id for event in found if event.type == "track") == sorted(ids)
    (identify,) = (event for event in found if event.type == "identify")
    assert [str(identifier) for identifier in identify.identifiers] == ["user_id:u-sdk", "email:ann@example.com"]
    (page,) = (event for event in found if event.type == "page")
    assert (page.event, json.loads(page.properties)["category"]) == ("Home", "Docs")
    (alias,) = (event for event in found if event.type == "alias")
    assert [str(identifier) for identifier in alias.identifiers] == ["user_id:u-sdk", "anonymous_id:a-sdk"]
    (group,) = (event for event in found if event.type == "group")
    assert [str(identifier) for identifier in group.identifiers] == ["user_id:u-sdk", "group_id:acme"]
    assert json.loads(group.traits) == {"name": "Acme", "employees": 7}


def test_sigterm_finishes_what_is_under_way(stack: Stack, events: TopicReader[Event], tmp_path: Path) -> None:
    with collector_process(stack.environment | {"ONEFOLD_HTTP_PORT": "0"}, tmp_path / "log") as process:
        process.wait_until_ready()
        url, accepted = process.url, set[str]()

        def send() -> None:
            with httpx.Client(base_url=url, auth=KEY, timeout=30) as client:
                while True:
                    sent = track()
                    try:
                        answer = client.post("/v1/track", json=sent)
                    except httpx.TransportError:
                        return
                    if answer.status_code == 200:
                        accepted.add(str(sent["messageId"]))

        senders = [threading.Thread(target=send) for _ in range(8)]
        for sender in senders:
            sender.start()
        events.read(50)
        assert process.terminate(within_s=5) == 0
        for sender in senders:
            sender.join()
    found = events.read_until(lambda records: accepted <= {event.message_id for event in records})
    assert len(found) >= len(accepted) > 0


def test_without_kafka_it_lives_says_why_and_asks_to_come_again(stack: Stack, tmp_path: Path) -> None:
    nowhere = {"ONEFOLD_HTTP_PORT": "0", "ONEFOLD_KAFKA": "127.0.0.1:1"}
    with collector_process(stack.environment | nowhere, tmp_path / "log") as process:
        assert plain.get(f"{process.url}/health/live").status_code == 200
        ready = plain.get(f"{process.url}/health/ready", timeout=10)
        assert ready.status_code == 503
        assert "no answer" in ready.json()["checks"]["kafka"]
        answer = plain.post(f"{process.url}/v1/track", json=track(), auth=KEY)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert process.terminate(within_s=5) == 0


def test_a_wrong_folder_of_definitions_is_one_line(stack: Stack, tmp_path: Path) -> None:
    nowhere = {"ONEFOLD_HTTP_PORT": "0", "ONEFOLD_DEFINITIONS": str(tmp_path / "none")}
    with collector_process(stack.environment | nowhere, tmp_path / "log") as process:
        assert process.wait() == 1
        assert process.output == f"collector: {tmp_path / 'none'}: no such folder of definitions\n"


def test_a_busy_port_is_one_line(stack: Stack, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with collector_process(stack.environment | {"ONEFOLD_HTTP_PORT": str(port)}, tmp_path / "log") as process:
            assert process.wait() == 1
            assert process.output.splitlines()[-1].startswith(f"collector: cannot listen on 127.0.0.1:{port}: ")
            assert "Traceback" not in process.output
