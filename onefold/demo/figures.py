"""Reads the metrics of the running processes and makes the demo's figures of them."""

from collections.abc import Iterable

import msgspec
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from embedded.running import Addresses
from onefold.demo.receivers import ReceivedSoFar
from runtime.http.plain import plain_client
from schemas import topics
from warehouse.client import look_ups
from warehouse.queries.demo import latest_happenings, shop_counts

HAPPENINGS_SHOWN = 8
ANSWER_TIMEOUT_S = 5.0


class Figures(msgspec.Struct, frozen=True):
    """Totals since the start, but for `lag` (records that wait, by stage) and the latencies (seconds).

    `in_profiles`: the events that the profiles are made of. `happenings`: the latest entries, exits and triggers.
    `received`: what has come to the webhook and the mailbox.
    """

    accepted: int
    folded: int
    in_profiles: int
    profiles: int
    merges: int
    open_sessions: int
    entered: int
    exited: int
    fired: int
    happenings: list[tuple[str, ...]]
    lag: dict[str, int]
    p50_s: float | None
    p99_s: float | None
    received: ReceivedSoFar = ReceivedSoFar()


def read(addresses: Addresses, workspace: str, received: ReceivedSoFar) -> Figures:
    """Read the figures of one workspace. Raises httpx.HTTPError or OnefoldError when a process does not answer."""
    pages = [f"{addresses.http}/metrics", addresses.worker_metrics, addresses.sink_metrics]
    families: dict[str, Metric] = {}
    with plain_client(ANSWER_TIMEOUT_S) as client:
        for page in pages:
            for family in text_string_to_metric_families(client.get(page).raise_for_status().text):
                families[family.name] = family
    here = {"workspace": workspace}
    latency = families.get("onefold_event_latency_seconds")
    counts = shop_counts(look_ups(addresses.clickhouse), workspace)
    return Figures(
        accepted=_sum(families, "onefold_collector_events", here | {"outcome": "accepted"}),
        folded=_sum(families, "onefold_profile_events", here | {"outcome": "folded"}),
        in_profiles=counts.events,
        profiles=counts.profiles,
        merges=_sum(families, "onefold_graph_merges", {}),
        open_sessions=counts.open_sessions,
        entered=_sum(families, "onefold_segment_changes", here | {"change": "entered"}),
        exited=_sum(families, "onefold_segment_changes", here | {"change": "exited"}),
        fired=_sum(families, "onefold_triggers_fired", here),
        happenings=latest_happenings(look_ups(addresses.clickhouse), workspace, HAPPENINGS_SHOWN),
        lag=_lag(families),
        p50_s=quantile(latency, here, 0.50),
        p99_s=quantile(latency, here, 0.99),
        received=received,
    )


def quantile(histogram: Metric | None, labels: dict[str, str], share: float) -> float | None:
    """Return a quantile of a histogram, linear within the bucket as in Prometheus; None without observations."""
    if histogram is None:
        return None
    buckets = sorted(
        (float(sample.labels["le"]), sample.value)
        for sample in histogram.samples
        if sample.name.endswith("_bucket") and _fits(sample.labels, labels)
    )
    if not buckets or buckets[-1][1] == 0:
        return None
    wanted = share * buckets[-1][1]
    lower, below = 0.0, 0.0
    for upper, count in buckets:
        if count >= wanted:
            if upper == float("inf") or count == below:
                return lower
            return lower + (upper - lower) * (wanted - below) / (count - below)
        lower, below = upper, count
    return lower


def _sum(families: dict[str, Metric], name: str, labels: dict[str, str]) -> int:
    family = families.get(name)
    samples = () if family is None else family.samples
    return int(sum(s.value for s in samples if not s.name.endswith("_created") and _fits(s.labels, labels)))


def _lag(families: dict[str, Metric]) -> dict[str, int]:
    stages = {
        "resolve": (topics.EVENTS, topics.IDENTITY_ROUTES),
        "graph": (topics.IDENTITY_REQUESTS,),
        "profile": (topics.EVENTS_RESOLVED, topics.PROFILE_COMMANDS),
    }
    lag = {stage: _over(families, "onefold_worker_lag_records", read) for stage, read in stages.items()}
    return lag | {"sink": _sum(families, "onefold_sink_lag_records", {})}


def _over(families: dict[str, Metric], name: str, read: Iterable[str]) -> int:
    return sum(_sum(families, name, {"topic": topic}) for topic in read)


def _fits(labels: dict[str, str], wanted: dict[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in wanted.items())
