"""One workspace of a running stack as the oracle plays on it: send, come to rest, compare with the reference."""

import json
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from click.testing import CliRunner

from admission.facts.events import FACTS
from embedded.stack import Stack
from onefold.cli import onefold as command_line
from schemas.records import Event, IdentityRequest
from schemas.topics import IDENTITY_REQUESTS, RECORD_OF
from settings import Workspace
from tests.oracle import topic
from tests.oracle.comparison import assert_same_people
from tests.oracle.delivery import Sender
from tests.oracle.ledger import Ledger, assert_changes_are_sound
from tests.oracle.reference import World, recompute
from tests.oracle.segments import SEGMENTS
from tests.oracle.stream import Delivery
from tests.oracle.warehouse import Warehouse

DRAIN_WITHIN_S = 120


class Scene:
    """Reads everything afresh whenever it is asked: nothing found is kept.

    `is_new`: nobody has written to the workspace yet, so what lies on the topics now need not be read.
    """

    def __init__(self, stack: Stack, sender: Sender, workspace: str, is_new: bool = False) -> None:
        self.stack = stack
        self.sender = sender
        self.workspace: Workspace = stack.settings.workspaces[workspace]
        self.warehouse = Warehouse(stack.addresses.clickhouse, workspace)
        self._encode_request = sender.codec.encoder(IdentityRequest)
        self._since = topic.ends(stack.addresses.kafka, RECORD_OF) if is_new else topic.EVERYTHING

    def ledger(self) -> Ledger:
        """The topics as they are now."""
        known = tuple(self.stack.settings.workspaces)
        return Ledger(self.stack.addresses, self.sender.codec, self.workspace.name, known, self._since)

    def request(self, request: IdentityRequest) -> None:
        """Put an operator's request on its topic."""
        self.sender.produce(IDENTITY_REQUESTS, request.workspace.encode(), self._encode_request(request))
        self.sender.flush()

    def drain(self, within_s: int = DRAIN_WITHIN_S) -> None:
        """Wait until everything accepted has been folded and is in ClickHouse."""
        onefold(self.stack, "drain", "--timeout", str(within_s))

    def rest_at(self, at: int, within_s: int = DRAIN_WITHIN_S) -> None:
        """Let all deadlines until `at` fire, without waiting for events that are under way, and come to rest."""
        onefold(self.stack, "clock", "advance", "--to", str(at), "--workspace", self.workspace.name)
        self.drain(within_s)

    def assert_as_reference(self, at: int, dead_lettered: Collection[str] = ()) -> None:
        """Identifiers, profiles, sessions and memberships in ClickHouse are what the events on Kafka make of them.

        `dead_lettered`: ids of messages that became dead letters after the warehouse had them.
        """
        ledger = self.ledger()
        priorities = {source.name: source.priority for source in self.workspace.sources}
        world = World(self.workspace.namespace, priorities, SEGMENTS)
        expected = recompute(ledger.events, ledger.requests, world, at)
        assert_same_people(expected, self.warehouse.people(ledger.forwards, dead_lettered), at)
        assert_changes_are_sound(ledger.changes, self.warehouse.members())
        assert self.warehouse.message_ids() == {event.message_id for event in ledger.events} | set(dead_lettered)

    def assert_nothing_is_missing(self) -> None:
        """Every accepted record was folded, was a repetition, or is a dead letter, as `onefold fates check` counts."""
        events = json.loads(onefold(self.stack, "fates", "check", "--workspace", self.workspace.name, "--json"))[
            "events"
        ]
        assert events["folded"] > 0
        assert events["accepted"] == events["folded"] + events["repeated"] + events["dead"], events

    def assert_accepted(self, deliveries: Iterable[Delivery], may_repeat: bool = False) -> None:
        """What lies on `events` is what was sent and says what was meant; each delivery once, unless it may repeat."""
        found, sent = [meaning(event) for event in self.ledger().events], [meaning(one.event) for one in deliveries]
        if may_repeat:
            found, sent = list(set(found)), list(set(sent))
        assert sorted(found) == sorted(sent)

    def assert_in_order(self, deliveries: Iterable[Delivery]) -> None:
        """What came over HTTP has ordinals in the order in which it was sent."""
        sent = [delivery.event.message_id for delivery in deliveries if delivery.by == "http"]
        ids = set(sent)
        found = sorted((event for event in self.ledger().events if event.message_id in ids), key=_ordinal)
        assert [event.message_id for event in found] == sent


def command(*arguments: str) -> list[str]:
    """The command line of a command of `onefold`."""
    return [str(Path(sys.executable).with_name("onefold")), *arguments]


def onefold(stack: Stack, *arguments: str) -> str:
    """The output of a command on the stack, run in this process. Fails with what it printed."""
    done = CliRunner().invoke(command_line, arguments, env=stack.environment)
    assert done.exit_code == 0, f"onefold {' '.join(arguments)}: {done.exit_code}\n{done.output}"
    return done.stdout


def _ordinal(event: Event) -> int:
    return event.ordinal


def meaning(event: Event) -> tuple[str, ...]:
    """All of an event but its facts and when it was sent and received, with its JSON in one spelling."""
    context = {name: value for name, value in json.loads(event.context).items() if name != FACTS}
    objects = (json.loads(event.properties), json.loads(event.traits), context)
    parts = (json.dumps(each, sort_keys=True) for each in objects)
    identifiers = (str(identifier) for identifier in event.identifiers)
    return (event.message_id, event.source, event.type, str(event.event), str(event.occurred_at), *parts, *identifiers)
