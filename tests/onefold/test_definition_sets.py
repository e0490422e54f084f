"""What `onefold definitions` refuses of the versions that were applied, and what it says of them."""

import json
import uuid
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner

from definitions.sets import Completion, Publication
from definitions.sets.folder import Collision
from embedded.stack import Stack
from onefold.cli import onefold
from onefold.commands.definition_sets import left_out_text, refuse_collision, status_of
from settings import Workspace, load


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            Collision(("segments/a.yaml",), ("traits/b.yaml",)),
            "mine has other definitions than version 3: segments/a.yaml would be replaced; traits/b.yaml would stay,"
            " which it does not have; nothing is written, --force writes all the same",
        ),
        (Collision(("segments/a.yaml",)), "version 3: segments/a.yaml would be replaced; nothing"),
        (Collision((), ("a", "b", "c", "d", "e", "f", "g")), "version 3: a, b, c, d, e and 2 more would stay, which"),
    ],
)
def test_a_folder_of_other_definitions_is_refused_unless_they_may_be_replaced(found: Collision, said: str) -> None:
    with pytest.raises(click.ClickException) as refused:
        refuse_collision(found, 3, Path("mine"), force=False)
    assert said in refused.value.message
    refuse_collision(found, 3, Path("mine"), force=True)


def test_a_folder_that_is_as_the_version_is_not_refused() -> None:
    refuse_collision(Collision(), 3, Path("mine"), force=False)


def test_whom_a_back_fill_has_left_out_is_said_by_workspace() -> None:
    left_out = tuple(f"p{number}" for number in range(7))
    publication = Publication(completions={"main": Completion(1, left_out=left_out)})
    settings = load({"ONEFOLD_CONFIG": "", "ONEFOLD_HTTP_HOST": "127.0.0.1", "ONEFOLD_WORKER_METRICS_PORT": "1"})
    workspaces = {name: Workspace(name, uuid.uuid4()) for name in ("main", "shop")}
    status = status_of(publication, msgspec.structs.replace(settings, workspaces=workspaces))
    assert [(each.workspace, each.left_out) for each in status.workspaces] == [("main", left_out), ("shop", ())]
    assert left_out_text(left_out).startswith("7 profiles left out of back-fills, as ")
    assert left_out_text(left_out).endswith(": p0, p1, p2, p3, p4 and 2 more")


@pytest.mark.stack
def test_versions_are_compared_exported_and_gone_back_to_for_programs(
    migrated: str, stack: Stack, tmp_path: Path
) -> None:
    def said(*arguments: str) -> Any:
        environment = {"ONEFOLD_KAFKA": stack.settings.kafka, "ONEFOLD_CLICKHOUSE": migrated}
        answer = CliRunner().invoke(onefold, [*arguments, "--json"], env=environment)
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)

    (tmp_path / "segments").mkdir()
    pros = tmp_path / "segments" / "pros.yaml"
    versions = []
    for plan in ("pro", "team"):
        pros.write_text(f"segment: pros\nwhen: {{trait: plan, equals: {plan}}}\n")
        versions.append(said("apply", str(tmp_path))["version"])
    first, second = versions
    compared = said("definitions", "diff", str(first), str(second))
    assert [each["file"] for each in compared["files"]] == ["segments/pros.yaml"]
    assert ("pro}" in compared["files"][0]["former"], "team}" in compared["files"][0]["later"]) == (True, True)
    assert said("definitions", "diff", str(first), str(first))["files"] == []
    went_back = said("definitions", "rollback", str(first))
    assert (went_back["version"], went_back["applied"]) == (second + 1, True)
    exported = said("definitions", "export", str(tmp_path / "new"), "--version", str(second))
    assert (exported["files"], exported["left"]) == (["segments/pros.yaml"], [])
    assert (tmp_path / "new" / "segments" / "pros.yaml").read_text() == pros.read_text()
