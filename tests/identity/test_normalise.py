"""One spelling for each identifier; what cannot be one has its reason; nothing makes it fail."""

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from identity.normalise import NORMALISERS, Reason, Unusable, normalise, why_unusable
from identity.rules import DEFAULT_RULES, MAX_VALUE_LENGTH, IdentityRules, Namespace
from schemas.records import Identifier

GERMAN = msgspec.structs.replace(DEFAULT_RULES, region="DE")
CHINESE = msgspec.structs.replace(DEFAULT_RULES, region="CN")
EVERY = IdentityRules(tuple(Namespace(name, normaliser=name) for name in NORMALISERS), region="CN")

_DIGITS = st.text(st.characters(categories=["Nd"]) | st.sampled_from("0123456789"), max_size=20)
_ADDRESSES = st.builds("{}@{}".format, st.text(max_size=20), st.text(max_size=20)) | st.emails()
_VALUES = st.text() | st.text(st.characters()) | _DIGITS | _DIGITS.map("+{}".format) | _ADDRESSES
_HALF_A_PAIR = chr(0xD800)


def spelt(namespace: str, value: str, rules: IdentityRules = DEFAULT_RULES) -> str:
    """The value's one spelling, or its reason."""
    normalised = normalise(rules, Identifier(namespace, value))
    return normalised.reason if isinstance(normalised, Unusable) else normalised.value


@pytest.mark.parametrize(
    ("value", "rules", "expected"),
    [
        ("030 / 123456-78", GERMAN, "+493012345678"),
        ("+49 (0)30 12345678", DEFAULT_RULES, "+493012345678"),
        ("tel:+49-30-12345678", DEFAULT_RULES, "+493012345678"),
        ("139 1234 5678", CHINESE, "+8613912345678"),
        ("＋８６ １３９１２３４５６７８", DEFAULT_RULES, "+8613912345678"),  # noqa: RUF001 - full width on purpose
        ("\u202a+86 139\u00a01234\u00a05678\u202c", DEFAULT_RULES, "+8613912345678"),
        ("0086 13912345678", CHINESE, "+8613912345678"),
        ("13912345678", DEFAULT_RULES, "malformed"),
        ("+49 30 12345678 ext. 7", DEFAULT_RULES, "malformed"),
        ("+4930123450.0", DEFAULT_RULES, "+4930123450"),  # and not the number with one zero more
        ("4930123450.0", GERMAN, "+4930123450"),
        ("030123450.0", GERMAN, "+4930123450"),
        ("4930123450.0", DEFAULT_RULES, "malformed"),
        ("4.93012345E9", GERMAN, "malformed"),
        ("4.93012E+11", GERMAN, "rounded"),
        ("+٤٩٣٠١٢٣٤٥٠", DEFAULT_RULES, "+4930123450"),
        ("+۴۹ ۳۰ ۱۲۳۴۵۰", DEFAULT_RULES, "+4930123450"),
        ("call me: +49 30 12345678", DEFAULT_RULES, "malformed"),
        ("+49", DEFAULT_RULES, "malformed"),
        ("+999 12345678", DEFAULT_RULES, "malformed"),
        ("12345", CHINESE, "malformed"),
        ("+49 30\x0012345678", DEFAULT_RULES, "unprintable"),
        ("000", CHINESE, "blocked"),
    ],
)
def test_phones_are_e164(value: str, rules: IdentityRules, expected: str) -> None:
    assert spelt("phone", value, rules) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" Ann@Example.ORG ", "ann@example.org"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("１２３＠ｑｑ．ｃｏｍ", "123@qq.com"),  # noqa: RUF001 - full width on purpose
        ("A.n.n+shop@gmail.com", "a.n.n+shop@gmail.com"),
        ("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v"),
        ("ann@shop.test", "ann@shop.test"),
        ("ann@localhost", "malformed"),
        ("ann@test", "malformed"),
        ("ann@printer.local", "malformed"),
        ("ann@", "malformed"),
        ("a b@x.org", "malformed"),
        ("ann@x..org", "malformed"),
        ("Test@Test.com", "blocked"),
        ("ｔest@test.com", "blocked"),  # noqa: RUF001 - full width on purpose
        ("ann\x07@x.org", "unprintable"),
    ],
)
def test_addresses_are_in_lower_case_and_their_domains_in_ascii(value: str, expected: str) -> None:
    assert spelt("email", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("A.n.n+shop@googlemail.com", "ann@gmail.com"),
        ("A.n.n+shop@outlook.com", "a.n.n@outlook.com"),
        ("+shop@gmail.com", "malformed"),
    ],
)
def test_what_providers_ignore_is_ignored_only_when_asked_for(value: str, expected: str) -> None:
    assert spelt("email_provider", value, EVERY) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("11010519491231002X", "11010519491231002X"),  # the standard's own example
        ("11010519491231002x", "11010519491231002X"),
        ("110105 19491231 002X", "11010519491231002X"),
        ("440524188001010014", "440524188001010014"),  # and its second one, of a person born in 1880
        ("110105491231002", "11010519491231002X"),
        ("440524800101999", "440524188001019991"),
        ("110105194912310021", "checksum"),
        ("11010519491331002X", "malformed"),
        ("110105194902300026", "malformed"),
        ("01010519491231002X", "malformed"),
        ("1101051949", "malformed"),
    ],
)
def test_resident_numbers_have_a_date_and_a_check_character(value: str, expected: str) -> None:
    assert spelt("id_card", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("490154203237518", "490154203237518"),
        ("49-015420-323751-8", "490154203237518"),
        ("49015420323751", "490154203237518"),
        ("4901542032375101", "490154203237518"),
        ("490154203237519", "checksum"),
        ("4901542032375", "malformed"),
        ("A0154203237518", "malformed"),
        ("000000000000000", "blocked"),
    ],
)
def test_imeis_have_15_digits(value: str, expected: str) -> None:
    assert spelt("imei", value) == expected


@pytest.mark.parametrize(
    ("namespace", "value", "expected"),
    [
        ("openid", "wx0123456789abcdef:oAbC-1_x", "wx0123456789abcdef:oAbC-1_x"),
        ("id_card", "11010519491231002X.0", "malformed"),
        ("id_card", "440524188001010014.0", "440524188001010014"),
        ("imei", "490154203237518.0", "490154203237518"),
        ("openid", "oAbC-1_x", "malformed"),
        ("openid", "wx1:", "malformed"),
        ("openid", "wx1:a:b", "malformed"),
        ("idfa", "AEBE52E7-03EE-455A-B3C4-E57283966239", "aebe52e7-03ee-455a-b3c4-e57283966239"),
        ("gaid", "00000000-0000-0000-0000-000000000000", "blocked"),
        ("user_id", " Ann ", "Ann"),
        ("user_id", "GUEST", "blocked"),
        ("user_id", " \t ", "blocked"),
        ("user_id", "", "blocked"),
        ("user_id", '"null"', "blocked"),
        ("user_id", "''", "blocked"),
        ("user_id", "#N/A", "blocked"),
        ("user_id", "Distinct_ID", "blocked"),
        ("user_id", "0.0", "blocked"),
        ("user_id", "-0.0", "blocked"),
        ("user_id", "55520.0", "55520"),
        ("external_id", " 55520.0", "55520"),
        ("user_id", "55520.5", "55520.5"),
        ("user_id", "007", "007"),
        ("user_id", "5.552e4", "5.552e4"),
        ("user_id", "1.23457E+11", "rounded"),
        ("user_id", "Ann Smith", "Ann Smith"),
        ("user_id", "Ann\u00a0Smith", "Ann Smith"),
        ("user_id", "王\u3000小明", "王 小明"),
        ("user_id", "\ufeffu1\u200b \u202c", "u1"),
        ("user_id", "\u200b\u2060", "blocked"),
        ("user_id", "Jose\u0301", "José"),
        ("user_id", "ＡＢＣ１２", "ＡＢＣ１２"),  # noqa: RUF001 - full width on purpose
        ("user_id", "\x07", "unprintable"),
        ("user_id", "a\x00b", "unprintable"),
        ("user_id", "a\nb", "unprintable"),
        ("user_id", "a\u200bb", "unprintable"),
        ("user_id", _HALF_A_PAIR, "unprintable"),
        ("user_id", "a\ufffdb", "unprintable"),
        ("email", "a\ufffdb@x.org", "unprintable"),
        ("user_id", "\u0958" * MAX_VALUE_LENGTH, "too_long"),  # two characters each when composed
        ("user_id", "x" * MAX_VALUE_LENGTH, "x" * MAX_VALUE_LENGTH),
        ("user_id", "x" * (MAX_VALUE_LENGTH + 1), "too_long"),
        ("user_id", "x" * 10_000, "too_long"),
        ("crm", "1", "unknown_namespace"),
    ],
)
def test_everything_else(namespace: str, value: str, expected: str) -> None:
    assert spelt(namespace, value) == expected


@pytest.mark.parametrize(
    ("namespace", "value", "expected"),
    [
        ("user_id", "55520", ""),
        ("user_id", "1.23457E+11", "'1.23457E+11' is no user_id: a spreadsheet has rounded it"),
        ("email", "ann@", "'ann@' is no email: the value is not well-formed"),
        ("user_id", "guest", "'user_id:guest' names nobody: the rules block this value"),
        ("userid", "1", "there is no namespace 'userid' (did you mean 'user_id'?)"),
        ("group_id", "1", "group_id names an account, and no person"),
        ("user_id", "x" * 513, "a value of user_id has at most 512 characters"),
        ("user_id", "\u3000", "a value of user_id is not blank"),
        ("user_id", "a\nb", "'user_id:a\\nb' names nobody: it has characters that cannot be printed"),
    ],
)
def test_who_asks_for_what_names_nobody_hears_why(namespace: str, value: str, expected: str) -> None:
    assert why_unusable(DEFAULT_RULES, Identifier(namespace, value)) == expected


@given(st.sampled_from(sorted(NORMALISERS)), _VALUES)
@example("email", f"a{_HALF_A_PAIR}@x.org")
@example("email", "a@\u1e9e.org")
@example("lower", "İ")
@example("phone", "+٣")
@example("phone", "ﷺ" * 500)
@example("phone", "+5.0.0")
@example("lower", "K\u0301")
@example("lower", "5\u2000.0")
def test_no_text_fails_and_a_second_time_changes_nothing(name: str, value: str) -> None:
    normalised = normalise(EVERY, Identifier(name, value))
    if isinstance(normalised, Identifier):
        assert normalise(EVERY, normalised) == normalised
        assert EVERY.is_usable(normalised)
    else:
        assert normalised.reason in Reason.__args__  # type: ignore[attr-defined]


@given(st.integers(0, 10**14 - 1).map("{:014}".format).filter(lambda digits: digits.strip("0")), st.integers(0, 9))
def test_one_check_digit_fits_and_every_other_is_told(digits: str, digit: int) -> None:
    whole = spelt("imei", digits)
    assert spelt("imei", f"{digits}{digit}") == (whole if whole[14] == str(digit) else "checksum")


@given(st.sampled_from([rule.name for rule in DEFAULT_RULES.namespaces]), st.text())
def test_what_is_normalised_is_usable_as_it_is(namespace: str, value: str) -> None:
    normalised = normalise(DEFAULT_RULES, Identifier(namespace, value))
    assert isinstance(normalised, Unusable) or DEFAULT_RULES.is_usable(normalised)
