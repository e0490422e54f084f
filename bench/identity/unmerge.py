"""A big profile unmerged on the running stack: from the request to `rebuilt`, and what the two profiles then hold.

A person has devices; one wrong event ties an e-mail to the person, and the e-mail has devices of its own. The request
is `onefold unmerge`, run as a person would, with everything that hangs on the e-mail named.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from api.outcomes import RequestOutcome
from bench.measure import wait_until_worked_off
from bench.workload import Sender
from embedded.stack import Stack
from runtime.clock import now_ms
from schemas.groups import SINK, WORKER
from schemas.identity import default_profile_id
from schemas.records import Event, Identifier
from warehouse.client import Warehouse

IDENTIFIERS = 100
EVENTS = 10_000
OWN_DEVICES = 59
FOREIGN_DEVICES = 39
RUNS = 3
ASKED_S = 10.0
WORKSPACE = "main"
_SPREAD_MS = 30 * 24 * 3_600_000
_VISIBLE_WITHIN_S = 60.0


class Took(NamedTuple):
    """Seconds of one unmerge, and the events of the two profiles after it.

    `seconds`: from the start of the command until it has read `rebuilt`, the start of its interpreter included.
    `rebuilder_s`: what the rebuilder says of itself. `visible_s`: from the order until ClickHouse shows both profiles.
    """

    seconds: float
    rebuilder_s: float
    visible_s: float
    stayed: int
    taken_out: int


class Wrong(Exception):
    """The profiles do not hold what they must."""


def measure(stack: Stack, run: int) -> Took:
    """Send the events of a new person, wait for everything, order. Raises Wrong, and TimeoutError when it hangs."""
    person, email = Identifier("user_id", f"mei-{run}"), Identifier("email", f"bob-{run}@example.org")
    foreign = [Identifier("anonymous_id", f"bob-{run}-{at}") for at in range(FOREIGN_DEVICES)]
    sent = list(_events(run, person, email, foreign))
    sender = Sender(stack.settings)
    for event in sent:
        sender.send(event)
    sender.flush()
    namespace = stack.settings.workspaces[WORKSPACE].namespace
    whole, other = (default_profile_id(namespace, one) for one in (person, email))
    warehouse = Warehouse(stack.addresses.clickhouse)
    try:
        wait_until_worked_off(stack.settings, (WORKER.name, SINK.name))
        _await(warehouse, {whole: (EVENTS, IDENTIFIERS)})
        split = {email, *foreign}
        taken_out = sum(event.identifiers[0] in split for event in sent)
        started = time.monotonic()
        outcome = _request(stack, person, split)
        seconds = time.monotonic() - started
        expected = {whole: (EVENTS - taken_out, IDENTIFIERS - len(split)), other: (taken_out, len(split))}
        if outcome.state != "done" or outcome.events != EVENTS:
            raise Wrong(f"the request ended as {outcome}")
        _await(warehouse, expected)
        return Took(seconds, outcome.milliseconds / 1000, time.monotonic() - started, EVENTS - taken_out, taken_out)
    finally:
        warehouse.close()


def _request(stack: Stack, person: Identifier, split: set[Identifier]) -> RequestOutcome:
    named = [word for one in sorted(split) for word in ("--split", str(one))]
    command = [sys.executable, "-m", "onefold", "unmerge", str(person), *named, "--reason", "measured", "--json"]
    environment = dict(stack.environment)
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, timeout=300)
    return msgspec.json.decode(done.stdout, type=RequestOutcome)


def _events(run: int, person: Identifier, email: Identifier, foreign: list[Identifier]) -> Iterator[Event]:
    """The links first, the wrong one last among them; then events of one identifier each, round and round."""
    own = [Identifier("anonymous_id", f"mei-{run}-{at}") for at in range(OWN_DEVICES)]
    links = [*((person, device) for device in own), *((email, device) for device in foreign), (person, email)]
    alone = [(one,) for one in (person, email, *own, *foreign)]
    now = now_ms()
    for number in range(EVENTS):
        is_link = number < len(links)
        identifiers = links[number] if is_link else alone[number % len(alone)]
        at = now - _SPREAD_MS + number * _SPREAD_MS // EVENTS
        yield Event(
            WORKSPACE, "bench", f"unmerge-{run}-{number}", "identify" if is_link else "track",
            None if is_link else "Product Viewed", at, None, now, identifiers,
            properties='{"product_id":"kettle-2","price":49.9,"currency":"EUR"}', ordinal=number + 1,
        )  # fmt: skip


def _await(warehouse: Warehouse, expected: Mapping[str, tuple[int, int]]) -> None:
    """Until ClickHouse shows these profiles with (events, identifiers). Raises Wrong when it does not come to that."""
    listed = ", ".join(f"'{profile_id}'" for profile_id in expected)
    columns = "profile_id, events, length(identifiers) AS members"
    question = f"SELECT {columns} FROM onefold.profiles FINAL WHERE profile_id IN ({listed})"
    deadline = time.monotonic() + _VISIBLE_WITHIN_S
    while True:
        found = {row["profile_id"]: (row["events"], row["members"]) for row in warehouse.rows(question)}
        if found == expected:
            return
        if time.monotonic() > deadline:
            raise Wrong(f"the warehouse has {found} instead of {dict(expected)}")
        time.sleep(0.05)
