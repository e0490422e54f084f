"""The open parts of an event, which are JSON text of anybody: what is malformed or of another shape counts as empty."""

import msgspec

from schemas.records import Event, SessionFacts

EMPTY_OBJECT = "{}"
MAX_FACT_LENGTH = 200  # as admission cuts them; whoever sets an ordinal has not passed it
_FACTS = '"facts"'
_PAGES = frozenset({"page", "screen"})


class _Page(msgspec.Struct, gc=False):
    url: str | None = None


class _Facts(SessionFacts, frozen=True, gc=False):
    """The facts of one event, in the same order, under their names in `context.facts`."""

    entry_page: str = msgspec.field(default="", name="page")


class _FactContext(msgspec.Struct, gc=False):
    facts: _Facts | None = None


class _PageContext(msgspec.Struct, gc=False):
    page: _Page | None = None


class _ZoneContext(msgspec.Struct, gc=False):
    timezone: str | None = None


_decode_object = msgspec.json.Decoder(dict[str, object]).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_page = msgspec.json.Decoder(_Page).decode
_decode_facts = msgspec.json.Decoder(_FactContext).decode
_decode_context = msgspec.json.Decoder(_PageContext).decode
_decode_zone = msgspec.json.Decoder(_ZoneContext).decode


def parse_object(text: str) -> dict[str, object]:
    """Parse a JSON object, or an empty one where the text is none."""
    if text == EMPTY_OBJECT:
        return {}
    try:
        return _decode_object(text)
    except (ValueError, RecursionError):
        return {}


def parse_members(text: str) -> dict[str, msgspec.Raw] | None:
    """Parse the values of a JSON object by name, each as the text that was sent; None where the text is no object."""
    try:
        return _decode_members(text)
    except (ValueError, RecursionError):
        return None


def url_of(event: Event) -> str | None:
    """Return the address of the page on which an event happened; None if it does not say.

    A page and a screen say it as `properties.url`, and every event may as `context.page.url`. `properties.url` of
    another event is something else, such as the target of a link.
    """
    if event.type in _PAGES and (url := _own_url(event)):
        return url
    try:
        page = _decode_context(event.context).page
    except (ValueError, RecursionError):
        return None
    return (page.url or None) if page else None


def facts_of(event: Event) -> tuple[str, ...]:
    """Return the facts that admission has found in an event, in the order of `SessionFacts`; () without any."""
    if _FACTS not in event.context:
        return ()
    try:
        facts = _decode_facts(event.context).facts
    except msgspec.ValidationError:
        facts = _texts_among(parse_object(event.context).get("facts"))
    except (ValueError, RecursionError):
        return ()
    texts = msgspec.structs.astuple(facts) if facts else ()
    if not any(texts):
        return ()
    return texts if max(map(len, texts)) <= MAX_FACT_LENGTH else tuple(text[:MAX_FACT_LENGTH] for text in texts)


def _texts_among(facts: object) -> _Facts | None:
    """The facts that are texts, of an event that admission has not seen."""
    if not isinstance(facts, dict):
        return None
    names = zip(_Facts.__struct_fields__, _Facts.__struct_encode_fields__, strict=True)
    return _Facts(**{field: facts[name] for field, name in names if isinstance(facts.get(name), str)})


def timezone_of(event: Event) -> str | None:
    """Return the time zone that an event names as `context.timezone`; None if it does not say."""
    if '"timezone"' not in event.context:
        return None
    try:
        return _decode_zone(event.context).timezone
    except (ValueError, RecursionError):
        return None


def _own_url(event: Event) -> str | None:
    try:
        return _decode_page(event.properties).url
    except (ValueError, RecursionError):
        return None
