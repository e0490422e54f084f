"""`identity.yaml`: a file of one's own changes what it names, and no more. What the defaults are: `test_defaults`."""

from pathlib import Path

import msgspec
import pytest

from definitions import load
from definitions.defaults import default_rules_text
from definitions.reading.identity import CAPS
from identity.rules import DEFAULT_RULES, IdentityRules, Namespace
from schemas.records import Identifier
from tests.definitions.folders import errors_of, write

MISTAKES = [
    ("- region: CN", "1:1", "must be a mapping"),
    ("regoin: CN", "1:1", "has no key 'regoin' (did you mean 'region'?)"),
    ("version: abc", "1:1", "has no key 'version'"),
    ("region: cn", "1:9", "there is no region 'cn' (did you mean 'CN'?)"),
    ("region: China", "1:9", "ISO 3166-1"),
    ("region: [CN]", "1:9", "must be a text"),
    ("region: 86", "1:9", "86 is a number"),
    ("region:", "1:1", "is empty"),
    ("max_identifiers: 0", "1:18", "whole number from 1 to 10000, not '0'"),
    ("max_merges: -1", "1:13", "whole number from 1 to 10000, not '-1'"),
    ("max_fan_in: many", "1:13", "whole number"),
    ("max_fan_in: 10001", "1:13", "from 1 to 10000"),
    ("blocked: guest", "1:10", "must be a list of values"),
    ("blocked: {guest: true}", "1:10", "must be a list of values"),
    ("blocked:", "1:1", "must be a list of values"),
    ("blocked: [guest, Guest]", "1:18", "'guest' is given twice"),
    ("blocked: [0]", "1:11", 'quote it: "0"'),
    ("blocked: [0000]", "1:11", 'quote the text: "0000"'),
    ("blocked: [null]", "1:11", 'quote it: "null"'),
    ("blocked: [true]", "1:11", 'quote it: "true"'),
    ("blocked: [no]", "1:11", 'quote the text: "no"'),
    ('blocked: [" "]', "1:11", "is empty"),
    ("blocked: [[a]]", "1:11", "must be a text"),
    (f"blocked: [{'x' * 513}]", "1:11", "longer than 512 characters"),
    ("namespaces: []", "1:13", "must be a list of namespaces, strongest first"),
    ("namespaces: {email: {}}", "1:13", "must be a list of namespaces, strongest first"),
    ("namespaces: [email]", "1:14", "expected a namespace as a mapping"),
    ("namespaces:\n  - {namespace: cookie, kind: device}", "2:3", "none of the namespaces is of kind 'person'"),
    ("region: CN\n---\nregion: DE", "3:1", "a second document"),
    ("", "", "the file is empty"),
    ("region: &a CN", "1:9", "anchors and aliases"),
    (b"region: \xff", "1:9", "not UTF-8"),
]

NAMESPACE_MISTAKES = [
    ("{kind: person}", "3:5", "needs the key 'namespace'"),
    ("{namespace: crm}", "3:5", "needs the key 'kind' (one of person, device, session, account)"),
    ("{namespace: user_id, kind: person}", "3:17", "'user_id' is defined twice (first on line 2: remove one)"),
    ("{namespace: crm, kind: persn}", "3:28", "there is no kind 'persn' (did you mean 'person'?)"),
    ("{namespace: crm, kind: person, uniqe: true}", "3:36", "has no key 'uniqe' (did you mean 'unique'?)"),
    ("{namespace: CRM id, kind: person}", "3:17", "not a valid name (lower-case letters"),
    (f"{{namespace: {'a' * 64}, kind: person}}", "3:17", "not a valid name"),
    ("{namespace: 5, kind: person}", "3:17", 'quote it: "5"'),
    ("{namespace: '', kind: person}", "3:17", "is empty"),
    ("{namespace: crm, kind: person, limit: 0}", "3:43", "whole number from 1 to 10000, not '0'"),
    ("{namespace: crm, kind: person, limit: -3}", "3:43", "not '-3'"),
    ("{namespace: crm, kind: person, limit: 1.5}", "3:43", "not '1.5'"),
    ("{namespace: crm, kind: person, limit: [1]}", "3:43", "whole number"),
    ("{namespace: crm, kind: person, limit: {at_most: 5}}", "3:43", "needs the key 'within'"),
    ("{namespace: crm, kind: person, limit: {within: 5d}}", "3:43", "needs the key 'at_most'"),
    ("{namespace: crm, kind: person, limit: {at_most: 0, within: 5d}}", "3:53", "not '0'"),
    ("{namespace: crm, kind: person, limit: {at_most: 5, within: 0d}}", "3:64", "longer than 0"),
    ("{namespace: crm, kind: person, limit: {at_most: 5, within: month}}", "3:64", "must be a duration"),
    ("{namespace: crm, kind: person, limit: {at_most: 5, for: 5d, within: 5d}}", "3:56", "has no key 'for'"),
    ("{namespace: crm, kind: person, limit: 2, unique: true}", "3:36", "contradicts `unique: true`"),
    ("{namespace: crm, kind: person, limit: {at_most: 1, within: 5d}, unique: true}", "3:36", "contradicts"),
    ("{namespace: crm, kind: person, unique: yes}", "3:44", "must be true or false"),
    ("{namespace: crm, kind: person, shared: isolate}", "3:36", "'shared' on a namespace of kind 'person'"),
    ("{namespace: visit, kind: session, shared: isolate}", "3:39", "'shared' on a namespace of kind 'session'"),
    ("{namespace: tablet, kind: device, shared: last-login}", "3:47", "did you mean 'last_login'?"),
    ("{namespace: tablet, kind: device, shared: isolated}", "3:47", "did you mean 'isolate'?"),
    ("{namespace: crm, kind: person, normaliser: e-mail}", "3:48", "did you mean 'email'?"),
    ("{namespace: crm, kind: person, blocked: x}", "3:45", "must be a list of values"),
    (
        "{namespace: mail, kind: person, normaliser: email_provider, blocked: [x@x.org, A.b+c@gmail.com]}",
        "3:84",
        """never yields the blocked value 'A.b+c@gmail.com' (write "ab@gmail.com",""",
    ),
    (
        "{namespace: phone, kind: person, normaliser: phone, blocked: ['+49 30 12345678']}",
        "3:67",
        """never yields the blocked value '+49 30 12345678' (write "+493012345678",""",
    ),
    ("{namespace: firm, kind: account, limit: 1}", "3:38", "'limit' on a namespace of kind 'account'"),
    ("{namespace: firm, kind: account, unique: true}", "3:38", "'unique' on a namespace of kind 'account'"),
]


def rules(folder: Path, text: str) -> IdentityRules:
    return load(write(folder, {"identity.yaml": text})).identity


@pytest.mark.parametrize(("text", "position", "says"), MISTAKES)
def test_a_mistake_names_its_position(tmp_path: Path, text: str | bytes, position: str, says: str) -> None:
    errors = errors_of(tmp_path, {"identity.yaml": text})
    assert len(errors) == 1, errors
    assert errors[0].startswith(f"identity.yaml:{position}: " if position else "identity.yaml: "), errors
    assert says in errors[0]


@pytest.mark.parametrize(("text", "position", "says"), NAMESPACE_MISTAKES)
def test_a_mistake_in_a_namespace_names_its_position(tmp_path: Path, text: str, position: str, says: str) -> None:
    before = "namespaces:\n  - {namespace: user_id, kind: person}\n  - "
    test_a_mistake_names_its_position(tmp_path, before + text, position, says)


def test_all_mistakes_are_told_at_once_with_those_of_other_files(tmp_path: Path) -> None:
    text = """\
        region: XX
        max_merges: 0
        namespaces:
          - {namespace: A, kind: b}
          - {namespace: c, kind: device, limit: 0}
        """
    errors = errors_of(tmp_path, {"identity.yaml": text, "segments/a.yaml": "segment: a"})
    assert [error.split(" ")[0] for error in errors] == [
        *(f"identity.yaml:{position}:" for position in ("1:9", "2:13", "4:17", "4:26", "5:41")),
        "segments/a.yaml:1:1:",
    ]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("identity.yaml/a.yaml", "identity.yaml: identity.yaml must be a file"),
        ("identity.yml", "identity.yml: no entry of a folder of definitions (did you mean 'identity.yaml'?)"),
    ],
)
def test_it_is_one_file_of_this_name(tmp_path: Path, path: str, says: str) -> None:
    (error,) = errors_of(tmp_path, {path: "region: CN"})
    assert error.startswith(says)


def test_a_link_to_nowhere_is_not_taken_for_no_file(tmp_path: Path) -> None:
    (tmp_path / "identity.yaml").symlink_to(tmp_path / "gone.yaml")
    (error,) = errors_of(tmp_path, {})
    assert error.startswith("identity.yaml: cannot be read: ")


def test_what_a_file_does_not_name_keeps_its_shipped_value(tmp_path: Path) -> None:
    assert rules(tmp_path, "region: NO") == msgspec.structs.replace(DEFAULT_RULES, region="NO")
    assert rules(tmp_path, "{}") == DEFAULT_RULES
    for cap in CAPS:
        assert rules(tmp_path, f"{cap}: 7") == msgspec.structs.replace(DEFAULT_RULES, **{cap: 7})


def test_lists_replace_the_shipped_ones(tmp_path: Path) -> None:
    read = rules(tmp_path, "blocked: [Nobody, N/A]\nnamespaces: [{namespace: member, kind: person}]")
    assert read.blocked == {"nobody", "n/a"}
    assert read.namespaces == (Namespace("member"),)
    assert rules(tmp_path, "blocked: []").blocked == frozenset()


def test_every_key_of_a_namespace_is_read(tmp_path: Path) -> None:
    text = """\
        namespaces:
          - {namespace: member, kind: person, unique: true, blocked: [X1]}
          - {namespace: mail, kind: person, limit: {at_most: 5, within: 30d}, normaliser: email_provider}
          - {namespace: till, kind: device, shared: first_owner, limit: 3}
          - {namespace: visit, kind: session, unique: false}
          - {namespace: firm, kind: account}
        """
    assert rules(tmp_path, text).namespaces == (
        Namespace("member", limit=1, unique=True, blocked=frozenset({"x1"})),
        Namespace("mail", limit=5, period_ms=30 * 86_400_000, normaliser="email_provider"),
        Namespace("till", kind="device", shared="first_owner", limit=3),
        Namespace("visit", kind="session"),
        Namespace("firm", kind="account"),
    )


PHONE = "namespaces: [{namespace: phone, kind: person, normaliser: phone, blocked: [%s]}]"


@pytest.mark.parametrize("order", ["region: CN\n%s", "%s\nregion: CN"])
def test_a_blocked_number_is_judged_by_the_region_of_the_file(tmp_path: Path, order: str) -> None:
    (error,) = errors_of(tmp_path, {"identity.yaml": order % PHONE % "'139 1234 5678'"})
    assert 'write "+8613912345678"' in error
    assert rules(tmp_path, PHONE % "'139 1234 5678'").get("phone")  # without a region it is no number


@pytest.mark.parametrize(
    "blocked", ["'+8613912345678'", "'13912345678', '+8613912345678'", "'12', not a number", "'+8613800138000'"]
)
def test_a_blocked_value_may_be_what_is_yielded_or_stand_beside_it_or_be_nothing(tmp_path: Path, blocked: str) -> None:
    assert rules(tmp_path, "region: CN\n" + PHONE % blocked).get("phone")


def test_the_default_namespaces_may_be_copied_under_any_region(tmp_path: Path) -> None:
    for region in ("CN", "DE", "US"):
        assert rules(tmp_path, f"region: {region}\n{default_rules_text()}").namespaces == DEFAULT_RULES.namespaces


@pytest.mark.parametrize("value", ["11010519491231002X", "11010519491231002x"])
def test_case_does_not_make_another_spelling(tmp_path: Path, value: str) -> None:
    text = f"namespaces: [{{namespace: card, kind: person, normaliser: id_card, blocked: [{value}]}}]"
    assert rules(tmp_path, text).namespaces[0].blocked == {value.lower()}


def test_the_version_is_of_what_the_rules_say_not_of_how_it_is_written(tmp_path: Path) -> None:
    one = rules(tmp_path, "blocked: [a, b]\nnamespaces: [{namespace: x, kind: person}, {namespace: y, kind: device}]")
    other = """\
        # the same
        namespaces:
          - kind: person
            namespace: "x"
          - namespace: y
            kind: device
            shared: isolate
        blocked: [B, "a"]
        """
    assert rules(tmp_path, other).version == one.version
    turned = rules(
        tmp_path, "blocked: [a, b]\nnamespaces: [{namespace: y, kind: device}, {namespace: x, kind: person}]"
    )
    changed = {turned.version, rules(tmp_path, "region: CN").version, DEFAULT_RULES.version, one.version}
    assert len(changed) == 4
    assert all(len(version) == 12 and int(version, 16) >= 0 for version in changed)


PLACEHOLDERS = [
    *("0", "0" * 11, "0" * 15, "00000000-0000-0000-0000-000000000000", "-1", "-", "", "  ", "\t", "\x00"),
    *("NULL", "(null)", "None", "NaN", "undefined", "Unknown", "N/A", "True", "[object Object]", "(not set)"),
    *("Anonymous", "GUEST"),
]


@pytest.mark.parametrize("value", PLACEHOLDERS)
def test_placeholders_name_nobody_in_any_namespace(value: str) -> None:
    assert not any(DEFAULT_RULES.is_usable(Identifier(one.name, value)) for one in DEFAULT_RULES.namespaces)


@pytest.mark.parametrize("value", ["test", "na", "1", "100", "guest7", "test@test.com", "13800138000"])
def test_what_may_be_a_user_is_not_blocked(value: str) -> None:
    assert DEFAULT_RULES.is_usable(Identifier("user_id", value))


def test_addresses_and_numbers_that_anybody_types_are_blocked() -> None:
    assert not DEFAULT_RULES.is_usable(Identifier("email", "Test@Test.com"))
    assert not DEFAULT_RULES.is_usable(Identifier("phone", "+8613800138000"))


def test_blocked_values_are_in_lower_case_and_could_be_identifiers_otherwise() -> None:
    blocked = DEFAULT_RULES.blocked.union(*(one.blocked for one in DEFAULT_RULES.namespaces))
    open_rules = IdentityRules((Namespace("x"),))
    assert [value for value in blocked if value != value.lower()] == []
    assert [value for value in blocked if not open_rules.is_usable(Identifier("x", value))] == []
