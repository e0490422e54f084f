"""What several definitions say together: unknown names, circles, kinds, workspaces, values that cannot be."""

from pathlib import Path

import pytest

from definitions import load
from tests.definitions.folders import errors_of, write

SPENT = "- {trait: spent, statistical: {event: Buy, sum: total, within: ever}}\n"
LAST = "- {trait: last_order, statistical: {event: Buy, last_at: true, within: ever}}\n"
LEVEL = "- {trait: level, cases: [{when: {trait: spent, greater_than: 5}, then: gold}], otherwise: none}\n"
TAGS = "- {trait: tags, merge: union}\n"
CITY = "- {trait: city, merge: first}\n"
ALL = SPENT + LAST + LEVEL + TAGS + CITY


def segment(condition: str, name: str = "s", more: str = "") -> str:
    return f"- segment: {name}\n  when: {condition}\n{more}"


UNKNOWN = [
    ("{trait: spnet, greater_than: 5}", "no trait 'spnet' is defined, but 'spent' is (did you mean 'spent'?"),
    ("{trait: spentt, greater_than: 5}", "did you mean 'spent'?"),
    ("{trait: pent, greater_than: 5}", "did you mean 'spent'?"),
    ("{trait: Spent, greater_than: 5}", "did you mean 'spent'?"),
    ("{trait: sqent, greater_than: 5}", "`- {trait: sqent, merge: as_sent}`"),
    ("{segment: big}", "there is no segment 'big'"),
]


@pytest.mark.parametrize(("condition", "says"), UNKNOWN)
def test_an_unknown_name_is_told_with_what_may_be_meant(tmp_path: Path, condition: str, says: str) -> None:
    (error,) = errors_of(tmp_path, {"traits/t.yaml": ALL, "segments/s.yaml": segment(condition)})
    column = len("  when: ") + condition.index(": ") + len(": ") + 1
    assert error.startswith(f"segments/s.yaml:2:{column}: ")
    assert says in error


def test_a_template_names_no_trait_by_a_slip_and_none_of_other_profiles(tmp_path: Path) -> None:
    files = {
        "traits/t.yaml": f"{ALL}- {{trait: seat, kind: device, merge: first}}",
        "triggers/g.yaml": "trigger: g\non: {event: Buy}\npayload:\n"
        "  a: '{{ profile.traits.spent }} {{ profile.traits.spnet }}'\n"
        "  b: '{{ profile.traits[\"seat\"] }} {{ event.properties.spnet }} {{ profile.traits.plan }}'",
    }
    slip, other = errors_of(tmp_path, files)
    assert slip.startswith("triggers/g.yaml:4:37: no trait 'spnet' is defined, but 'spent' is")
    assert other.startswith("triggers/g.yaml:5:10: the trait 'seat' is of kind 'device', and this of kind 'person'")


@pytest.mark.parametrize("name", ["plan", "spent_30d", "total_spent", "age", "spent2"])
def test_a_trait_of_another_name_is_one_that_is_sent(tmp_path: Path, name: str) -> None:
    files = {
        "traits/t.yaml": ALL + "- {trait: spent1, merge: first}",
        "segments/s.yaml": segment(f"{{trait: {name}, exists: true}}"),
    }
    assert load(write(tmp_path, files)).segments


def test_a_sent_trait_with_nearly_the_name_of_a_computed_one_can_be_told(tmp_path: Path) -> None:
    files = {
        "traits/t.yaml": f"{ALL}- {{trait: spnet, merge: as_sent}}\n- {{trait: Tags, merge: as_sent}}",
        "segments/s.yaml": segment("{all: [{trait: spnet.city, equals: Bonn}, {trait: Tags, contains: sailing}]}"),
        "destinations/d.yaml": "destination: d\ntraits: [Tags]",
    }
    definitions = load(write(tmp_path, files))
    assert {trait.name for trait in definitions.traits} == {"spent", "last_order", "level", "tags", "city"}
    (error,) = errors_of(
        tmp_path / "renamed", {"traits/t.yaml": f"{ALL}- {{trait: spnet, attribute: x, merge: as_sent}}"}
    )
    assert "'attribute' beside `merge: as_sent`" in error


@pytest.mark.parametrize("name", ["$spent", "spent!", r"spe\.nt"])
def test_a_name_that_no_definition_can_have_is_one_that_is_sent(tmp_path: Path, name: str) -> None:
    files = {"traits/t.yaml": ALL, "segments/s.yaml": segment(f"{{trait: '{name}', exists: true}}")}
    assert load(write(tmp_path, files)).segments


@pytest.mark.parametrize(
    ("path", "text", "position"),
    [
        ("traits/x.yaml", "trait: x\nvalue: spnet / 2", "2:8"),
        ("traits/x.yaml", "trait: x\nvalue: 2 * (1 + spnet)", "2:17"),
        ("traits/x.yaml", "trait: x\nvalue: '2 * spnet'", "2:13"),
        ("traits/x.yaml", "trait: x\ncases: [{when: {trait: spnet, exists: true}, then: 1}]", "2:24"),
        ("destinations/x.yaml", "destination: x\ntraits: [plan, spnet]", "2:16"),
        ("triggers/x.yaml", "trigger: x\nwhen: {trait: spnet, exists: true}", "2:15"),
    ],
)
def test_unknown_traits_are_named_wherever_they_are_read(tmp_path: Path, path: str, text: str, position: str) -> None:
    (error,) = errors_of(tmp_path, {"traits/t.yaml": ALL, path: text})
    assert error.startswith(f"{path}:{position}: no trait 'spnet' is defined")


def test_unknown_destinations_of_triggers_are_told(tmp_path: Path) -> None:
    files = {
        "triggers/x.yaml": "trigger: x\non: {event: Buy}\ndestinations: [mial]",
        "destinations/d.yaml": "destination: mail",
    }
    (error,) = errors_of(tmp_path, files)
    assert error.startswith("triggers/x.yaml:3:16: there is no destination 'mial' (did you mean 'mail'?")


def test_of_many_names_not_all_are_shown(tmp_path: Path) -> None:
    many = "".join(segment("{trait: a, exists: true}", f"number {number}") for number in range(21))
    (error,) = errors_of(tmp_path, {"segments/s.yaml": many + segment("{segment: xyz}", "zzz")})
    assert "there is no segment 'xyz' (22 others are defined;" in error


CIRCLES = [
    ({"traits/t.yaml": "trait: a\nvalue: a + 1"}, "traits/t.yaml:2:8: the trait 'a' is made of itself"),
    (
        {"traits/t.yaml": "- {trait: a, value: b + 1}\n- {trait: b, value: c}\n- {trait: c, value: a}"},
        "traits/t.yaml:1:21: a circle: trait 'a' -> trait 'b' -> trait 'c' -> trait 'a'",
    ),
    (
        {"segments/s.yaml": segment("{segment: b}", "a") + segment("{not: {segment: a}}", "b")},
        "segments/s.yaml:2:19: a circle: segment 'a' -> segment 'b' -> segment 'a'",
    ),
    ({"segments/s.yaml": segment("{segment: a}", "a")}, "segments/s.yaml:2:19: the segment 'a' is made of itself"),
    (
        {
            "traits/t.yaml": "- {trait: a, value: b}\n- {trait: b, cases: [{when: {segment: s}, then: 1}]}",
            "segments/s.yaml": segment("{trait: a, exists: true}"),
        },
        "traits/t.yaml:1:21: a circle: trait 'a' -> trait 'b' -> segment 's' -> trait 'a'",
    ),
]


@pytest.mark.parametrize(("files", "says"), CIRCLES)
def test_a_circle_is_told_once_with_its_way(tmp_path: Path, files: dict[str, str], says: str) -> None:
    errors = errors_of(tmp_path, files)
    assert len(errors) == 1, errors
    assert errors[0].startswith(says)


def test_definitions_that_read_one_another_in_one_direction_are_no_circle(tmp_path: Path) -> None:
    files = {
        "traits/t.yaml": ALL + "- {trait: a, value: b + c}\n- {trait: b, value: c}\n- {trait: c, value: spent}",
        "segments/s.yaml": segment("{all: [{segment: b}, {segment: c}]}", "a")
        + segment("{segment: c}", "b")
        + segment("{trait: a, exists: true}", "c"),
    }
    assert len(load(write(tmp_path, files)).segments) == 3


def test_of_a_long_chain_the_first_that_lies_too_high_is_refused_at_once(tmp_path: Path) -> None:
    chain = "".join(
        f"- {{trait: t{number}, value: 'coalesce(t{number + 1}, t{number + 1})'}}\n" for number in range(500)
    )
    chain += "- {trait: t500, merge: first}\n- {trait: x, value: t0 + 1}"
    (error,) = errors_of(tmp_path, {"traits/t.yaml": chain})
    assert error.startswith("traits/t.yaml:450:11: the trait 't449' is computed of others in 51 levels")


KINDS = [
    ("{trait: sold, greater_than: 5}", "the trait 'sold' is of kind 'device', and this of kind 'person'"),
    ("{segment: tills}", "the segment 'tills' is of kind 'device', and this of kind 'person'"),
]


@pytest.mark.parametrize(("condition", "says"), KINDS)
def test_a_definition_reads_what_is_of_its_own_kind(tmp_path: Path, condition: str, says: str) -> None:
    files = {
        "traits/t.yaml": "trait: sold\nkind: device\nstatistical: {event: Buy, sum: total, within: ever}",
        "segments/s.yaml": segment("{trait: sold, greater_than: 5}", "tills", "  kind: device\n") + segment(condition),
    }
    (error,) = errors_of(tmp_path, files)
    assert says in error


WORKSPACES = [
    ("", "and this of all workspaces"),
    ("  workspaces: [c, a]\n", "and this of workspace 'c'"),
]


@pytest.mark.parametrize(("more", "says"), WORKSPACES)
def test_a_definition_reads_what_all_of_its_workspaces_have(tmp_path: Path, more: str, says: str) -> None:
    files = {
        "traits/t.yaml": "trait: x\nmerge: first\nworkspaces: [a, b]",
        "segments/s.yaml": segment("{trait: x, exists: true}", more=more),
    }
    (error,) = errors_of(tmp_path, files)
    assert error.startswith("segments/s.yaml:2:17: the trait 'x' is of 'a', 'b', ")
    assert says in error


def test_a_definition_of_one_workspace_reads_what_is_of_it_or_of_all(tmp_path: Path) -> None:
    files = {
        "traits/t.yaml": "- {trait: x, merge: first, workspaces: [a, b]}\n- {trait: y, merge: first}",
        "segments/s.yaml": segment(
            "{all: [{trait: x, exists: true}, {trait: y, exists: true}]}", more="  workspaces: [a]"
        ),
    }
    assert load(write(tmp_path, files)).segments


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("{trait: level, equals: godl}", "the trait 'level' is never 'godl' (did you mean 'gold'?)"),
        ("{trait: level, in: [silver, bronze]}", "the trait 'level' is never 'silver' or 'bronze' (known: gold, none)"),
        ("{trait: level, starts_with: s}", "no value of the trait 'level' passes 'starts_with' (known: gold, none)"),
    ],
)
def test_a_value_that_no_case_gives_is_refused(tmp_path: Path, condition: str, says: str) -> None:
    (error,) = errors_of(tmp_path, {"traits/t.yaml": ALL, "segments/s.yaml": segment(condition)})
    assert says in error


IMPOSSIBLE = [
    ("{trait: spent, starts_with: a}", "the trait 'spent' is a number: 'starts_with' never holds for it"),
    ("{trait: spent, equals: '5'}", "the trait 'spent' is a number: 'equals' never holds for it"),
    ("{trait: spent, within_last: 5d}", "the trait 'spent' is a number"),
    ("{trait: last_order, greater_than: 5}", "the trait 'last_order' is a time"),
    ("{trait: level, greater_than: 5}", "the trait 'level' is a text"),
    ("{trait: tags, equals: a}", "the trait 'tags' is a list"),
    ("{trait: spent.eur, equals: 5}", "the trait 'spent' is no object, and has nothing at 'eur'"),
    ("{trait: city.name, equals: x}", "the trait 'city' is no object"),
]


@pytest.mark.parametrize(("condition", "says"), IMPOSSIBLE)
def test_a_comparison_that_no_value_of_a_trait_passes_is_refused(tmp_path: Path, condition: str, says: str) -> None:
    (error,) = errors_of(tmp_path, {"traits/t.yaml": ALL, "segments/s.yaml": segment(condition)})
    assert error.startswith("segments/s.yaml:2:17: ")
    assert says in error


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("level + 1", "the trait 'level' is never a number, which is needed here (it is a text)"),
        ("round(last_order)", "the trait 'last_order' is never a number"),
        ("days_since(spent)", "the trait 'spent' is never a time"),
        ("length(spent)", "the trait 'spent' is never a list"),
        ("max(tags, 1)", "the trait 'tags' is never a number"),
    ],
)
def test_an_expression_of_what_a_trait_never_is_is_refused(tmp_path: Path, value: str, says: str) -> None:
    (error,) = errors_of(tmp_path, {"traits/t.yaml": f"{ALL}- {{trait: x, value: '{value}'}}"})
    assert says in error


POSSIBLE = [
    "{trait: level, not_equals: silver}",
    "{trait: level, exists: false}",
    "{trait: level, ends_with: d}",
    "{trait: named, equals: anything}",
    "{all: [{event: Buy, within: 1h}, {event: Buy, where: {x: 1}, exactly: 0, within: 1d}]}",
    "{all: [{trait: city, equals: a}, {any: [{trait: city, equals: b}, {trait: name, equals: b}]}]}",
    "{all: [{sample: 20%, salt: w}, {not: {sample: 10%, salt: w}}, {not: {sample: 30%, salt: v}}]}",
    "{trait: spent, in: ['5', 5]}",
    "{trait: spent, exists: true}",
    "{trait: last_order, longer_ago_than: 30d}",
    "{trait: last_order, starts_with: '2026-'}",
    "{trait: level, in: [gold]}",
    "{trait: tags, contains: a}",
    "{trait: tags, contains_any: [a, 1]}",
    "{trait: city, starts_with: a}",
    "{trait: city, greater_than: 3}",
    "{trait: days, greater_than: 3}",
    "{trait: name, equals: x}",
    "{trait: address.city, equals: x}",
]


@pytest.mark.parametrize("condition", POSSIBLE)
def test_a_comparison_that_some_value_passes_is_accepted(tmp_path: Path, condition: str) -> None:
    more = (
        "- {trait: days, value: days_since(last_order)}\n- {trait: name, value: 'coalesce(city, spent)'}\n"
        "- {trait: address, value: home}\n- {trait: named, value: 'trait(\"city\")'}"
    )
    assert load(write(tmp_path, {"traits/t.yaml": ALL + more, "segments/s.yaml": segment(condition)})).segments


def chain(link: str, count: int) -> str:
    """Definitions each of which reads the one before."""
    return "".join(link.format(at=at, before=at - 1) for at in range(1, count + 1))


HIGH = [
    ("traits", "- {{trait: c{at}, value: c{before} + 1}}\n", 50, "trait 'c51'"),
    (
        "traits",
        "- {{trait: c{at}, cases: [{{when: {{all: [{{trait: c{before}, exists: true}}]}}, then: 1}}]}}\n",
        16,
        "",
    ),
    ("segments", "- {{segment: c{at}, when: {{any: [{{event: A, within: 1d}}, {{segment: c{before}}}]}}}}\n", 24, ""),
]


@pytest.mark.parametrize(("folder", "link", "most", "says"), HIGH)
def test_so_many_may_read_each_the_one_before_that_sql_can_compute_them(
    tmp_path: Path, folder: str, link: str, most: int, says: str
) -> None:
    first = {"traits": "- {trait: c0, merge: first}\n", "segments": "- {segment: c0, when: {event: A, within: 1d}}\n"}
    file = f"{folder}/c.yaml"
    assert load(write(tmp_path, {file: first[folder] + chain(link, most)}))
    (error,) = errors_of(tmp_path, {file: first[folder] + chain(link, 2 * most)})
    assert error.startswith(f"{file}:{most + 2}:")
    assert says in error
    assert "levels, one on the other (at most 50: " in error


def test_what_reads_a_wrong_definition_is_not_told_as_well(tmp_path: Path) -> None:
    files = {
        "traits/t.yaml": "trait: spent\nmerge: frist",
        "segments/s.yaml": segment("{trait: spent, greater_than: 5}"),
    }
    assert [error.split(" ")[0] for error in errors_of(tmp_path, files)] == ["traits/t.yaml:2:8:"]
