"""Liquid as payloads have it: bounded in time and size whatever is sent, without a clock, objects as JSON.

Whatever a template reads is measured before a filter or a loop runs: what is too much makes the one text fail. Takes a
quarter of a second to import: `definitions.templates` does so for whoever has a template.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import wraps
from html import escape
from typing import TextIO, TypeAlias

import msgspec
from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.builtin.tags.tablerow_tag import TablerowNode, TablerowTag
from liquid.token import Token

from definitions.streaming.times import time_of

MAX_RENDERED_BYTES = 4_096
MAX_LONG_BYTES = 400_000
MAX_MEMBERS = 1_000
"""Of a list or a range, with those of lists in it."""
MAX_TEXT = 20_000
"""Characters of a text that a template reads, or that a filter yields."""
_MAX_WORK = 200_000  # values, and tenths of texts, that one rendering may read in all
_MAX_BITS = 1_024  # of a whole number
_MAX_FORMAT = 100
_MS_FROM = 100_000_000_000  # the least number that is a time in milliseconds: in seconds it is in the year 5138
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT_FILTERS = "liquid.builtin.filters.string"
_WORK = "work"

Filter: TypeAlias = Callable[..., object]


class TooMuch(ValueError):
    """What a template reads is more than it may."""


class _Context(RenderContext):
    """Measures what a template reads of what was sent."""

    def get(self, path: list[object], *, token: Token | None, **default: object) -> object:
        value = super().get(path, token=token, **default)
        _spend(self, value)
        return value


class _Template(BoundTemplate):
    context_class = _Context


class _OutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(shown(self.expression.evaluate(context)))


class _Output(Output):
    node_class = _OutputNode


class _EchoNode(_OutputNode, EchoNode):
    pass


class _EchoTag(EchoTag):
    node_class = _EchoNode


class _ForNode(ForNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        if isinstance(self.expression.iterable, RangeLiteral):
            _spend(context, self.expression.iterable.evaluate(context))
        return super().render_to_output(context, buffer)


class _ForTag(ForTag):
    node_class = _ForNode


class _TablerowNode(TablerowNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        if isinstance(self.expression.iterable, RangeLiteral):
            _spend(context, self.expression.iterable.evaluate(context))
        return super().render_to_output(context, buffer)


class _TablerowTag(TablerowTag):
    node_class = _TablerowNode


class BoundedEnvironment(Environment):
    """The environment of all templates."""

    loop_iteration_limit = 1_000
    output_stream_limit = MAX_RENDERED_BYTES
    local_namespace_limit = 10_000
    context_depth_limit = 10
    template_class = _Template

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for tag in (_Output, _EchoTag, _ForTag, _TablerowTag):
            self.add_tag(tag)
        for name, filter_ in (self.filters | _OWN_FILTERS).items():
            self.add_filter(name, _bounded(name, filter_))


class LongEnvironment(BoundedEnvironment):
    """The environment of texts that are rendered one at a time, outside of the fold."""

    output_stream_limit = MAX_LONG_BYTES


class _HtmlOutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(escape(shown(self.expression.evaluate(context))))


class _HtmlOutput(Output):
    node_class = _HtmlOutputNode


class _HtmlEchoNode(_HtmlOutputNode, EchoNode):
    pass


class _HtmlEchoTag(EchoTag):
    node_class = _HtmlEchoNode


class HtmlEnvironment(LongEnvironment):
    """The environment of HTML: nobody's name becomes markup, even where the template forgets `escape`."""

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for tag in (_HtmlOutput, _HtmlEchoTag):
            self.add_tag(tag)
        for name in ("escape", "escape_once"):
            self.add_filter(name, _bounded(name, shown))  # what is put in is escaped once, and not twice


def shown(value: object) -> str:
    """Return a value as a payload shows it: an object as JSON, the members of a list one after the other."""
    match value:
        case bool() | dict():
            return _json(value)
        case list() | tuple():
            return "".join(map(shown, value))
        case range():
            return f"{value.start}..{value.stop - 1}"
        case _:
            return "" if value is None else str(value)


def _json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=lambda _: None).decode()


def _bounded(name: str, filter_: Filter) -> Filter:
    """Return a filter that measures what it is given and what it yields."""
    of_texts = getattr(filter_, "__module__", "") == _TEXT_FILTERS and name != "slice"
    reads_environment = getattr(filter_, "with_environment", False)

    @wraps(filter_)
    def bounded(*values: object, context: RenderContext, **named: object) -> object:
        for value in (*values, *named.values()):
            _spend(context, value)
        if of_texts:  # which would write Python's notation
            values = tuple(_json(value) if isinstance(value, dict | list | bool) else value for value in values)
        result = filter_(*values, **named, **({"environment": context.env} if reads_environment else {}))
        _spend(context, result)
        return result

    bounded.with_context, bounded.with_environment = True, False  # type: ignore[attr-defined] # Liquid asks for them
    return bounded


def _spend(context: RenderContext, value: object) -> None:
    """Take what it costs to read a value from what one rendering may spend; raises TooMuch."""
    spent = context.tag_namespace.get(_WORK, 0)
    context.tag_namespace[_WORK] = spent + _work_of(value, _MAX_WORK - spent)


def _work_of(value: object, left: int) -> int:
    """Return what it costs to read a value; raises TooMuch, also for what is too long by itself."""
    match value:
        case str() if len(value) > MAX_TEXT:
            raise TooMuch(f"a text of more than {MAX_TEXT:,} characters")
        case int() if value.bit_length() > _MAX_BITS:
            raise TooMuch("a number of too many digits")
        case range() if value.stop - value.start > MAX_MEMBERS:
            raise TooMuch(f"a range of more than {MAX_MEMBERS:,} numbers")
        case list() | tuple() if _members(value) > MAX_MEMBERS:
            raise TooMuch(f"a list of more than {MAX_MEMBERS:,} members")
    work, pending = 0, [value]
    while pending:
        part = pending.pop()
        match part:
            case str():
                work += len(part) // 10
            case list() | tuple():
                pending += part
            case dict():
                pending += part.values()
        work += 1
        if work > left:
            raise TooMuch("more than a template may read in all")
    return work


def _members(values: list[object] | tuple[object, ...]) -> int:
    """Return how many members a list has with those of lists in it; of a long one at least more than allowed."""
    number, pending = 0, [values]
    while pending and number <= MAX_MEMBERS:
        each = pending.pop()
        number += len(each)
        if number <= MAX_MEMBERS:
            pending += (member for member in each if isinstance(member, list | tuple))
    return number


def _replace(text: object, found: object, by: object = "") -> str:
    """Replace within bounds: each occurrence may become a long text."""
    text, found, by = shown(text), shown(found), shown(by)
    if len(text) + text.count(found) * len(by) > MAX_TEXT:
        raise TooMuch(f"a text of more than {MAX_TEXT:,} characters")
    return text.replace(found, by)


def _join(items: object, by: object = " ") -> str:
    """Join within bounds: there may be as many separators as a text has characters."""
    separator = shown(by)
    texts = list(map(shown, items)) if isinstance(items, list | tuple | range) else [shown(items)]
    if sum(map(len, texts)) + len(texts) * len(separator) > MAX_TEXT:
        raise TooMuch(f"a text of more than {MAX_TEXT:,} characters")
    return separator.join(texts)


def _uniq(items: object, key: object = None) -> object:
    """Keep the first of equal members, in linear time; `key`: what they are compared by."""
    if not isinstance(items, list | tuple | range):
        return items
    first: dict[str, object] = {}
    for item in items:
        compared = item if key is None else item.get(key) if isinstance(item, Mapping) else None
        first.setdefault(msgspec.json.encode(compared, order="deterministic", enc_hook=str).decode(), item)
    return list(first.values())


def _date(value: object, form: object) -> str:
    """Return a time in a format of strftime, in UTC; a value that says no time as it is.

    A time is a text as everywhere, or a number of seconds since 1970 (of milliseconds, if it is that large).
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        at = time_of(value)
    else:
        at = round(value if abs(value) >= _MS_FROM else value * 1000)
    text = shown(form)
    if at is None or not text:
        return shown(value)
    if len(text) > _MAX_FORMAT:
        raise TooMuch(f"a format of more than {_MAX_FORMAT} characters")
    # Python leaves %s to the system, which takes the time for one of the zone of the machine.
    text = re.sub("%.", lambda found: str(at // 1000) if found[0] == "%s" else found[0], text)
    return (_EPOCH + timedelta(milliseconds=at)).strftime(text)


_OWN_FILTERS: dict[str, Filter] = {"date": _date, "join": _join, "replace": _replace, "uniq": _uniq}
