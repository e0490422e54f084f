"""Explanations over HTTP, and what is said of a name that stands for nothing, or for something else."""

import pytest

from definitions.model import (
    Call,
    Comparison,
    Definitions,
    EventMatcher,
    InSegment,
    Literally,
    Operator,
    Rule,
    Segment,
    Trait,
    TraitComparison,
    Trigger,
)
from embedded.stack import Stack
from schemas import topics
from tests.api.conftest import Client
from tests.sinks.examples import ADA, ADAS, PHONE, PHONES, event, insert, placed, profile, resolved
from tests.support.sets import applied_set
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

PRO = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))
DEFINITIONS = Definitions(
    (
        Segment("pros", PRO),
        Segment("caf\u00e9", PRO),
        Segment("phones", PRO, kind="device"),
        Segment("elsewhere", PRO, workspaces=("other",)),
    ),
    traits=(Trait("level", Rule((), Literally("basic"))),),
    triggers=(Trigger("thanks", on=EventMatcher((Call("track", "Order Completed"),)), when=InSegment("pros")),),
)


@pytest.fixture
def known(warehouse: Warehouse, workspace: str, stack: Stack) -> str:
    """A workspace in which Ada has sent her plan."""
    applied_set(stack, DEFINITIONS)
    people = [
        profile(ADAS, 1, workspace, identifiers=(ADA,), traits='{"plan":"pro"}', kind="person"),
        profile(PHONES, 1, workspace, identifiers=(PHONE,), kind="device"),
    ]
    insert(warehouse, [placed(topics.PROFILES, record, at) for at, record in enumerate(people)])
    sent = {"type": "identify", "event": None, "identifiers": (ADA,), "traits": '{"plan":"pro"}'}
    insert(warehouse, [resolved(event("m1", workspace, **sent), 0, ADAS)])
    return workspace


def test_a_trait_that_is_sent_is_explained_by_the_calls_that_sent_it(client: Client, known: str, stack: Stack) -> None:
    reader = client(kafka=stack.settings.kafka)
    found = reader.get("/v1/explain/trait/plan/user_id:ada", params={"workspace": known}).json()["trait"]
    assert (found["value"], [each["message_id"] for each in found["events"]]) == ("pro", ["m1"])


def test_a_trigger_is_explained_by_what_became_of_the_events_that_it_is_about(
    client: Client, known: str, stack: Stack, warehouse: Warehouse
) -> None:
    order = event("m2", known, identifiers=(ADA,))
    insert(warehouse, [resolved(order, 1, ADAS)])
    reader = client(kafka=stack.settings.kafka)
    found = reader.get("/v1/explain/trigger/thanks/user_id:ada", params={"workspace": known}).json()
    assert found["trigger"]["says"] == "for each Order Completed, while its condition holds"
    (occasion,) = found["trigger"]["occasions"]
    assert (occasion["event"]["message_id"], occasion["at"]) == ("m2", "2023-11-14T22:13:20.118Z")
    assert occasion["outcome"].startswith("came before the trigger was applied at 20")


def test_a_name_is_found_in_whichever_form_it_is_written(client: Client, known: str, stack: Stack) -> None:
    reader = client(kafka=stack.settings.kafka)
    for name in ("caf\u00e9", "cafe\u0301"):
        answer = reader.get(f"/v1/explain/segment/{name}/user_id:ada", params={"workspace": known})
        assert answer.json()["condition"]["holds"]


@pytest.mark.parametrize(
    ("path", "status", "code", "said"),
    [
        ("segment/prso/user_id:ada", 404, "unknown_segment", "there is no segment 'prso' (did you mean 'pros'?)"),
        ("trait/plam/user_id:ada", 404, "unknown_trait", "there is no trait 'plam' (did you mean 'plan'?)"),
        ("trigger/thank/user_id:ada", 404, "unknown_trigger", "there is no trigger 'thank' (did you mean 'thanks'?)"),
        ("trigger/thank", 404, "unknown_trigger", "there is no trigger 'thank' (did you mean 'thanks'?)"),
        ("trigger/thanks", 400, "invalid_request", "trigger 'thanks' is about persons: say for whom"),
        ("segment/level/user_id:ada", 404, "unknown_segment", "(it is a trait: `onefold explain trait`)"),
        ("segment/elsewhere/user_id:ada", 404, "unknown_segment", "there is no segment 'elsewhere'"),
        ("segment/phones/user_id:ada", 400, "invalid_request", "is about devices, and user_id:ada is a person"),
        ("segment/pros/user_id:eve", 404, "unknown_profile", "has no profile with user_id:eve"),
    ],
)
def test_a_name_that_cannot_be_meant_is_told(  # noqa: PLR0913, PLR0917 - a case, field by field
    client: Client, known: str, stack: Stack, path: str, status: int, code: str, said: str
) -> None:
    answer = client(kafka=stack.settings.kafka).get(f"/v1/explain/{path}", params={"workspace": known})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert said in error["message"]
