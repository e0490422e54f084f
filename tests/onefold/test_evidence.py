"""Why identifiers are one person, devices, and what waits for a review: what the commands say of them."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from onefold.cli import onefold
from schemas import topics
from schemas.records import Claim, Claimant, Identifier, IdentityChange, Pair
from tests.sinks.examples import ADAS, NOW, insert, placed, profile
from tests.sinks.history import History, family, named, tie
from tests.support.people import HOSTILE
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

CONTROL = "two\nlines\tand \x1b[31mred"
Run = Callable[..., Result]


@pytest.fixture
def run(migrated: str, workspace: str) -> Run:
    def run(*arguments: str) -> Result:
        environment = {"ONEFOLD_CLICKHOUSE": migrated}
        return CliRunner().invoke(onefold, [*arguments, "--workspace", workspace], env=environment)

    return run


def test_another_persons_request_is_not_told(run: Run, warehouse: Warehouse, workspace: str) -> None:
    history = family(workspace)
    history.unmerge("r2", "user_id:nobody", "cookie:none")
    history.write(warehouse)
    assert "r2" not in run("explain", "identity", "user_id:ada").output


def test_an_identifier_that_is_tied_to_nothing_is_told_as_such(run: Run, family_workspace: str) -> None:
    assert family_workspace
    assert "It stands alone" in run("explain", "identity", "external_id:crm-7").output


def test_a_walk_that_ends_at_its_bound_says_so(run: Run, warehouse: Warehouse, workspace: str) -> None:
    email = Identifier("email", "list@example.com")
    links = [tie(workspace, email, Identifier("cookie", f"{at:04}"), at) for at in range(2_100)]
    insert(warehouse, [placed(topics.IDENTITY_LINKS, link, at) for at, link in enumerate(links)])
    assert "There is more than is shown here." in run("explain", "identity", str(email)).output


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
def test_a_hostile_value_is_shown_as_it_is(run: Run, warehouse: Warehouse, workspace: str, value: str) -> None:
    history = History(workspace)
    history.event(f"m {value}", "user_id:ada", f"external_id:{value}", name=value, source=value, kind="track")
    history.write(warehouse)
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
def test_a_value_that_is_too_long_is_a_typing_error(run: Run, character: str) -> None:
    for command in (("explain", "identity"), ("identity", "devices")):
        answer = run(*command, f"cookie:{character * 50_000}")
        assert (answer.exit_code, "a value has at most 512 characters" in answer.output) == (2, True)


def test_a_merge_by_hand_is_told_as_such(run: Run, warehouse: Warehouse, workspace: str) -> None:
    history = family(workspace)
    pair = Pair(named("user_id:ada"), named("phone:+498001000"))
    history.operator("merge", "r9", pairs=[pair], reason="asked her")
    history.write(warehouse)
    told = run("explain", "identity", "user_id:ada").output
    assert "by hand, at 2026-03-01T08:11:00.000Z, rules" in told
    assert "at request r9" in told or "decision 12" in told
    assert '"asked her", request r9' in told


def test_profiles_that_differ_while_a_merge_is_on_its_way_are_shown(
    run: Run, warehouse: Warehouse, workspace: str
) -> None:
    pair = named("user_id:ada"), named("cookie:c")
    insert(warehouse, [placed(topics.IDENTITY_LINKS, tie(workspace, *pair), 0)])
    for at, (one, profile_id) in enumerate(zip(pair, ("ada's", "cookie's"), strict=True)):
        record = profile(profile_id, 1, workspace, identifiers=(one,))
        insert(warehouse, [placed(topics.PROFILES, record, at)])
    assert "cookie:c  device, still shown by profile cookie's" in run("explain", "identity", "user_id:ada").output


def test_owners_of_a_device_are_told_with_those_that_are_no_more(
    run: Run, warehouse: Warehouse, workspace: str
) -> None:
    ada, till = Identifier("user_id", "ada"), Identifier("cookie", "till")
    claims = (Claim("cookie", "till", NOW), Claim("cookie", "till", NOW + 60_000, NOW + 60_000))
    attributed = IdentityChange(
        workspace,
        4,
        "attributed",
        NOW,
        identifiers=(till, ada, ada),
        claimants=tuple(Claimant(ADAS, (claim,)) for claim in claims),
    )
    insert(
        warehouse,
        [
            placed(topics.PROFILES, profile(ADAS, 1, workspace, identifiers=(ada,)), 0),
            placed(topics.IDENTITY_CHANGES, attributed, 1),
        ],
    )
    shown = run("explain", "identity", "user_id:ada").output
    assert "its events are user_id:ada's from 2023-11-14T22:13:20.123Z on" in shown
    assert "it does not become user_id:ada's at 2023-11-14T22:14:20.123Z any more" in shown


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


def test_an_empty_quarantine_says_so(run: Run) -> None:
    assert run("identity", "quarantine", "list").output == "nothing waits for a review\n"
