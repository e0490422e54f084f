"""Many clients at once, long queries, and queries that are given up."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.embedded.clickhouse.conftest import Server
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.soak(has_short_form=True)]

ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(cityHash64(number))"


class InBackground:
    """An endless query in a thread; `response` is there once it has ended."""

    def __init__(self, server: Server, query_id: str, sql: str = ENDLESS) -> None:
        self.response: httpx.Response | None = None
        self._client = httpx.Client(base_url=server.url, timeout=120)
        self._request = {"params": {"query_id": query_id}, "content": sql}
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        wait_until(lambda: running(server, query_id), "the query runs")

    def _run(self) -> None:
        with contextlib.suppress(httpx.TransportError):
            self.response = self._client.post("/", **self._request)  # type: ignore[arg-type]

    def ended(self) -> httpx.Response | None:
        """The response once the query has ended; None when the server cut the connection."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.response


def running(server: Server, query_id: str) -> bool:
    """Whether the engine works on the request of this id."""
    counted = server.ask(
        "SELECT count() FROM system.processes WHERE Settings['log_comment'] = {q:String}", param_q=query_id
    )
    return counted == "1"


def test_a_query_is_killed_by_the_id_its_client_gave(server: Server) -> None:
    query, other = InBackground(server, "to-be-killed"), InBackground(server, "to-stay")
    server.ask("KILL QUERY WHERE query_id = 'to-be-killed' SYNC")
    response = query.ended()
    assert response is not None
    assert response.headers["x-clickhouse-exception-code"] == "394"
    assert running(server, "to-stay")
    server.ask("KILL QUERY WHERE query_id IN ('to-stay')")
    other.ended()


def test_an_id_that_runs_already_is_refused(server: Server) -> None:
    query = InBackground(server, "once")
    response = server.http.post("/", params={"query_id": "once"}, content="SELECT 1")
    assert response.headers["x-clickhouse-exception-code"] == "216"
    server.ask("KILL QUERY WHERE query_id = 'once'")
    query.ended()
    wait_until(
        lambda: server.http.post("/", params={"query_id": "once"}, content="SELECT 1").text == "1\n", "id is free"
    )


@pytest.mark.parametrize("sql", [ENDLESS, pytest.param("SELECT number FROM system.numbers", marks=pytest.mark.soak)])
def test_a_query_ends_when_its_client_leaves(server: Server, sql: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(server.url, params={"query_id": "left"}, content=sql + " FORMAT JSON", timeout=0.7)
    wait_until(lambda: not running(server, "left"), "the engine gives the query up")
    with httpx.stream(
        "POST", server.url, params={"query_id": "left too"}, content="SELECT * FROM system.numbers"
    ) as part:
        next(part.iter_raw())
    wait_until(lambda: not running(server, "left too"), "the engine gives the stream up")


@pytest.mark.soak
def test_long_queries_hold_up_neither_pings_nor_inserts(server: Server) -> None:
    server.ask("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
    ids = [f"long {number}" for number in range(20)]  # more than the gateway runs at a time
    with ThreadPoolExecutor(len(ids)) as pool:
        queries = [
            pool.submit(httpx.post, server.url, params={"query_id": name}, content=ENDLESS, timeout=120) for name in ids
        ]
        # Reads wait now; a KILL finds out about the first, because KILL does not wait behind reads.
        wait_until(
            lambda: all(server.ask(f"INSERT INTO t VALUES ({n})") == "" for n in range(20)), "inserts are written"
        )
        assert server.http.get("/ping").text == "Ok.\n"
        assert not any(query.done() for query in queries)
        kill = "KILL QUERY WHERE Settings['log_comment'] LIKE 'long %'"
        wait_until(lambda: server.ask(kill) is not None and all(query.done() for query in queries), "all are killed")
    assert server.ask("SELECT count() FROM t") == "20"


def test_eight_clients_read_and_write_at_once(server: Server, is_long: bool) -> None:
    batches = 15 if is_long else 3
    server.ask("CREATE TABLE t (client UInt8, n UInt32) ENGINE = MergeTree ORDER BY (client, n)")

    def work(number: int) -> int:
        client = server.client()
        client.command("SELECT 1")
        for batch in range(batches):
            client.insert("t", [[number, batch * 100 + row] for row in range(100)], column_names=["client", "n"])
            found = client.query(
                "SELECT count(), {own:UInt8}, getSetting('max_threads') FROM t WHERE client = {own:UInt8}",
                parameters={"own": number},
                settings={"max_threads": number + 1},
            ).result_rows
            assert found == [((batch + 1) * 100, number, number + 1)]
        client.close()
        return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == list(range(8))
    assert server.ask("SELECT count(), uniqExact(client, n) FROM t") == f"{800 * batches}\t{800 * batches}"
