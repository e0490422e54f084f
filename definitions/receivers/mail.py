"""Options of e-mail: a server that takes it by SMTP, and whom it comes from."""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from definitions.receivers.hosts import why_no_host
from definitions.receivers.http import why_no_url
from definitions.receivers.values import OptionProblem, Secret

PRESET = {
    "to": {"value": "@identifiers.email", "otherwise": "@traits.email", "required": True},
    "subject": "{{ name }}",
    "text": "{{ name }}: {{ change }}",
}
"""`html` and `reply_to` may stand beside; `%unsubscribe_url%` in `text` and `html` becomes the person's own link."""

CHANNEL = "email"

KEYS = {
    "host": "Name of the server that takes the mails (SMTP).",
    "port": "Its port; 587 with `starttls`, 465 with `tls` and 25 with `none` if left out.",
    "sender": "Whom mails come from, such as `Shop <news@shop.example>`.",
    "security": "`starttls` and `tls` send nothing without a certificate that is right; `none` sends in clear.",
    "user": "Name for the login, if the server asks for one.",
    "password": "Password for the login.",
    "reply_to": "Where answers go, if not to the sender.",
    "unsubscribe_base": "Address at which people reach the API, such as `https://api.shop.example`: makes the links.",
    "ca_file": "File with the certificates that the server's must come from, if not the system's.",
    "hello": "Name by which the deliverer introduces itself; its host's if left out.",
}


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="mail", tag_field="type"):
    """`sender`: an address, with or without a name. Where the server may stand is not limited: mostly within."""

    host: str
    sender: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | Secret = ""
    password: Secret | None = None
    reply_to: str = ""
    unsubscribe_base: str = ""
    ca_file: str = ""
    hello: str = ""


def problems(options: Mail) -> Iterator[OptionProblem]:
    """Yield what is wrong with the options together."""
    if (reason := why_no_host(options.host)) is not None:
        yield OptionProblem("host", f"no server can be reached by it: {reason}", "write `smtp.shop.example`")
    named = options.hello.removeprefix("[").removesuffix("]").removeprefix("IPv6:")
    if options.hello and (reason := why_no_host(named)) is not None:
        yield OptionProblem("hello", f"no server takes it: {reason}", "write the deliverer's own name, or leave it out")
    base = options.unsubscribe_base
    if base and (why_no_url(base) is not None or "?" in base or "#" in base):
        yield OptionProblem("unsubscribe_base", "it is no address of the API", "write `https://api.shop.example`")
    if options.password is not None and options.security == "none":
        yield OptionProblem("password", "a password would be sent in clear", "write `security: starttls` or `tls`")
    if (options.password is None) != (options.user == ""):
        yield OptionProblem("user", "a login needs both `user` and `password`", "add the other one, or leave both out")
