"""`consent.yaml` to the rules of consent; what is wrong is found where it stands."""

from collections.abc import Callable, Collection, Iterable
from typing import Final, TypeVar, cast

from definitions.consent import CHANNELS, ConsentRules, Purpose, SaidByTrait
from definitions.destinations import Destination
from definitions.reading.fields import optional_names, optional_text, refuse_unknown_keys, required_value, value_of
from definitions.reading.keys import Keys
from definitions.reading.names import read_narrow_name, read_trait_path
from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node
from definitions.reading.references import ParsedIn
from definitions.reading.scalars import read_choice, read_operand, read_text
from runtime.hints import did_you_mean
from schemas.consent import ALL, Default

CONSENT: Final[Keys] = {
    "purposes": "What something is sent for: one or several.",
    "channels": "By what something is sent: a-z, 0-9 and _; without it email, sms, push, chat and ads.",
    "categories": "Names of a consent manager, each with the purpose that it stands for: `{Advertising: marketing}`.",
    "traits": "Which traits of identify calls and imports say yes or no.",
}
PURPOSE: Final[Keys] = {
    "purpose": "The name of the purpose: a-z, 0-9 and _.",
    "title": "For people; changing it changes nothing else.",
    "default": "What holds of whoever has said nothing: opt_in (send nothing) or opt_out (send).",
    "text": "The version of the text that people read now, for what is said by the API or a link.",
}
SAID_BY_TRAIT: Final[Keys] = {
    "trait": "The name of the trait.",
    "equals": "The value that says so; true without it.",
    "says": "denied, or granted; denied without it.",
    "purpose": "For which purpose; without it, or for `all`, every one.",
    "channel": "By which channel; without it, or for `all`, every one.",
}
MAX_PURPOSES, MAX_CHANNELS, MAX_CATEGORIES, MAX_TRAITS = 32, 16, 200, 100
MAX_VERSION = 100
DEFAULTS = ("opt_in", "opt_out")
SAYS = ("denied", "granted")
Read = TypeVar("Read")


def read_consent(node: Node, report: FileReport) -> ConsentRules | None:
    """Read the rules of one document; None with findings if anything in it is wrong."""
    before = len(report.errors)
    if not isinstance(node, MappingNode):
        report.add(node, "the rules of consent must be a mapping", "for example `purposes: [{purpose: marketing}]`")
        return None
    refuse_unknown_keys(node, CONSENT, "consent.yaml", report)
    hint = "what things are sent for, such as `purposes: [{purpose: marketing, default: opt_in}]`"
    required_value(node, "purposes", "consent.yaml", hint, report)
    purposes = _read_list(node, "purposes", MAX_PURPOSES, _read_purpose, report)
    _refuse_twice(node, [purpose.name for purpose in purposes], report)
    channels = tuple(optional_names(node, "channels", _read_own_name, report)) or CHANNELS
    if len(channels) > MAX_CHANNELS:
        report.add(node.entries["channels"][1], f"more than {MAX_CHANNELS} channels", "remove some")
    names = [purpose.name for purpose in purposes]
    categories = _read_categories(node, names, report)
    traits = _read_list(
        node, "traits", MAX_TRAITS, lambda item, errors: _read_trait(item, names, channels, errors), report
    )
    if len(report.errors) > before:
        return None
    return ConsentRules(purposes, channels, categories, traits)


def _read_list(
    node: MappingNode,
    key: str,
    most: int,
    read: Callable[[MappingNode, FileReport], Read | None],
    report: FileReport,
) -> tuple[Read, ...]:
    """Read the mappings in the list of a key; none where it is not given. What is wrong is left out, with findings."""
    value = value_of(node, key)
    if value is None:
        return ()
    if not isinstance(value, ListNode) or not value.items:
        report.add(value, f"{key!r} must be a list of mappings", "start each with `- ` on a line of its own")
        return ()
    if len(value.items) > most:
        report.add(value, f"more than {most} {key}", "remove some")
        return ()
    items: list[Read | None] = []
    for item in value.items:
        if isinstance(item, MappingNode):
            items.append(read(item, report))
        else:
            report.add(item, f"an item of {key!r} must be a mapping", f"such as {{{key.removesuffix('s')}: ...}}")
    return tuple(item for item in items if item is not None)


def _read_purpose(node: MappingNode, report: FileReport) -> Purpose | None:
    refuse_unknown_keys(node, PURPOSE, "a purpose", report)
    name_node = required_value(node, "purpose", "a purpose", "its name, such as `purpose: marketing`", report)
    name = None if name_node is None else _read_own_name(name_node, "the purpose", report)
    hint = "what holds of whoever has said nothing: opt_in (send nothing) or opt_out (send)"
    default_node = required_value(node, "default", "a purpose", hint, report)
    default = None if default_node is None else read_choice(default_node, "'default'", DEFAULTS, report)
    text_node = value_of(node, "text")
    text = "" if text_node is None else read_text(text_node, "'text'", report, longest=MAX_VERSION) or ""
    if name is None or default is None:
        return None
    return Purpose(name, optional_text(node, "title", name, report), cast("Default", default), text)


def _refuse_twice(node: MappingNode, names: list[str], report: FileReport) -> None:
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            report.add(node.entries["purposes"][1], f"the purpose {name!r} is defined twice", "remove one")


def _read_own_name(node: Node, what: str, report: FileReport) -> str | None:
    """Read the name of a purpose or channel."""
    name = read_narrow_name(node, what, report)
    if name == ALL:
        report.add(node, f"{what} cannot be called {ALL!r}", "that word stands for every one")
        return None
    return name


def _read_categories(node: MappingNode, purposes: Collection[str], report: FileReport) -> tuple[tuple[str, str], ...]:
    value = value_of(node, "categories")
    if value is None:
        return ()
    if not isinstance(value, MappingNode) or not value.entries:
        hint = "names of the consent manager, each with a purpose: `{Advertising: marketing}`"
        report.add(value, "'categories' must be a mapping", hint)
        return ()
    if len(value.entries) > MAX_CATEGORIES:
        report.add(value, f"more than {MAX_CATEGORIES} categories", "remove some")
    read = (
        (name, _read_defined(of, f"the category {name!r}", purposes, report)) for name, (_, of) in value.entries.items()
    )
    return tuple((name, purpose) for name, purpose in read if purpose is not None)


def _read_trait(
    node: MappingNode, purposes: Collection[str], channels: Collection[str], report: FileReport
) -> SaidByTrait | None:
    refuse_unknown_keys(node, SAID_BY_TRAIT, "an item of 'traits'", report)
    hint = "the trait that says so, such as `trait: email_opt_out`"
    trait_node = required_value(node, "trait", "an item of 'traits'", hint, report)
    path = None if trait_node is None else read_trait_path(trait_node, "'trait'", report)
    if trait_node is not None and path is not None and len(path) > 1:
        report.add(trait_node, "'trait' leads into a trait", r"name a whole one; a dot of a name itself is written \.")
        return None
    equals_node, says_node, purpose_node, channel_node = (
        value_of(node, key) for key in SAID_BY_TRAIT if key != "trait"
    )
    equals = True if equals_node is None else read_operand(equals_node, "'equals'", report)
    says = "denied" if says_node is None else read_choice(says_node, "'says'", SAYS, report)
    purpose = ALL if purpose_node is None else _read_defined(purpose_node, "'purpose'", (*purposes, ALL), report)
    channel = ALL if channel_node is None else _read_defined(channel_node, "'channel'", (*channels, ALL), report)
    if path is None or equals is None or says is None or purpose is None or channel is None:
        return None
    return SaidByTrait(path[0], equals, "granted" if says == "granted" else "denied", purpose, channel)


def _read_defined(node: Node, what: str, names: Collection[str], report: FileReport) -> str | None:
    """Read the name of something that the file defines."""
    name = read_text(node, what, report)
    if name is None or name in names:
        return name
    report.add(node, f"{what} names {name!r}, which is not defined", did_you_mean(name, names))
    return None


def refuse_undefined_conditions(definitions: Iterable[ParsedIn], rules: ConsentRules) -> None:
    """Report each condition on a purpose, or a channel, that the rules do not have."""
    defined = {"purpose": tuple(rules.defaults), "channel": rules.channels if rules.purposes else ()}
    for parsed, report in definitions:
        for reference in parsed.references:
            name = reference.path[0]
            if reference.of in defined and name not in defined[reference.of]:
                names = defined[reference.of]
                hint = f"{did_you_mean(name, names)}; consent.yaml defines them" if names else "write a consent.yaml"
                report.add_at(reference.line, reference.column, f"there is no {reference.of} {name!r}", hint)


def refuse_undefined_consent(destinations: Iterable[ParsedIn], rules: ConsentRules) -> None:
    """Report each destination that sends for a purpose, or by a channel, that the rules do not have, if there are any.

    Without rules it can be told from no mistake: nothing is sent for any purpose then, and each delivery says so.
    """
    if not rules.purposes:
        return
    for parsed, report in destinations:
        destination = parsed.defined
        if not isinstance(destination, Destination):
            continue
        for said, name, defined in (
            ("for the purpose", destination.checks.purpose, tuple(rules.defaults)),
            ("by the channel", destination.checks.channel, rules.channels),
        ):
            if name and name not in defined:
                message = f"the destination sends {said} {name!r}, which consent.yaml does not define"
                report.add(parsed.node, message, did_you_mean(name, defined))
