"""The back-fill of a windowed segment that was changed, over a long history, beside live events."""

import time

from bench.activation.applying import apply
from bench.activation.history import device_of, fill_past
from bench.activation.listening import Listener
from bench.activation.live import ENTERED, Live
from bench.activation.scale import RATE, Scale, described, judged
from bench.measure import Usage, wait_until_worked_off
from bench.workload import Sender
from definitions import Definitions, Segment
from definitions.model import Call, EventCount, EventMatcher, Window
from embedded.stack import Stack
from runtime.clock import now_ms
from schemas.groups import SINK, WORKER
from schemas.records import Event, Identifier, SegmentChange
from settings import Settings
from warehouse.client import Warehouse
from warehouse.queries.definitions import EvaluationQuery, sizes

DAY_MS = 86_400_000
VIEWED = EventMatcher((Call("track", "Product Viewed"),))
NAME = "bench_viewers"
AT_ONCE = 20_000
PROCESSES = ("worker", "sink", "rebuilder", "clickhouse", "kafka")
MOST_DIFFERENCE = 0.002


def defined(days: int) -> Definitions:
    """Return the live probe's segment, and that of whoever viewed two products within so many days."""
    viewers = Segment(NAME, EventCount(VIEWED, Window(days * DAY_MS), 2))
    return Definitions(segments=(ENTERED, viewers))


def measure(stack: Stack, scale: Scale) -> list[str]:
    """Change a window from 7 to 30 days; until everybody is evaluated by the new version, for the past as well."""
    settings = stack.settings
    apply(settings, defined(7))
    _meet(settings, scale.people)
    with Warehouse(settings.clickhouse, answer_timeout_s=None) as warehouse:
        fill_past(warehouse, settings.workspaces["main"].namespace, scale.events - scale.people, scale.people)
    live, members, entered = Live(settings), set[str](), 0

    def take(change: SegmentChange, arrived_ns: int) -> None:
        nonlocal entered
        if change.segment == NAME:
            (members.add if change.change == "entered" else members.discard)(change.profile_id)
            entered += change.cause == "definition"
        live.take(change, arrived_ns)

    with Listener(settings, take) as listener:
        with live:
            time.sleep(scale.steady_s)
            alone, usages = live.taken_ms(), {name: Usage(stack.process(name).pid) for name in PROCESSES}
            steps = apply(settings, defined(30))
            beside = live.taken_ms()
        wait_until_worked_off(settings, (WORKER.name, SINK.name))
        listener.await_silence()
    cpu = ", ".join(f"{name} {usage.cpu_s():.0f} s and {usage.rss_mib():,.0f} MiB" for name, usage in usages.items())
    history = f"{scale.events:,} events of {scale.people:,} people beside {RATE:,} live events/s"
    said = f"{steps['all']:.1f} s for {history}, {entered:,} entries by the definition"
    is_reached = steps["all"] < scale.backfilled_within_s
    return [
        judged(said, is_reached, f"{scale.backfilled_within_s:g} s"),
        "steps began after " + ", ".join(f"{at:.1f} s: {step}" for step, at in steps.items() if step != "all"),
        f"CPU and memory: {cpu}",
        _compared(settings, len(members)),
        described("entries by live events before", alone),
        described("entries by live events meanwhile", beside),
    ]


def _meet(settings: Settings, people: int) -> None:
    """Have every person known to PROFILE, by one event of each that the segment is not about."""
    sender = Sender(settings)
    for person in range(people):
        now = now_ms()
        who = (Identifier("anonymous_id", device_of(person)),)
        sender.send(Event("main", "bench", f"met-{person}", "page", "Home", now, None, now, who, ordinal=now * 1_000))
        if person % AT_ONCE == 0:
            sender.flush()
    sender.flush()
    wait_until_worked_off(settings, (WORKER.name, SINK.name))


def _compared(settings: Settings, members: int) -> str:
    """Compare the members with those by SQL a moment later, when a few have left."""
    with Warehouse(settings.clickhouse, answer_timeout_s=None) as warehouse:
        wanted = EvaluationQuery(defined(30), "main", "person", now_ms())
        by_sql = sizes(warehouse, wanted)[NAME]
    line = f"{members:,} members who entered since, {by_sql:,} members by SQL"
    return judged(line, abs(members - by_sql) <= MOST_DIFFERENCE * by_sql, "the same but for 0.2 %")
