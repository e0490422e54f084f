"""The schema for editors: it is the one that is shipped, takes every example, and refuses common mistakes as we do."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator

from definitions.reading import keys
from definitions.schema import schema_text
from definitions.schema.building import schema
from definitions.schema.consent import consent_schema
from definitions.schema.reference import reference
from onefold.cli import onefold
from tests.definitions.folders import errors_of, write
from tests.definitions.plain import plain_documents
from tests.definitions.test_consent import CONDITIONS as CONSENTS
from tests.definitions.test_consent import FILE
from tests.definitions.test_consent import MISTAKES as MISTAKES_OF_CONSENT
from tests.definitions.test_forms import ACROSS, CONDITIONS, TRAITS, TRIGGERS
from tests.guide.chapter import blocks

ROOT = Path(__file__).parents[2]
VALIDATOR = Draft7Validator(schema())
GUIDE = {file.title: file.text for file in blocks("definitions", "yaml") if not file.title.startswith("mistaken: ")}


OF_CONSENT = Draft7Validator(consent_schema())


def refusals(file: Path, validator: Draft7Validator = VALIDATOR) -> list[str]:
    return [error.message for document in plain_documents(file) for error in validator.iter_errors(document)]


def test_the_schema_is_one_and_is_shipped_and_printed() -> None:
    Draft7Validator.check_schema(schema())
    shipped = (ROOT / "definitions/schema/definitions.schema.json").read_text(encoding="utf-8")
    assert shipped == schema_text(), "write it anew: make docs-reference"
    printed = CliRunner().invoke(onefold, ["definitions", "schema"])
    assert (printed.exit_code, printed.output) == (0, shipped)


def test_the_reference_is_that_of_the_tables() -> None:
    shipped = (ROOT / "docs/reference/definitions.md").read_text(encoding="utf-8")
    assert shipped == reference(), "write it anew: make docs-reference"


@pytest.mark.parametrize("text", [FILE, GUIDE["consent.yaml"]])
def test_the_schema_of_consent_is_one_of_its_own_and_takes_what_its_reader_takes(tmp_path: Path, text: str) -> None:
    printed = CliRunner().invoke(onefold, ["definitions", "schema", "--consent"])
    assert (printed.exit_code, json.loads(printed.output)) == (0, consent_schema())
    Draft7Validator.check_schema(consent_schema())
    write(tmp_path, {"consent.yaml": text})
    assert refusals(tmp_path / "consent.yaml", OF_CONSENT) == []


# What several keys say together, and paths, the reader knows alone.
OF_THE_READER = ("not defined", "twice", "second document", "leads into")
CONSENT_MISTAKES = [
    text for text, _, message in MISTAKES_OF_CONSENT if not any(words in message for words in OF_THE_READER)
]


@pytest.mark.parametrize("text", CONSENT_MISTAKES)
def test_the_schema_of_consent_refuses_what_its_reader_refuses(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"consent.yaml": text})
    assert refusals(tmp_path / "consent.yaml", OF_CONSENT)


def examples() -> Iterator[Path]:
    for folder in ("traits", "segments", "triggers", "destinations"):
        yield from sorted((ROOT / "examples").rglob(f"{folder}/*.yaml"))


@pytest.mark.parametrize("file", list(examples()), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_example_is_accepted(file: Path) -> None:
    assert refusals(file) == []


@pytest.mark.parametrize("path", [path for path in GUIDE if path not in {"identity.yaml", "consent.yaml"}])
def test_every_example_of_the_guide_is_accepted(tmp_path: Path, path: str) -> None:
    write(tmp_path, {path: GUIDE[path]})
    assert refusals(tmp_path / path) == []


FORMS = [
    *(f"segment: s\nwhen: {text}" for text, _ in CONSENTS),
    *(f"segment: s\nwhen: {text}" for text, _ in CONDITIONS),
    *(text for text, _ in TRAITS),
    *(text for text, _ in ACROSS),
    *(text for text, _ in TRIGGERS),
]


@pytest.mark.parametrize("text", FORMS)
def test_every_form_is_accepted(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"x.yaml": text})
    assert refusals(tmp_path / "x.yaml") == []


def test_every_key_is_described() -> None:
    described = dict(described_keys(schema()))
    tables = [value for name, value in vars(keys).items() if name.isupper() and isinstance(value, dict)]
    assert {key for table in tables for key in table} - described.keys() == set()
    assert [key for key, text in described.items() if not text] == []


def described_keys(part: object) -> Iterator[tuple[str, str]]:
    """The keys of objects anywhere in a schema, each with its description."""
    if isinstance(part, dict):
        if part.get("type") == "object":
            yield from ((key, value["description"]) for key, value in part.get("properties", {}).items())
        for inner in part.values():
            yield from described_keys(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from described_keys(inner)


MISTAKES = [
    "segment: a",
    "when: {event: Buy, within: 1d}",
    "- segment: a\n  when: {event: Buy, within: 1d}\n- sgment: b\n  when: {event: Buy, within: 1d}",
    "segment: ' a'\nwhen: {event: Buy, within: 1d}",
    "segment: 5\nwhen: {event: Buy, within: 1d}",
    "segment: a\ntitel: x\nwhen: {event: Buy, within: 1d}",
    "segment: a\nkind: account\nwhen: {event: Buy, within: 1d}",
    "segment: a\ndestinations: []\nwhen: {event: Buy, within: 1d}",
    "segment: a\ndestinations: [Mail]\nwhen: {event: Buy, within: 1d}",
    "segment: a\nwhen: Buy",
    "segment: a\nwhen: {}",
    "segment: a\nwhen: []",
    "segment: a\nwhen: {event: Buy}",
    "segment: a\nwhen: {event: Buy, within: 7}",
    "segment: a\nwhen: {event: Buy, within: 7 days}",
    "segment: a\nwhen: {event: Buy, within: sesion}",
    "segment: a\nwhen: {event: Buy, within: [7d]}",
    "segment: a\nwhen: {evnt: Buy, within: 7d}",
    "segment: a\nwhen: {event: 404, within: 7d}",
    "segment: a\nwhen: {event: [], within: 7d}",
    "segment: a\nwhen: {event: Buy, page: Cart, within: 7d}",
    "segment: a\nwhen: {events: [Buy, Sell], within: 7d}",
    "segment: a\nwhen: {type: trak, within: 7d}",
    "segment: a\nwhen: {event: Buy, at_least: 0, within: 7d}",
    "segment: a\nwhen: {event: Buy, at_most: -1, within: 7d}",
    "segment: a\nwhen: {event: Buy, at_least: 1001, within: 7d}",
    "segment: a\nwhen: {event: Buy, wihtin: 7d, within: 7d}",
    "segment: a\nwhen: {event: Buy, within: 7d, where: total}",
    "segment: a\nwhen: {event: Buy, within: 7d, where: {total: {above: 3}}}",
    "segment: a\nwhen: {event: Buy, within: 7d, where: {total: {greater_than: much}}}",
    "segment: a\nwhen: {event: Buy, within: 7d, where: {total: [1, 2]}}",
    "segment: a\nwhen: {event: Buy, within: 7d, where: {at: {within_last: 3d}}}",
    "segment: a\nwhen: {event: Buy, within: 7d, equals: 3}",
    "segment: a\nwhen: {event: Buy, sum: total, within: 7d}",
    "segment: a\nwhen: {event: Buy, sum: true, within: 7d, greater_than: 3}",
    "segment: a\nwhen: {event: Buy, sum: total, max: total, within: 7d, greater_than: 3}",
    "segment: a\nwhen: {event: Buy, sum: total, within: 7d, at_least: 3}",
    "segment: a\nwhen: {sessions: 3, within: 7d}",
    "segment: a\nwhen: {sessions: any}",
    "segment: a\nwhen: {sessions: any, within: session}",
    "segment: a\nwhen: {sessions: any, within: 7d, where: {a: 1}}",
    "segment: a\nwhen: {sessions: any, within: 7d, same: a}",
    "segment: a\nwhen: {sessions: any, count: a, within: 7d, equals: 1}",
    "trait: a\nstatistical: {sessions: any, distinct: a, within: 7d}",
    "segment: a\nwhen: {sessions: any, type: page, within: 7d}",
    "segment: a\nwhen: {event: Buy, within: 7d, where: {a..b: 1}}",
    "segment: a\nwhen: {event: Buy, within: 7d, where: {'a\\b': 1}}",
    "segment: a\nwhen: {all: {event: Buy, within: 7d}}",
    "segment: a\nwhen: {all: []}",
    "segment: a\nwhen: {not: [{event: Buy, within: 7d}]}",
    "segment: a\nwhen: {not: {event: Buy, within: 7d}, within: 7d}",
    "segment: a\nwhen: {trait: plan}",
    "segment: a\nwhen: {consent: marketing}",
    "segment: a\nwhen: {consent: marketing, is: given}",
    "segment: a\nwhen: {consent: A b, is: granted}",
    "segment: a\nwhen: {trait: plan, equal: pro}",
    "segment: a\nwhen: {trait: plan, in: pro}",
    "segment: a\nwhen: {trait: plan, exists: 1}",
    "segment: a\nwhen: {trait: birthday, before: yesterday}",
    "segment: a\nwhen: {trait: birthday, within_last: 30}",
    "segment: a\nwhen: {sequence: {event: A}, within: 1d}",
    "segment: a\nwhen: {sequence: [{event: A}, {event: B, within: 1h}]}",
    "segment: a\nwhen: {sequence: [{event: A}, {event: B, within: 1h}], within: ever}",
    "segment: a\nwhen: {sequence: [{event: A}, {evnt: B, within: 1h}], within: 1d}",
    "segment: a\nwhen: {sequence: [{event: A}, {not: {event: B}}], within: 1d}",
    "segment: a\nwhen: {sequence: [{event: A}, {event: B, within: 1h, withot: {event: C}}], within: 1d}",
    "segment: a\nwhen: {session: last}",
    "segment: a\nwhen: {session: lst, source: google}",
    "segment: a\nwhen: {session: last, sorce: google}",
    "segment: a\nwhen: {sample: 10, salt: a}",
    "segment: a\nwhen: {sample: 10%}",
    "segment: a\nwhen: {consent: marketing}",
    "trait: a",
    "trait: a\nmerge: newest",
    "trait: a\nattribute: b",
    "trait: a\nmerge: first\nvalue: b",
    "trait: a\notherwise: 3",
    "trait: a\ncases: [{then: 3}]",
    "trait: a\ncases: [{when: {trait: b, equals: 1}}]",
    "trait: a\ncases: [{when: {trait: b, equals: 1}, then: 1, value: c}]",
    "trait: a\nstatistical: {sum: total, within: 1d}",
    "trait: a\nstatistical: {event: Buy, sum: total}",
    "trait: a\nstatistical: {event: Buy, sum: total, within: 1d, equals: 3}",
    "trait: a\nquery: SELECT profile_id, value FROM a",
    "trait: a.b\nmerge: first",
    "trigger: a",
    "trigger: a\non: {event: Buy, within: 1d}",
    "trigger: a\non: {event: Buy}\nonce: day",
    "trigger: a\non: {event: Buy}\ncool_down: 5",
    "trigger: a\non: {event: Buy}\nquiet_hours: {from: '22:00'}",
    "trigger: a\non: {event: Buy}\nquiet_hours: {from: '25:00', to: '08:00'}",
    "trigger: a\non: {event: Buy}\npayload: [a]",
    "trigger: a\non: {event: Buy}\npayload: {a: [b]}",
    "destination: Mail",
    "destination: mail\ntype: topik",
    "destination: mail\ncoalesce: 1",
    "destination: mail\nnot_older_than: 1",
    "destination: mail\ntraits: [a, a]",
]


@pytest.mark.parametrize("text", MISTAKES)
def test_a_common_mistake_is_refused_by_both(tmp_path: Path, text: str) -> None:
    kind = next((kind for kind in ("destination", "trigger", "trait") if text.startswith(kind)), "segment")
    path = f"{kind}s/x.yaml"
    assert errors_of(tmp_path, {path: text})
    assert refusals(tmp_path / path)
