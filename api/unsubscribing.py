"""The page behind a link to unsubscribe. Looking at it does nothing, as programs that check links do; its button does.

Mail programs send the button's request by themselves (RFC 8058).
"""

import html
from http import HTTPStatus

from starlette.responses import HTMLResponse, Response

from schemas.consent import ALL
from schemas.unsubscribing import UnsubscribeLink

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
}
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Unsubscribe</title>
<style>body {{ font: 1.1rem system-ui; max-width: 32rem; margin: 15vh auto; padding: 0 1rem }}
button {{ font: inherit; padding: .6rem 1.2rem }}</style></head>
<body><h1>{title}</h1><p>{text}</p>{form}</body>
</html>
"""
_BUTTON = '<form method="post"><button type="submit">Unsubscribe</button></form>'


def asking_page(link: UnsubscribeLink, title: str) -> Response:
    """Return the page with the button. `title`: of the purpose, as `consent.yaml` has it."""
    return _page(HTTPStatus.OK, "Unsubscribe", f"You will get no more of this: {_what(link, title)}.", _BUTTON)


def done_page(link: UnsubscribeLink, title: str) -> Response:
    """Return the page that says that it is done."""
    return _page(HTTPStatus.OK, "You are unsubscribed", f"You will get no more of this: {_what(link, title)}.")


def trial_page(link: UnsubscribeLink, title: str) -> Response:
    """Return the page of a link that is about nobody."""
    text = f"Nobody is unsubscribed. This would have been the end of: {_what(link, title)}."
    return _page(HTTPStatus.OK, "This was a trial", text)


def forged_page() -> Response:
    """Return the page of a link that was not made here."""
    return _page(HTTPStatus.NOT_FOUND, "This link does not work", "Use the link of the message as it came.")


def unavailable_page() -> Response:
    """Return the page that has people, and programs, come again."""
    response = _page(HTTPStatus.SERVICE_UNAVAILABLE, "Not now", "This cannot be done now. Please try again later.")
    response.headers["Retry-After"] = "30"
    return response


def _what(link: UnsubscribeLink, title: str) -> str:
    channel = "" if link.channel == ALL else f" ({link.channel})"
    return f"{title}{channel}"


def _page(status: HTTPStatus, title: str, text: str, form: str = "") -> Response:
    content = _PAGE.format(title=html.escape(title), text=html.escape(text), form=form)
    return HTMLResponse(content, status, headers=_HEADERS)
