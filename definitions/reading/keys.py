"""The keys of every form of the language, each with what it means: read by the readers, and shown by editors.

What the value of a key looks like is left to its reader and to `definitions.schema`.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from definitions.model import SESSION_FACTS

Keys: TypeAlias = Mapping[str, str]

_HEAD: Final = {
    "title": "For people; changing it changes nothing else.",
    "description": "For people; changing it changes nothing else.",
}
_SCOPE: Final = {
    "workspaces": "The workspaces that it is for; without it all of them.",
    "kind": "What it is about: persons, or devices that several persons use.",
}
SEGMENT: Final[Keys] = {
    "segment": "The name of the segment: letters of any script, digits, _, - and spaces.",
    **_HEAD,
    **_SCOPE,
    "when": "The condition that members fulfil.",
    "destinations": "The destinations that are sent every entry and exit.",
}
DESTINATION: Final[Keys] = {
    "destination": "The name of the destination: a-z, 0-9 and _; its topic is activation.NAME.",
    **_HEAD,
    "type": "The kind of receiver; without it topic: whoever reads the Kafka topic activation.NAME.",
    "traits": "The traits that travel with each change; those that the mapping reads do so anyway.",
    "not_older_than": "Entries and triggers that were decided later than this after their time are not sent.",
    "coalesce": "Of several changes of a profile and segment at once send the last one only.",
}
RECEIVING: Final[Keys] = {
    "renamed_from": "Its former names, the oldest first: whoever it holds and what waits stays its own.",
    "mapping": "The fields that are sent, each with what it is made of; without it those of the type.",
    "changes": "What is sent: entered, exited, fired; without it everything.",
    "purpose": "What a person must have consented to, such as marketing.",
    "channel": "How it reaches the person: consent may differ by it, caps count by it; without it that of the type.",
    "quiet_hours": "The hours of the person's day in which nothing is sent.",
    "caps": "How many deliveries a person may be sent on the channel, by all destinations together.",
    "hold_out": "The share of all persons, such as 10%, who are never sent anything.",
    "rate": "Deliveries a second, in the mean, of all processes together.",
    "concurrency": "How many requests may be under way at once in a process.",
    "retry_for": "How long a delivery that fails is attempted again; without it 72h.",
    "timeout": "How long one request may take; without it 10s.",
}
CAP: Final[Keys] = {
    "at_most": "How many deliveries.",
    "within": "The time, up to now, that counts.",
}
MADE: Final[Keys] = {
    "value": "What it is made of: a path, a template, a constant.",
    "otherwise": "What it is made of where that has no value, such as `@traits.email`.",
    "normalise": "The spelling: lower, email, gmail (Google's), phone (digits), e164 (+ and digits).",
    "hash": "The hash that is sent instead: sha256, as hexadecimal digits.",
    "default": "What is sent where there is no value; null may be sent, too.",
    "required": "Without a value nothing is sent: the delivery is refused as unmappable.",
    "when": "For which changes the field is sent: `{change: entered}`.",
}
EACH: Final[Keys] = {
    "each": 'A list, such as "@identifiers.email[*]" or "@traits.interests".',
    "as": "What each member becomes; it is `@item` there.",
    "when": "For which changes the field is sent.",
}
WHEN: Final[Keys] = {
    "change": "One or several of entered, exited, fired.",
    "kind": "segment or trigger.",
    "name": "The name of a segment or trigger, or several.",
}
ATTRIBUTE: Final[Keys] = {
    "attribute": "The trait of identify calls that it is made of; without it the one of its own name.",
    "merge": "Which of the values that were sent is kept.",
}
STATISTICAL: Final[Keys] = {"statistical": "Events, and a measure of them: `{event: Order Completed, sum: total}`."}
RULE: Final[Keys] = {
    "cases": "Conditions and values; the first condition that holds gives the value.",
    "otherwise": "The value where no case holds; without it there is none.",
    "value": "An expression over other traits: `spent / orders`.",
}
MINING: Final[Keys] = {
    "query": "SQL for ClickHouse with the columns `profile_id` and `value`.",
    "every": "How often the query runs.",
}
TRAIT: Final[Keys] = {
    "trait": "The name of the trait: letters of any script, digits, _, - and spaces.",
    **_HEAD,
    **_SCOPE,
    **ATTRIBUTE,
    **STATISTICAL,
    **RULE,
    **MINING,
}
CASE: Final[Keys] = {
    "when": "The condition of this case.",
    "then": "The value where it holds, as it stands here.",
    "value": "The value where it holds, an expression over other traits.",
}
COMPUTED: Final[Keys] = {"value": "An expression over other traits: `spent / orders`."}
TRIGGER: Final[Keys] = {
    "trigger": "The name of the trigger: letters of any script, digits, _, - and spaces.",
    **_HEAD,
    **_SCOPE,
    "on": "The events that fire it; without it, it fires each time that `when` begins to hold.",
    "when": "The condition under which it fires.",
    "across": "Instead of `on` and `when`: how many events of all persons together there must be.",
    "cool_down": "No sooner than this after it fired.",
    "once": "At most once in a session, or once for a person.",
    "quiet_hours": "The hours of the person's day in which nothing fires.",
    "payload": "What is sent along: a text, or an object whose texts are templates (Liquid).",
    "destinations": "The destinations that it is sent to.",
}
ACROSS: Final[Keys] = {
    "within": "The time that counts, up to now: 10s to 7d.",
    "at_least": "How many there must be.",
    "same": "A property: events with an equal value there count together, each value by itself; without it, all do.",
    "exceeds": "That they must be more than usual, too.",
    "counts": "What is counted: events (without the key), or people, each once.",
}
EXCEEDS: Final[Keys] = {
    "times": "More than so many times the usual; 1 or more.",
    "usual_of": "The usual is the mean of the windows of this time before; at least three of them.",
}
QUIET_HOURS: Final[Keys] = {
    "from": 'When they begin, such as "22:00".',
    "to": 'When they end, such as "08:00"; this minute is not one of them.',
    "zone": "The time zone of persons who do not say theirs, such as Asia/Shanghai; without it UTC.",
    "otherwise": "What becomes of it: delay (when they end; without the key) or drop (never).",
}

COMBINATIONS: Final[Keys] = {
    "all": "A list of conditions of which each one holds.",
    "any": "A list of conditions of which at least one holds.",
    "not": "A condition that does not hold.",
}
EVENTS: Final[Keys] = {
    "event": "The name of track calls, or a list of names that count together.",
    "page": "The name of page calls, or a list of names that count together.",
    "screen": "The name of screen calls, or a list of names that count together.",
    "type": "The type of calls, or a list of types; `any` is all of them.",
    "events": "Calls of several kinds that count together: `[{event: Buy}, {screen: Bought}]`.",
}
COUNTED_SESSIONS: Final[Keys] = {"sessions": "Instead of events: `any`; each session counts once, when it begins."}
ROOTS: Final[Keys] = {
    "where": "What their properties must be: `{total: {greater_than: 100}}`.",
    "context": "What their context must be: `{locale: {starts_with: zh}}`.",
    "traits": "What the traits of identify calls must be: `{plan: pro}`.",
}
FILTERS: Final[Keys] = {
    **ROOTS,
    "occurred": "When they must have occurred: `{from: 2026-11-01, before: 2026-12-01}`.",
}
OCCURRED: Final[Keys] = {
    "from": "The first moment that counts, a date or a time.",
    "before": "The first moment that counts no more.",
}
RELATIVE: Final = frozenset({"within_last", "longer_ago_than", "within_next"})
WITHIN: Final = "The time that counts, up to now: `7d`, `session`, `ever`, or `[session, 5m]`."
COUNT: Final[Keys] = {
    "at_least": "How many events are needed; 1 without `at_most` and `exactly`.",
    "at_most": "How many events there may be; 0 is none.",
    "exactly": "How many events there are.",
    "within": WITHIN,
    "same": "A property: only events with an equal value there count together.",
}
MEASURES: Final[Keys] = {
    "count": "The number of events: `true`, or a property that they must have.",
    "sum": "The sum of a property.",
    "average": "The average of a property.",
    "min": "The least number of a property.",
    "max": "The greatest number of a property.",
    "first": "The first value of a property.",
    "last": "The last value of a property.",
    "first_at": "When the first event was: `true`, or a property that it must have.",
    "last_at": "When the last event was: `true`, or a property that it must have.",
    "distinct": "The number of different values of a property.",
    "most_frequent": "The most frequent value of a property.",
    "values": "The list of different values of a property.",
}
SEQUENCE: Final[Keys] = {
    "sequence": "Steps that follow each other.",
    "within": "The time that counts, up to now, in which the last step was done.",
    "at_least": "How often it was completed; 1 without it.",
    "same": "A property that is equal in all steps.",
}
STEP: Final[Keys] = {
    "not": "Of the last step: these events do not follow.",
    "within": "Sooner than this after the step before; or `ever`.",
    "without": "No such event between the step before and this one.",
    "times": "So many of them, one after the other.",
}
TRAIT_COMPARISON: Final[Keys] = {"trait": "The name of a trait; dots lead into objects."}
SESSION: Final[Keys] = {
    "session": "Which session of the person: the current, the first or the last one.",
    **{fact: f"The {fact.replace('_', ' ')} of the session." for fact in SESSION_FACTS},
}
IN_SEGMENT: Final[Keys] = {"segment": "The name of a segment that the profile is in."}
SAMPLE: Final[Keys] = {
    "sample": "The share of all profiles, such as 10%; always the same ones.",
    "salt": "A word of your own: another one draws other profiles.",
}
CONSENT: Final[Keys] = {
    "consent": "A purpose of consent.yaml.",
    "channel": "A channel of consent.yaml; without it every one, as of a destination without a channel.",
    "is": "What the person has said: granted, denied or unknown; or allowed, by that and the purpose's default.",
}
OPERATORS: Final[Keys] = {
    "equals": "Is this value.",
    "not_equals": "Is there, and is another value.",
    "greater_than": "Is a number above this one.",
    "greater_or_equal": "Is this number or one above.",
    "less_than": "Is a number below this one.",
    "less_or_equal": "Is this number or one below.",
    "in": "Is one of these values.",
    "not_in": "Is there, and is none of these values.",
    "contains": "Is a text with this part, or a list with this member.",
    "contains_any": "Is a text with one of these parts, or a list with one of these members.",
    "not_contains": "Is there, and is no text with this part, and no list with this member.",
    "starts_with": "Is a text that begins so.",
    "ends_with": "Is a text that ends so.",
    "matches": "Is a text in which this regular expression (RE2) is found: `(?i)shoes?$`.",
    "exists": "Is there (true), is missing (false).",
    "before": "Is a time before this date or time, such as 2026-01-31 or 2026-01-31T18:00:00+08:00.",
    "after": "Is a time after this date or time.",
    "within_last": "Is a time in the last so many seconds, minutes, hours, days or weeks: 30d.",
    "longer_ago_than": "Is a time so long ago, or longer.",
    "within_next": "Is a time in the time to come, no further than this.",
}
