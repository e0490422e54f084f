"""The collector as a process, besieged from loopback: who has no key, or sends costly bodies, keeps nobody waiting."""

import gzip
import json
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from embedded.stack import Stack
from runtime.http.bodies import MAX_BODY_BYTES, MAX_UNKNOWN_BODY_BYTES
from settings import Source, Workspace
from settings.workspaces import WorkspacesFile
from tests.collectors.processes import collector_process
from tests.support import plain
from tests.support.process import ModuleProcess

pytestmark = pytest.mark.stack

LOCAL, SHOP = "dev", "write-key-of-the-shop"
KEY, LOCAL_KEY = (SHOP, ""), (LOCAL, "")
BASIC = "Authorization: Basic d3JpdGUta2V5LW9mLXRoZS1zaG9wOg==\r\n"
TIMEOUT_S = 30.0


@pytest.fixture(scope="module")
def collector(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleProcess]:
    folder = tmp_path_factory.mktemp("besieged")
    sources = (Source("dev", LOCAL, local_only=True), Source("shop", SHOP))
    file = WorkspacesFile((Workspace("besieged", uuid.UUID(int=7), "wall", sources),))
    (folder / "onefold.yaml").write_bytes(msgspec.json.encode(file))
    environment = stack.environment | {"ONEFOLD_HTTP_PORT": "0", "ONEFOLD_CONFIG": str(folder / "onefold.yaml")}
    with collector_process(environment, folder / "log") as process:
        process.wait_until_ready()
        yield process


@pytest.fixture
def http(collector: ModuleProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=collector.url, timeout=TIMEOUT_S) as client:
        yield client


def track(**fields: object) -> dict[str, object]:
    return {"type": "track", "userId": "u-siege", "event": "Viewed", "messageId": str(uuid.uuid4())} | fields


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def post_from_many(
    url: str, bodies: list[bytes], auth: tuple[str, str] | None, answered: Callable[[int], None]
) -> None:
    """Send each body from a thread of its own until the answer comes; returns when all are answered."""

    def post(body: bytes) -> None:
        headers = {"Content-Encoding": "gzip"} if body.startswith(b"\x1f\x8b") else None
        answered(plain.post(f"{url}/v1/track", content=body, headers=headers, auth=auth, timeout=300).status_code)

    threads = [threading.Thread(target=post, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def nested(size: int) -> bytes:
    """A long key around many objects: of each of them the path was once written out."""
    half = size // 2
    return b'{"userId":"u","event":"e","' + b"k" * half + b'":[' + b",".join([b"{}"] * (half // 3 - 20)) + b"]}"


def test_announcing_takes_no_room(collector: ModuleProcess, http: httpx.Client) -> None:
    address = urlsplit(collector.url)
    with ExitStack() as sockets:
        for credentials in (BASIC, ""):
            for _ in range(41):
                announcing = sockets.enter_context(socket.create_connection((address.hostname, address.port or 0)))
                announced = MAX_BODY_BYTES if credentials else MAX_UNKNOWN_BODY_BYTES
                head = f"POST /v1/track HTTP/1.1\r\nHost: {address.netloc}\r\n{credentials}Content-Length: {announced}"
                announcing.sendall(f"{head}\r\n\r\n".encode() + b"{")
        assert http.post("/v1/track", json=track(properties={"x": "y" * 100_000}), auth=KEY).status_code == 200
        assert http.post("/v1/track", json=track(writeKey=SHOP)).status_code == 200
        answer = b""
        announcing.settimeout(TIMEOUT_S)
        while received := announcing.recv(65_536):
            answer += received
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_the_key_comes_before_the_json(http: httpx.Client) -> None:
    broken = '{"userId":"u","event":"e","x":,"writeKey":"%s"}'
    assert code(http.post("/v1/track", content=broken % "nobody")) == (401, "unknown_write_key")
    assert code(http.post("/v1/track", content=gzip.compress((broken % "nobody").encode()))) == (
        401,
        "unknown_write_key",
    )
    assert code(http.post("/v1/track", content=broken % SHOP)) == (400, "invalid_json")
    assert code(http.post("/v1/batch", content=b"{")) == (401, "unknown_write_key")


def test_much_is_read_only_with_a_key_in_the_head(http: httpx.Client) -> None:
    calls = [track(properties={"x": "y" * 100_000}) for _ in range(10)]
    body = json.dumps({"writeKey": SHOP, "batch": calls}).encode()
    for sent in (body, gzip.compress(body)):
        refused = http.post("/v1/batch", content=sent)
        assert code(refused) == (413, "body_too_large")
        assert "Authorization" in refused.json()["error"]["message"]
        assert http.post("/v1/batch", content=sent, auth=KEY).json()["accepted"] == 10
    small = json.dumps({"writeKey": SHOP, "batch": calls[:4]}).encode()
    assert http.post("/v1/batch", content=small).json()["accepted"] == 4


def test_bombs_without_a_key_keep_nobody_waiting(collector: ModuleProcess, http: httpx.Client) -> None:
    bomb = gzip.compress(nested(MAX_BODY_BYTES))
    statuses: list[int] = []
    has_ended = threading.Event()

    def besiege() -> None:
        while not has_ended.is_set():
            post_from_many(collector.url, [bomb] * 20, None, statuses.append)

    siege = threading.Thread(target=besiege)
    siege.start()
    try:
        for _ in range(20):
            assert http.get("/health/live").status_code == 200
            assert http.post("/v1/track", json=track(), auth=KEY).status_code == 200
    finally:
        has_ended.set()
        siege.join()
    assert set(statuses) == {413}


@pytest.mark.parametrize(
    "hostile",
    [
        nested(MAX_BODY_BYTES),
        b'{"userId":"u","event":"e","x":[' + b",".join([b'{"":0}'] * (MAX_BODY_BYTES // 7 - 20)) + b"]}",
        gzip.compress(b'{"userId":"u","event":"e",' + b",".join(b'"%d":0' % at for at in range(400_000)) + b',"0":0}'),
    ],
    ids=["nested", "many objects", "packed keys, one of them twice"],
)
def test_others_are_served_while_the_costliest_bodies_are_validated(
    collector: ModuleProcess, http: httpx.Client, hostile: bytes
) -> None:
    statuses: list[int] = []
    siege = threading.Thread(target=post_from_many, args=(collector.url, [hostile] * 6, KEY, statuses.append))
    served = 0
    siege.start()
    while siege.is_alive():
        assert http.get("/health/live").status_code == 200
        assert http.post("/v1/track", json=track(), auth=KEY).status_code == 200
        served += 1
    siege.join()
    assert set(statuses) <= {200, 400}
    assert served >= 3 * len(statuses)


@pytest.mark.parametrize("origin", [None, "http://localhost:3000", "https://127.0.0.1", "http://[::1]:8080"])
def test_the_key_of_this_machine_is_taken_from_its_programs_and_pages(http: httpx.Client, origin: str | None) -> None:
    headers = {"Origin": origin} if origin else {}
    assert http.post("/v1/track", json=track(), auth=LOCAL_KEY, headers=headers).status_code == 200
    assert http.post("/v1/track", json=track(writeKey=LOCAL), headers=headers).status_code == 200
    preflighted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    if origin:
        preflight = http.options("/v1/track", headers=headers | preflighted)
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, "*")


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://shop.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_the_key_of_this_machine_is_not_taken_from_pages_of_others(http: httpx.Client, headers: dict[str, str]) -> None:
    in_head = http.post("/v1/track", json=track(), auth=LOCAL_KEY, headers=headers)
    in_body = http.post("/v1/track", json=track(writeKey=LOCAL), headers=headers)
    in_call = http.post("/v1/batch", json={"batch": [track(writeKey=LOCAL)]}, headers=headers)
    for refused in (in_head, in_body, in_call):
        assert code(refused) == (401, "unknown_write_key")
        assert "local_only" in refused.json()["error"]["message"]
    unknown = http.post("/v1/track", json=track(), auth=("nobody", ""), headers=headers)
    assert "local_only" not in unknown.json()["error"]["message"]
    assert http.post("/v1/track", json=track(), auth=KEY, headers=headers).status_code == 200
