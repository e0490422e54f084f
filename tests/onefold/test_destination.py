"""`onefold destination list`, `check` and `test` on folders of definitions, with a real receiver."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from onefold.cli import onefold
from onefold.commands.definitions import check as check_definitions
from tests.definitions.folders import write
from tests.sinks.destinations.receiver import HttpReceiver, Request, always

SECRET = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cw=="
HOOK = """
    destination: hook
    type: webhook
    url: {url}/hook?token=hunter2hunter2
    secrets: [{{env: HOOK_SECRET}}]
    headers: {{X-Api-Key: {{file: {file}}}}}
    allow_private: true
    timeout: 5s
    mapping:
      who: {{value: "@identifiers.email", normalise: email, hash: sha256, required: true}}
      text: "{{{{ name }}}} {{{{ change }}}}"
      level: "@traits.level"
"""
SEGMENT = "segment: big\nwhen: {event: Buy, within: 1d}\ndestinations: [hook, plain]"
TRIGGER = "trigger: cart\non: {event: Buy}\ndestinations: [hook]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text("hunter2-of-the-file\n")
    return written(tmp_path, "http://127.0.0.1:9")


def written(folder: Path, url: str) -> Path:
    files = {
        "destinations/hook.yaml": HOOK.format(url=url, file=folder / "key"),
        "destinations/plain.yaml": "destination: plain",
        "segments/big.yaml": SEGMENT,
        "triggers/cart.yaml": TRIGGER,
    }
    write(folder / "definitions", files)
    return folder


def run(*arguments: str | Path, **environment: str | None) -> Result:
    given = {"HOOK_SECRET": SECRET, "COLUMNS": "200"} | environment
    return CliRunner().invoke(onefold, ["destination", *map(str, arguments)], env=given)


def trial(folder: Path, *arguments: str) -> Result:
    return run("test", "hook", "--definitions", folder / "definitions", *arguments)


def answered(result: Result) -> dict[str, Any]:
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_a_list_says_what_is_sent_where_and_who_names_it(folder: Path) -> None:
    hook, plain = map(json.loads, run("list", folder / "definitions", "--json").stdout.splitlines())
    assert (hook["type"], hook["traits"], hook["named_by"]) == ("webhook", ["level"], ["big", "cart"])
    assert (plain["type"], plain["named_by"]) == ("topic", ["big"])
    shown = run("list", folder / "definitions").output
    assert "webhook" in shown
    assert "big, cart" in shown


def test_what_is_whole_is_ok(folder: Path) -> None:
    result = run("check", folder / "definitions")
    assert (result.exit_code, result.output) == (0, "hook (webhook): ok\nplain (topic): ok\n")


def test_a_segment_that_keeps_who_withdraws_consent_is_told_and_no_mistake(folder: Path) -> None:
    write(
        folder / "definitions",
        {
            "destinations/ads.yaml": "destination: ads\ntype: meta_audience\ntoken: {env: HOOK_SECRET}\naudience: '1'\n"
            "purpose: advertising\n",
            "segments/kept.yaml": "segment: kept\nwhen: {trait: plan, equals: pro}\ndestinations: [ads]\n",
            "consent.yaml": "purposes: [{purpose: advertising, default: opt_in}]\n",
        },
    )
    result = run("check", folder / "definitions")
    assert result.exit_code == 0
    assert "ads (meta_audience): segment kept: who withdraws the consent to advertising stays in ads" in result.output
    checked = CliRunner().invoke(check_definitions, [str(folder / "definitions"), "--json"])
    (warning,) = json.loads(checked.stdout)["warnings"]
    assert warning.startswith("segment kept: who withdraws")


def test_a_receiver_that_finds_people_by_a_trait_is_told_of_and_no_mistake(folder: Path) -> None:
    contacts = "destination: crm\ntype: hubspot\ntoken: {env: HOOK_SECRET}\nmapping: {id: '@traits.email'}\n"
    write(folder / "definitions", {"destinations/crm.yaml": contacts})
    result = run("check", folder / "definitions")
    assert result.exit_code == 0
    assert "crm (hubspot): people are found there by the trait email: of two who have the same" in result.output
    checked = CliRunner().invoke(check_definitions, [str(folder / "definitions"), "--json"])
    (warning,) = json.loads(checked.stdout)["warnings"]
    assert warning.startswith("destination crm: people are found there by the trait email")


def test_every_missing_secret_is_named_and_none_is_shown(folder: Path) -> None:
    (folder / "key").unlink()
    result = run("check", folder / "definitions", HOOK_SECRET=None)
    assert result.exit_code == 1
    assert "hook (webhook): the environment variable HOOK_SECRET is not set" in result.output
    assert f"hook (webhook): the file {folder / 'key'} cannot be read: No such file or directory" in result.output
    first = json.loads(run("check", folder / "definitions", "--json", HOOK_SECRET=None).stdout.splitlines()[0])
    assert (first["ok"], len(first["problems"])) == (False, 2)


def test_a_secret_of_a_wrong_form_is_told_and_not_shown(folder: Path) -> None:
    result = run("check", folder / "definitions", HOOK_SECRET="whsec_hunter2!!")
    assert result.exit_code == 1
    assert "hook (webhook): " in result.output
    assert "hunter2" not in result.output


def test_an_address_of_the_house_is_told_that_nothing_may_be_sent_to(folder: Path) -> None:
    file = folder / "definitions" / "destinations" / "hook.yaml"
    file.write_text(file.read_text().replace("allow_private: true", "allow_private: false"))
    result = run("check", folder / "definitions")
    assert result.exit_code == 1
    assert "hook (webhook): url: 127.0.0.1 is not public (allow it by `allow_private: true`" in result.output
    assert "hunter2" not in result.output


def test_mistakes_of_the_folder_are_told_as_everywhere(folder: Path) -> None:
    write(folder / "definitions", {"destinations/hook.yaml": "destination: hook\ntype: webhok"})
    for command in ("list", "check"):
        result = run(command, folder / "definitions")
        assert result.exit_code == 1
        assert "destinations/hook.yaml:2:7: there is no destination type 'webhok'" in result.output


def test_a_dry_run_shows_the_fields_and_sends_nothing(folder: Path) -> None:
    result = trial(folder, "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    assert answered(result)["fields"] == {
        "who": "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b",
        "text": "big entered",
    }
    assert '"text": "big entered"' in trial(folder, "--dry-run").output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--change", "exited"], "big exited"),
        (["--segment", "other"], "other entered"),
        (["--segment", "other", "--change", "exited"], "other exited"),
        (["--change", "fired"], "cart fired"),
    ],
)
def test_what_has_happened_may_be_said(folder: Path, arguments: list[str], text: str) -> None:
    assert answered(trial(folder, "--dry-run", "--json", *arguments))["fields"]["text"] == text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["test", "hok"], "there is no destination 'hok' (did you mean 'hook'?)"),
        (["test", "plain"], "it is the topic activation.plain"),
        (["test", "hook", "--segment", "big", "--change", "fired"], "a segment is entered or exited"),
        (["test", "\x1b[31m"], "\\x1b[31m"),
    ],
)
def test_what_cannot_be_tried_is_told_in_a_line(folder: Path, arguments: list[str], said: str) -> None:
    result = run(*arguments, "--definitions", folder / "definitions")
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_without_a_secret_nothing_is_sent(folder: Path) -> None:
    result = run("test", "hook", "--definitions", folder / "definitions", HOOK_SECRET=None)
    assert (result.exit_code, result.output) == (1, "Error: the environment variable HOOK_SECRET is not set\n")


def test_a_required_field_without_a_value_is_told(folder: Path) -> None:
    mapping = "\n    mapping: {who: {value: '@identifiers.phone', required: true}}"
    text = HOOK.format(url="http://127.0.0.1:9", file=folder / "key").partition("\n    mapping:")[0] + mapping
    write(folder / "definitions", {"destinations/hook.yaml": text})
    result = trial(folder, "--dry-run")
    assert (result.exit_code, result.output) == (1, "Error: nothing can be sent: 'who' is required and has no value\n")


@pytest.mark.parametrize(
    ("status", "outcome", "exit_code"),
    [(200, "delivered", 0), (503, "retry", 1), (401, "suspended", 1), (400, "refused", 1)],
)
def test_one_delivery_is_sent_and_shown_without_secrets(
    folder: Path, status: int, outcome: str, exit_code: int
) -> None:
    async def tried() -> tuple[Result, Result, list[Request]]:
        async with HttpReceiver(always(status, b'{"said": "hunter2-of-the-file"}')) as receiver:
            written(folder, receiver.url)
            first = await asyncio.to_thread(trial, folder, "--json")
            return first, await asyncio.to_thread(trial, folder), receiver.requests

    result, shown, requests = asyncio.run(tried())
    assert (result.exit_code, shown.exit_code) == (exit_code, exit_code), result.output
    answer = answered(result)
    assert (answer["outcome"], answer["status"]) == (outcome, status)
    assert "big entered" in answer["request"]
    first, second = requests
    assert first.headers["x-api-key"] == "hunter2-of-the-file"
    assert first.headers["webhook-id"] == answer["key"] != second.headers["webhook-id"]
    assert json.loads(first.body)["text"] == "big entered"
    assert f"outcome  {outcome}" in shown.output
    assert "\nrequest\n  POST " in shown.output
    for text in (result.output, shown.output):
        assert "hunter2" not in text
        assert SECRET.removeprefix("whsec_") not in text


def test_nobody_there_is_an_outcome_and_no_traceback(folder: Path) -> None:
    result = trial(folder, "--json")
    assert result.exit_code == 1
    assert (answered(result)["outcome"], answered(result)["reason"]) == ("retry", "network")
