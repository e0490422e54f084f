"""Whatever stands in a file, it is read or refused with a position; and editors refuse nothing that is read."""

import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from definitions import DefinitionErrors, load
from definitions.reading import keys
from definitions.schema.building import schema
from tests.definitions.folders import write
from tests.definitions.plain import Plain, plain_document
from tests.definitions.test_forms import CONDITIONS, TRAITS, TRIGGERS

VALIDATOR = Draft7Validator(schema())
TABLES: list[dict[str, str]] = [
    table for name, table in vars(keys).items() if name.isupper() and isinstance(table, dict)
]
KEYS = sorted({key for table in TABLES for key in table})
TEXTS = [
    *("7d", "1h", "session", "ever", "any", "*", "first", "last", "current", "google", "person", "device", "10%"),
    *("22:00", "2026-01-31", "a.b", "delay", "drop", "topic", "mail", "track", "identify", "Asia/Shanghai", "x", "sum"),
    "a + b",
    "round(a, 2)",
    "trait('x')",
    "{{ profile.id }}",
    "{{ x",
    "SELECT profile_id, value FROM a",
    "",
]
scalars: st.SearchStrategy[Plain] = st.one_of(
    st.sampled_from(TEXTS), st.integers(-1, 3), st.booleans(), st.floats(0, 5), st.none(), st.text(max_size=3)
)
documents: st.SearchStrategy[Plain] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
        st.dictionaries(st.sampled_from(KEYS[:2]) | st.text(max_size=3), inner, max_size=1),
    ),
    max_leaves=12,
)


def file_of(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)


@settings(max_examples=300)
@given(st.sampled_from(["traits", "segments", "triggers", "destinations"]), documents)
def test_any_document_is_read_or_refused(folder: str, document: object) -> None:
    with TemporaryDirectory() as directory, suppress(DefinitionErrors):
        load(write(Path(directory), {f"{folder}/x.yaml": file_of(document)}))


DEFINITIONS = [
    *(("segments", f"segment: s\nwhen: {text}") for text, _ in CONDITIONS),
    *(("traits", text) for text, _ in TRAITS),
    *(("triggers", text) for text, _ in TRIGGERS),
]


def changed(draw: st.DrawFn, part: Plain) -> Plain:
    """A document with one random change somewhere in it."""
    if isinstance(part, dict) and part and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(part)))
        if draw(st.integers(0, 3)) == 0:
            return {name: value for name, value in part.items() if name != key}
        return {**part, key: changed(draw, part[key])}
    if isinstance(part, list) and part and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(part) - 1))
        return [*part[:at], changed(draw, part[at]), *part[at + 1 :]]
    if isinstance(part, dict):
        return {**part, draw(st.sampled_from(KEYS)): draw(scalars)}
    return draw(documents)


@st.composite
def nearly_right(draw: st.DrawFn) -> tuple[str, Plain]:
    """A definition of which something has been changed, with its folder."""
    folder, text = draw(st.sampled_from(DEFINITIONS))
    document = plain_document(text)
    for _ in range(draw(st.integers(0, 2))):
        document = changed(draw, document)
    return folder, document


@settings(max_examples=300)
@given(nearly_right())
def test_what_is_read_no_editor_refuses(made: tuple[str, Plain]) -> None:
    folder, document = made
    others = {
        "segments/o.yaml": "segment: other\nwhen: {trait: q, exists: true}",
        "destinations/m.yaml": "destination: mail",
    }
    with TemporaryDirectory() as directory:
        try:
            load(write(Path(directory), {**others, f"{folder}/x.yaml": file_of(document)}))
        except DefinitionErrors:
            return
        assert [error.message for error in VALIDATOR.iter_errors(document)] == []
