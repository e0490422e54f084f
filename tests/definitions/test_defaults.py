"""The default rules of identity as a file: it reads back as exactly these rules, and explains every key."""

from pathlib import Path

import msgspec
from click.testing import CliRunner

from definitions import load
from definitions.defaults import rules_text
from definitions.reading.identity import NAMESPACE_KEYS, RULE_KEYS
from identity.rules import DEFAULT_RULES, NORMALISER_NAMES, IdentityRules, Namespace
from onefold.cli import onefold


def printed(*arguments: str) -> str:
    answer = CliRunner().invoke(onefold, ["definitions", *arguments])
    assert answer.exit_code == 0, answer.output
    return answer.output


def reread(folder: Path, text: str) -> IdentityRules:
    (folder / "identity.yaml").write_text(text, encoding="utf-8")
    return load(folder).identity


def test_the_printed_file_is_checked_and_gives_exactly_the_default_rules(tmp_path: Path) -> None:
    assert load(None).identity == load(tmp_path).identity == DEFAULT_RULES
    assert reread(tmp_path, printed("defaults")) == DEFAULT_RULES
    assert printed("check", str(tmp_path)) == f"ok: 0 segments, rules {DEFAULT_RULES.version}\n"


def test_the_printed_file_explains_every_key_and_normaliser() -> None:
    text = printed("defaults")
    comments = "".join(line for line in text.splitlines() if line.startswith("#"))
    assert [key for key in RULE_KEYS if f"{key}:" not in text] == []
    assert [key for key in (*NAMESPACE_KEYS, *NORMALISER_NAMES) if key not in comments] == []
    assert max(map(len, text.splitlines())) <= 120


def test_other_rules_are_written_as_they_are_read(tmp_path: Path) -> None:
    rules = msgspec.structs.replace(
        DEFAULT_RULES,
        namespaces=(
            Namespace("member", limit=3, period_ms=3_600_000, blocked=frozenset({"x: y", '"', "#1", "[a]"})),
            Namespace("till", kind="device", shared="last_login", normaliser="lower"),
        ),
        region="CN",
        max_fan_in=7,
    )
    assert reread(tmp_path, rules_text(rules)) == rules
