"""`consent.yaml`: what it says, and what is wrong with it, where it stands."""

from pathlib import Path

import msgspec
import pytest

from definitions import load
from definitions.consent import CHANNELS, NO_RULES, ConsentRules, Purpose, SaidByTrait
from definitions.destinations import Checks, Destination
from definitions.model import AllOf, Case, ConsentComparison, Literally, Rule
from definitions.reading.consent import refuse_undefined_consent
from definitions.reading.documents import Parsed
from definitions.reading.nodes import FileReport, ScalarNode
from definitions.sets import decode_set, encode_set, next_set
from definitions.sets.differences import differences, in_short
from definitions.sets.folder import read_draft
from definitions.streaming.program import compile_program
from tests.definitions.folders import errors_of, write

FILE = """
    purposes:
      - {purpose: marketing, title: News, default: opt_in, text: "2026-11"}
      - {purpose: service, default: opt_out}
    channels: [email, sms]
    categories: {Advertising: marketing, C0004: marketing}
    traits:
      - {trait: email_opt_out, channel: email}
      - {trait: newsletter, equals: "yes", says: granted, purpose: marketing, channel: email}
"""
RULES = ConsentRules(
    (Purpose("marketing", "News", "opt_in", "2026-11"), Purpose("service", "service", "opt_out")),
    ("email", "sms"),
    (("Advertising", "marketing"), ("C0004", "marketing")),
    (
        SaidByTrait("email_opt_out", True, "denied", "all", "email"),
        SaidByTrait("newsletter", "yes", "granted", "marketing", "email"),
    ),
)
ONE = "purposes: [{purpose: marketing, default: opt_in}]\n"
MISTAKES = [
    ("- purposes", "1:1", "must be a mapping"),
    ("channels: [email]", "1:1", "needs the key 'purposes'"),
    (ONE + "chanels: [email]", "2:1", "has no key 'chanels' (did you mean 'channels'?)"),
    ("purposes: marketing", "1:11", "must be a list of mappings"),
    ("purposes: [marketing]", "1:12", "an item of 'purposes' must be a mapping"),
    ("purposes: [{default: opt_in}]", "1:12", "a purpose needs the key 'purpose'"),
    ("purposes: [{purpose: a}]", "1:12", "a purpose needs the key 'default'"),
    ("purposes: [{purpose: a, default: optin}]", "1:34", "'default' cannot be 'optin'"),
    ("purposes: [{purpose: all, default: opt_in}]", "1:22", "the purpose cannot be called 'all'"),
    ("purposes: [{purpose: A b, default: opt_in}]", "1:22", "is not a valid name"),
    ("purposes: [{purpose: a, default: opt_in}, {purpose: a, default: opt_in}]", "1:11", "'a' is defined twice"),
    (ONE + "channels: [all]", "2:12", "cannot be called 'all'"),
    (ONE + "channels: []", "2:11", "must be a list of names"),
    (ONE + "categories: [a]", "2:13", "must be a mapping"),
    (ONE + "categories: {Ads: marketin}", "2:19", "which is not defined (did you mean 'marketing'?)"),
    (ONE + "traits: [{says: denied}]", "2:10", "needs the key 'trait'"),
    (ONE + "traits: [{trait: a.b}]", "2:18", "'trait' leads into a trait"),
    (ONE + "traits: [{trait: a, says: no}]", "2:27", "'says'"),
    (ONE + "traits: [{trait: a, channel: fax}]", "2:30", "names 'fax', which is not defined"),
    (ONE + "traits: [{trait: a, equals: [1]}]", "2:29", "takes a single text, number, true or false"),
    (ONE + "---\n" + ONE, "3:1", "a second document"),
]


def test_a_file_says_purposes_channels_categories_and_traits(tmp_path: Path) -> None:
    rules = load(write(tmp_path, {"consent.yaml": FILE})).consent
    assert rules == RULES
    assert rules.defaults == {"marketing": "opt_in", "service": "opt_out"}
    assert (rules.text_of("marketing"), rules.text_of("service")) == ("2026-11", "")


def test_without_a_file_there_is_no_purpose_and_without_channels_there_are_the_usual_ones(tmp_path: Path) -> None:
    assert load(tmp_path).consent == NO_RULES
    assert load(write(tmp_path, {"consent.yaml": ONE})).consent.channels == CHANNELS


@pytest.mark.parametrize(("text", "position", "message"), MISTAKES)
def test_a_mistake_is_found_where_it_stands(tmp_path: Path, text: str, position: str, message: str) -> None:
    errors = errors_of(tmp_path, {"consent.yaml": text})
    assert any(error.startswith(f"consent.yaml:{position}: ") and message in error for error in errors), errors


def test_the_rules_are_part_of_a_set_with_their_file(tmp_path: Path) -> None:
    draft = read_draft(write(tmp_path, {"consent.yaml": FILE}))
    published = next_set(None, draft.definitions, draft.files, 1, "ann")
    assert decode_set(encode_set(published)).definitions.consent == RULES
    assert set(published.files) == {"consent.yaml"}


def test_a_program_is_another_one_by_other_rules_and_the_same_without_any() -> None:
    definitions = load(None)
    assert compile_program(definitions).fingerprint == compile_program(load(None)).fingerprint
    of_rules = msgspec.structs.replace(definitions, consent=RULES)
    assert compile_program(of_rules).fingerprint != compile_program(definitions).fingerprint


def test_a_plan_says_that_the_rules_become_others() -> None:
    without, having = load(None), msgspec.structs.replace(load(None), consent=RULES)
    other = msgspec.structs.replace(having, consent=msgspec.structs.replace(RULES, channels=("sms",)))
    changes = [differences(*pair) for pair in ((without, having), (having, other), (other, without), (other, other))]
    assert list(map(in_short, changes)) == ["+consent.yaml", "~consent.yaml", "-consent.yaml", ""]


CONDITIONS = [
    ("{consent: marketing, is: allowed}", ConsentComparison("marketing", "", "allowed")),
    ("{channel: email, is: unknown, consent: service}", ConsentComparison("service", "email", "unknown")),
    (
        "{all: [{consent: marketing, is: allowed}, {consent: marketing, is: granted}]}",
        AllOf((ConsentComparison("marketing", "", "allowed"), ConsentComparison("marketing", "", "granted"))),
    ),
]
MISTAKEN_CONDITIONS = [
    ("{consent: marketing}", "2:7", "needs the key 'is' (what must have been said, such as `is: granted`"),
    ("{consent: marketing, is: grantd}", "2:32", "'is' cannot be 'grantd' (did you mean 'granted'?)"),
    ("{consent: marketin, is: granted}", "2:17", "there is no purpose 'marketin' (did you mean 'marketing'?; consent"),
    ("{consent: service, channel: fax, is: denied}", "2:35", "there is no channel 'fax' (known: email, sms; consent"),
    ("{consent: all, is: denied}", "2:17", "'all' is no purpose (name one"),
    ("{consent: service, channel: all, is: denied}", "2:35", "'all' is no channel (leave the key out)"),
    ("{consent: [service], is: denied}", "2:17", "the purpose must be a text"),
    ("{consent: service, purpose: x, is: denied}", "2:26", "has no key 'purpose'"),
    ("{consent: service, is: denied, segment: s}", "2:8", "'segment' and 'consent' in one condition"),
    (
        "{all: [{consent: service, is: denied}, {consent: service, is: allowed}]}",
        "2:46",
        "denied and allowed for one purpose",
    ),
    (
        "{all: [{consent: service, is: granted}, {consent: service, is: unknown}]}",
        "2:47",
        "granted and unknown for one purpose",
    ),
]


@pytest.mark.parametrize(("text", "condition"), CONDITIONS)
def test_segments_triggers_and_rules_may_ask_for_consent(
    tmp_path: Path, text: str, condition: ConsentComparison
) -> None:
    files = {
        "consent.yaml": FILE,
        "segments/s.yaml": f"segment: s\nwhen: {text}",
        "triggers/t.yaml": f"trigger: t\nwhen: {text}",
        "traits/t.yaml": f"trait: t\ncases: [{{when: {text}, then: 1}}]",
    }
    definitions = load(write(tmp_path, files))
    assert (definitions.segments[0].when, definitions.triggers[0].when) == (condition, condition)
    assert definitions.traits[0].value == Rule((Case(condition, Literally(1)),))


@pytest.mark.parametrize(("text", "position", "message"), MISTAKEN_CONDITIONS)
def test_a_mistaken_condition_is_found_where_it_stands(tmp_path: Path, text: str, position: str, message: str) -> None:
    [error] = errors_of(tmp_path, {"consent.yaml": FILE, "segments/s.yaml": f"segment: s\nwhen: {text}"})
    assert error.startswith(f"segments/s.yaml:{position}: "), error
    assert message in error


def test_without_rules_there_is_nothing_to_ask_for(tmp_path: Path) -> None:
    asking = {"triggers/t.yaml": "trigger: t\nwhen: {consent: marketing, is: denied}"}
    assert errors_of(tmp_path, asking) == [
        "triggers/t.yaml:2:17: there is no purpose 'marketing' (write a consent.yaml)"
    ]


def test_where_the_rules_are_wrong_it_is_not_said_that_what_they_define_is_missing(tmp_path: Path) -> None:
    files = {
        "consent.yaml": ONE + "chanels: [email]",
        "segments/s.yaml": "segment: s\nwhen: {consent: marketing, is: denied}",
    }
    [error] = errors_of(tmp_path, files)
    assert error.startswith("consent.yaml:2:1: ")


def refused(destination: Destination, rules: ConsentRules) -> list[str]:
    report = FileReport(Path("a.yaml"))
    parsed = Parsed(destination.name, ScalarNode(1, 14, destination.name, is_plain=True), destination, ())
    refuse_undefined_consent([(parsed, report)], rules)
    return [str(error) for error in report.errors]


def test_a_destination_sends_for_a_purpose_and_by_a_channel_that_are_defined() -> None:
    undefined = Destination("a", checks=Checks("marketin", "fax"))
    assert refused(undefined, RULES) == [
        "a.yaml:1:14: the destination sends for the purpose 'marketin', which consent.yaml does not define"
        " (did you mean 'marketing'?)",
        "a.yaml:1:14: the destination sends by the channel 'fax', which consent.yaml does not define"
        " (known: email, sms)",
    ]
    assert refused(Destination("a", checks=Checks("marketing", "sms")), RULES) == []
    assert refused(Destination("a"), RULES) == []
    assert refused(undefined, NO_RULES) == []
