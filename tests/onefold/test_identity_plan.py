"""`onefold identity plan` on a real stack: what it shows, that --apply comes to it, and that nothing is left then."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from embedded.layout import Ports
from embedded.stack import Stack, StackOptions
from onefold.cli import onefold
from settings import load

pytestmark = pytest.mark.stack

RULES = """
namespaces:
  - {namespace: user_id, kind: person, limit: 1, unique: true}
  - {namespace: email, kind: person, limit: LIMIT}
  - {namespace: anonymous_id, kind: device}
"""


BOBS = "bob@example.org"


def definitions(folder: Path, limit: int) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "identity.yaml").write_text(RULES.replace("LIMIT", str(limit)))
    return folder


def run(stack: Stack, *arguments: str) -> Result:
    return CliRunner().invoke(onefold, list(arguments), env=dict(stack.environment))


def plan(stack: Stack, folder: Path, *arguments: str) -> dict[str, Any]:
    answer = run(stack, "identity", "plan", "--definitions", str(folder), "--json", *arguments)
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)  # type: ignore[no-any-return]


def profile_id(stack: Stack, identifier: str) -> str:
    answer = run(stack, "profile", identifier, "--json")
    assert answer.exit_code == 0, answer.output
    return str(json.loads(answer.stdout)["profile_id"])


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="onefold-plan-") as name:
        yield Path(name)


def test_a_plan_is_shown_applied_and_then_nothing_is_left(folder: Path) -> None:
    loose, strict = definitions(folder / "loose", 5), definitions(folder / "strict", 1)
    options = StackOptions(data_dir=folder / "data", definitions=loose, ports=Ports.free())
    with Stack(options) as stack:
        source = load(stack.environment).workspaces["main"].sources[0]
        for number, email in enumerate(("mei@example.org", BOBS)):
            call = {"userId": "mei", "traits": {"email": email}, "messageId": f"m{number}"}
            call["context"] = {"externalIds": [{"id": email, "type": "email"}]}
            answer = httpx.post(f"{stack.addresses.http}/v1/identify", json=call, auth=(source.write_key, ""))
            assert answer.status_code == 200, answer.text
        own = {"event": "Opened", "messageId": "m2", "context": {"externalIds": [{"id": BOBS, "type": "email"}]}}
        answer = httpx.post(f"{stack.addresses.http}/v1/track", json=own, auth=(source.write_key, ""))
        assert answer.status_code == 200, answer.text
        assert run(stack, "drain").exit_code == 0
        assert run(stack, "identity", "plan").output.splitlines()[1].endswith("1 profile as under these rules")
        before = plan(stack, strict)
        assert (before["merges"], before["splits"], before["retract"], before["link"]) == (0, 1, 1, 0)
        refused = run(stack, "identity", "plan", "--definitions", str(strict), "--apply", "--yes")
        assert refused.exit_code == 1
        assert "restart it with these definitions first" in refused.output
    with Stack(msgspec.structs.replace(options, definitions=strict)) as stack:
        applied = plan(stack, strict, "--apply", "--yes")
        assert applied["applied"]["state"] == "done"
        parted = profile_id(stack, f"email:{BOBS}")
        assert "Nothing to change" in run(stack, "identity", "plan").output
    with Stack(msgspec.structs.replace(options, definitions=loose)) as stack:
        back = plan(stack, loose, "--apply", "--yes")
        assert (back["merges"], back["splits"], back["retract"], back["link"]) == (1, 0, 0, 1)
        (merge,) = back["merge_examples"]
        assert merge["profiles"] == [profile_id(stack, "user_id:mei"), parted]
        assert profile_id(stack, f"email:{BOBS}") == merge["profiles"][0]
        assert "Nothing to change" in run(stack, "identity", "plan").output


def test_yes_without_apply_is_a_typing_error() -> None:
    answer = CliRunner().invoke(onefold, ["identity", "plan", "--yes"])
    assert answer.exit_code == 2
    assert "--yes belongs to --apply" in answer.output
