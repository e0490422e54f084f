"""Addresses of mails: read from what people wrote, in the spelling that most servers take. Pure."""

import unicodedata
from email.utils import parseaddr
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

_LONGEST_NAME = 200


class BadAddress(Exception):
    """A text is no address that a mail can be sent to; the message does not repeat it."""


class Mailbox(NamedTuple):
    """An address, and what it is called. `is_ascii`: any server takes it; else it must offer SMTPUTF8."""

    address: str
    name: str
    is_ascii: bool

    @property
    def domain(self) -> str:
        """What stands behind the @."""
        return self.address.rpartition("@")[2]

    @property
    def shown(self) -> str:
        """The address with its name, as people read it."""
        return f"{self.name} <{self.address}>" if self.name else self.address


def mailbox_of(address: str, name: str = "") -> Mailbox:
    """Return the mailbox of an address; its domain in ASCII (IDNA) if all of it is so then. Raises BadAddress."""
    try:
        checked = validate_email(
            address.strip(), check_deliverability=False, allow_smtputf8=True, test_environment=True
        )
    except EmailNotValidError:
        raise BadAddress("it is no e-mail address") from None
    return Mailbox(checked.ascii_email or checked.normalized, one_line(name)[:_LONGEST_NAME], bool(checked.ascii_email))


def written_mailbox(text: str) -> Mailbox:
    """Return the mailbox of a text such as `Shop <news@shop.example>`. Raises BadAddress."""
    name, address = parseaddr(text)
    return mailbox_of(address, name)


def one_line(text: str) -> str:
    """Return a text without control characters and line breaks, as a header takes it."""
    kept = (" " if unicodedata.category(sign) in {"Cc", "Zl", "Zp", "Cs"} else sign for sign in text)
    return " ".join("".join(kept).split())
