"""Templates of payloads: what is refused, and that nothing of a template or of an event can hurt whoever renders it."""

import pytest
from liquid.exceptions import LiquidError

from definitions.rendering import MAX_RENDERED_BYTES
from definitions.templates import MAX_LONG_TEMPLATE, MAX_TEMPLATE, Payload, _environment, names_below, problems


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "你好 {{ profile.traits.name | upcase }}",
        "{{ event.properties.items[0].name }}",
        "{{ event['properties']['total'] | times: 2 }}",
        "{% for segment in profile.segments %}{{ segment }} {% endfor %}",
        "{{ trigger.fired_at | date: '%Y-%m-%d' }}",
        "{ event.nam } ${user.name} {a: {b: 1}} { profile } 全角\uff5b一\uff5d {profile.id",
        "{% raw %}{ profile.id }{% endraw %}",
        "{% raw %}\uff5b\uff5b profile.id \uff5d\uff5d{% endraw %}",
        "\uff5b全场50%\uff5d优惠 {{ event.name }} \uff5b50\uff05\uff5d \uff5b\uff5d\uff5d",
    ],
)
def test_what_is_right(text: str) -> None:
    assert list(problems(text)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ profil.id }}", "unknown field 'profil.id'"),
        ("{{ profile.nam }}", "unknown field 'profile.nam'"),
        ("{{ event }}", "unknown field 'event'"),
        ("{{ event.name.first }}", "unknown field 'event.name.first'"),
        ("{{ event.name | shout }}", "unknown filter 'shout'"),
        ("{{ event.name", "cannot be read"),
        ("{% if event.name %}", "cannot be read"),
        ("{% include 'secrets' %}", "another file"),
        ("{{ 'now' | date: '%Y' }}", "time of the clock"),
        ('{% assign year = "today" | date: "%Y" %}', "time of the clock"),
        ("x" * (MAX_TEMPLATE + 1), "longer than"),
    ],
)
def test_what_is_wrong(text: str, message: str) -> None:
    assert any(message in problem.message for problem in problems(text))


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("您好 {profile.traits.姓名}", 3, "write {{ profile.traits.姓名 }}"),
        ("Hi ${ event.name }!", 4, "write {{ event.name }}"),
        ("\uff5b\uff5b profile.id \uff5d\uff5d", 0, "write {{ and }}"),
        ("a {{ profile.id \uff5d\uff5d", 2, "write {{ and }}"),
        ("{{ event.name }} 50%\uff5d {% if event.name %\uff5dx{% endif %}", 22, "write {{ and }}"),
        ("\uff5b% if event.name %}", 0, "write {{ and }}"),
        ("{{ profile.id \uff5c upcase }}", 14, "write | instead of \uff5c"),
        ("{{ profile.id | default: \u201c您\u201d }}", 25, 'write " instead of \u201c'),
        ("{{ profile\u3002id }}", 10, "write . instead of \u3002"),
        ("{% if event.properties.a \uff1e 1 %}x{% endif %}", 25, "write > instead of \uff1e"),
        ("{{ event.properties.a + 1 }}", 22, "{{ price | times: 2 }}"),
        ("{% if event.name %}{% elseif event.type %}{% endif %}", 22, "write elsif"),
    ],
)
def test_slips_of_the_notation_are_told_with_what_to_write(text: str, offset: int, says: str) -> None:
    (problem,) = problems(text)
    assert (problem.offset, says in problem.hint) == (offset, True), problem


def test_the_texts_are_those_of_the_profile_and_the_event() -> None:
    payload = Payload((("greeting", "你好 {{ profile.traits.name }}"), ("total", "{{ event.properties.total }}")))
    fields: dict[str, dict[str, object]] = {
        "profile": {"traits": {"name": "美"}},
        "event": {"properties": {"total": 3.5}},
    }
    assert payload.render(fields) == {"greeting": "你好 美", "total": "3.5"}


def test_what_is_missing_is_empty_and_what_fails_is_left_out() -> None:
    payload = Payload(
        (("missing", "{{ profile.traits.name.first }}"), ("failing", "{{ event.properties.n | divided_by: 0 }}"))
    )
    assert payload.render({"event": {"properties": {"n": 1}}}) == {"missing": ""}


@pytest.mark.parametrize(
    "text",
    ["{% for i in (1..1000000) %}x{% endfor %}", "{{ event.properties.text }}" * 100],
)
def test_no_template_takes_long_or_yields_much(text: str) -> None:
    rendered = Payload((("key", text),)).render({"event": {"properties": {"text": "x" * 10_000}}})
    assert len(rendered.get("key", "").encode()) <= MAX_RENDERED_BYTES


@pytest.mark.parametrize(
    "text",
    [
        "{{" * 50_000,
        "{{ a " * 20_000,
        "{% if " * 16_000,
        "{" * 100_000,
        "{{" + " " * 99_000,
        "{% if" + " " * 99_000 + "%}",
        ("{% if" + " " * 249 + "%}") * 390,
        "{{ '" + "a" * 99_000,
        "{% if a %}" * 9_000,
        "{{ a" + "[a" * 30_000 + "]" * 30_000 + " }}",
        "{% if " + "(" * 40_000 + "a" + ")" * 40_000 + " %}{% endif %}",
        "{{ '" * 20_000 + " }}",
        ("{% if " + "(1" * 2_000 + "%}") * 24,
        ("{{ " + "(a" * 2_000 + "}}") * 24,
    ],
    ids=range(14),
)
@pytest.mark.timeout(60)
def test_what_cannot_be_read_is_said_at_once_however_long_it_is(text: str) -> None:
    assert any(problems(text, {"a": ()}, longest=MAX_LONG_TEMPLATE))
    assert list(names_below(text, "a", "b")) == []


def test_blanks_and_braces_in_a_row_are_right_where_they_are_text() -> None:
    assert list(problems(" " * 3_000 + "{{ profile.id }}" + " " * 900 + '{"a":{"b":{}}}')) == []


HOSTILE: list[object] = ["1e400", "-1e400", "nan", "inf", "0", "", "x" * 8_000, "%zz", "=", "2026-13-45", "AAA"]
HOSTILE += [
    "a,b" * 2_000,
    None,
    True,
    10**30,
    1e308,
    1e-308,
    [],
    {},
    [None],
    [1, "a", None, {}],
    {"a": [1]},
    [[1], [2]],
]
ARGUMENTS = [
    "",
    ": 0",
    ": 1",
    ": 'a'",
    ": event.properties.x",
    ": 'a', 'b'",
    ": event.properties.x, event.properties.x",
]


@pytest.mark.parametrize("name", sorted(_environment().filters))
def test_no_filter_raises_or_takes_long_at_whatever_was_sent(name: str) -> None:
    for argument in ARGUMENTS:
        text = f"{{{{ event.properties.x | {name}{argument} }}}}"
        try:
            payload = Payload((("key", text),))
        except LiquidError:
            continue  # `problems` refuses it
        for value in HOSTILE:
            rendered = payload.render({"event": {"properties": {"x": value}}})
            assert len(rendered.get("key", "").encode()) <= MAX_RENDERED_BYTES


def test_texts_are_not_multiplied_without_bounds() -> None:
    text = "{{ event.properties.t | replace: '', event.properties.t | replace: '', event.properties.t | size }}"
    assert Payload((("key", text),)).render({"event": {"properties": {"t": "x" * 8_000}}}) == {}
    joined = "{{ event.properties.t | split: '' | join: event.properties.t }}"
    assert Payload((("key", joined),)).render({"event": {"properties": {"t": "x" * 8_000}}}) == {}


def test_the_names_below_a_field_are_found_with_their_places() -> None:
    text = "{{ profile.traits.a.b | upcase }}{{ profile['traits']['c.d'][0] }}{{ profile.traits[event.name] }}"
    assert list(names_below(text, "profile", "traits")) == [("a", 3), ("c.d", text.index("profile['"))]
    assert list(names_below(text, "event", "properties")) == []
    assert list(names_below("{{ profile.traits.a", "profile", "traits")) == []
