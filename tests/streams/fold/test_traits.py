"""Traits: whose write wins, what is refused, what is kept."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions import NEVER
from streams.fold.entry import decode_entry, encode_entry
from streams.fold.merge import merge
from streams.fold.records import profile_record
from streams.fold.state import ProfileState
from streams.fold.traits import MAX_TRAITS, Traits, TraitWrite
from tests.streams.fold.given import CONTEXT, MOMENT, START, event, fold, identify


def shown(*identified: str) -> object:
    state, _ = fold([identify(START, text, message_id=str(number)) for number, text in enumerate(identified)])
    return json.loads(profile_record(state, CONTEXT, START).traits)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_last_writer_wins_by_time_then_source_then_ordinal_then_message_id(reverse: bool) -> None:
    writes = [
        identify(START, {"time": 1, "source": 1, "ordinal": 1, "id": 1}, message_id="b", source="crm", ordinal=5),
        identify(START + 1, {"time": 2}, message_id="e", source="site", ordinal=1),
        identify(START, {"source": 2, "ordinal": 2, "id": 2}, message_id="z", source="site", ordinal=9),
        identify(START, {"ordinal": 3}, message_id="a", source="crm", ordinal=6),
        identify(START, {"ordinal": 4, "id": 3}, message_id="c", source="crm", ordinal=5),
    ]
    state, _ = fold(reversed(writes) if reverse else writes)
    assert state.traits.shown() == {"time": "2", "source": "1", "ordinal": "3", "id": "3"}


def test_null_unsets_a_trait_and_is_overtaken_by_a_later_write_only() -> None:
    state, _ = fold([identify(START + 5, {"plan": None}), identify(START, {"plan": "pro"})])
    assert state.traits.shown() == {}
    assert state.traits.value("plan") is None
    fold([identify(START + 6, {"plan": "free"})], state)
    assert (state.traits.value("plan"), state.traits.value("unknown")) == ("free", None)


def test_traits_come_from_identify_calls_only() -> None:
    state, _ = fold([event(START, None, type="group", traits={"plan": "pro"}), event(START, traits={"plan": "pro"})])
    assert not state.traits.writes


@pytest.mark.parametrize("text", ["", "[]", "7", "{", '{"a": 1e999}', "[" * 100_000, '{"a":"\ud800"}'])
def test_what_is_no_json_object_sets_nothing(text: str) -> None:
    assert shown(text) == {}


def test_values_keep_their_meaning() -> None:
    text = '{"ä\\n":[1,2.5,true,{"b":null}],"big":18446744073709551616,"text":"\\u0000\\"\U0001f600"}'
    assert shown(text) == json.loads(text)


NUMBERS = (
    "1.10", "1E2", "1e+2", "-0", "-0.0", "0.1000000000000000055", "12345678901234567890.123", "1e-400",
    "123456789012345678901234567890", "1" * 400 + "e-300", "[1.10,{\"a\":[1E2]}]",
)  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_keep_their_digits_through_fold_store_and_merge(number: str) -> None:
    state, _ = fold([identify(START, f'{{"number":{number}}}')])
    stored = decode_entry(encode_entry(state, NEVER))
    assert isinstance(stored, ProfileState)
    other, out = fold([identify(START - 1, '{"number":0,"city":"Bonn"}', message_id="other")])
    merge(other, stored, (), 1, CONTEXT, out)
    assert profile_record(other, CONTEXT, START).traits == f'{{"city":"Bonn","number":{number}}}'


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_notations_of_a_number_the_later_is_kept_and_definitions_read_the_value(reverse: bool) -> None:
    writes = [identify(START + number, f'{{"score":{text}}}') for number, text in enumerate(("1.1", "11e-1", "1.10"))]
    state, _ = fold(reversed(writes) if reverse else writes)
    assert profile_record(state, CONTEXT, START).traits == '{"score":1.10}'
    assert state.traits.value("score") == 1.1


def test_a_number_that_no_double_can_hold_costs_that_trait_alone() -> None:
    state, out = fold([identify(START, '{"score":[1e999],"plan":"pro"}')])
    assert (state.traits.shown(), out.drops) == ({"plan": '"pro"'}, {("trait", "malformed"): 1})


def test_traits_that_are_no_object_are_counted() -> None:
    _, out = fold([identify(START, "[1]")])
    assert out.drops == {("trait", "malformed"): 1}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x" * (8 * 1024 - 2), None),
        ("x" * (8 * 1024 - 1), "too_large"),
        ("é" * (4 * 1024), "too_large"),
        (json.loads("[" * 32 + "]" * 32), None),
        (json.loads("[" * 34 + "]" * 34), "too_deep"),
    ],
    ids=["8 KiB", "more than 8 KiB", "more than 8 KiB in fewer characters", "32 levels", "34 levels"],
)
def test_oversized_values_are_dropped_and_counted(value: object, reason: str | None) -> None:
    state, out = fold([identify(START, json.dumps({"value": value, "other": 1}, ensure_ascii=False))])
    assert (set(state.traits.writes), out.drops) == (
        ({"other", "value"}, {}) if reason is None else ({"other"}, {("trait", reason): 1})
    )


def test_an_over_long_name_is_dropped() -> None:
    state, out = fold([identify(START, {"n" * 256: 1, "n" * 257: 1})])
    assert (set(state.traits.writes), out.drops) == ({"n" * 256}, {("trait", "too_long"): 1})


def test_a_dropped_trait_no_longer_counts_for_segments() -> None:
    state, out = fold([identify(START, {"plan": "pro"})])
    assert "pro" in state.memberships.entered_at
    fold([identify(START + 1, {f"t{index}": index for index in range(500)})], state, out=out)
    assert "pro" not in state.memberships.entered_at
    assert out.drops == {("trait", "too_many"): 1}


@given(st.data())
def test_the_same_traits_are_kept_in_any_order(data: st.DataObject) -> None:
    writes = [
        TraitWrite(
            data.draw(st.integers(0, 3)),
            data.draw(st.integers(0, 1)),
            data.draw(st.integers(0, 1)),
            str(number),
            json.dumps(number),
        )
        for number in range(12)
    ]
    names = [f"n{data.draw(st.integers(0, 200))}" for _ in writes]
    arriving = data.draw(st.permutations(list(zip(names, writes, strict=True))))
    filler = {f"filler{number}": TraitWrite(1, 0, 0, "m", "1") for number in range(495)}
    results = []
    for order in (arriving, list(zip(names, writes, strict=True))):
        traits = Traits(dict(filler))
        for name, trait in order:
            traits.unite(Traits({name: trait}), MOMENT)
        results.append(traits)
    assert results[0] == results[1]
    assert len(results[0].writes) <= MAX_TRAITS
