"""Which requests the API answers at all, and what it says of itself: the real process, with nothing behind it."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.collectors.processes import api_process
from tests.support import plain
from tests.support.process import ModuleProcess

NOWHERE = {
    "ONEFOLD_API_PORT": "0",
    "ONEFOLD_KAFKA": "127.0.0.1:1",
    "ONEFOLD_REGISTRY": "http://127.0.0.1:1",
    "ONEFOLD_CLICKHOUSE": "http://127.0.0.1:1",
}
READS = ["/health/live", "/health/ready", "/metrics", "/v1/profiles/user_id:u", "/v1/identity/devices", "/none"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleProcess]:
    settings = {"ONEFOLD_OPEN_READS": "1", "ONEFOLD_TRUSTED_HOSTS": "*.example.com"}
    with api_process(NOWHERE | settings, tmp_path_factory.mktemp("api") / "log") as process:
        yield process


@pytest.mark.parametrize("path", READS)
def test_a_rebound_name_reads_nothing(api: ModuleProcess, path: str) -> None:
    for host in ("rebound.test", f"rebound.test:{urlsplit(api.url).port}"):
        answer = plain.get(f"{api.url}{path}", headers={"Host": host})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "untrusted_host")


@pytest.mark.parametrize("path", READS)
def test_a_page_of_another_site_reads_nothing(api: ModuleProcess, path: str) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://shop.test"}):
        answer = plain.get(f"{api.url}{path}", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "untrusted_page")


def test_a_page_of_another_site_requests_nothing(api: ModuleProcess) -> None:
    post = plain.post(f"{api.url}/v1/identity/unmerge", json={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert (post.status_code, post.json()["error"]["code"]) == (403, "untrusted_page")


def test_it_takes_no_events(api: ModuleProcess) -> None:
    answer = plain.post(f"{api.url}/v1/track", json={}, auth=("dev", ""))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_method_that_there_is_not_is_an_error_like_any_other(api: ModuleProcess) -> None:
    answer = plain.get(f"{api.url}/v1/identity/unmerge")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


def test_with_nothing_behind_it_it_lives_and_says_what_is_missing(api: ModuleProcess) -> None:
    assert plain.get(f"{api.url}/health/live").status_code == 200
    ready = plain.get(f"{api.url}/health/ready", timeout=10)
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert set(ready.json()["checks"]) == {"kafka", "schemas", "clickhouse"}
    assert all(state != "ok" for state in ready.json()["checks"].values())


def test_look_ups_are_measured_by_route_and_status(api: ModuleProcess) -> None:
    plain.get(f"{api.url}/v1/profiles/user_id:u", params={"workspace": "nowhere"})
    text = plain.get(f"{api.url}/metrics").text
    assert re.search(r'onefold_api_request_seconds_count\{route="/v1/profiles",status="404"\} [1-9]', text)
    assert "user_id:u" not in text


def test_a_busy_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with api_process(NOWHERE | {"ONEFOLD_API_PORT": str(port)}, tmp_path / "log") as process:
            assert process.wait() == 1
            # Beside it the log may say that ClickHouse does not answer.
            [line] = [line for line in process.output.splitlines() if line.startswith("api: ")]
    assert line.startswith(f"api: cannot listen on 127.0.0.1:{port}: ")
    assert line.endswith("(ONEFOLD_API_PORT chooses another)")


def test_sigterm_ends_it_in_good_order(tmp_path: Path) -> None:
    with api_process(NOWHERE, tmp_path / "log") as process:
        assert process.url
        assert process.terminate(within_s=10) == 0
        assert "Traceback" not in process.output
