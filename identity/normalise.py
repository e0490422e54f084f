"""One spelling for each identifier, or the reason why it is unusable. Pure.

Which namespace has which normaliser is left to `rules`. Normalising twice changes nothing more; no text makes it fail.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec
import phonenumbers
from email_validator import EmailNotValidError, validate_email
from stdnum import luhn
from stdnum.iso7064 import mod_11_2

from identity.blanks import SPACES, stripped
from identity.numerals import is_rounded, without_point_zero
from identity.rules import MAX_VALUE_LENGTH, IdentityRules, is_printable
from schemas.records import Identifier

Reason: TypeAlias = Literal[
    "unknown_namespace", "blocked", "malformed", "checksum", "rounded", "too_long", "unprintable"
]
EXPLANATIONS: dict[str, str] = {
    "unknown_namespace": "the rules know no such namespace",
    "blocked": "such a value names nobody",
    "malformed": "the value is not well-formed",
    "checksum": "its check digit is wrong",
    "rounded": "a spreadsheet has rounded it",
    "too_long": f"it has more than {MAX_VALUE_LENGTH} characters",
    "unprintable": "it has characters that cannot be printed",
}
Normaliser: TypeAlias = Callable[[str, IdentityRules], str]
"""Returns a value, stripped and not over-long, in its one spelling. Raises NormaliserRefusal."""


# As written, with separators: ten times what E.164 allows would cost phonenumbers a hundred times the time.
MAX_PHONE_LENGTH = 64

# A point is allowed between the digits of a phone number, but this one is a double's.
_POINT_ZERO = re.compile(r"\A(\+?[0-9]+)\.0\Z")
_WIDE_SPACES = {ord(space): " " for space in SPACES if unicodedata.category(space) == "Zs"}


class Unusable(msgspec.Struct, frozen=True):
    """An identifier that names nobody under the rules, and why."""

    reason: Reason


class NormaliserRefusal(Exception):
    """Raised by a normaliser for what is none of its kind."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def normalise(rules: IdentityRules, identifier: Identifier) -> Identifier | Unusable:
    """Return the identifier in its one spelling. Values are blocked before and after: ` TEST@test.com` is, too."""
    namespace = rules.get(identifier.namespace)
    if namespace is None:
        return Unusable("unknown_namespace")
    try:
        spelt = _checked(rules, Identifier(identifier.namespace, _text(identifier.value)))
        if is_rounded(spelt.value):
            raise NormaliserRefusal("rounded")
        if namespace.normaliser is not None:
            value = NORMALISERS[namespace.normaliser](spelt.value, rules)
            spelt = _checked(rules, Identifier(identifier.namespace, value))
        if not is_printable(spelt.value):
            raise NormaliserRefusal("unprintable")
    except NormaliserRefusal as refusal:
        return Unusable(refusal.reason)
    return identifier if spelt == identifier else spelt


def why_unusable(rules: IdentityRules, identifier: Identifier) -> str:
    """Return why an identifier that somebody asks for names no person and no device; empty if it does."""
    why = rules.why_unusable(identifier)
    if why:
        return why
    normalised = normalise(rules, identifier)
    if isinstance(normalised, Identifier):
        return ""
    return f"{identifier.value[:50]!r} is no {identifier.namespace}: {EXPLANATIONS[normalised.reason]}"


def phone(value: str, rules: IdentityRules) -> str:
    """Return E.164, such as +493012345678; without a country code the number is one of the rules' region.

    Judged by length, not by whether the range is in use: ranges open faster than libraries are upgraded. Refused are
    numbers that need an area code, and those with an extension, behind which there are several people.
    """
    return _e164(_plain(value), rules.region)


def email(value: str, _rules: IdentityRules) -> str:
    """Return lower case, the domain as in DNS (RFC 5891): `Ann@Bücher.example` is `ann@xn--bcher-kva.example`.

    Strictly, a mail server may tell `Ann` from `ann` (RFC 5321, 2.4); none of those in use does.
    """
    return _address(_plain(value))


def email_provider(value: str, rules: IdentityRules) -> str:
    """Return what `email` does, without what providers ignore: everything after a plus sign, and the dots at Gmail.

    https://support.google.com/mail/answer/7436150 ; a domain where the plus sign counts must not use this.
    """
    local, _, domain = email(value, rules).rpartition("@")
    local = local.partition("+")[0]
    if domain in {"gmail.com", "googlemail.com"}:
        local, domain = local.replace(".", ""), "gmail.com"
    if not local:
        raise NormaliserRefusal("malformed")
    return f"{local}@{domain}"


def lower(value: str, _rules: IdentityRules) -> str:
    """Return lower case: advertising ids are UUIDs, which platforms write either way (RFC 9562, 4)."""
    return value.lower()


def id_card(value: str, _rules: IdentityRules) -> str:
    """Return a Chinese resident's number, 18 characters: region, date of birth, sequence, check character.

    GB 11643-1999: the check character is that of ISO/IEC 7064, MOD 11-2. Numbers of the first generation (15 digits,
    GB 11643-1989) get the century and the check character; their sequences 996 to 999 were of people born before 1900.
    """
    text = _plain(value).replace(" ", "").upper()
    if re.fullmatch(r"[1-9][0-9]{14}", text):
        century = "18" if text[12:] >= "996" else "19"
        text = f"{text[:6]}{century}{text[6:]}"
        text += mod_11_2.calc_check_digit(text)
    if not re.fullmatch(r"[1-9][0-9]{16}[0-9X]", text) or not _is_birthday(text[6:14]):
        raise NormaliserRefusal("malformed")
    if text[17] != mod_11_2.calc_check_digit(text[:17]):
        raise NormaliserRefusal("checksum")
    return text


def imei(value: str, _rules: IdentityRules) -> str:
    """Return 15 digits with the Luhn digit of 3GPP TS 23.003, 6.2.1 and annex B.

    14 digits get it; of 16 (an IMEISV, 6.2.2) the last two are the software's version, and the digit replaces them.
    """
    digits = re.sub(r"[ /-]", "", _plain(value))
    if not re.fullmatch(r"[0-9]{14,16}", digits):
        raise NormaliserRefusal("malformed")
    if not digits.strip("0"):
        raise NormaliserRefusal("blocked")
    checked = digits[:14] + luhn.calc_check_digit(digits[:14])
    if len(digits) == 15 and digits != checked:
        raise NormaliserRefusal("checksum")
    return checked


def openid(value: str, _rules: IdentityRules) -> str:
    """Return `APP:OPENID`: an openid is unique only within its app. Case counts.

    https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/union-id.html
    """
    if not re.fullmatch(r"[^\s:]+:[^\s:]+", value):
        raise NormaliserRefusal("malformed")
    return value


NORMALISERS: dict[str, Normaliser] = {
    "phone": phone,
    "email": email,
    "email_provider": email_provider,
    "lower": lower,
    "id_card": id_card,
    "imei": imei,
    "openid": openid,
}


def _checked(rules: IdentityRules, identifier: Identifier) -> Identifier:
    if len(identifier.value) > MAX_VALUE_LENGTH:
        raise NormaliserRefusal("too_long")
    if not identifier.value or rules.is_blocked(identifier):
        raise NormaliserRefusal("blocked")
    return identifier


def _text(value: str) -> str:
    """Return what every value is spelt like: no blanks around it, one kind of blank in it, composed (NFC), no `.0`."""
    text = stripped(value)
    if text.isascii():
        return without_point_zero(text)
    if len(text) > MAX_VALUE_LENGTH:  # composing takes the square of the length
        raise NormaliserRefusal("too_long")
    return without_point_zero(unicodedata.normalize("NFC", text).translate(_WIDE_SPACES))


def _plain(value: str) -> str:
    """Full-width characters become common ones (NFKC); marks of writing direction, which phones copy along, go."""
    if value.isascii():
        text = value
    else:
        common = unicodedata.normalize("NFKC", value)
        if len(common) > MAX_VALUE_LENGTH:  # one character becomes up to 18
            raise NormaliserRefusal("too_long")
        text = "".join(character for character in common if unicodedata.category(character) != "Cf")
    if not text.isprintable():
        raise NormaliserRefusal("unprintable")
    return text.strip()


@lru_cache(maxsize=16_384)
def _e164(text: str, region: str | None) -> str:
    text = _POINT_ZERO.sub(r"\1", text.removeprefix("tel:"))
    if len(text) > MAX_PHONE_LENGTH or not re.fullmatch(r"[\d +()./\u2010-\u2015-]*", text):
        raise NormaliserRefusal("malformed")  # the library would find a number in any text
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise NormaliserRefusal("malformed") from None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise NormaliserRefusal("malformed")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=16_384)
def _address(text: str) -> str:
    try:
        # Addresses under .test are usual where somebody tries things out.
        address = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise NormaliserRefusal("malformed") from None
    if address.ascii_domain is None or "." not in address.ascii_domain:
        raise NormaliserRefusal("malformed")
    local = unicodedata.normalize("NFKC", address.local_part.lower())
    return f"{local}@{address.ascii_domain.lower()}"


def _is_birthday(digits: str) -> bool:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year >= 1800
    except ValueError:
        return False
