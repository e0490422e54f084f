"""The schema of a file of definitions, put together from the readers' tables of keys, words and limits.

Draft 7, which editors know. What several keys or definitions say together is left to the readers.
"""

import json
from collections.abc import Iterable

from definitions.model import ORDERINGS, TIMES
from definitions.reading import keys
from definitions.reading.across import COUNTS, MAX_ACROSS, MAX_TIMES
from definitions.reading.comparisons import MAX_CHOICES, MAX_PATTERN
from definitions.reading.conditions import ANSWERS, MAX_CONDITIONS, SESSIONS
from definitions.reading.counting import MAX_COUNT
from definitions.reading.documents import OF_PROFILES
from definitions.reading.events import ANY_SESSION, ANY_TYPE, EVENT_TYPES, EVER, MAX_CALLS, SESSION
from definitions.reading.expressions import MAX_EXPRESSION
from definitions.reading.sequences import MAX_COMPLETIONS, MAX_STEPS
from definitions.reading.traits import AS_SENT, MAX_CASES, MAX_QUERY, MERGES
from definitions.reading.triggers import MAX_PAYLOAD, ONCE
from definitions.schema.destinations import destination_forms, mapping_forms
from definitions.schema.forms import (
    BOOLEAN,
    DATE,
    DURATION,
    NAME,
    NARROW_NAME,
    NUMBER,
    PATH,
    QUIET_HOURS,
    SCALAR,
    TEXT,
    Properties,
    Schema,
    head_of,
    list_of,
    names_of,
    object_of,
)

TITLE = "Onefold definitions"
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
    return text_of(schema())


def text_of(of: Schema) -> str:
    """Return a schema as JSON for people."""
    return json.dumps(of, indent=1, ensure_ascii=False) + "\n"


def schema() -> Schema:
    """Return the schema of a file of definitions: one of them, or a list."""
    kinds = {"trait": _trait(), "segment": _segment(), "trigger": _trigger(), "destination": destination_forms()}
    one: Schema = {"type": "object", "anyOf": [{"required": [kind]} for kind in kinds]}
    one["allOf"] = [{"if": {"required": [kind]}, "then": {"$ref": f"#/definitions/{kind}"}} for kind in kinds]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": TITLE,
        "description": "A file in traits/, segments/, triggers/ or destinations/: one definition, or a list of them.",
        "if": {"type": "array"},
        "then": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/definition"}},
        "else": {"$ref": "#/definitions/definition"},
        "definitions": {"definition": one, **kinds, **_shared(), **mapping_forms()},
    }


def _shared() -> Properties:
    return {
        "condition": _condition(),
        "comparisons": object_of(keys.OPERATORS, _operators(), least=1),
        "filters": _filters(),
        "field": {
            "anyOf": [
                PATH,
                object_of({root: f"A value of the {root}." for root in ("properties", "traits", "context")}, most=1),
            ]
        },
        "events": object_of(_event_keys(), _event_properties(), one_of=keys.EVENTS),
        "step": _step(),
        "outcome": {"anyOf": [SCALAR, object_of(keys.COMPUTED, {"value": _expression()}, required=["value"])]},
    }


def _segment() -> Schema:
    properties: Properties = {**head_of("segment"), "when": _CONDITION, "destinations": names_of(NARROW_NAME)}
    return object_of(keys.SEGMENT, properties, required=["segment", "when"])


def _trait() -> Schema:
    case: Schema = object_of(
        keys.CASE,
        {"when": _CONDITION, "then": _OUTCOME, "value": _expression()},
        required=["when"],
        one_of=("then", "value"),
    )
    properties: Properties = {
        **head_of("trait"),
        "attribute": PATH,
        "merge": {"enum": [*MERGES, AS_SENT]},
        "statistical": _statistical(),
        "cases": list_of(case, MAX_CASES),
        "otherwise": _OUTCOME,
        "value": _expression(),
        "query": {**TEXT, "maxLength": MAX_QUERY},
        "every": DURATION,
    }
    return {
        **object_of(keys.TRAIT, properties, required=["trait"]),
        "oneOf": [{"required": [key]} for key in ("merge", "statistical", "cases", "value", "query")],
        "dependencies": {"attribute": ["merge"], "otherwise": ["cases"], "query": ["every"], "every": ["query"]},
    }


def _statistical() -> Schema:
    of_events = object_of(
        {**_event_keys(), **keys.MEASURES, "within": keys.WITHIN},
        {**_event_properties(), **_measures(), "within": _window()},
        required=["within"],
        one_of=keys.EVENTS,
    )
    of_sessions = object_of(
        {**keys.COUNTED_SESSIONS, **_OF_NO_VALUE, "within": keys.WITHIN},
        _session_properties(),
        required=["within"],
        one_of=_OF_NO_VALUE,
    )
    return {"if": {"required": ["sessions"]}, "then": of_sessions, "else": of_events}


def _across() -> Schema:
    exceeds = object_of(
        keys.EXCEEDS,
        {"times": {"type": "number", "minimum": 1, "maximum": MAX_TIMES}, "usual_of": DURATION},
        required=keys.EXCEEDS,
    )
    properties: Properties = {
        **_event_properties(),
        "within": DURATION,
        "at_least": {"type": "integer", "minimum": 1, "maximum": MAX_ACROSS},
        "same": _FIELD,
        "exceeds": exceeds,
        "counts": {"enum": list(COUNTS)},
    }
    return object_of({**_event_keys(), **keys.ACROSS}, properties, required=["within", "at_least"], one_of=keys.EVENTS)


def _trigger() -> Schema:
    properties: Properties = {
        **head_of("trigger"),
        "on": _EVENTS,
        "when": _CONDITION,
        "across": _across(),
        "cool_down": DURATION,
        "once": {"enum": list(ONCE)},
        "quiet_hours": QUIET_HOURS,
        "payload": {
            "anyOf": [SCALAR, {"type": "object", "maxProperties": MAX_PAYLOAD, "additionalProperties": SCALAR}]
        },
        "destinations": names_of(NARROW_NAME),
    }
    return {
        **object_of(keys.TRIGGER, properties, required=["trigger"]),
        "anyOf": [{"required": ["on"]}, {"required": ["when"]}, {"required": ["across"]}],
        "if": {"required": ["across"]},
        "then": {"not": {"anyOf": [{"required": [key]} for key in OF_PROFILES]}},
    }


def _condition() -> Schema:
    """Each form is chosen by the key that names it, so that an editor tells of that form what is wrong."""
    forms: dict[str, Schema] = {
        "all": object_of({"all": keys.COMBINATIONS["all"]}, {"all": list_of(_CONDITION, MAX_CONDITIONS)}),
        "any": object_of({"any": keys.COMBINATIONS["any"]}, {"any": list_of(_CONDITION, MAX_CONDITIONS)}),
        "not": object_of({"not": keys.COMBINATIONS["not"]}, {"not": _CONDITION}),
        **dict.fromkeys(keys.EVENTS, _of_events()),
        "sessions": _of_sessions(),
        "sequence": _sequence(),
        "trait": object_of(
            {**keys.TRAIT_COMPARISON, **keys.OPERATORS}, {"trait": PATH, **_operators()}, ["trait"], least=2
        ),
        "session": _session(),
        "segment": object_of(keys.IN_SEGMENT, {"segment": NAME}),
        "sample": object_of(
            keys.SAMPLE,
            {"sample": {"type": "string", "pattern": "^[0-9]{1,2}(\\.[0-9])?%$"}, "salt": TEXT},
            ["sample", "salt"],
        ),
        "consent": object_of(
            keys.CONSENT,
            {"consent": NARROW_NAME, "channel": NARROW_NAME, "is": {"enum": list(ANSWERS)}},
            ["consent", "is"],
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
    count = object_of(
        {**_event_keys(), **keys.COUNT},
        {**_event_properties(), **_NUMBERS, "within": _window(), "same": _FIELD},
        required=["within"],
    )
    aggregate = object_of(
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
    count = object_of({**keys.COUNTED_SESSIONS, **numbers}, {**_NUMBERS, **_session_properties()}, required=["within"])
    aggregate = object_of(
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
    several: Schema = {"anyOf": [TEXT, names_of(TEXT, MAX_CALLS)]}
    types: Schema = {"enum": [*EVENT_TYPES, ANY_TYPE]}
    of_types: Schema = {"anyOf": [types, names_of(types, MAX_CALLS)]}
    call = object_of(
        {key: keys.EVENTS[key] for key in ("event", "page", "screen", "type")},
        {"event": several, "page": several, "screen": several, "type": of_types},
        most=1,
    )
    return {
        "event": several,
        "page": several,
        "screen": several,
        "type": of_types,
        "events": list_of(call, MAX_CALLS),
        **dict.fromkeys(keys.ROOTS, _FILTERS),
        "occurred": object_of(keys.OCCURRED, dict.fromkeys(keys.OCCURRED, DATE), least=1),
    }


def _session_properties() -> Properties:
    return {
        "sessions": {"const": ANY_SESSION},
        "within": {"anyOf": [DURATION, {"const": EVER}]},
        **{key: {"const": True} for key in _OF_NO_VALUE},
    }


def _filters() -> Schema:
    absolute = {key: text for key, text in keys.OPERATORS.items() if key not in keys.RELATIVE}
    value: Schema = {"anyOf": [SCALAR, object_of(absolute, _operators(), least=1)]}
    return {"type": "object", "minProperties": 1, "propertyNames": PATH, "additionalProperties": value}


def _measures() -> Properties:
    of_all: Schema = {"anyOf": [{"const": True}, _FIELD]}
    return {key: of_all if key in _OF_NO_VALUE else _FIELD for key in keys.MEASURES}


def _window() -> Schema:
    part = {"type": "array", "minItems": 2, "maxItems": 2, "contains": {"const": SESSION}}
    return {"anyOf": [DURATION, {"enum": [SESSION, EVER]}, part]}


def _operators() -> Properties:
    choices = list_of(SCALAR, MAX_CHOICES)
    return {
        **dict.fromkeys(("equals", "not_equals", "contains", "not_contains"), SCALAR),
        **dict.fromkeys(("greater_than", "greater_or_equal", "less_than", "less_or_equal"), NUMBER),
        **dict.fromkeys(("in", "not_in", "contains_any"), choices),
        **dict.fromkeys(("starts_with", "ends_with"), TEXT),
        "matches": {**TEXT, "maxLength": MAX_PATTERN},
        "exists": BOOLEAN,
        **dict.fromkeys(("before", "after"), DATE),
        **dict.fromkeys(sorted(keys.RELATIVE), DURATION),
    }


def _sequence() -> Schema:
    properties: Properties = {
        "sequence": list_of({"$ref": "#/definitions/step"}, MAX_STEPS),
        "within": DURATION,
        "at_least": {"type": "integer", "minimum": 1, "maximum": MAX_COMPLETIONS},
        "same": _FIELD,
    }
    return object_of(keys.SEQUENCE, properties, required=["sequence", "within"])


def _step() -> Schema:
    gap: Schema = {"anyOf": [DURATION, {"const": EVER}]}
    properties: Properties = {
        **_event_properties(),
        "within": gap,
        "without": _EVENTS,
        "times": {"type": "integer", "minimum": 1, "maximum": MAX_STEPS},
    }
    present = object_of(
        {**_event_keys(), **{key: keys.STEP[key] for key in properties if key in keys.STEP}}, properties
    )
    absent = object_of({key: keys.STEP[key] for key in ("not", "within")}, {"not": _EVENTS, "within": DURATION})
    return {
        "type": "object",
        "oneOf": [{"required": [key]} for key in (*keys.EVENTS, "not")],
        "if": {"required": ["not"]},
        "then": {**absent, "required": ["within"]},
        "else": present,
    }


def _session() -> Schema:
    textual = [key for key in keys.OPERATORS if key not in {*ORDERINGS, *TIMES}]
    operators = object_of({key: keys.OPERATORS[key] for key in textual}, _operators(), least=1)
    fact: Schema = {"anyOf": [TEXT, operators]}
    properties: Properties = {
        "session": {"enum": list(SESSIONS)},
        **{key: fact for key in keys.SESSION if key != "session"},
    }
    return object_of(keys.SESSION, properties, ["session"], least=2)


def _expression() -> Schema:
    return {"type": ["string", "number"], "maxLength": MAX_EXPRESSION, "examples": ["round(spent / orders, 2)"]}
