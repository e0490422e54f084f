"""The open parts of an event, which are JSON text of anybody: what is malformed or of another shape counts as empty."""

import msgspec

from schemas.records import Event

EMPTY_OBJECT = "{}"


class _Page(msgspec.Struct, gc=False):
    url: str | None = None


class _PageContext(msgspec.Struct, gc=False):
    page: _Page | None = None


_decode_object = msgspec.json.Decoder(dict[str, object]).decode
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


def url_of(event: Event) -> str | None:
    """The address of the page that an event is of: `properties.url`, else `context.page.url`."""
    try:
        url = _decode_page(event.properties).url
    except (ValueError, RecursionError):
        url = None
    if url:
        return url
    try:
        page = _decode_context(event.context).page
    except (ValueError, RecursionError):
        return None
    return (page.url or None) if page else None
