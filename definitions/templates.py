"""Templates of triggers' payloads (Liquid): which fields they may name, what is wrong with one, and their text.

Bounded in time and size whatever the template: it is rendered while a batch is folded. Reads no clock and no file.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from liquid import Environment

MAX_TEMPLATE = 4_000
MAX_RENDERED_BYTES = 4_096

FIELDS: Mapping[str, tuple[str, ...]] = {
    "profile": ("id", "traits", "identifiers", "segments"),
    "event": ("name", "type", "properties", "occurred_at"),
    "trigger": ("name", "fired_at"),
}
"""What a template may name. Below `traits`, `properties` and `identifiers` (by namespace) is whatever was sent."""
_FREE = frozenset({"traits", "properties", "identifiers"})
_REFUSED_TAGS = {"include": "another file", "render": "another file"}


@cache
def _environment() -> "Environment":
    """Return the environment of all templates. It takes a quarter of a second to import: only whoever has one pays."""
    from liquid import Environment

    class Bounded(Environment):
        loop_iteration_limit = 1_000
        output_stream_limit = MAX_RENDERED_BYTES
        local_namespace_limit = 10_000
        context_depth_limit = 10

    return Bounded()


class Problem(NamedTuple):
    """What is wrong with a template, and what to do."""

    message: str
    hint: str = ""


def problems(text: str) -> Iterator[Problem]:
    """Yield what is wrong with a template: its notation, fields that nobody has, and what it must not do.

    Any name below `traits` and `properties` may be right: senders send what they like.
    """
    from liquid.exceptions import LiquidError

    if len(text) > MAX_TEMPLATE:
        yield Problem(f"the template is longer than {MAX_TEMPLATE} characters")
        return
    try:
        analysis = _environment().from_string(text).analyze(include_partials=False)
    except LiquidError as error:
        yield Problem(f"the template cannot be read: {error.message}", "the notation is Liquid's")
        return
    for tag in analysis.tags.keys() & _REFUSED_TAGS.keys():
        yield Problem(f"the template asks for {_REFUSED_TAGS[tag]} by {tag!r}", "write out what it should say")
    for name in sorted(analysis.filters.keys() - _environment().filters.keys()):
        yield Problem(f"the template has an unknown filter {name!r}", "the filters are Liquid's")
    if "now" in text and "date" in analysis.filters:
        yield Problem("the template asks for the time of the clock", "write trigger.fired_at instead of 'now'")
    for variables in analysis.globals.values():
        for variable in variables:
            yield from _wrong_field(tuple(map(str, variable.segments)))


def _wrong_field(segments: tuple[str, ...]) -> Iterator[Problem]:
    root, *rest = segments
    known = FIELDS.get(root)
    if known is None:
        yield Problem(f"the template has an unknown field {root!r}", f"fields begin with {', '.join(FIELDS)}")
    elif not rest or rest[0] not in known:
        shown = ".".join(segments)
        yield Problem(f"the template has an unknown field {shown!r}", f"of {root} there is {', '.join(known)}")
    elif len(rest) > 1 and rest[0] not in _FREE:
        yield Problem(f"the template has an unknown field {'.'.join(segments)!r}", f"{root}.{rest[0]} has no parts")


class Payload:
    """The templates of one trigger, compiled; their texts make one JSON object."""

    def __init__(self, templates: tuple[tuple[str, str], ...]) -> None:
        self._templates = tuple((key, _environment().from_string(text)) for key, text in templates)

    def render(self, fields: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
        """Return the text of each template; of one that fails on these fields, such as a number divided by 0, nothing.

        `fields`: as in FIELDS; what is missing is empty.
        """
        from liquid.exceptions import LiquidError

        rendered = {}
        for key, template in self._templates:
            try:
                rendered[key] = template.render(**fields)
            except LiquidError:
                continue
        return rendered
