"""What a template reads is measured before anything is done with it; times, objects and members are shown as such."""

import pytest

from definitions.rendering import MAX_MEMBERS, MAX_TEXT
from definitions.templates import Payload

MANY = 27_000  # of a list in an event of less than 512 KiB


def rendered(text: str, **properties: object) -> str | None:
    return Payload((("key", text),)).render({"event": {"properties": properties}}).get("key")


def failure(text: str, **properties: object) -> str | None:
    return Payload((("key", text),)).failures({"event": {"properties": properties}}).get("key")


@pytest.mark.parametrize(
    "filters",
    [
        "map: 'genre' | uniq | join: ', '",
        "uniq",
        "sort: 'genre'",
        "sort_natural",
        "reverse",
        "size",
        "first",
        "compact",
    ],
)
def test_a_list_that_is_too_long_is_refused_before_any_filter(filters: str) -> None:
    items = [{"genre": str(number)} for number in range(MANY)]
    assert failure(f"{{{{ event.properties.items | {filters} }}}}", items=items) == "a list of more than 1,000 members"


@pytest.mark.parametrize("items", [list(range(MAX_MEMBERS + 1)), [list(range(500)), [list(range(500))]]])
def test_the_members_of_lists_in_it_count(items: list[object]) -> None:
    assert failure("{{ event.properties.items | uniq | size }}", items=items) == "a list of more than 1,000 members"
    assert failure("{% for i in event.properties.items limit: 1 %}x{% endfor %}", items=items)
    assert rendered("{{ event.properties.items | uniq | size }}", items=list(range(MAX_MEMBERS))) == "1000"


@pytest.mark.parametrize(
    "text",
    [
        "{{ (1..event.properties.n) | reverse | size }}",
        "{% for i in (1..event.properties.n) reversed %}x{% endfor %}",
        "{% for i in (1..event.properties.n) limit: 3 %}x{% endfor %}",
        "{% tablerow i in (1..event.properties.n) limit: 3 %}x{% endtablerow %}",
        "{% assign r = (1..event.properties.n) %}{% for i in r limit: 3 %}x{% endfor %}",
    ],
)
@pytest.mark.parametrize("number", [MAX_MEMBERS + 1, 10**7, 10**30])
def test_a_range_that_is_too_long_is_refused(text: str, number: int) -> None:
    assert failure(text, n=number) == "a range of more than 1,000 numbers"
    assert failure(text, n=5) is None


def test_a_text_that_is_too_long_is_refused() -> None:
    assert rendered("{{ event.properties.s | size }}", s="x" * MAX_TEXT) == str(MAX_TEXT)
    assert failure("{{ event.properties.s | size }}", s="x" * (MAX_TEXT + 1)) == "a text of more than 20,000 characters"


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in (1..1000) %}{% assign t = event.properties.s | strip_html | upcase | downcase %}{% endfor %}",
        "{% for i in (1..1000) %}{% assign t = event.properties.items | sort | reverse | uniq %}{% endfor %}",
        "{% for i in event.properties.items %}{% if event.properties.s contains i %}x{% endif %}{% endfor %}",
    ],
)
def test_a_template_does_not_read_much_again_and_again(text: str) -> None:
    assert failure(text, s="<" * MAX_TEXT, items=[str(number) for number in range(MAX_MEMBERS)]) is not None


def test_numbers_do_not_grow_without_bounds() -> None:
    grows = "{% assign n = 9 %}{% for i in (1..30) %}{% assign n = n | times: n %}{% endfor %}{{ n }}"
    assert failure(grows) == "a number of too many digits"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ event.properties.at | date: '%Y-%m-%d %H:%M' }}", "2026-03-29 00:30"),
        ("{{ event.properties.at | date: '%s %Z' }}", "1774744200 UTC"),
        ("{{ event.properties.berlin | date: '%H:%M' }}", "00:30"),
        ("{{ event.properties.seconds | date: '%Y-%m-%d %H:%M' }}", "2026-03-29 00:30"),
        ("{{ event.properties.ms | date: '%Y-%m-%d %H:%M' }}", "2026-03-29 00:30"),
        ("{{ event.properties.name | date: '%Y' }}", "spring"),
        ("{{ 'to' | append: 'day' | date: '%Y' }}", "today"),
        ("{{ '10:00' | date: '%Y' }}", "10:00"),
        ("{{ event.properties.nothing | date: '%Y' }}", ""),
    ],
)
def test_a_time_is_shown_in_utc_and_none_is_that_of_a_clock(text: str, expected: str) -> None:
    at = {"at": "2026-03-29T00:30:00.123Z", "berlin": "2026-03-29T01:30+01:00"}
    assert rendered(text, **at, seconds=1774744200, ms=1774744200123, name="spring") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ event.properties.o }}", '{"k":[1,true]}'),
        ("{% echo event.properties.o %}", '{"k":[1,true]}'),
        ("{{ event.properties.o.k }}", "1true"),
        ("{{ event.properties.o | append: '!' }}", '{"k":[1,true]}!'),
        ("{{ event.properties.yes | append: '!' }}", "true!"),
        ("{{ event.properties.list | join: ', ' }}", 'a, true, , {"é":1.5}'),
        ("{% for each in event.properties.list %}{{ each }};{% endfor %}", 'a;true;;{"é":1.5};'),
        ("{{ event.properties.list | uniq | size }}", "4"),
    ],
)
def test_objects_and_truths_are_shown_as_json(text: str, expected: str) -> None:
    assert rendered(text, o={"k": [1, True]}, yes=True, list=["a", True, None, {"é": 1.5}]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uniq | size", "3"),
        ("uniq: 'a' | size", "2"),
        ("map: 'a' | uniq | join: '+'", "1+2"),
    ],
)
def test_what_is_equal_counts_once(text: str, expected: str) -> None:
    items = [{"a": 1, "b": 1}, {"b": 1, "a": 1}, {"a": 1}, {"a": 2}]
    assert rendered(f"{{{{ event.properties.items | {text} }}}}", items=items) == expected
