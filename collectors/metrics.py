"""What the collector counts, for Prometheus. Labels are bounded: names from the settings, codes from our own lists."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

EVENTS = Counter(
    "onefold_collector_events",
    "Events by outcome: accepted, rejected, or unavailable (the sender has to come again).",
    ["workspace", "source", "outcome"],
)
REJECTIONS = Counter(
    "onefold_collector_rejections",
    "Rejected events and requests by reason; workspace and source are empty where the write key named none.",
    ["workspace", "source", "reason"],
)
IDENTIFIERS_UNUSED = Counter(
    "onefold_collector_identifiers_unused",
    "Unusable identifiers of accepted events, by reason; they stay on the event.",
    ["reason"],
)
REPAIRS = Counter(
    "onefold_collector_repairs",
    "Fields of accepted events that could not be kept as they were sent, by reason; the event names them.",
    ["reason"],
)
REQUEST_SECONDS = Histogram(
    "onefold_collector_request_seconds",
    "From a request's head to its answer.",
    ["route", "status"],
    buckets=_SECONDS,
)
REQUESTS_IN_FLIGHT = Gauge("onefold_collector_requests_in_flight", "Requests that wait for their answer.")
PRODUCE_SECONDS = Histogram(
    "onefold_collector_produce_seconds",
    "From handing a request's records to Kafka's client to the last acknowledgement.",
    buckets=_SECONDS,
)
