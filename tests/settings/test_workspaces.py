"""The workspaces file: what is written can be read, what is wrong is named, the secret is kept."""

import uuid
from pathlib import Path

import pytest

from settings import (
    ChannelRule,
    FactSettings,
    Retention,
    SettingsError,
    Source,
    Workspace,
    new_workspace,
    read_workspaces,
    workspaces_text,
)

NAMESPACE = "6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01"
W1, W2, R1, A1 = (f"{name}-0123456789abcdef" for name in ("w1", "w2", "r1", "a1"))
COMPLETE = f"""
workspaces:
- name: main
  namespace: {NAMESPACE}
  clock: event
  sources:
  - {{name: shop, write_key: {W1}, priority: 5}}
  - {{name: crm, write_key: {W2}}}
  read_keys: [{R1}]
  admin_keys: [{A1}]
"""


def _written(folder: Path, text: str) -> Path:
    path = folder / "onefold.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_complete_file_is_read(tmp_path: Path) -> None:
    sources = (Source("shop", W1, 5), Source("crm", W2))

    assert read_workspaces(_written(tmp_path, COMPLETE)) == {
        "main": Workspace("main", uuid.UUID(NAMESPACE), "event", sources, (R1,), (A1,))
    }


def test_a_workspace_says_how_long_rows_are_kept_or_the_file_does(tmp_path: Path) -> None:
    text = COMPLETE + "  retention: {events: forever, sessions: 30d}\nretention: {events: 400d, dead_letters: 90d}\n"
    main = read_workspaces(_written(tmp_path, text))["main"]

    assert main.retention == Retention(events="forever", sessions="30d", dead_letters="90d")
    assert dict(main.retention.days()) == {"sessions": 30, "dead_letters": 90, "deliveries": 90}
    assert read_workspaces(_written(tmp_path, workspaces_text([main]))) == {"main": main}
    assert "retention" not in workspaces_text([new_workspace("main", "wall", ())])


def test_deliveries_are_kept_for_ninety_days_unless_somebody_says_otherwise() -> None:
    assert dict(Retention().days()) == {"deliveries": 90}
    assert dict(Retention(deliveries="forever").days()) == {}


def test_a_workspace_says_how_facts_are_parsed_or_the_file_does(tmp_path: Path) -> None:
    rule = "{channel: partners, source: ['partner-*'], medium: [cps]}"
    own = f"  facts: {{own_domains: [alipay.com], channels: [{rule}]}}\n"
    of_file = "facts: {off: [place, bot], regions: /data/ip2region_v4.xdb}\n"
    said = FactSettings(own_domains=("alipay.com",), channels=(ChannelRule("partners", ("partner-*",), ("cps",)),))

    for text, facts in (
        (COMPLETE + own + of_file, said),
        (COMPLETE + of_file, FactSettings(off=("place", "bot"), regions="/data/ip2region_v4.xdb")),
        (COMPLETE, None),
    ):
        main = read_workspaces(_written(tmp_path, text))["main"]
        assert main.facts == facts
        assert read_workspaces(_written(tmp_path, workspaces_text([main]))) == {"main": main}
    assert "facts" not in workspaces_text([new_workspace("main", "wall", ())])


def test_a_source_that_is_not_listed_has_the_lowest_priority(tmp_path: Path) -> None:
    main = read_workspaces(_written(tmp_path, COMPLETE))["main"]

    assert [main.source_priority(source) for source in ("shop", "crm", "kafka")] == [5, 0, 0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "Expected `object`"),
        ("workspaces: {", "onefold.yaml"),
        ("\x00", "onefold.yaml"),
        ("workspaces: main", "Expected `array`"),
        (COMPLETE.replace("clock: event", "clock: sun"), "clock"),
        (COMPLETE.replace("clock:", "clocks:"), "clocks"),
        (COMPLETE.replace(NAMESPACE, "no-uuid"), "namespace"),
        (COMPLETE.replace("priority: 5", "priority: high"), "priority"),
        (COMPLETE.replace(W2, W1), "source 'crm' in workspace 'main' is the same as the write_key of source 'shop'"),
        (COMPLETE.replace(A1, W1), "number 1 of the admin_keys of workspace 'main' is the same as the write_key"),
        (
            COMPLETE.replace(A1, R1),
            "number 1 of the admin_keys of workspace 'main' is the same as number 1 of the",
        ),
        (COMPLETE.replace(R1, "''"), "number 1 of the read_keys of workspace 'main' has 0 characters, at least 16"),
        (COMPLETE.replace(R1, f"{R1}, ''"), "number 2 of the read_keys"),
        (COMPLETE.replace(A1, A1[:15]), "number 1 of the admin_keys of workspace 'main' has 15 characters"),
        (COMPLETE.replace(W1, "short"), "the write_key of source 'shop' in workspace 'main' has 5 characters"),
        (COMPLETE.replace(W1, "''"), "the write_key of source 'shop' in workspace 'main' has 0 characters"),
        (COMPLETE.replace(W1, f"'{W1}:x'"), "without colons"),
        (COMPLETE.replace(W1, f"'{W1} x'"), "without colons and blanks"),
        (COMPLETE.replace(W1, f'"{W1}\\n"'), "printable ASCII"),
        (COMPLETE + COMPLETE.partition("workspaces:")[2], "workspace 'main' is given twice"),
        (COMPLETE.replace("name: main", "name: a|b"), "'|'"),
        (COMPLETE.replace("name: main", "name: ''"), "must not be empty"),
        (
            COMPLETE.replace("name: crm", "name: operator"),
            "workspace 'main' has a source 'operator': that is what operators say by hand, name the source otherwise",
        ),
        (COMPLETE.replace("name: crm", "name: ' '"), "workspace 'main' has a source ' ': give it a name"),
        (COMPLETE + "facts: {off: [places]}", "Invalid enum value 'places' - at `$.facts.off[0]`"),
        (COMPLETE + "  facts: {of: [place]}", "unknown field `of` - at `$.workspaces[0].facts`"),
        (COMPLETE + "facts: {channels: [{channel: x}]}", "channel 'x' says no source, medium, campaign or referrer"),
        (COMPLETE + "retention: {events: 400}", "got `int` - at `$.retention.events` (how long rows are kept is said"),
        (COMPLETE + "retention: {events: 0d}", "at `$.retention.events`"),
        (COMPLETE + "retention: {events: 100000d}", "at `$.retention.events`"),
        (COMPLETE + "retention: {events: 13w}", "at `$.retention.events`"),
        (COMPLETE + "retention: {event: 400d}", "unknown field `event` - at `$.retention` (how long rows are kept"),
        (
            COMPLETE + "retention: {profiles: 400d}",
            "of: events, hourly_events, rejected_events, dead_letters, sessions",
        ),
        (COMPLETE + "retention: 400d", "at `$.retention`"),
        (COMPLETE + "  retention: {sessions: for ever}", "at `$.workspaces[0].retention.sessions`"),
        ("workspaces: !!python/object/apply:os.getcwd []", "onefold.yaml"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(tmp_path: Path, text: str, complaint: str) -> None:
    path = _written(tmp_path, text)

    with pytest.raises(SettingsError) as caught:
        read_workspaces(path)
    assert str(path) in str(caught.value)
    assert complaint in str(caught.value)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "onefold.yaml"
    path.write_bytes("workspaces: [é]".encode("latin-1"))

    with pytest.raises(SettingsError, match="cannot read the workspaces file"):
        read_workspaces(path)


def test_a_message_about_a_key_does_not_show_it(tmp_path: Path) -> None:
    for text in (COMPLETE.replace(A1, W1), COMPLETE.replace(W1, f"'{W1}:x'"), COMPLETE.replace(W1, W1[:15])):
        with pytest.raises(SettingsError) as caught:
            read_workspaces(_written(tmp_path, text))
        assert W1[:15] not in str(caught.value)


def test_a_short_key_is_for_senders_of_this_machine(tmp_path: Path) -> None:
    text = COMPLETE.replace(f"write_key: {W1}", "write_key: w1, local_only: true")
    assert read_workspaces(_written(tmp_path, text))["main"].sources[0] == Source("shop", "w1", 5, local_only=True)
