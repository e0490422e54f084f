"""Templates of triggers' payloads (Liquid): which fields they may name, what is wrong with one, and their text.

Bounded in time and size whatever the template (`definitions.rendering`): it is rendered while a batch is folded. Reads
no clock and no file.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from runtime.hints import did_you_mean

if TYPE_CHECKING:
    from liquid import BoundTemplate

    from definitions.rendering import BoundedEnvironment

MAX_TEMPLATE = 4_000

MAX_LONG_TEMPLATE = 100_000
"""Characters of a template of a destination's mapping."""
_CACHED = 1_024  # templates of mappings, compiled

Fields: TypeAlias = Mapping[str, tuple[str, ...]]
WrongField: TypeAlias = Callable[[tuple[str, ...]], str | None]
FIELDS: Fields = {
    "profile": ("id", "traits", "identifiers", "segments"),
    "event": ("name", "type", "properties", "occurred_at"),
    "trigger": ("name", "fired_at"),
}
"""What a template may name. Below `traits`, `properties` and `identifiers` (by namespace) is whatever was sent."""
WITHOUT_EVENT: Fields = {root: FIELDS[root] for root in ("profile", "trigger")}
"""Of a trigger that no event fires."""
ACROSS_FIELDS: Fields = {"across": ("value", "number", "usual"), "trigger": FIELDS["trigger"]}
"""Of a trigger across persons: the value that fired it, the number in the window, and the usual one (if any)."""
_FREE = frozenset({"traits", "properties", "identifiers"})
_CLOCK = re.compile(r"""\{[{%][^}]*?(['"])(?:now|today)\1\s*\|\s*date\b""")
"""What is the clock's time in other environments, and just the word in this one."""
_MOST_UNCLOSED = 100
_MOST_IN_A_ROW = 250
_LONGEST_PART = 10_000
_BRACES_IN_A_ROW = re.compile(rf"[({{\[]{{{_MOST_IN_A_ROW + 1}}}")
_BLANKS_IN_A_ROW = re.compile(rf"\s{{{_MOST_IN_A_ROW + 1}}}")
_UNEXPECTED = re.compile("unexpected '(.)'")
_PLAIN = {"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u3002": ".", "\u3001": ","}
"""Signs of other scripts with those of the notation that they stand for; others are told by their width."""
_WIDE_OPENING = re.compile("\uff5b[\uff5b%\uff05]")
_WIDE_CLOSING = re.compile("[\uff5d%\uff05]\uff5d")
"""Also a percentage in a bracket of a plain text: it closes only what "{{" or "{%" has opened."""
_SINGLE = re.compile(r"(?<!\{)\{[ \t]*((?:[^\W\d]\w*)(?:\.\w+)+)[ \t]*\}(?!\})")
_RAW = re.compile(r"\{%-?\s*raw\b")
_PARTS = re.compile(r"\{\{.*?(?:\}\}|\Z)|\{%.*?(?:%\}|\Z)", re.DOTALL)
_REFUSED_TAGS = {"include": "another file", "render": "another file"}


@cache
def _environment() -> "BoundedEnvironment":
    """Return the environment of all templates. It takes a quarter of a second to import: only whoever has one pays."""
    from definitions.rendering import BoundedEnvironment

    return BoundedEnvironment()


@cache
def _long_environment(*, is_html: bool) -> "BoundedEnvironment":
    """Return the environment of templates that are rendered one at a time, whose texts may be as long as a mail."""
    from definitions.rendering import HtmlEnvironment, LongEnvironment

    return HtmlEnvironment() if is_html else LongEnvironment()


class Problem(NamedTuple):
    """What is wrong with a template, what to do, and where (in characters; None where no position can be named)."""

    message: str
    hint: str = ""
    offset: int | None = None


def problems(
    text: str, fields: Fields = FIELDS, wrong_field: WrongField | None = None, longest: int = MAX_TEMPLATE
) -> Iterator[Problem]:
    """Yield what is wrong with a template: its notation, fields that nobody has, and what it must not do.

    Any name below `traits` and `properties` may be right: senders send what they like. `fields`: what may be named.
    `wrong_field`: instead of `fields`, what to do about a field that nobody has, None for others.
    """
    from liquid.exceptions import LiquidError

    wrong_field = wrong_field or (lambda segments: _wrong_field(segments, fields))
    if len(text) > longest:
        yield Problem(f"the template is longer than {longest} characters")
        return
    if (costly := _costly(text)) is not None:
        yield costly
        return
    try:
        analysis = _environment().from_string(text).analyze(include_partials=False)
    except LiquidError as error:
        token = getattr(error.token, "start_index", -1)
        offset = token if token >= 0 else None
        yield (
            _wide_brackets(text)
            or _wide_end(text)
            or Problem(f"the template cannot be read: {error.message}", _hint(str(error.message)), offset)
        )
        return
    if (wide := _wide_brackets(text)) is not None:
        yield wide
    yield from _single_brackets(text, wrong_field)
    for tag in sorted(analysis.tags.keys() & _REFUSED_TAGS.keys()):
        message = f"the template asks for {_REFUSED_TAGS[tag]} by {tag!r}"
        yield Problem(message, "write out what it should say", analysis.tags[tag][0].index)
    for name in sorted(analysis.filters.keys() - _environment().filters.keys()):
        hint = did_you_mean(name, _environment().filters)
        yield Problem(f"the template has an unknown filter {name!r}", hint, analysis.filters[name][0].index)
    clock = _CLOCK.search(text)
    if clock is not None:
        hint = "write trigger.fired_at instead of 'now'"
        yield Problem("the template asks for the time of the clock", hint, clock.start(1))
    for variables in analysis.globals.values():
        for variable in variables:
            remedy = wrong_field(tuple(map(str, variable.segments)))
            if remedy is not None:
                shown = ".".join(map(str, variable.segments))
                yield Problem(f"the template has an unknown field {shown!r}", remedy, variable.span.index)


def names_below(text: str, root: str, field: str) -> Iterator[tuple[str, int]]:
    """Yield the names that a template reads below a field, such as `profile.traits`, each at its offset in characters.

    There are none in a template that cannot be read, and none where another field says the name.
    """
    for segments, offset in _segments(text, root):
        match segments:
            case [_, part, str(name), *_] if part == field:
                yield name, offset


def names_of(text: str, root: str) -> Iterator[tuple[str, int]]:
    """Yield the names that a template reads of a root, such as `traits`, as `names_below` does of a field."""
    for segments, offset in _segments(text, root):
        match segments:
            case [_, str(name), *_]:
                yield name, offset


def _segments(text: str, root: str) -> Iterator[tuple[list[object], int]]:
    from liquid.exceptions import LiquidError

    if _costly(text) is not None:
        return
    try:
        analysis = _environment().from_string(text).analyze(include_partials=False)
    except LiquidError:
        return
    for variable in analysis.globals.get(root, ()):
        yield list(variable.segments), variable.span.index


def _costly(text: str) -> Problem | None:
    """Return what of a text would take Liquid's scanner the more time the more of it there is: minutes, or for ever."""
    for begins, ends in (("{{", "}}"), ("{%", "%}")):
        behind = text.rfind(ends) + 1
        if text.count(begins, behind) > _MOST_UNCLOSED:
            hint = f"write {ends!r} behind each"
            return Problem(f"the template never ends what begins with {begins!r}", hint, text.find(begins, behind))
    if (run := _BRACES_IN_A_ROW.search(text)) is not None:
        return Problem(f"the template has more than {_MOST_IN_A_ROW} brackets in a row", "leave them out", run.start())
    for part in _PARTS.finditer(text):
        if len(part[0]) > _LONGEST_PART:
            return Problem(
                f"the template has {part[0][:2]} ... of more than {_LONGEST_PART} characters", "", part.start()
            )
        if (run := _BLANKS_IN_A_ROW.search(part[0])) is not None:
            at = part.start() + run.start()
            return Problem(f"the template has more than {_MOST_IN_A_ROW} blanks in a row", "leave them out", at)
    return None


def _hint(message: str) -> str:
    """Return what to write instead of what Liquid does not expect."""
    unexpected = _UNEXPECTED.search(message)
    sign = unexpected[1] if unexpected else ""
    plain = _PLAIN.get(sign) or unicodedata.normalize("NFKC", sign)
    if plain != sign:
        return f"write {plain} instead of {sign}"
    if sign and sign in "+-*/%":
        return "filters compute: {{ price | times: 2 }}, plus, minus, divided_by, modulo"
    if "'elseif'" in message or "'elif'" in message:
        return "write elsif"
    return "the notation is Liquid's: {{ field }}, {% if field %} ... {% endif %}"


def _wide_brackets(text: str) -> Problem | None:
    """Return that there are brackets of another width, which are a text."""
    wide = None if _RAW.search(text) else _WIDE_OPENING.search(text)
    return None if wide is None else _too_wide(wide.start())


def _wide_end(text: str) -> Problem | None:
    """Return that brackets of another width close what begins with those of the notation."""
    starts = (part.start() for part in _PARTS.finditer(text) if _WIDE_CLOSING.search(part[0]))
    start = next(starts, None)
    return None if start is None else _too_wide(start)


def _too_wide(offset: int) -> Problem:
    return Problem("the template has brackets of full width, which are a plain text", "write {{ and }}", offset)


def _single_brackets(text: str, wrong_field: WrongField) -> Iterator[Problem]:
    """Yield the fields that stand in one bracket, where they are a plain text."""
    for single in () if _RAW.search(text) else _SINGLE.finditer(text):
        if wrong_field(tuple(single[1].split("."))) is None:
            message = f"{single[1]!r} stands in one bracket, where it is a plain text"
            yield Problem(message, f"write {{{{ {single[1]} }}}}", single.start())


def _wrong_field(segments: tuple[str, ...], fields: Fields) -> str | None:
    """What to do about a field that nobody has; None for one that there may be."""
    root, *rest = segments
    known = fields.get(root)
    if root in FIELDS and "across" in fields and known is None:
        return f"a trigger across persons is about no {root}: there is {', '.join(_named(fields))}"
    if root == "event" and known is None:
        return "no event fires this trigger: add `on`, or take what the profile knows, profile.traits"
    if known is None:
        return did_you_mean(".".join(segments), list(_named(fields)))
    if not rest or rest[0] not in known:
        return f"of {root} there is {', '.join(known)}"
    if len(rest) > 1 and rest[0] not in _FREE:
        return f"{root}.{rest[0]} has no parts"
    return None


def _named(fields: Fields) -> Iterator[str]:
    return (f"{root}.{field}" for root, names in fields.items() for field in names)


class Payload:
    """The templates of one trigger, compiled; their texts make one JSON object."""

    def __init__(self, templates: tuple[tuple[str, str], ...]) -> None:
        self._templates = tuple((key, _environment().from_string(text)) for key, text in templates)

    def render(self, fields: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
        """Return the text of each template; of one that fails on these fields, such as a number divided by 0, nothing.

        `fields`: as in FIELDS or ACROSS_FIELDS; what is missing is empty.
        """
        return {key: text for key, text, _ in self._rendered(fields) if text is not None}

    def failures(self, fields: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
        """Return why templates fail on these fields, by the key of each that does."""
        return {key: reason for key, text, reason in self._rendered(fields) if text is None}

    def _rendered(self, fields: Mapping[str, Mapping[str, object]]) -> Iterator[tuple[str, str | None, str]]:
        for key, template in self._templates:
            yield key, *_render(template, fields)


class Template:
    """A template of a destination's mapping, compiled. `roots`: the first names of all that it reads."""

    def __init__(self, template: "BoundTemplate") -> None:
        self._template = template
        self.roots = frozenset(template.analyze(include_partials=False).globals)

    @staticmethod
    @lru_cache(_CACHED)
    def of(text: str, *, is_html: bool = False) -> "Template":
        """Return the template of a text without `problems`; `is_html`: what it puts in is escaped for HTML."""
        return Template(_long_environment(is_html=is_html).from_string(text))

    def render(self, fields: Mapping[str, object]) -> tuple[str | None, str]:
        """Return the text, or None and why it fails on these fields. What is missing is empty."""
        return _render(self._template, fields)


def _render(template: "BoundTemplate", fields: Mapping[str, object]) -> tuple[str | None, str]:
    try:
        return template.render(**fields), ""
    except Exception as error:  # noqa: BLE001 - filters raise whatever Python does at what a sender sent
        return None, getattr(error, "message", "") or str(error) or type(error).__name__
