"""`make bench-peers`: the job `cdp-fold` on Onefold and on its peers, checked, in one table and one run.

Rates vary from machine to machine and from minute to minute: read the ratios.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from rich.table import Table

from bench.peers import environments
from bench.peers.peers import PEERS, Peer
from bench.peers.running import Run, RunFailed, run
from bench.peers.workload import PARTITIONS, TOPIC, Result, fill, reference
from embedded.layout import Ports
from embedded.screen import screen_for
from embedded.stack import Stack, StackOptions
from embedded.terminal import Terminal

# Processes of a run are started together; without a wait, the first would take all partitions and give half of them up.
BROKER = {"group.initial.rebalance.delay.ms": "3000"}

NOTES = """\
CPU and broker: seconds per million events, from the first record folded to the last. RSS: the peak, all processes.
x rate, x CPU: Onefold's events/s and its events per CPU second, over the peer's, with as many workers as that has.
"ok": number and checksum of segment changes (read committed), number of keys and checksum of the final counts are those
of the single-threaded reference; Onefold's counts are read back from its changelog.
Nobody removes duplicate message ids or keeps deadlines here. Onefold commits outputs, states and position of each batch
in one transaction and fences a worker that lost its partition. The others work at least once where not said otherwise,
and commit every 2 s; Bytewax has no changelog."""


def main() -> int:
    """Measure, check and print; 1 when a peer came to another result."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=300_000, help="events on the topic (default 300,000)")
    parser.add_argument("--only", default="", help=f"comma-separated: {', '.join(peer.name for peer in PEERS)}")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args()
    wanted = [name for name in chosen.only.split(",") if name]
    if unknown := set(wanted) - {peer.name for peer in PEERS}:
        parser.error(f"--only: unknown: {', '.join(sorted(unknown))}")
    peers = [peer for peer in PEERS if not wanted or peer.name in wanted]
    console = Terminal(stderr=True)
    with tempfile.TemporaryDirectory(prefix="onefold-bench-peers-") as folder:
        options = StackOptions(Path(folder) / "stack", ports=Ports.free(), processes=("kafka",), broker=BROKER)
        with Stack(options, screen_for(console)) as stack:
            limits, outcomes, expected = _measure(stack, Path(folder), chosen.events, peers, console)
    if chosen.json:
        print(json.dumps(_as_json(chosen.events, limits, outcomes, expected), indent=2))
    else:
        _print(chosen.events, limits, outcomes, expected)
    return 0 if all(isinstance(got, str) or got.result == expected for _, got in outcomes) else 1


def _measure(
    stack: Stack, folder: Path, events: int, peers: list[Peer], console: Terminal
) -> tuple[list[dict[str, float]], list[tuple[Peer, Run | str]], Result]:
    console.print(f"Filling {TOPIC} with {events:,} events, and folding them once for the reference ...")
    admin = AdminClient({"bootstrap.servers": stack.settings.kafka, "log_level": 0})
    for future in admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)]).values():
        future.result()
    fill(stack.settings.kafka, events)
    expected = reference(events, environments.cache())
    limits = _limits(stack)
    outcomes: list[tuple[Peer, Run | str]] = []
    for peer in peers:
        console.print(f"{peer.title} ...")
        try:
            got: Run | str = run(peer, stack, folder, events)
        except environments.Unavailable as reason:
            got = f"not run: {reason}"
        except RunFailed as reason:
            got = f"failed: {reason}"
        outcomes.append((peer, got))
    return limits, outcomes, expected


def _limits(stack: Stack) -> list[dict[str, float]]:
    given = dict.fromkeys(("PEERS_OUTPUT", "PEERS_FOLDER", "PEERS_RESULTS"), "")
    given |= {"PEERS_KAFKA": stack.settings.kafka, "PEERS_INPUT": TOPIC, "PEERS_RUN": "limits"}
    script = str(environments.HERE / "limits.py")
    done = subprocess.run(
        [sys.executable, script], env=dict(os.environ) | given, stdout=subprocess.PIPE, text=True, check=True
    )
    measured: list[dict[str, float]] = json.loads(done.stdout)
    return measured


def _ratios(peer: Peer, got: Run, outcomes: list[tuple[Peer, Run | str]]) -> tuple[float, float] | None:
    for ours, own in outcomes:
        if ours.name == f"onefold-{peer.beside}" and isinstance(own, Run) and own is not got:
            return own.rate / got.rate, own.per_cpu_s / got.per_cpu_s
    return None


def _print(
    events: int, limits: list[dict[str, float]], outcomes: list[tuple[Peer, Run | str]], expected: Result
) -> None:
    table = Table("peer", title=f"cdp-fold, {events:,} events of {expected.keys:,} keys, {expected.changes:,} changes")
    for column in ("events/s", "CPU", "broker", "RSS MiB", "x rate", "x CPU", "result"):
        table.add_column(column, justify="right")
    for limit in limits:
        table.add_row(f"limit: {limit['what']}", f"{limit['rate']:,.0f}", f"{limit['cpu_s'] / events * 1e6:.1f}")
    table.add_section()
    for peer, got in outcomes:
        if isinstance(got, str):
            table.add_row(peer.title, *[""] * 6, got)
            continue
        ratios = _ratios(peer, got, outcomes)
        table.add_row(
            peer.title, f"{got.rate:,.0f}", f"{got.cpu_s / events * 1e6:.1f}", f"{got.broker_cpu_s / events * 1e6:.1f}",
            f"{got.rss_mib:,.0f}", *([f"{ratio:.2f}" for ratio in ratios] if ratios else ["", ""]),
            "ok" if got.result == expected else f"WRONG: {got.result}",
        )  # fmt: skip
    console = Terminal(width=None if sys.stdout.isatty() else 130)
    console.print(table)
    console.print(NOTES)


def _as_json(
    events: int, limits: list[dict[str, float]], outcomes: list[tuple[Peer, Run | str]], expected: Result
) -> dict[str, object]:
    rows: list[dict[str, object]] = []
    for peer, got in outcomes:
        if isinstance(got, str):
            rows.append({"peer": peer.name, "outcome": got})
            continue
        ratios = _ratios(peer, got, outcomes)
        row = got._asdict() | {"result": got.result._asdict(), "rate": got.rate, "ok": got.result == expected}
        rows.append({"peer": peer.name} | row | ({"x_rate": ratios[0], "x_cpu": ratios[1]} if ratios else {}))
    return {"events": events, "expected": expected._asdict(), "limits": limits, "peers": rows}


if __name__ == "__main__":
    sys.exit(main())
