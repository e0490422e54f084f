"""The schema of a file of definitions, put together from the readers' tables of keys, words and limits.

Draft 7, which editors know. What several keys or definitions say together is left to the readers.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from definitions.model import ORDERINGS, TIMES
from definitions.paths import PATTERN
from definitions.reading import keys
from definitions.reading.across import COUNTS, MAX_ACROSS, MAX_TIMES
from definitions.reading.comparisons import MAX_CHOICES, MAX_PATTERN
from definitions.reading.conditions import MAX_CONDITIONS, SESSIONS
from definitions.reading.counting import MAX_COUNT
from definitions.reading.destinations import MAX_TRAITS_OF_DESTINATION, TYPES
from definitions.reading.documents import KINDS, OF_PROFILES
from definitions.reading.events import ANY_SESSION, ANY_TYPE, EVENT_TYPES, EVER, MAX_CALLS, SESSION
from definitions.reading.expressions import MAX_EXPRESSION
from definitions.reading.names import MAX_NAME
from definitions.reading.sequences import MAX_COMPLETIONS, MAX_STEPS
from definitions.reading.traits import AS_SENT, MAX_CASES, MAX_QUERY, MERGES
from definitions.reading.triggers import MAX_PAYLOAD, ONCE, OTHERWISE

Schema: TypeAlias = dict[str, object]
Properties: TypeAlias = Mapping[str, Schema]

TITLE = "Onefold definitions"
_DURATION: Schema = {"type": "string", "pattern": "^[0-9]{1,15}[smhdw]$", "examples": ["30m", "7d"]}
_TEXT: Schema = {"type": "string", "minLength": 1}
_NAME: Schema = {"type": "string", "maxLength": MAX_NAME, "pattern": r"^[^\s._/-]([^\t\n./]*[^\s./])?$"}
_NARROW_NAME: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$"}
_PATH: Schema = {"type": "string", "pattern": f"^{PATTERN}$"}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_BOOLEAN: Schema = {"type": "boolean"}
_DATE: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}", "examples": ["2026-01-31"]}
_CLOCK: Schema = {"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$", "examples": ["22:00"]}
_NUMBER: Schema = {"type": "number"}
_COUNTED: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_COUNT}
_COUNTED_FROM_0: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_COUNT}
_NUMBERS: Properties = {"at_least": _COUNTED, "at_most": _COUNTED_FROM_0, "exactly": _COUNTED_FROM_0}
_CONDITION: Schema = {"$ref": "#/definitions/condition"}
_FILTERS: Schema = {"$ref": "#/definitions/filters"}
_FIELD: Schema = {"$ref": "#/definitions/field"}
_EVENTS: Schema = {"$ref": "#/definitions/events"}
_OF_NO_VALUE = {key: keys.MEASURES[key] for key in ("count", "first_at", "last_at")}
_OUTCOME: Schema = {"$ref": "#/definitions/outcome"}


def schema_text() -> str:
    """Return the schema as JSON, as it is shipped and printed."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def schema() -> Schema:
    """Return the schema of a file of definitions: one of them, or a list."""
    kinds = {"trait": _trait(), "segment": _segment(), "trigger": _trigger(), "destination": _destination()}
    one: Schema = {"type": "object", "anyOf": [{"required": [kind]} for kind in kinds]}
    one["allOf"] = [{"if": {"required": [kind]}, "then": {"$ref": f"#/definitions/{kind}"}} for kind in kinds]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": TITLE,
        "description": "A file in traits/, segments/, triggers/ or destinations/: one definition, or a list of them.",
        "if": {"type": "array"},
        "then": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/definition"}},
        "else": {"$ref": "#/definitions/definition"},
        "definitions": {"definition": one, **kinds, **_shared()},
    }


def _shared() -> Properties:
    return {
        "condition": _condition(),
        "comparisons": _object(keys.OPERATORS, _operators(), least=1),
        "filters": _filters(),
        "field": {
            "anyOf": [
                _PATH,
                _object({root: f"A value of the {root}." for root in ("properties", "traits", "context")}, most=1),
            ]
        },
        "events": _object(_event_keys(), _event_properties(), one_of=keys.EVENTS),
        "step": _step(),
        "outcome": {"anyOf": [_SCALAR, _object(keys.COMPUTED, {"value": _expression()}, required=["value"])]},
    }


def _object(  # noqa: PLR0913 - what an object can be held to
    described: keys.Keys,
    properties: Properties | None = None,
    required: Iterable[str] = (),
    *,
    one_of: Iterable[str] = (),
    least: int = 0,
    most: int = 0,
) -> Schema:
    """An object with these keys and no others. `one_of`: exactly one of them is there."""
    shown = {key: {**(properties or {}).get(key, _PATH), "description": text} for key, text in described.items()}
    made: Schema = {"type": "object", "properties": shown, "additionalProperties": False}
    if required := list(required):
        made["required"] = required
    if choices := [{"required": [key]} for key in one_of]:
        made["oneOf"] = choices
    if least:
        made["minProperties"] = least
    if most:
        made |= {"minProperties": 1, "maxProperties": most}
    return made


def _list(items: Schema, most: int) -> Schema:
    return {"type": "array", "minItems": 1, "maxItems": most, "items": items}


def _names(name: Schema, most: int = 1_000) -> Schema:
    return {**_list(name, most), "uniqueItems": True}


def _head(name: str) -> dict[str, Schema]:
    return {
        name: _NARROW_NAME if name == "destination" else _NAME,
        "title": _TEXT,
        "description": _TEXT,
        "workspaces": _names(_TEXT),
        "kind": {"enum": list(KINDS)},
    }


def _segment() -> Schema:
    properties: Properties = {**_head("segment"), "when": _CONDITION, "destinations": _names(_NARROW_NAME)}
    return _object(keys.SEGMENT, properties, required=["segment", "when"])


def _destination() -> Schema:
    properties: Properties = {
        **_head("destination"),
        "type": {"enum": list(TYPES)},
        "traits": _names(_TEXT, MAX_TRAITS_OF_DESTINATION),
        "not_older_than": _DURATION,
        "coalesce": _BOOLEAN,
    }
    return _object(keys.DESTINATION, properties, required=["destination"])


def _trait() -> Schema:
    case: Schema = _object(
        keys.CASE,
        {"when": _CONDITION, "then": _OUTCOME, "value": _expression()},
        required=["when"],
        one_of=("then", "value"),
    )
    properties: Properties = {
        **_head("trait"),
        "attribute": _PATH,
        "merge": {"enum": [*MERGES, AS_SENT]},
        "statistical": _statistical(),
        "cases": _list(case, MAX_CASES),
        "otherwise": _OUTCOME,
        "value": _expression(),
        "query": {**_TEXT, "maxLength": MAX_QUERY},
        "every": _DURATION,
    }
    return {
        **_object(keys.TRAIT, properties, required=["trait"]),
        "oneOf": [{"required": [key]} for key in ("merge", "statistical", "cases", "value", "query")],
        "dependencies": {"attribute": ["merge"], "otherwise": ["cases"], "query": ["every"], "every": ["query"]},
    }


def _statistical() -> Schema:
    of_events = _object(
        {**_event_keys(), **keys.MEASURES, "within": keys.WITHIN},
        {**_event_properties(), **_measures(), "within": _window()},
        required=["within"],
        one_of=keys.EVENTS,
    )
    of_sessions = _object(
        {**keys.COUNTED_SESSIONS, **_OF_NO_VALUE, "within": keys.WITHIN},
        _session_properties(),
        required=["within"],
        one_of=_OF_NO_VALUE,
    )
    return {"if": {"required": ["sessions"]}, "then": of_sessions, "else": of_events}


def _across() -> Schema:
    exceeds = _object(
        keys.EXCEEDS,
        {"times": {"type": "number", "minimum": 1, "maximum": MAX_TIMES}, "usual_of": _DURATION},
        required=keys.EXCEEDS,
    )
    properties: Properties = {
        **_event_properties(),
        "within": _DURATION,
        "at_least": {"type": "integer", "minimum": 1, "maximum": MAX_ACROSS},
        "same": _FIELD,
        "exceeds": exceeds,
        "counts": {"enum": list(COUNTS)},
    }
    return _object({**_event_keys(), **keys.ACROSS}, properties, required=["within", "at_least"], one_of=keys.EVENTS)


def _trigger() -> Schema:
    quiet_hours = _object(
        keys.QUIET_HOURS,
        {"from": _CLOCK, "to": _CLOCK, "zone": _TEXT, "otherwise": {"enum": list(OTHERWISE)}},
        required=["from", "to"],
    )
    properties: Properties = {
        **_head("trigger"),
        "on": _EVENTS,
        "when": _CONDITION,
        "across": _across(),
        "cool_down": _DURATION,
        "once": {"enum": list(ONCE)},
        "quiet_hours": quiet_hours,
        "payload": {
            "anyOf": [_SCALAR, {"type": "object", "maxProperties": MAX_PAYLOAD, "additionalProperties": _SCALAR}]
        },
        "destinations": _names(_NARROW_NAME),
    }
    return {
        **_object(keys.TRIGGER, properties, required=["trigger"]),
        "anyOf": [{"required": ["on"]}, {"required": ["when"]}, {"required": ["across"]}],
        "if": {"required": ["across"]},
        "then": {"not": {"anyOf": [{"required": [key]} for key in OF_PROFILES]}},
    }


def _condition() -> Schema:
    """Each form is chosen by the key that names it, so that an editor tells of that form what is wrong."""
    forms: dict[str, Schema] = {
        "all": _object({"all": keys.COMBINATIONS["all"]}, {"all": _list(_CONDITION, MAX_CONDITIONS)}),
        "any": _object({"any": keys.COMBINATIONS["any"]}, {"any": _list(_CONDITION, MAX_CONDITIONS)}),
        "not": _object({"not": keys.COMBINATIONS["not"]}, {"not": _CONDITION}),
        **dict.fromkeys(keys.EVENTS, _of_events()),
        "sessions": _of_sessions(),
        "sequence": _sequence(),
        "trait": _object(
            {**keys.TRAIT_COMPARISON, **keys.OPERATORS}, {"trait": _PATH, **_operators()}, ["trait"], least=2
        ),
        "session": _session(),
        "segment": _object(keys.IN_SEGMENT, {"segment": _NAME}),
        "sample": _object(
            keys.SAMPLE,
            {"sample": {"type": "string", "pattern": "^[0-9]{1,2}(\\.[0-9])?%$"}, "salt": _TEXT},
            ["sample", "salt"],
        ),
    }
    chosen = [{"if": {"required": [key]}, "then": form} for key, form in forms.items() if key not in keys.EVENTS]
    of_events: Schema = {"anyOf": [{"required": [key]} for key in keys.EVENTS]}
    return {
        "type": "object",
        "oneOf": [{"required": [key]} for key in forms],
        "allOf": [*chosen, {"if": of_events, "then": _of_events()}],
    }


def _of_events() -> Schema:
    """A number of events, or a measure of them."""
    count = _object(
        {**_event_keys(), **keys.COUNT},
        {**_event_properties(), **_NUMBERS, "within": _window(), "same": _FIELD},
        required=["within"],
    )
    aggregate = _object(
        {**_event_keys(), **keys.MEASURES, "within": keys.WITHIN, **keys.OPERATORS},
        {**_event_properties(), **_measures(), "within": _window(), **_operators()},
        required=["within"],
        one_of=keys.MEASURES,
        least=4,
    )
    return _either(count, aggregate, keys.MEASURES)


def _of_sessions() -> Schema:
    """A number of sessions, or a measure of them."""
    numbers = {key: text for key, text in keys.COUNT.items() if key != "same"}
    count = _object({**keys.COUNTED_SESSIONS, **numbers}, {**_NUMBERS, **_session_properties()}, required=["within"])
    aggregate = _object(
        {**keys.COUNTED_SESSIONS, **_OF_NO_VALUE, "within": keys.WITHIN, **keys.OPERATORS},
        {**_session_properties(), **_operators()},
        required=["within"],
        one_of=_OF_NO_VALUE,
        least=4,
    )
    return _either(count, aggregate, _OF_NO_VALUE)


def _either(count: Schema, aggregate: Schema, measures: Iterable[str]) -> Schema:
    measured: Schema = {"anyOf": [{"required": [measure]} for measure in measures]}
    return {"if": measured, "then": aggregate, "else": count}


def _event_keys() -> keys.Keys:
    return {**keys.EVENTS, **keys.FILTERS}


def _event_properties() -> Properties:
    several: Schema = {"anyOf": [_TEXT, _names(_TEXT, MAX_CALLS)]}
    types: Schema = {"enum": [*EVENT_TYPES, ANY_TYPE]}
    of_types: Schema = {"anyOf": [types, _names(types, MAX_CALLS)]}
    call = _object(
        {key: keys.EVENTS[key] for key in ("event", "page", "screen", "type")},
        {"event": several, "page": several, "screen": several, "type": of_types},
        most=1,
    )
    return {
        "event": several,
        "page": several,
        "screen": several,
        "type": of_types,
        "events": _list(call, MAX_CALLS),
        **dict.fromkeys(keys.ROOTS, _FILTERS),
        "occurred": _object(keys.OCCURRED, dict.fromkeys(keys.OCCURRED, _DATE), least=1),
    }


def _session_properties() -> Properties:
    return {
        "sessions": {"const": ANY_SESSION},
        "within": {"anyOf": [_DURATION, {"const": EVER}]},
        **{key: {"const": True} for key in _OF_NO_VALUE},
    }


def _filters() -> Schema:
    absolute = {key: text for key, text in keys.OPERATORS.items() if key not in keys.RELATIVE}
    value: Schema = {"anyOf": [_SCALAR, _object(absolute, _operators(), least=1)]}
    return {"type": "object", "minProperties": 1, "propertyNames": _PATH, "additionalProperties": value}


def _measures() -> Properties:
    of_all: Schema = {"anyOf": [{"const": True}, _FIELD]}
    return {key: of_all if key in _OF_NO_VALUE else _FIELD for key in keys.MEASURES}


def _window() -> Schema:
    part = {"type": "array", "minItems": 2, "maxItems": 2, "contains": {"const": SESSION}}
    return {"anyOf": [_DURATION, {"enum": [SESSION, EVER]}, part]}


def _operators() -> Properties:
    choices = _list(_SCALAR, MAX_CHOICES)
    return {
        **dict.fromkeys(("equals", "not_equals", "contains", "not_contains"), _SCALAR),
        **dict.fromkeys(("greater_than", "greater_or_equal", "less_than", "less_or_equal"), _NUMBER),
        **dict.fromkeys(("in", "not_in", "contains_any"), choices),
        **dict.fromkeys(("starts_with", "ends_with"), _TEXT),
        "matches": {**_TEXT, "maxLength": MAX_PATTERN},
        "exists": _BOOLEAN,
        **dict.fromkeys(("before", "after"), _DATE),
        **dict.fromkeys(sorted(keys.RELATIVE), _DURATION),
    }


def _sequence() -> Schema:
    properties: Properties = {
        "sequence": _list({"$ref": "#/definitions/step"}, MAX_STEPS),
        "within": _DURATION,
        "at_least": {"type": "integer", "minimum": 1, "maximum": MAX_COMPLETIONS},
        "same": _FIELD,
    }
    return _object(keys.SEQUENCE, properties, required=["sequence", "within"])


def _step() -> Schema:
    gap: Schema = {"anyOf": [_DURATION, {"const": EVER}]}
    properties: Properties = {
        **_event_properties(),
        "within": gap,
        "without": _EVENTS,
        "times": {"type": "integer", "minimum": 1, "maximum": MAX_STEPS},
    }
    present = _object({**_event_keys(), **{key: keys.STEP[key] for key in properties if key in keys.STEP}}, properties)
    absent = _object({key: keys.STEP[key] for key in ("not", "within")}, {"not": _EVENTS, "within": _DURATION})
    return {
        "type": "object",
        "oneOf": [{"required": [key]} for key in (*keys.EVENTS, "not")],
        "if": {"required": ["not"]},
        "then": {**absent, "required": ["within"]},
        "else": present,
    }


def _session() -> Schema:
    textual = [key for key in keys.OPERATORS if key not in {*ORDERINGS, *TIMES}]
    operators = _object({key: keys.OPERATORS[key] for key in textual}, _operators(), least=1)
    fact: Schema = {"anyOf": [_TEXT, operators]}
    properties: Properties = {
        "session": {"enum": list(SESSIONS)},
        **{key: fact for key in keys.SESSION if key != "session"},
    }
    return _object(keys.SESSION, properties, ["session"], least=2)


def _expression() -> Schema:
    return {"type": ["string", "number"], "maxLength": MAX_EXPRESSION, "examples": ["round(spent / orders, 2)"]}
