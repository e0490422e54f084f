"""Which events a program wants, what it keeps of them, and for whom."""

import re
from pathlib import Path
from typing import get_args

import pytest

from definitions import DefinitionErrors, Definitions, Program, compile_program, load
from definitions.model import Call, EventCount, EventMatcher, Segment, Window
from definitions.streaming.program import fingerprint
from schemas.records import ProfileKind
from tests.definitions.costs import calls_of
from tests.definitions.folders import load_segment, write
from tests.definitions.streaming.subjects import Known, counting

HOUR = 3_600_000


def compiled(folder: Path, text: str) -> Program:
    return compile_program(load_segment(folder, text))


def test_conditions_that_count_the_same_share_one_accumulator(tmp_path: Path) -> None:
    program = compiled(
        tmp_path,
        """\
        - {segment: a, when: {event: Buy, at_least: 3, within: 1h, where: {total: 1, plan: {in: [x, y]}}}}
        - {segment: b, when: {event: Buy, at_least: 1, within: 5h, where: {plan: {in: [y, x]}, total: {equals: 1.0}}}}
        - {segment: c, when: {event: Buy, within: 9h, where: {total: "1"}}}
        """,
    )
    first, second, other = program.segments
    assert first.reads == second.reads != other.reads
    shared = next(each.planned for each in program.accumulators if each.key in first.reads)
    assert (shared.keep, shared.retain_ms) == (3, 5 * HOUR)
    assert len(program.accumulators) == 2


def test_what_is_counted_keeps_its_id_when_window_and_name_change(tmp_path: Path) -> None:
    before = compiled(tmp_path, "segment: a\nwhen: {event: Buy, within: 1h}")
    after = compiled(tmp_path, "segment: b\nwhen: {not: {event: Buy, at_least: 2, within: 2h}}")
    assert before.accumulators[0].key == after.accumulators[0].key


@pytest.mark.parametrize(
    ("condition", "call", "counts"),
    [
        ("event: Buy", ("track", "Buy"), True),
        ("event: Buy", ("track", "buy"), False),
        ("event: Buy", ("page", "Buy"), False),
        ("event: '*'", ("track", "Sell"), True),
        ("event: '*'", ("page", "Buy"), False),
        ("page: '*'", ("page", None), True),
        ("page: Cart", ("page", "Cart"), True),
        ("page: Cart", ("page", None), False),
        ("screen: '*'", ("screen", "Start"), True),
        ("type: identify", ("identify", None), True),
        ("type: identify", ("track", "identify"), False),
        ("type: any", ("group", None), True),
    ],
)
def test_a_condition_counts_the_calls_it_names(
    tmp_path: Path, condition: str, call: tuple[str, str | None], counts: bool
) -> None:
    program = compiled(tmp_path, f"segment: a\nwhen: {{{condition}, within: 1d}}")
    assert len(counting(program, *call)) == counts


def test_an_event_meets_the_accumulators_of_its_name_and_those_of_any(tmp_path: Path) -> None:
    program = compiled(
        tmp_path,
        """\
        segment: a
        when:
          any:
            - {event: Buy, within: 1d}
            - {event: Buy, within: 1d, where: {total: {greater_than: 5}}}
            - {event: Sell, within: 1d}
            - {type: track, within: 1d}
            - {type: any, within: 1d}
        """,
    )
    assert len(counting(program, "track", "Buy", {"total": 6})) == 4
    assert len(counting(program, "track", "Look")) == 2
    assert len(counting(program, "page", "Buy")) == 1
    assert counting(program, "no such type", None) == []


def test_a_filter_reads_nested_properties(tmp_path: Path) -> None:
    program = compiled(
        tmp_path,
        "segment: a\nwhen: {event: Buy, within: 1d, where: {shop.city: 北京, total: {greater_than: 1, less_than: 9}}}",
    )

    def matches(properties: dict[str, object]) -> bool:
        return bool(counting(program, "track", "Buy", properties))

    assert matches({"shop": {"city": "北京"}, "total": 5})
    assert not matches({"shop": {"city": "北京"}, "total": 9})
    assert not matches({"shop": "北京", "total": 5})


def test_traits_read_are_the_outermost_names(tmp_path: Path) -> None:
    program = compiled(tmp_path, "segment: a\nwhen: {trait: address.city, in: [Rome, 北京]}")
    (segment,) = program.segments
    assert segment.reads == {"address"}
    assert segment.evaluate(Known(program, traits={"address": {"city": "Rome"}}), 0)[0]


def test_each_workspace_has_its_segments_and_keeps_nothing_for_others(tmp_path: Path) -> None:
    write(tmp_path, {"destinations/mail.yaml": "destination: mail"})
    program = compiled(
        tmp_path,
        """\
        - {segment: everywhere, when: {event: Buy, within: 1h}}
        - {segment: own, when: {event: Buy, at_least: 2, within: 1d}, workspaces: [main], destinations: [mail]}
        """,
    )
    main, other = program.of("main", "person"), program.of("other", "person")
    assert [segment.name for segment in program.segments] == ["everywhere", "own"]
    assert [segment.name for segment in main.segments] == ["everywhere", "own"]
    assert [segment.name for segment in other.segments] == ["everywhere"]
    assert (main.accumulators[0].planned.keep, other.accumulators[0].planned.keep) == (2, 1)
    assert main.destinations == other.destinations == ("mail",)


def test_each_kind_of_profiles_has_its_segments(tmp_path: Path) -> None:
    program = compiled(
        tmp_path,
        """\
        - {segment: buyers, when: {event: Buy, within: 1h}}
        - {segment: busy_tills, kind: device, when: {event: Buy, at_least: 9, within: 1h}}
        """,
    )
    names = {kind: [segment.name for segment in program.of("main", kind).segments] for kind in get_args(ProfileKind)}
    assert names == {"person": ["buyers"], "device": ["busy_tills"], "account": []}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("account", "segments of accounts are not supported yet (supported: person, device)"),
        ("persons", "there is no kind of profiles 'persons' (did you mean 'person'?)"),
    ],
)
def test_a_kind_that_cannot_be_is_named(tmp_path: Path, kind: str, message: str) -> None:
    with pytest.raises(DefinitionErrors, match=re.escape(f":2:7: {message}")):
        compiled(tmp_path, f"segment: a\nkind: {kind}\nwhen: {{event: B, within: 1h}}")


def test_the_fingerprint_changes_with_meaning_only(tmp_path: Path) -> None:
    def read(text: str) -> str:
        return compile_program(load(write(tmp_path, {"segments/s.yaml": text}))).fingerprint

    told = read("segment: a\nwhen: {event: Buy, within: 7d}")
    assert read("# note\nsegment: a\ntitle: A title\nwhen: {event: Buy, within: 1w}") == told
    assert read("segment: a\nwhen: {event: Buy, within: 8d}") != told
    assert read("segment: a\nwhen: {event: Buy, within: 7d}\nworkspaces: [main]") != told


def test_the_fingerprint_of_a_program_is_known_without_compiling_it(tmp_path: Path) -> None:
    text = "segment: a\nwhen: {all: [{event: Buy, within: 7d}, {event: See, exactly: 0, within: 1d}]}"
    definitions = load(write(tmp_path, {"segments/s.yaml": text}))
    births = {each.planned.id: number for number, each in enumerate(compile_program(definitions).accumulators)}
    assert fingerprint(definitions, births) == compile_program(definitions, births).fingerprint


def test_a_workspace_is_not_concerned_by_what_changes_for_others(tmp_path: Path) -> None:
    def read(workspaces: str) -> str:
        segment = f"segment: a\nwhen: {{event: Buy, within: 7d}}\nworkspaces: {workspaces}"
        return compile_program(load(write(tmp_path, {"segments/s.yaml": segment}))).of("main", "person").fingerprint

    assert read("[main]") == read("[main, other]")
    assert read("[other]") != read("[main]")


def test_what_compiling_costs_grows_with_the_number_of_definitions() -> None:
    def steps(number: int) -> int:
        names = [f"E{index}" for index in range(number)]
        segments = tuple(
            Segment(name, EventCount(EventMatcher((Call("track", name),)), Window(HOUR + HOUR * (number % 9))))
            for number, name in enumerate(names)
        )

        def compile_all() -> None:
            program = compile_program(Definitions(segments))
            collecting = compile_program(Definitions()).collecting(program.accumulators)
            assert [program.fingerprint, *(collecting.gates.of("track", name) for name in names)]

        return calls_of(compile_all)

    assert steps(400) < 3 * steps(200)


def test_a_program_that_remembers_all_that_is_asked_for_stays_the_same(tmp_path: Path) -> None:
    program, other = (
        compiled(tmp_path, f"segment: a\nwhen: {{event: {name}, within: 1h}}") for name in ("Buy", "View")
    )
    assert program.collecting(program.accumulators) is program
    assert [each.key for each in program.collecting(other.accumulators).accumulators] == [
        *(each.key for each in other.accumulators),
        *(each.key for each in program.accumulators),
    ]
