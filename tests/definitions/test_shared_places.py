"""Which segments are one at a receiver, so that who leaves one is taken out of another."""

from pathlib import Path

import pytest

from definitions import load
from definitions.shared_places import sharing_segments
from tests.definitions.folders import write

TABLE = "type: sql\nurl: sqlite:////shop.db\ntable: people\n"
META = "type: meta_audience\ntoken: {env: T}\n"
CRM = "type: hubspot\ntoken: {env: T}\n"


def shared(folder: Path, *destinations: str, names: tuple[str, str] = ("buyers", "readers")) -> list[tuple[str, str]]:
    """Which segments are one with another, and where: both are sent to all destinations."""
    files = {f"destinations/{at}.yaml": f"destination: to_{at}\n{text}" for at, text in enumerate(destinations)}
    to = ", ".join(f"to_{at}" for at in range(len(destinations)))
    segments = [f"- {{segment: {name}, when: {{event: Bought, within: 30d}}, destinations: [{to}]}}" for name in names]
    files["segments/all.yaml"] = "\n".join(segments)
    return [(each.segment, each.destination) for each in sharing_segments(load(write(folder, files)))]


BOTH = [("buyers", "to_0"), ("readers", "to_0")]


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        (f"{TABLE}mode: mirror\nkey: [profile_id]\n", BOTH),
        (f"{TABLE}mode: mirror\nkey: [profile_id]\nchanges: [entered]\n", []),
        (f"{TABLE}mode: mirror\n", []),
        (f"{TABLE}mode: mirror\nkey: [row]\nmapping: {{row: '{{{{ profile.id }}}}/{{{{ name }}}}'}}\n", []),
        (f"{TABLE}key: [profile_id]\n", []),
        (f"{META}audience: '1'\n", BOTH),
        (f"{META}audience: '1'\naudiences: {{readers: '2'}}\n", []),
        (f"{META}audiences: {{readers: '2', buyers: '2'}}\n", BOTH),
        (CRM, []),
        (f"{CRM}property: customer\n", BOTH),
        ("type: webhook\nurl: https://shop.example\n", []),
        ("type: webhook\nurl: https://shop.example\nkeeps_members: true\n", []),
    ],
)
def test_segments_that_are_one_at_a_receiver_are_named(
    tmp_path: Path, destination: str, expected: list[tuple[str, str]]
) -> None:
    assert shared(tmp_path, destination) == expected


def test_names_that_are_one_in_that_of_a_property_are_named(tmp_path: Path) -> None:
    assert shared(tmp_path, CRM, names=("new-buyers", "new_buyers")) == [
        ("new-buyers", "to_0"),
        ("new_buyers", "to_0"),
    ]


def test_two_destinations_may_lead_to_one_place(tmp_path: Path) -> None:
    files = {
        f"destinations/{name}.yaml": f"destination: {name}\n{META}audience: '1'\n" for name in ("first", "second")
    } | {
        "segments/all.yaml": "- {segment: buyers, when: {event: Bought, within: 1d}, destinations: [first]}\n"
        "- {segment: readers, when: {event: Read, within: 1d}, destinations: [second]}\n"
    }
    found = list(sharing_segments(load(write(tmp_path, files))))
    assert [(each.segment, each.destination, each.others) for each in found] == [
        ("buyers", "first", ("readers",)),
        ("readers", "second", ("buyers",)),
    ]
    assert found[0].advice == (
        "it shares an audience with readers at first: who leaves one is taken out there, though in another: "
        "give it its own in `audiences`, or send one segment that is `any` of them"
    )


def test_a_table_is_one_place_for_all_users_of_its_database(tmp_path: Path) -> None:
    table = "type: sql\nurl: postgresql://USER@db/shop\ntable: people\nmode: mirror\nkey: [profile_id]\n"
    files = {f"destinations/{user}.yaml": f"destination: {user}\n{table.replace('USER', user)}" for user in ("a", "b")}
    files["segments/all.yaml"] = (
        "- {segment: buyers, when: {event: Bought, within: 1d}, destinations: [a]}\n"
        "- {segment: readers, when: {event: Read, within: 1d}, destinations: [b]}\n"
    )
    found = sharing_segments(load(write(tmp_path, files)))
    assert [(each.segment, each.others) for each in found] == [("buyers", ("readers",)), ("readers", ("buyers",))]
