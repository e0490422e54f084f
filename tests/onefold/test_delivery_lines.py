"""What people read of deliveries and destinations, where it depends on more than one thing."""

import pytest

from api.explaining_deliveries import AtDestination, ExplainedDelivery
from api.pausing import check_receiving
from api.requests import UnknownDefinition
from definitions.destinations import Destination
from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from embedded.terminal import Terminal
from onefold.commands.explain_delivery import delivery_tree
from onefold.commands.fates import FatesCheck, destination_lines
from onefold.fates.activations import DestinationFates
from onefold.fates.events import EventFates
from onefold.lacking_secrets import lacking_at_start, lacking_here, lacking_secrets
from schemas.delivery_control import Pause, Pauses, Suspended, Unopened
from tests.sinks.examples import NOW
from warehouse.queries.delivered import PublishedActivation
from warehouse.queries.deliveries import WholeAttempt

AT = "2023-11-14T22:13:20.123Z"


@pytest.mark.parametrize(("reason", "label"), [("forbidden_address", "not sent: POST"), ("rejected", "sent: POST")])
def test_what_was_refused_before_it_left_is_not_said_to_be_sent(reason: str, label: str) -> None:
    attempt = WholeAttempt("d1", "crm", "segment", "buyers", "entered", "c1", "p", "person", AT, 1, "refused", reason,
                           "no", AT, 0, None, None, "POST http://127.0.0.1/", "", "f", 1, "crm")  # fmt: skip
    activation = PublishedActivation("segment", "buyers", "entered", "c1", "p", "person", AT, AT, "m", 1)
    explanation = ExplainedDelivery("c1", activation, None, (AtDestination("crm", "refused", (attempt,)),))
    console = Terminal(width=200)
    with console.capture() as captured:
        console.print(delivery_tree(explanation, Pauses()))
    requests = [line.strip("│├└─ ") for line in captured.get().splitlines() if "POST" in line]
    assert requests == [f"{label} http://127.0.0.1/"]


def test_of_a_destination_that_is_sent_nothing_no_next_attempt_is_named() -> None:
    events = EventFates(0, 0, 0, 0, 0, 0, ())
    destinations = [DestinationFates(name, waiting=1, due_at=NOW) for name in ("paused", "shut", "strict", "well")]
    destinations.append(DestinationFates("strict", waiting=1, due_at=2**42))
    pauses = Pauses(
        {"paused": Pause("paused", NOW)},
        {"shut": Unopened("shut", NOW, "x")},
        {"strict": Suspended("strict", NOW, "x")},
    )
    said = list(destination_lines(FatesCheck(events, destinations, pauses, [])))
    (ahead,) = (line.partition(":")[0] for line in said if "the next attempt of what waits is at 2109" in line)
    due = [line.partition(":")[0] for line in said if f"is due since {AT}" in line]
    assert (len(said), due, ahead) == (5, ["well"], "strict")


def test_a_destination_is_named_by_what_it_is_called_now() -> None:
    webhook = Webhook("https://shop.example/")
    destinations = [Destination("crm", receiver=webhook, renamed_from=("old",)), Destination("plain")]
    check_receiving(destinations, "crm")
    check_receiving(destinations, "gone", {"gone"})
    for name, hint in (("old", "it is called 'crm' now"), ("plain", "known: crm"), ("cr", "did you mean 'crm'?")):
        with pytest.raises(UnknownDefinition, match=hint):
            check_receiving(destinations, name)


def test_which_secrets_are_missing_is_said_by_whose_environment_counts() -> None:
    webhook = Webhook("https://shop.example/", (Secret(env="NEW"), Secret(env="OLD"), Secret(env="OLD")))
    destinations = [Destination("crm", receiver=webhook), Destination("plain")]
    assert lacking_secrets(destinations, {"OLD": "whsec_x", "NEW": "whsec_y"}) == {}
    lacking = lacking_secrets(destinations, {"NEW": "whsec_y"})
    missing = "the environment variable OLD is not set"
    assert lacking == {"crm": (missing,)}
    first, then = lacking_at_start(lacking)
    assert first == f"crm cannot be opened, its deliveries wait: {missing}"
    assert "variables are those of this 'onefold up'" in then
    (here,) = lacking_here(lacking)
    assert here == f"crm: {missing} here; where the deliverer lacks it as well, its deliveries wait"
