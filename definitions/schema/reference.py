"""Writes `docs/reference/definitions.md`: the grammar of definitions, and every key with what it means."""

from collections.abc import Iterable, Iterator
from textwrap import wrap

from definitions.destinations import CHANGES
from definitions.mapping import OPEN_ROOTS, ROOTS
from definitions.model import SESSION_FACTS
from definitions.normalising import NORMALISATIONS
from definitions.paths import MAX_PATH
from definitions.reading import keys
from definitions.reading.across import COUNTS, MAX_ACROSS, MAX_WITHIN_MS
from definitions.reading.comparisons import MAX_CHOICES, MAX_FILTERS
from definitions.reading.conditions import ANSWERS, MAX_CONDITIONS, SESSIONS
from definitions.reading.counting import MAX_COUNT
from definitions.reading.destinations import MAX_TRAITS_OF_DESTINATION
from definitions.reading.documents import KINDS
from definitions.reading.events import EVENT_TYPES, MAX_CALLS
from definitions.reading.expressions import FUNCTIONS, MAX_EXPRESSION, MAX_PARTS
from definitions.reading.folder import MAX_DEFINITIONS, MAX_FILES
from definitions.reading.levels import MAX_LEVELS
from definitions.reading.names import MAX_NAME
from definitions.reading.scalars import MAX_TEXT, MAX_WITHIN_DAYS
from definitions.reading.sequences import MAX_COMPLETIONS, MAX_STEPS
from definitions.reading.traits import AS_SENT, MAX_CASES, MAX_QUERY, MERGES
from definitions.reading.triggers import MAX_PAYLOAD, ONCE, OTHERWISE
from definitions.reading.yaml_text import MAX_DEPTH, MAX_FILE_BYTES
from definitions.receivers.kinds import KINDS as TYPES
from definitions.receivers.kinds import channel_of, meanings
from definitions.schema.options import option_properties, required_keys
from definitions.templates import ACROSS_FIELDS, FIELDS, MAX_TEMPLATE

_HEAD = """# The language of definitions

`make docs-reference` writes this page of the tables that the reader of definitions has. What the forms are for, with an
example of each: [the guide](../guide/definitions.md). What each of them means to the last millisecond: [decision
0033](../decisions/0033-what-definitions-mean.md).

## Grammar

A file is one definition, or a list of them. `|` separates alternatives, `?` follows what may be left out.
"""
_FORMS = (
    ("A segment", keys.SEGMENT),
    ("A trait", keys.TRAIT),
    ("A case of a rule", keys.CASE),
    ("A trigger", keys.TRIGGER),
    ("Across all persons, beside events and filters", keys.ACROSS),
    ("More than usual", keys.EXCEEDS),
    ("Quiet hours", keys.QUIET_HOURS),
    ("A destination", keys.DESTINATION),
    ("A destination with a receiver, beside that and the keys of its type", keys.RECEIVING),
    ("A cap", keys.CAP),
    ("A value of a mapping that is made of another", keys.MADE),
    ("A list in a mapping", keys.EACH),
    ("When a field is sent", keys.WHEN),
    ("Conditions of conditions", keys.COMBINATIONS),
    ("Which events", keys.EVENTS),
    ("Sessions instead of events", keys.COUNTED_SESSIONS),
    ("Filters of events", keys.FILTERS),
    ("How many events", keys.COUNT),
    ("A measure of events", keys.MEASURES),
    ("A sequence", keys.SEQUENCE),
    ("A step of a sequence, beside its events and filters", keys.STEP),
    ("A trait of the person", keys.TRAIT_COMPARISON),
    ("Facts of a session", keys.SESSION),
    ("Another segment", keys.IN_SEGMENT),
    ("A sample", keys.SAMPLE),
    ("Consent", keys.CONSENT),
    ("Comparisons", keys.OPERATORS),
)


def reference() -> str:
    """Return the page."""
    lines = [_HEAD, "```text", *_grammar(), "```"]
    for title, table in _FORMS:
        lines += ["", f"## {title}", "", "| key | meaning |", "|---|---|"]
        lines += [f"| `{key}` | {meaning} |" for key, meaning in table.items()]
    for name, kind in TYPES.items():
        table = {"type": f"`{name}`"} | {key: meanings(kind)[key] for key in option_properties(kind)}
        if channel := channel_of(kind):
            table |= {"channel": f"Without it `{channel}`."}
        needed = {"type", *required_keys(kind)}
        lines += ["", f"## A destination of type {name}", "", "| key | | meaning |", "|---|---|---|"]
        lines += [
            f"| `{key}` | {'needed' if key in needed else ''} | {text.replace('|', '&#124;')} |"
            for key, text in table.items()
        ]
    lines += ["", "## Functions of expressions", "", "| function | arguments | gives |", "|---|---|---|"]
    for name, function in FUNCTIONS.items():
        number = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
        lines.append(f"| `{name}` | {number} | {function.meaning} |")
    lines += ["", "## Fields of templates", ""]
    named = {**FIELDS, **ACROSS_FIELDS}
    lines += [f"- `{root}`: {', '.join(f'`{root}.{field}`' for field in fields)}" for root, fields in named.items()]
    lines += ["", "## Limits", "", "| what | at most |", "|---|---|"]
    lines += [f"| {what} | {most} |" for what, most in _limits()]
    return "\n".join(lines) + "\n"


def _grammar() -> Iterator[str]:
    yield "segment     = segment: NAME, when: condition, HEAD, destinations: [NAME]?"
    yield "trait       = trait: NAME, HEAD, (attribute | statistical | rule | mining)"
    yield f"attribute   = merge: {' | '.join(MERGES)}, attribute: PATH?"
    yield f"            | merge: {AS_SENT}"
    yield "statistical = statistical: {counted, measure, within: WINDOW}"
    yield "rule        = value: EXPRESSION | cases: [case], otherwise: OUTCOME?"
    yield "case        = when: condition, (then: OUTCOME | value: EXPRESSION)"
    yield "mining      = query: SQL, every: DURATION"
    yield "trigger     = trigger: NAME, HEAD, on: {events}?, when: condition?, cool_down: DURATION?,"
    yield f"              once: ({' | '.join(ONCE)})?, quiet_hours: hours?, payload: (TEMPLATE | {{KEY: TEMPLATE}})?,"
    yield "              destinations: [NAME]?"
    yield "            | trigger: NAME, title?, description?, workspaces?, across: across, cool_down: DURATION?,"
    yield "              payload: (TEMPLATE | {KEY: TEMPLATE})?, destinations: [NAME]?"
    yield "across      = events, within: DURATION, at_least: N, same: FIELD?,"
    yield "              exceeds: {times: NUMBER, usual_of: DURATION}?,"
    yield f"              counts: ({' | '.join(COUNTS)})?"
    yield f"hours       = from: CLOCK, to: CLOCK, zone: ZONE?, otherwise: ({' | '.join(OTHERWISE)})?"
    yield from _destinations()
    yield f"HEAD        = title: TEXT?, description: TEXT?, workspaces: [TEXT]?, kind: ({' | '.join(KINDS)})?"
    yield ""
    yield "condition   = all: [condition] | any: [condition] | not: condition"
    yield "            | count | aggregate | sequence | traits | session | segment: NAME | sample: SHARE, salt: TEXT"
    yield "            | consent"
    yield "count       = counted, within: WINDOW, (at_least: N?, at_most: N? | exactly: N)?, same: FIELD?"
    yield "aggregate   = counted, measure, within: WINDOW, comparison+"
    yield "sequence    = sequence: [step], within: DURATION, at_least: N?, same: FIELD?"
    yield "step        = events, within: (DURATION | ever), without: {events}?, times: N?"
    yield "            | not: {events}, within: DURATION"
    yield "traits      = trait: PATH, comparison+"
    yield f"session     = session: ({' | '.join(SESSIONS)}), (fact: (TEXT | {{comparison+}}))+"
    yield from _alternatives("fact", SESSION_FACTS)
    yield f"consent     = consent: PURPOSE, channel: CHANNEL?, is: ({' | '.join(ANSWERS)})"
    yield ""
    yield "counted     = events | sessions: any"
    yield "events      = (event | page | screen: TEXT | [TEXT]) | type: TYPE | [TYPE] | events: [call], filter*"
    yield f"TYPE        = {' | '.join(EVENT_TYPES)} | any"
    yield "filter      = where | context | traits: {PATH: SCALAR | {comparison+}}"
    yield "measure     = one of measures: FIELD; of count, first_at and last_at also: true"
    yield from _alternatives("measures", keys.MEASURES)
    yield "comparison  = operator: operand"
    yield from _alternatives("operator", keys.OPERATORS)
    yield r"PATH        = names joined by dots; a dot of a name itself is written \., a backslash \\"
    yield "FIELD       = PATH | {properties | context | traits: PATH}"
    yield "WINDOW      = DURATION | session | [session, DURATION] | ever"
    yield "DURATION    = a whole number and one of s, m, h, d, w"
    yield "OUTCOME     = SCALAR | {value: EXPRESSION}"


def _destinations() -> Iterator[str]:
    yield "destination = destination: NAME, title?, description?, type: topic?, traits: [NAME]?,"
    yield "              not_older_than: DURATION?, coalesce: BOOLEAN?"
    yield "            | the same with type: RECEIVER, its options, mapping: {KEY: mapped}?,"
    yield f"              changes: [{' | '.join(CHANGES)}]?, purpose: NAME?, channel: NAME?,"
    yield "              quiet_hours: hours?, caps: [{at_most: N, within: DURATION}]?, hold_out: SHARE?,"
    yield "              rate: NUMBER?, concurrency: N?, retry_for: DURATION?, timeout: DURATION?,"
    yield "              renamed_from: [NAME]?"
    yield from _alternatives("RECEIVER", TYPES)
    yield 'mapped      = "@PLACE" | TEMPLATE | SCALAR | null | [mapped] | {KEY: mapped}'
    yield "            | {value: mapped, otherwise: mapped?, normalise: FORM?, hash: sha256?, default: SCALAR?,"
    yield "              required: BOOLEAN?, when: sent?}"
    yield '            | {each: "@PLACE", as: mapped, when: sent?}'
    yield "sent        = change: WORDS?, kind: WORDS?, name: WORDS?"
    places = {
        "profile": "profile.id | profile.kind",
        "identifiers": "identifiers | identifiers.NAME | identifiers.NAME[*]",
    }
    yield from _alternatives(
        "PLACE", (f"{root} | {root}.PATH" if root in OPEN_ROOTS else places.get(root, root) for root in ROOTS)
    )
    yield f"FORM        = {' | '.join(NORMALISATIONS)}"


def _alternatives(name: str, words: Iterable[str]) -> Iterator[str]:
    lines = wrap(" | ".join(words), 100)
    yield f"{name:<11} = {lines[0].removesuffix(' |')}"
    yield from (f"            | {line.removeprefix('| ').removesuffix(' |')}" for line in lines[1:])


def _limits() -> Iterator[tuple[str, str]]:
    yield "files in a folder", f"{MAX_FILES:,}"
    yield "definitions of a kind", f"{MAX_DEFINITIONS:,}"
    yield "bytes of a file", f"{MAX_FILE_BYTES:,}"
    yield "levels of nesting", str(MAX_DEPTH)
    yield "levels of traits and segments that are computed of each other", str(MAX_LEVELS)
    yield "characters of a name", str(MAX_NAME)
    yield "characters of a text", f"{MAX_TEXT:,}"
    yield "names in a path", str(MAX_PATH)
    yield "names of events in a condition", str(MAX_CALLS)
    yield "filters of one kind", str(MAX_FILTERS)
    yield "conditions under one `all` or `any`", str(MAX_CONDITIONS)
    yield "values in one `in`", f"{MAX_CHOICES:,}"
    yield "events counted", f"{MAX_COUNT:,}"
    yield "events counted across persons", f"{MAX_ACROSS:,}"
    yield "days of a window across persons", f"{MAX_WITHIN_MS // 86_400_000:,}"
    yield "days of a window", f"{MAX_WITHIN_DAYS:,}"
    yield "steps of a sequence", str(MAX_STEPS)
    yield "completions of a sequence counted", str(MAX_COMPLETIONS)
    yield "cases of a rule", str(MAX_CASES)
    yield "characters, parts of an expression", f"{MAX_EXPRESSION:,}, {MAX_PARTS}"
    yield "characters of a query", f"{MAX_QUERY:,}"
    yield "texts, characters of one in a payload", f"{MAX_PAYLOAD}, {MAX_TEMPLATE:,}"
    yield "traits of a destination", str(MAX_TRAITS_OF_DESTINATION)


if __name__ == "__main__":
    print(reference(), end="")
