"""Every schema of today can read what every release wrote, and every release can read what today writes."""

import io
import json
import random
from pathlib import Path
from typing import cast

import fastavro
import msgspec
import pytest
from fastavro.utils import generate_many

from schemas.codec import RECORDS, SCHEMA_DIR, schema_text

RELEASES = sorted((SCHEMA_DIR / "releases").iterdir())
SAMPLES = 100

Schema = dict[str, object]


def _kind(*symbols: str) -> Schema:
    return {"type": "enum", "name": "Kind", "symbols": list(symbols), "default": "unknown"}


BEFORE: Schema = {
    "type": "record",
    "name": "Visit",
    "fields": [
        {"name": "who", "type": "string"},
        {"name": "note", "type": "string", "default": ""},
        {
            "name": "kind",
            "type": {"type": "enum", "name": "Kind", "symbols": ["unknown", "call"], "default": "unknown"},
        },
    ],
}


def _incompatibility(writer: Schema, reader: Schema) -> str | None:
    """Why `reader` cannot read what `writer` writes, found by reading samples; None if it can."""
    random.seed(1)
    parsed = fastavro.parse_schema(_named_anew(writer)), fastavro.parse_schema(_named_anew(reader))
    for sample in generate_many(parsed[0], SAMPLES):
        body = io.BytesIO()
        fastavro.schemaless_writer(body, parsed[0], sample)
        body.seek(0)
        try:
            fastavro.schemaless_reader(body, *parsed)
        except (fastavro.read.SchemaResolutionError, ValueError, TypeError, KeyError) as error:
            return f"{type(error).__name__}: {error}"
    return None


def _named_anew(schema: Schema) -> Schema:
    """A copy that fastavro has not parsed yet."""
    return cast("Schema", json.loads(json.dumps(schema)))


def _released() -> list[tuple[Path, type[msgspec.Struct]]]:
    return [(release, record) for release in RELEASES for record in RECORDS if (release / _file(record)).exists()]


def _file(record: type[msgspec.Struct]) -> str:
    return f"{RECORDS[record]}.avsc"


def _name(value: object) -> str:
    return value.name if isinstance(value, Path) else getattr(value, "__name__", "")


@pytest.mark.parametrize(("release", "record"), _released(), ids=_name)
def test_today_and_a_release_read_each_other(release: Path, record: type[msgspec.Struct]) -> None:
    today = json.loads(schema_text(record))
    released = json.loads((release / _file(record)).read_text(encoding="utf-8"))

    assert _incompatibility(released, today) is None, "today cannot read what was released"
    assert _incompatibility(today, released) is None, "a released reader cannot read what is written today"


def test_every_record_of_a_release_still_exists() -> None:
    assert RELEASES
    for release in RELEASES:
        assert {path.name for path in release.iterdir()} <= {_file(record) for record in RECORDS}


def _changed(**changes: object) -> Schema:
    fields = cast("list[Schema]", BEFORE["fields"])
    return BEFORE | {"fields": [field | cast("Schema", changes.get(str(field["name"]), {})) for field in fields]}


def _more(field: Schema) -> Schema:
    return BEFORE | {"fields": [*cast("list[Schema]", BEFORE["fields"]), field]}


def _less(name: str) -> Schema:
    return BEFORE | {"fields": [field for field in cast("list[Schema]", BEFORE["fields"]) if field["name"] != name]}


@pytest.mark.parametrize(
    "after",
    [
        _more({"name": "region", "type": "string"}),
        _less("who"),
        _changed(who={"type": "long"}),
        _changed(who={"name": "person"}),
        _changed(note={"type": ["null", "string"], "default": None}),
        _changed(kind={"type": {"type": "enum", "name": "Kind", "symbols": ["visit"]}}),
    ],
    ids=["new without default", "required one gone", "other type", "renamed", "made nullable", "symbol gone"],
)
def test_the_check_notices_a_breaking_change(after: Schema) -> None:
    assert _incompatibility(BEFORE, after) or _incompatibility(after, BEFORE)


@pytest.mark.parametrize(
    "after",
    [
        _more({"name": "region", "type": "string", "default": ""}),
        _less("note"),
        _changed(kind={"type": _kind("unknown", "call", "visit")}),
    ],
    ids=["new with default", "optional one gone", "new symbol"],
)
def test_the_check_allows_what_may_change(after: Schema) -> None:
    assert _incompatibility(BEFORE, after) is None
    assert _incompatibility(after, BEFORE) is None
