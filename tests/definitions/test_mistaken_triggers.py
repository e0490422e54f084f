"""Mistakes in triggers, their templates and in destinations are told with line and column: one for each mistake."""

from pathlib import Path

import pytest

from definitions import load
from tests.definitions.folders import errors_of, write

ON = "trigger: x\non: {event: Buy}\n"
TRIGGERS = [
    ("trigger: x\non: {event: Buy, within: 7d}", "2:18", "a condition beside it: `when: {event: Buy, within: 7d"),
    ("trigger: x\non: {event: Buy, at_least: 3}", "2:18", "a condition beside it: `when: {event: Buy, within: 7d"),
    ("trigger: x", "1:1", "needs 'on', 'when' or 'across'"),
    ("trigger: x\non: Buy", "2:5", "'on' must say which events"),
    ("trigger: x\non: {event: Buy, within: 1d}", "2:18", "'on' has no key 'within'"),
    ("trigger: x\non: {event: Buy, page: Cart}", "2:18", "'on' must have one of"),
    ("trigger: x\non: {where: {a: 1}}", "2:5", "'on' must have one of"),
    (f"{ON}cool_down: 5", "3:12", "must be a duration"),
    (f"{ON}once: day", "3:7", "'once' cannot be 'day' (known: session, person)"),
    (f"{ON}quiet_hours: night", "3:14", "must be a mapping"),
    (f"{ON}quiet_hours: {{from: '22:00'}}", "3:14", "needs the key 'to'"),
    (f"{ON}quiet_hours: {{from: '24:00', to: '8:00'}}", "3:21", "must be a time of day, not '24:00'"),
    (f"{ON}quiet_hours: {{from: '22:00', to: 8}}", "3:34", 'such as "08:00"'),
    (f"{ON}quiet_hours: {{from: '8:00', to: '08:00'}}", "3:33", "end when they begin"),
    (f"{ON}quiet_hours: {{from: '22:00', to: '8:00', zone: CST-8}}", "3:48", "such as Asia/Shanghai"),
    (f"{ON}quiet_hours: {{from: '22:00', to: '8:00', zone: CST}}", "3:48", "zone 'CST' (such as Asia/Shanghai"),
    (f"{ON}quiet_hours: {{from: '22:00', to: '8:00', zone: Asia/Beijing}}", "3:48", "'Asia/Beijing' (such as Asia"),
    (f"{ON}quiet_hours: {{from: '22:00', to: '8:00', zone: UTC+8}}", "3:48", "Etc/GMT-8 is 8 hours ahead of UTC"),
    (f"{ON}quiet_hours: {{from: '22:00', to: '8:00', zone: '-03:00'}}", "3:48", "Etc/GMT+3 is 3 hours behind UTC"),
    (f"{ON}quiet_hours: {{from: '22:00', to: '8:00', zone: GMT+05:30}}", "3:48", "'GMT+05:30' (such as Asia/Shanghai"),
    (f"{ON}quiet_hours: {{from: '22:00', to: '8:00', zone: Asia/Shangai}}", "3:48", "did you mean 'Asia/Shanghai'?"),
    (f"{ON}quiet_hours: {{from: '22:00', to: '8:00', otherwise: wait}}", "3:53", "known: delay, drop"),
    (f"{ON}fires: often", "3:1", "a trigger has no key 'fires'"),
]
ACROSS = [
    ("Buy", "2:9", "'across' must have one of event, page"),
    ("{within: 5m, at_least: 2}", "2:9", "'across' must have one of event, page"),
    ("{event: Buy, page: Cart, within: 5m, at_least: 2}", "2:9", "'across' must have one of event, page"),
    ("{event: Buy, at_least: 2}", "2:9", "needs the key 'within'"),
    ("{event: Buy, within: 5m}", "2:9", "needs the key 'at_least' (the least number that is worth a firing"),
    ("{event: Buy, within: session, at_least: 2}", "2:30", "must be a duration, not 'session'"),
    ("{event: Buy, within: 9s, at_least: 2}", "2:30", "must be from 10s to 7d"),
    ("{event: Buy, within: 8d, at_least: 2}", "2:30", "must be from 10s to 7d"),
    ("{event: Buy, within: 5m, at_least: 0}", "2:44", "must be a whole number from 1"),
    ("{event: Buy, within: 5m, at_least: 2, at_most: 3}", "2:47", "'across' has no key 'at_most' (what is rare"),
    ("{event: Buy, within: 5m, at_least: 2, usual: 7d}", "2:47", "write `exceeds: {times: 3, usual_of: 7d}`"),
    ("{event: Buy, within: 5m, at_least: 2, sames: a}", "2:47", "did you mean 'same'?"),
    ("{event: Buy, within: 5m, at_least: 2, counts: orders}", "2:55", "known: events, people"),
    ("{event: Buy, within: 5m, at_least: 2, exceeds: 3}", "2:56", "'exceeds' must be a mapping"),
    ("{event: Buy, within: 5m, at_least: 2, exceeds: {times: 3}}", "2:56", "needs the key 'usual_of'"),
    ("{event: Buy, within: 5m, at_least: 2, exceeds: {times: 0.5, usual_of: 1d}}", "2:64", "from 1 to 1,000,000"),
    ("{event: Buy, within: 5m, at_least: 2, exceeds: {times: 3, usual_of: 14m}}", "2:77", "at least 3 times 'within'"),
    ("{event: Buy, within: 5m, at_least: 2}\non: {event: Buy}", "3:1", "'on' beside 'across'"),
    ("{event: Buy, within: 5m, at_least: 2}\nonce: person", "3:1", "'once' beside 'across'"),
    ("{event: Buy, within: 5m, at_least: 2}\nkind: device", "3:1", "'kind' beside 'across'"),
    ("{event: Buy, within: 5m, at_least: 2}\ncool_down: 5", "3:12", "must be a duration"),
    (
        "{event: Buy, within: 5m, at_least: 2}\npayload: '{{ profile.id }}'",
        "3:14",
        "about no profile: there is across.value, across.number, across.usual, trigger.name, trigger.fired_at",
    ),
    (
        "{event: Buy, within: 5m, at_least: 2}\npayload: '{{ across.valu }}'",
        "3:14",
        "of across there is value, number, usual",
    ),
]
TEMPLATES = [
    ("'Hi {{ profile.name }}'", "3:17", "unknown field 'profile.name' (of profile there is id, traits"),
    ("Hi {{ profile.nme }}", "3:16", "unknown field 'profile.nme'"),
    ("'{{ events.name }}'", "3:14", "unknown field 'events.name' (did you mean 'event.name'?)"),
    ("'{{ now }}'", "3:14", "unknown field 'now'"),
    ("'{{ event.name | upcse }}'", "3:27", "unknown filter 'upcse' (did you mean 'upcase'?)"),
    ("Hi {{ event.name", "3:13", "cannot be read"),
    ("'{% if event.name %}x'", "3:10", "cannot be read"),
    ("'{% include \"x\" %}'", "3:14", "another file by 'include'"),
    ("'" + "{% if event.name %}" * 200 + "'", "3:603", "nesting limit"),
    ("{{ event.name }}", "3:11", 'quote a text that begins with a bracket, such as "{{ field }}"'),
    ("{title: '{{ event.nam }}'}", "3:22", "unknown field 'event.nam'"),
    ("{title: [a]}", "3:18", "must be one text"),
    ("{title: {a: b}}", "3:18", "must be one text"),
    ("{5: a}", "3:11", "a key in 'payload' must be a text, and 5 is a number"),
    ("{? '' : a}", "3:13", "a key in 'payload' is empty"),
    ("{}", "3:10", "a mapping of 1 to 50 texts"),
    ("[a]", "3:10", "a mapping of 1 to 50 texts"),
    ("", "3:1", "a mapping of 1 to 50 texts"),
    ("'" + "x" * 4_001 + "'", "3:10", "longer than 4000 characters"),
    ("|\n  Hi {{ event.nam }}", "3:10", "unknown field 'event.nam'"),
]
FIELDS = [
    "Hello",
    "{{ profile.id }} {{ profile.traits.plan }} {{ profile.traits.address.city }}",
    "{{ profile.traits['customer level'] | default: 'none' | upcase }} {{ profile.identifiers.email | first }}",
    "{{ event.name }} {{ event.type }} {{ event.occurred_at | date: '%Y' }} {{ trigger.fired_at }}",
    "{% for item in event.properties.items %}{{ item.name }} {{ forloop.index }}{% endfor %}",
    "{{ event.properties[profile.id] }} {{ event.properties.items[0].name }}",
    "{% assign a = event.name %}{{ a }} {% if profile.traits.plan == 'pro' %}{{ trigger.name }}{% endif %}",
]
DESTINATIONS = [
    ("destination: d\ntraits: plan", "2:9", "must be a list of names"),
    ("destination: d\ntraits: [plan, plan]", "2:16", "given twice"),
    ("destination: d\ntraits: [address.city]", "2:10", "send the whole trait: address"),
    ("destination: d\nnot_older_than: 1", "2:17", "must be a duration"),
    ("destination: d\ncoalesce: 1", "2:11", "must be true or false"),
    ("destination: d\nkind: person", "2:1", "a destination of type topic has no key 'kind'"),
    ("destination: d\nnot_oldr_than: 1h", "2:1", "did you mean 'not_older_than'?"),
]


@pytest.mark.parametrize(("text", "position", "says"), TRIGGERS)
def test_a_mistake_names_its_position(tmp_path: Path, text: str, position: str, says: str) -> None:
    errors = errors_of(tmp_path, {"triggers/t.yaml": text})
    assert len(errors) == 1, errors
    assert errors[0].startswith(f"triggers/t.yaml:{position}: ")
    assert says in errors[0]


@pytest.mark.parametrize(("across", "position", "says"), ACROSS)
def test_a_mistake_across_persons_names_its_position(tmp_path: Path, across: str, position: str, says: str) -> None:
    test_a_mistake_names_its_position(tmp_path, f"trigger: x\nacross: {across}", position, says)


@pytest.mark.parametrize(("payload", "position", "says"), TEMPLATES)
def test_a_mistake_in_a_template_names_its_position(tmp_path: Path, payload: str, position: str, says: str) -> None:
    errors = errors_of(tmp_path, {"triggers/t.yaml": f"{ON}payload: {payload}"})
    assert len(errors) == 1, errors
    assert errors[0].startswith(f"triggers/t.yaml:{position}: ")
    assert says in errors[0]


@pytest.mark.parametrize("template", FIELDS)
def test_the_fields_of_a_template(tmp_path: Path, template: str) -> None:
    (trigger,) = load(write(tmp_path, {"triggers/t.yaml": f'{ON}payload: "{template}"'})).triggers
    assert trigger.payload == (("text", template),)


def test_without_an_event_a_template_names_none(tmp_path: Path) -> None:
    text = "trigger: x\nwhen: {event: Buy, within: 1d}\npayload: '{{ profile.id }} {{ event.name }}'"
    (error,) = errors_of(tmp_path, {"triggers/t.yaml": text})
    assert error.startswith("triggers/t.yaml:3:31: the template has an unknown field 'event.name' (no event fires")


@pytest.mark.parametrize(("text", "position", "says"), DESTINATIONS)
def test_a_mistake_in_a_destination_names_its_position(tmp_path: Path, text: str, position: str, says: str) -> None:
    errors = errors_of(tmp_path, {"destinations/d.yaml": text})
    assert len(errors) == 1, errors
    assert errors[0].startswith(f"destinations/d.yaml:{position}: ")
    assert says in errors[0]
