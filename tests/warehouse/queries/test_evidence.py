"""Why identifiers are one person, devices, and what waits for a review: on the command line and over HTTP."""

import base64
import json
import uuid
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from click.testing import CliRunner, Result
from starlette.applications import Starlette
from starlette.testclient import TestClient

from api.lookups import lookup_routes
from identity.rules import DEFAULT_RULES
from onefold.cli import onefold
from schemas import topics
from schemas.records import Claimant, Identifier, IdentityChange, Link, Pair
from settings import ClickHouse, Serving, Settings, Workspace
from tests.sinks.examples import NOW, insert, placed, profile
from tests.sinks.history import FAMILY_RULES, History, device_profile_of, family, named, profile_of
from warehouse.client import Warehouse
from warehouse.queries.devices import find_devices
from warehouse.queries.explanation import Explanation, explain
from warehouse.queries.links import ShownLink
from warehouse.queries.quarantine import find_quarantine

pytestmark = pytest.mark.stack

HOSTILE = (
    "it's",
    'say "hi"',
    "back\\slash",
    "[red]alert[/red]",
    "a:b:c",
    "' OR 1 = 1 --",
    "{identifiers:String}",
    "阿达/达",
)
CONTROL = "two\nlines\tand \x1b[31mred"
Ask = Callable[..., Explanation]
Run = Callable[..., Result]


@pytest.fixture
def family_workspace(warehouse: Warehouse, workspace: str) -> str:
    """A workspace with the family's story."""
    family(workspace).write(warehouse)
    return workspace


@pytest.fixture
def run(migrated: str, workspace: str) -> Run:
    def run(*arguments: str) -> Result:
        environment = {"ONEFOLD_CLICKHOUSE": migrated}
        return CliRunner().invoke(onefold, [*arguments, "--workspace", workspace], env=environment)

    return run


@pytest.fixture
def client(migrated: str, workspace: str) -> Callable[..., TestClient]:
    def build(open_reads: bool = True, clickhouse: str = migrated) -> TestClient:
        known = Workspace(workspace, uuid.uuid4(), read_keys=("reader",))
        app = Starlette(routes=lookup_routes())
        app.state.settings = Settings(
            clickhouse=ClickHouse(clickhouse), serving=Serving(open_reads=open_reads), workspaces={workspace: known}
        )
        return TestClient(app)

    return build


@pytest.fixture
def ask(warehouse: Warehouse, workspace: str) -> Ask:
    def ask(identifier: str, most: int = 2_000) -> Explanation:
        found = explain(warehouse, workspace, named(identifier), DEFAULT_RULES, most)
        assert found is not None
        return found

    return ask


def ends(links: Iterable[ShownLink]) -> list[tuple[str, str]]:
    return [(str(link.left), str(link.right)) for link in links]


def tie(workspace: str, left: Identifier, right: Identifier, decision: int = 1, **fields: object) -> Link:
    return Link(workspace, left, right, "m", "web", NOW, "default", decision, **fields)  # type: ignore[arg-type]


# -- explain


def test_each_identifier_of_a_person_is_explained_by_the_same_evidence(ask: Ask, family_workspace: str) -> None:
    ada = ask("user_id:ada")
    assert ada.workspace == family_workspace
    assert ada.profile_id == profile_of("user_id:ada")
    assert [(one.namespace, one.kind, one.shared) for one in ada.identifiers] == [
        ("user_id", "person", False),
        ("email", "person", False),
        ("anonymous_id", "device", False),
    ]
    assert {one.profile_id for one in ada.identifiers} == {ada.profile_id}
    laptop = ask("anonymous_id:laptop")
    assert (laptop.identifiers, laptop.links, laptop.changes) == (ada.identifiers, ada.links, ada.changes)


def test_a_link_names_its_event_time_source_and_rules(ask: Ask, family_workspace: str) -> None:
    assert family_workspace
    (link,) = (one for one in ask("user_id:ada").links if one.right.namespace == "email")
    assert (link.message_id, link.type, link.event, link.source) == ("m1", "identify", None, "web")
    assert (link.occurred_at, link.rule_version, link.decision) == ("2026-03-01T08:01:00.000Z", FAMILY_RULES.version, 1)


def test_what_was_refused_and_taken_back_is_shown_with_its_reason_and_history(ask: Ask, family_workspace: str) -> None:
    assert family_workspace
    ada = ask("user_id:ada")
    assert [(one.left.value, one.reason) for one in ada.refused] == [("eve", "limit:user_id")]
    tablet, crm = ada.retracted
    assert (tablet.right.value, tablet.reason, tablet.event) == ("tablet", "shared", "Signed In")
    assert [(one.decision, one.status) for one in tablet.earlier] == [(2, "active")]
    assert (crm.right.value, crm.reason, crm.request_id) == ("crm-7", "unmerged", "r1")
    assert [(one.value, one.decision) for one in ada.shared] == [("tablet", 3)]


def test_decisions_about_a_person_are_shown_in_order_with_their_rebuilds(ask: Ask, family_workspace: str) -> None:
    assert family_workspace
    changes = ask("user_id:ada").changes
    assert [(one.decision, one.kind) for one in changes] == [
        (1, "merged"), (2, "merged"), (3, "shared"), (3, "rebuilt"),
        (5, "merged"), (6, "refused"), (7, "unmerged"), (7, "rebuilt"),
    ]  # fmt: skip
    split = changes[6]
    assert (split.request_id, split.reason) == ("r1", "shifted columns")
    assert [claimant.profile_id for claimant in split.claimants] == [
        profile_of("user_id:ada"),
        profile_of("external_id:crm-7"),
    ]


def test_what_another_persons_request_did_not_change_is_not_shown(
    ask: Ask, run: Run, warehouse: Warehouse, workspace: str
) -> None:
    history = family(workspace)
    history.unmerge("r2", "user_id:nobody", "cookie:none")
    history.unmerge("r3", "user_id:ada", "cookie:none")
    history.write(warehouse)
    assert [one.request_id for one in ask("user_id:ada").changes if one.kind == "nothing"] == ["r3"]
    assert "r2" not in run("explain", "identity", "user_id:ada").output


def test_a_request_without_effect_comes_after_the_rebuild_of_the_decision_before(
    ask: Ask, warehouse: Warehouse, workspace: str
) -> None:
    profiles, pair = ("p1", "p2"), (named("user_id:ada"), named("cookie:c"))
    claims = tuple(Claimant(profile_id, ()) for profile_id in profiles)
    changes = [
        IdentityChange(workspace, 1, "unmerged", NOW, "r1", identifiers=pair, claimants=claims),
        IdentityChange(workspace, 1, "nothing", NOW + 1, "r2", identifiers=pair),
        IdentityChange(workspace, 1, "rebuilt", NOW + 2, "r1", claimants=claims),
    ]
    insert(warehouse, [placed(topics.IDENTITY_CHANGES, change, at) for at, change in enumerate(changes)])
    insert(warehouse, [placed(topics.IDENTITY_LINKS, tie(workspace, *pair), 0)])
    assert [one.kind for one in ask("user_id:ada").changes] == ["unmerged", "rebuilt", "nothing"]


def test_decisions_about_a_profile_that_was_merged_into_the_persons_are_shown(
    ask: Ask, warehouse: Warehouse, workspace: str
) -> None:
    history = History(workspace)
    history.event("m1", "email:mei@example.com", "anonymous_id:phone")
    history.event("m2", "user_id:ben", "email:ben@example.com")
    history.event("m3", "user_id:mei", "anonymous_id:phone")
    history.event("m4", "user_id:ben", "anonymous_id:phone")
    history.event("m5", "phone:+4930123456", "email:mei@example.com")
    history.write(warehouse)
    changes = [(one.kind, [str(each) for each in one.identifiers]) for one in ask("email:mei@example.com").changes]
    assert ("shared", ["anonymous_id:phone", "user_id:ben"]) in changes
    assert changes[-1][0] == "merged"


def test_what_became_of_a_profile_after_it_was_unmerged_again_is_its_own_story(
    ask: Ask, warehouse: Warehouse, workspace: str
) -> None:
    history = History(workspace)
    history.event("m1", "user_id:mei", "email:mei@example.com")
    history.event("m2", "user_id:mei", "external_id:7")
    history.unmerge("r", "user_id:mei", "external_id:7")
    history.event("m3", "external_id:7", "cookie:other")
    history.write(warehouse)
    assert [one.kind for one in ask("user_id:mei").changes] == ["merged", "merged", "unmerged", "rebuilt"]
    assert [one.kind for one in ask("cookie:other").changes][-1] == "merged"


def test_an_identifier_that_is_tied_to_nothing_stands_alone(ask: Ask, run: Run, family_workspace: str) -> None:
    assert family_workspace
    found = ask("external_id:crm-7")
    assert (len(found.identifiers), found.links) == (1, ())
    assert [one.kind for one in found.changes] == ["merged", "unmerged", "rebuilt"]
    assert "It stands alone" in run("explain", "identity", "external_id:crm-7").output


def test_an_identifier_without_links_or_decisions_is_explained_by_its_profile(
    ask: Ask, warehouse: Warehouse, workspace: str
) -> None:
    history = History(workspace)
    history.event("m1", "anonymous_id:new")
    history.write(warehouse)
    found = ask("anonymous_id:new")
    assert (found.profile_id, found.links, found.changes) == (profile_of("anonymous_id:new"), (), ())


def test_links_of_which_no_profile_tells_yet_are_walked_all_the_same(
    ask: Ask, warehouse: Warehouse, workspace: str
) -> None:
    chain = [Identifier("email", f"{at}@example.com") for at in range(12)]
    pairs = pairwise(chain)
    insert(warehouse, [placed(topics.IDENTITY_LINKS, tie(workspace, *pair), at) for at, pair in enumerate(pairs)])
    found = ask(str(chain[5]))
    assert (found.profile_id, len(found.identifiers), len(found.links), found.cut) == (None, 12, 11, False)
    assert {(one.profile_id, one.kind) for one in found.identifiers} == {(None, "person")}


def test_the_walk_ends_at_its_bound_and_says_so(ask: Ask, run: Run, warehouse: Warehouse, workspace: str) -> None:
    email = Identifier("email", "list@example.com")
    cookies = [Identifier("cookie", f"{at:04}") for at in range(2_100)]
    insert(
        warehouse,
        [placed(topics.IDENTITY_LINKS, tie(workspace, email, one, at), at) for at, one in enumerate(cookies)],
    )
    found = ask(str(email))
    assert (len(found.identifiers), len(found.links), found.cut) == (2_000, 1_999, True)
    assert "There is more than is shown here." in run("explain", "identity", str(email)).output
    few = ask(str(email), most=3)
    assert [one.value for one in few.identifiers] == ["list@example.com", "0000", "0001"]


def test_evidence_of_two_sources_is_two_links(ask: Ask, warehouse: Warehouse, workspace: str) -> None:
    history = History(workspace)
    history.event("m1", "user_id:ada", "email:ada@example.com", source="web")
    history.event("m2", "user_id:ada", "email:ada@example.com", source="crm")
    history.write(warehouse)
    assert [(one.source, one.message_id) for one in ask("user_id:ada").links] == [("web", "m1"), ("crm", "m2")]


def test_a_namespace_without_rules_is_shown_without_a_kind(ask: Ask, warehouse: Warehouse, workspace: str) -> None:
    pair = named("email:a@example.com"), named("loyalty_card:7")
    insert(warehouse, [placed(topics.IDENTITY_LINKS, tie(workspace, *pair), 0)])
    assert [one.kind for one in ask("loyalty_card:7").identifiers] == ["person", None]


def test_nobody_is_an_error_in_one_line(run: Run, family_workspace: str) -> None:
    answer = run("explain", "identity", "user_id:nobody")
    assert (answer.exit_code, answer.output) == (
        1,
        f"Error: nobody in workspace '{family_workspace}' has user_id:nobody\n",
    )


@pytest.mark.parametrize("command", [("explain", "identity"), ("profile",)])
@pytest.mark.parametrize(
    ("identifier", "said"),
    [
        ("userid:mei", "there is no namespace 'userid' (did you mean 'user_id'?)"),
        ("group_id:shop", "group_id names an account, and no person"),
    ],
)
def test_who_has_no_identity_hears_why(run: Run, command: tuple[str, ...], identifier: str, said: str) -> None:
    answer = run(*command, identifier)
    assert answer.exit_code == 1
    assert answer.output.endswith(f"{identifier}: {said}\n")


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_is_found_and_shown_as_it_is(
    run: Run, ask: Ask, warehouse: Warehouse, workspace: str, value: str
) -> None:
    history = History(workspace)
    history.event(f"m {value}", "user_id:ada", f"external_id:{value}", name=value, source=value, kind="track")
    history.write(warehouse)
    (link,) = ask(f"external_id:{value}").links
    assert (link.right.value, link.event, link.source, link.message_id) == (value, value, value, f"m {value}")
    shown = run("explain", "identity", f"external_id:{value}").output
    assert f"user_id:ada + external_id:{value}\n" in shown
    assert f'track "{value}", message m {value} of' in shown
    as_json = json.loads(run("explain", "identity", f"external_id:{value}", "--json").output)
    assert as_json["identifier"] == {"namespace": "external_id", "value": value}


def test_control_characters_neither_break_lines_nor_colour_the_terminal(
    run: Run, warehouse: Warehouse, workspace: str
) -> None:
    pair = named("user_id:ada"), named(f"external_id:{CONTROL}")
    change = IdentityChange(
        workspace, 1, "unmerged", NOW, identifiers=pair, reason=CONTROL, request_id="r", profile_id="p"
    )
    insert(warehouse, [placed(topics.IDENTITY_LINKS, tie(workspace, *pair), 0)])
    insert(warehouse, [placed(topics.IDENTITY_CHANGES, change, 0)])
    shown = run("explain", "identity", f"external_id:{CONTROL}").output
    assert r"user_id:ada + external_id:two\nlines\tand \x1b[31mred" in shown
    assert r'"two\nlines\tand \x1b[31mred", request r' in shown
    assert "\x1b" not in shown


def test_a_value_that_is_no_unicode_is_a_typing_error(run: Run) -> None:
    answer = run("explain", "identity", "user_id:\udc80")
    assert answer.exit_code == 2
    assert "is not valid Unicode" in answer.output


@pytest.mark.parametrize("character", ["x", "\\", '"', "\U0001f642"])
def test_the_longest_values_are_found_and_longer_ones_are_nobodys(
    ask: Ask, run: Run, warehouse: Warehouse, workspace: str, character: str
) -> None:
    values = [f"{character * 509}{at:03}" for at in range(100)]
    email = Identifier("email", "list@example.com")
    links = [tie(workspace, email, Identifier("cookie", value)) for value in values]
    insert(warehouse, [placed(topics.IDENTITY_LINKS, link, at) for at, link in enumerate(links)])
    assert len(ask(f"cookie:{values[0]}").identifiers) == 101
    for command in (("explain", "identity"), ("identity", "devices")):
        answer = run(*command, f"cookie:{character * 50_000}")
        assert (answer.exit_code, "a value has at most 512 characters" in answer.output) == (2, True)


def test_workspaces_do_not_see_each_other(warehouse: Warehouse, family_workspace: str) -> None:
    assert family_workspace
    assert explain(warehouse, f"w{uuid.uuid4().hex}", named("user_id:ada"), DEFAULT_RULES) is None


# -- devices


def test_devices_show_who_signed_in_since_when_and_why_they_are_apart(
    warehouse: Warehouse, family_workspace: str
) -> None:
    found = find_devices(warehouse, family_workspace, DEFAULT_RULES)
    assert found is not None
    tablet, laptop = found.devices
    assert (tablet.value, tablet.shared, tablet.shared_since) == ("tablet", True, "2026-03-01T08:03:00.000Z")
    assert tablet.profile_id == device_profile_of("anonymous_id:tablet")
    assert [(one.value, one.since, one.status, one.reason) for one in tablet.persons] == [
        ("ada", "2026-03-01T08:02:00.000Z", "retracted", "shared"),
        ("ben", "2026-03-01T08:03:00.000Z", "refused", "shared"),
    ]
    assert [one.profile_id for one in tablet.persons] == [profile_of("user_id:ada"), profile_of("user_id:ben")]
    assert (laptop.value, laptop.shared, laptop.shared_since) == ("laptop", False, None)
    assert [(one.value, one.status) for one in laptop.persons] == [("ada", "active")]


def test_a_person_who_comes_back_is_there_since_the_first_time(warehouse: Warehouse, workspace: str) -> None:
    history = family(workspace)
    history.event("m9", "user_id:ada", "anonymous_id:tablet", source="app")
    history.write(warehouse)
    found = find_devices(warehouse, workspace, DEFAULT_RULES, device=named("anonymous_id:tablet"))
    assert found is not None
    ada = found.devices[0].persons[0]
    assert (ada.value, ada.since, ada.status) == ("ada", "2026-03-01T08:02:00.000Z", "refused")


def test_shared_devices_can_be_listed_alone(warehouse: Warehouse, family_workspace: str) -> None:
    found = find_devices(warehouse, family_workspace, DEFAULT_RULES, shared=True)
    assert found is not None
    assert [one.value for one in found.devices] == ["tablet"]
    laptop = find_devices(warehouse, family_workspace, DEFAULT_RULES, device=named("anonymous_id:laptop"), shared=True)
    assert laptop is not None
    assert laptop.devices == ()


def test_a_device_that_was_unshared_is_none_of_them_until_it_is_shared_anew(
    warehouse: Warehouse, workspace: str
) -> None:
    def shared_since() -> list[str | None]:
        found = find_devices(warehouse, workspace, DEFAULT_RULES, shared=True)
        assert found is not None
        return [one.shared_since for one in found.devices]

    history = family(workspace)
    history.operator("unshare", "r9", "anonymous_id:tablet")
    history.write(warehouse)
    assert shared_since() == []
    tablet = explain(warehouse, workspace, named("anonymous_id:tablet"), DEFAULT_RULES)
    assert tablet is not None
    assert (tablet.shared, tablet.profile_id) == ((), profile_of("user_id:ada"))
    assert [change.kind for change in tablet.changes if change.request_id == "r9"] == ["unshared", "rebuilt", "merged"]
    assert ("user_id:ada", "anonymous_id:tablet") in ends(tablet.links)
    history.event("m8", "user_id:ada", "anonymous_id:tablet", source="app")
    history.event("m9", "user_id:ben", "anonymous_id:tablet", source="app")
    history.write(warehouse)
    assert shared_since() == ["2026-03-01T08:13:00.000Z"]


def test_a_merge_by_hand_is_told_as_such(run: Run, warehouse: Warehouse, workspace: str) -> None:
    history = family(workspace)
    pair = Pair(named("user_id:ada"), named("phone:+498001000"))
    history.operator("merge", "r9", pairs=[pair], reason="asked her")
    history.write(warehouse)
    told = run("explain", "identity", "user_id:ada").output
    assert "by hand, at 2026-03-01T08:11:00.000Z, rules" in told
    assert "at request r9" in told or "decision 12" in told
    assert '"asked her", request r9' in told


def test_devices_end_at_their_limit_and_say_so(warehouse: Warehouse, family_workspace: str) -> None:
    found = find_devices(warehouse, family_workspace, DEFAULT_RULES, limit=1)
    assert found is not None
    assert ([one.value for one in found.devices], found.cut) == (["tablet"], True)


def test_a_device_on_which_nobody_signed_in_is_shown_as_such(run: Run, warehouse: Warehouse, workspace: str) -> None:
    history = History(workspace)
    history.event("m1", "cookie:kiosk")
    history.write(warehouse)
    assert "nobody signed in on it" in run("identity", "devices", "cookie:kiosk").output
    assert run("identity", "devices").output == "0 devices\n"


@pytest.mark.parametrize(
    ("device", "status", "said"),
    [
        ("cookie:never", 1, "nobody in workspace"),
        ("user_id:ada", 2, "'user_id' does not name devices; these do: "),
        ("cookie", 2, "expected NAMESPACE:VALUE"),
    ],
)
def test_what_is_no_device_is_an_error(run: Run, device: str, status: int, said: str) -> None:
    answer = run("identity", "devices", device)
    assert answer.exit_code == status
    assert said in answer.output


# -- quarantine


def test_what_waits_is_listed_with_reason_event_and_both_profiles(warehouse: Warehouse, family_workspace: str) -> None:
    (waiting,) = find_quarantine(warehouse, family_workspace).waiting
    assert (waiting.reason, waiting.message_id, waiting.type, waiting.source) == ("fan_in", "c4", "identify", "calls")
    sides = [(side.namespace, side.profile_id) for side in (waiting.left, waiting.right)]
    assert sides == [
        ("phone", profile_of("phone:+498001000")),
        ("email", profile_of("email:caller4@example.com")),
    ]


def test_a_quarantine_is_listed_by_decision_up_to_its_limit(warehouse: Warehouse, workspace: str) -> None:
    phone = named("phone:+498001000")
    links = [tie(workspace, phone, named(f"email:{9 - at}"), at, status="waiting") for at in range(1, 9)]
    insert(warehouse, [placed(topics.IDENTITY_LINKS, link, at) for at, link in enumerate(reversed(links))])
    found = find_quarantine(warehouse, workspace, limit=5)
    assert ([one.decision for one in found.waiting], found.cut) == ([1, 2, 3, 4, 5], True)
    assert {one.left.profile_id for one in found.waiting} == {None}


def test_an_empty_quarantine_says_so(run: Run) -> None:
    assert run("identity", "quarantine", "list").output == "nothing waits for a review\n"


# -- HTTP


def test_the_api_answers_as_the_commands_do(client: Callable[..., TestClient], run: Run, family_workspace: str) -> None:
    for path, command in (
        ("explain/user_id:ada", ("explain", "identity", "user_id:ada")),
        ("devices", ("identity", "devices")),
        ("devices?shared=true", ("identity", "devices", "--shared")),
        ("devices/anonymous_id:tablet", ("identity", "devices", "anonymous_id:tablet")),
        ("quarantine", ("identity", "quarantine", "list")),
    ):
        separator = "&" if "?" in path else "?"
        answer = client().get(f"/v1/identity/{path}{separator}workspace={family_workspace}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json() == json.loads(run(*command, "--json").output)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("explain/user_id:nobody", 404, "unknown_identity"),
        ("explain/user_id", 400, "invalid_identifier"),
        ("devices/cookie:never", 404, "unknown_device"),
        ("devices/user_id:ada", 400, "invalid_identifier"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(
    client: Callable[..., TestClient], family_workspace: str, path: str, status: int, code: str
) -> None:
    answer = client().get(f"/v1/identity/{path}", params={"workspace": family_workspace})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("path", ["explain/user_id:ada", "devices", "devices/cookie:c", "quarantine"])
def test_reading_evidence_needs_the_workspaces_key(
    client: Callable[..., TestClient], workspace: str, path: str
) -> None:
    closed = client(open_reads=False)

    def status(headers: dict[str, str], name: str = workspace) -> int:
        return closed.get(f"/v1/identity/{path}", params={"workspace": name}, headers=headers).status_code

    basic = base64.b64encode(b"reader:").decode()
    assert status({}) == status({"Authorization": "Bearer other"}) == 401
    assert status({"Authorization": "Bearer reader"}, "nowhere") == 401
    assert status({"Authorization": "Bearer reader"}) == status({"Authorization": f"Basic {basic}"}) != 401


def test_a_clickhouse_that_is_away_is_a_503_with_retry_after(client: Callable[..., TestClient], workspace: str) -> None:
    for path in ("explain/user_id:ada", "devices", "quarantine"):
        away = client(clickhouse="http://127.0.0.1:1")
        answer = away.get(f"/v1/identity/{path}", params={"workspace": workspace})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_profiles_that_differ_while_a_merge_is_on_its_way_are_shown(
    run: Run, warehouse: Warehouse, workspace: str
) -> None:
    pair = named("user_id:ada"), named("cookie:c")
    insert(warehouse, [placed(topics.IDENTITY_LINKS, tie(workspace, *pair), 0)])
    for at, (one, profile_id) in enumerate(zip(pair, ("ada's", "cookie's"), strict=True)):
        record = profile(profile_id, 1, workspace, identifiers=(one,))
        insert(warehouse, [placed(topics.PROFILES, record, at)])
    assert "cookie:c  device, still shown by profile cookie's" in run("explain", "identity", "user_id:ada").output
