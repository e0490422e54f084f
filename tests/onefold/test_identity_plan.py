"""`onefold identity plan`: what it refuses. What it shows and does, `docs/guide/changing-rules.md` says as a test."""

from click.testing import CliRunner

from onefold.cli import onefold


def test_yes_without_apply_is_a_typing_error() -> None:
    answer = CliRunner().invoke(onefold, ["identity", "plan", "--yes"])
    assert answer.exit_code == 2
    assert "--yes belongs to --apply" in answer.output
