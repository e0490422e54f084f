"""The open parts of an event, which are JSON text of anybody: what is malformed or of another shape counts as empty."""

import msgspec

from schemas.records import Event

EMPTY_OBJECT = "{}"
_PAGES = frozenset({"page", "screen"})


class _Page(msgspec.Struct, gc=False):
    url: str | None = None


class _PageContext(msgspec.Struct, gc=False):
    page: _Page | None = None


_decode_object = msgspec.json.Decoder(dict[str, object]).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_page = msgspec.json.Decoder(_Page).decode
_decode_context = msgspec.json.Decoder(_PageContext).decode


def parse_object(text: str) -> dict[str, object]:
    """A JSON object, or an empty one where the text is none."""
    if text == EMPTY_OBJECT:
        return {}
    try:
        return _decode_object(text)
    except (ValueError, RecursionError):
        return {}


def parse_members(text: str) -> dict[str, msgspec.Raw] | None:
    """The values of a JSON object by name, each as the text that was sent; None where the text is no object."""
    try:
        return _decode_members(text)
    except (ValueError, RecursionError):
        return None


def url_of(event: Event) -> str | None:
    """The address of the page on which an event happened; None if it does not say.

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


def _own_url(event: Event) -> str | None:
    try:
        return _decode_page(event.properties).url
    except (ValueError, RecursionError):
        return None
