"""A destination: its receiver's options, its mapping, and whom it may be sent to, when and how fast."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from definitions.destinations import (
    CHANGES,
    CONCURRENCY,
    MAX_CONCURRENCY,
    RETRY_FOR_MS,
    TIMEOUT_MS,
    TOPIC,
    Cap,
    Checks,
    Destination,
    SendingPace,
)
from definitions.mapping import Fields
from definitions.paths import path_text, quoted_path
from definitions.quiet_hours import QuietHours
from definitions.reading import keys
from definitions.reading.fields import optional_names, refuse_unknown_keys, required_value, value_of
from definitions.reading.mapping import read_mapping, traits_in
from definitions.reading.names import read_narrow_name, read_trait_path
from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node, Reference, ScalarNode
from definitions.reading.options import read_options
from definitions.reading.scalars import (
    read_bool,
    read_choice,
    read_duration,
    read_operand,
    read_permille,
    read_text,
    read_whole_number,
)
from definitions.reading.triggers import read_quiet_hours
from definitions.receivers import Receiver
from definitions.receivers.kinds import KINDS, channel_of, key_of, preset, problems, type_of
from definitions.receivers.webhook import Webhook
from runtime.hints import closest, did_you_mean

TYPES = (TOPIC, *KINDS)
MAX_TRAITS_OF_DESTINATION = 100
MAX_CAPS = 5
MAX_IN_CAP = 10_000
MAX_RATE = 1_000_000
MAX_TIMEOUT_MS = 10 * 60_000
MAX_RETRY_FOR_MS = 30 * 86_400_000


class Titled(NamedTuple):
    """What a destination is called."""

    name: str
    title: str
    description: str


def read_receiving(node: MappingNode, titled: Titled | None, report: FileReport) -> Destination | None:
    """Return a destination, or None with findings. `titled`: None if its name is wrong."""
    kind = _read_type(node, report)
    _refuse_keys(node, kind, report)
    traits = optional_names(node, "traits", _read_trait_name, report)
    for name, name_node in traits.items():
        report.references.append(Reference("trait", (name,), name_node.line, name_node.column))
    coalesce_node = value_of(node, "coalesce")
    coalesces = coalesce_node is not None and read_bool(coalesce_node, "'coalesce'", report) is True
    receiver = None if kind is None else _read_receiver(node, kind, report)
    mapping = Fields() if kind is None else _read_fields(node, kind, report)
    travelling = tuple(dict.fromkeys((*traits, *traits_in(mapping))))
    if len(travelling) > MAX_TRAITS_OF_DESTINATION:
        where = value_of(node, "traits") or value_of(node, "mapping") or node
        report.add(where, f"more than {MAX_TRAITS_OF_DESTINATION} traits", "send fewer")
    changes = optional_names(node, "changes", _read_change, report)
    limits = _Limits(node, report)
    checks, pace = limits.checks("" if kind is None else channel_of(kind)), limits.pace()
    former = optional_names(node, "renamed_from", read_narrow_name, report)
    for name, name_node in former.items():
        report.references.append(Reference("former", (name,), name_node.line, name_node.column))
    if titled is None:
        return None
    return Destination(
        titled.name,
        titled.title,
        titled.description,
        receiver,
        mapping,
        travelling,
        tuple(change for change in CHANGES if change in changes) or CHANGES,
        checks,
        coalesces,
        pace,
        tuple(former),
    )


def _read_type(node: MappingNode, report: FileReport) -> type[Receiver] | None:
    """Return the options of the kind that a destination is of; None for a topic, and for an unknown one."""
    type_node = value_of(node, "type")
    name = None if type_node is None else read_text(type_node, "'type'", report)
    if type_node is not None and name is not None and name not in TYPES:
        report.add(type_node, f"there is no destination type {name!r}", did_you_mean(name, TYPES))
    return KINDS.get(name or TOPIC)


def _refuse_keys(node: MappingNode, kind: type[Receiver] | None, report: FileReport) -> None:
    type_node = value_of(node, "type")
    name = type_node.text if isinstance(type_node, ScalarNode) else TOPIC
    if name not in TYPES:
        return  # whose keys are unknown
    allowed = [*keys.DESTINATION, *(() if kind is None else (*keys.RECEIVING, *_option_keys(kind)))]
    for key, (key_node, _) in node.entries.items():
        if key in allowed:
            continue
        others = _kinds_with(key)
        hint = did_you_mean(key, allowed)
        if others and closest(key, allowed) is None:
            hint = f"it is a key of type {' or '.join(others[:3])}: say `type: {others[0]}`"
        report.add(key_node, f"a destination of type {name} has no key {key!r}", hint)


def _kinds_with(key: str) -> list[str]:
    """Return the kinds that have a key, the most general one first."""
    kinds = [name for name, kind in KINDS.items() if key in keys.RECEIVING or key in _option_keys(kind)]
    return sorted(kinds, key=lambda name: name != type_of(Webhook))


def _option_keys(kind: type[Receiver]) -> tuple[str, ...]:
    return tuple(map(key_of, kind.__struct_fields__))


def _read_receiver(node: MappingNode, kind: type[Receiver], report: FileReport) -> Receiver | None:
    options = read_options(node, kind, report)
    if options is not None:
        for problem in problems(options):
            report.add(value_of(node, problem.key) or node, problem.message, problem.hint)
    return options


def _read_fields(node: MappingNode, kind: type[Receiver], report: FileReport) -> Fields:
    mapping_node = value_of(node, "mapping")
    if mapping_node is None:
        return preset_mapping(kind)
    return read_mapping(mapping_node, report) or Fields()


@cache
def preset_mapping(kind: type[Receiver]) -> Fields:
    """Return the mapping of a kind where none is written; a wrong one is a mistake of ours."""
    written = preset(kind)
    if not written:
        return Fields()
    report = FileReport(Path(f"PRESET of {type_of(kind)}"))
    mapping = read_mapping(_node_of(written), report)
    if mapping is None:
        raise ValueError("\n".join(map(str, report.errors)))
    return mapping


def _node_of(value: object) -> Node:
    """Return the node of a value as YAML would have it."""
    match value:
        case dict():
            return MappingNode(
                0, 0, {str(key): (ScalarNode(0, 0, str(key), False), _node_of(each)) for key, each in value.items()}
            )
        case list() | tuple():
            return ListNode(0, 0, tuple(map(_node_of, value)))
        case str():
            return _text_node(value)
        case None:
            return ScalarNode(0, 0, "null", is_plain=True)
        case bool():
            return ScalarNode(0, 0, "true" if value else "false", is_plain=True)
        case _:
            return ScalarNode(0, 0, str(value), is_plain=True)


def _text_node(text: str) -> ScalarNode:
    return ScalarNode(0, 0, text, is_plain=False)


def _read_trait_name(node: Node, what: str, report: FileReport) -> str | None:
    path = read_trait_path(node, what, report)
    if path is not None and len(path) > 1:
        hint = rf"send the whole trait: {path_text(path[:1])}; a dot of a name itself is written \."
        report.add(node, f"{what} leads into a trait: {quoted_path(path)}", hint)
        return None
    return None if path is None else path[0]


class _Limits:
    """Reads whom a destination may be sent to, when, and how fast."""

    def __init__(self, node: MappingNode, report: FileReport) -> None:
        self._node = node
        self._report = report

    def checks(self, usual_channel: str) -> Checks:
        """Return whom it may be sent to, when, and how often. `usual_channel`: where none is written."""
        late = value_of(self._node, "not_older_than")
        channel = self._name("channel")
        return Checks(
            purpose=self._name("purpose"),
            channel=channel,
            quiet_hours=self._quiet_hours(),
            caps=self._caps(channel or usual_channel),
            hold_out_permille=self._permille("hold_out"),
            not_older_than_ms=None if late is None else read_duration(late, "'not_older_than'", self._report),
        )

    def pace(self) -> SendingPace:
        """Return how fast it may be sent to, and for how long."""
        return SendingPace(
            rate=self._rate(),
            concurrency=self._number("concurrency", CONCURRENCY, MAX_CONCURRENCY),
            retry_for_ms=self._duration("retry_for", RETRY_FOR_MS, MAX_RETRY_FOR_MS),
            timeout_ms=self._duration("timeout", TIMEOUT_MS, MAX_TIMEOUT_MS),
        )

    def _name(self, key: str) -> str:
        """Return a name of a purpose or channel; empty where it is not given or wrong."""
        value = value_of(self._node, key)
        also = "such as marketing" if key == "purpose" else "such as email"
        name = None if value is None else read_narrow_name(value, repr(key), self._report, also)
        return name or ""

    def _quiet_hours(self) -> QuietHours | None:
        value = value_of(self._node, "quiet_hours")
        return None if value is None else read_quiet_hours(value, self._report)

    def _permille(self, key: str) -> int:
        value = value_of(self._node, key)
        share = None if value is None else read_permille(value, repr(key), self._report)
        return share or 0

    def _rate(self) -> float | None:
        value = value_of(self._node, "rate")
        number = None if value is None else read_operand(value, "'rate'", self._report)
        if value is None or number is None:
            return None
        if isinstance(number, str | bool) or not 0 < number <= MAX_RATE:
            hint = "deliveries a second, such as 50"
            self._report.add(value, f"'rate' must be a number above 0 and at most {MAX_RATE:,}", hint)
            return None
        return float(number)

    def _number(self, key: str, default: int, most: int) -> int:
        value = value_of(self._node, key)
        number = None if value is None else read_whole_number(value, repr(key), most, self._report)
        return default if number is None else number

    def _duration(self, key: str, default_ms: int, most_ms: int) -> int:
        value = value_of(self._node, key)
        duration_ms = None if value is None else read_duration(value, repr(key), self._report)
        if value is not None and duration_ms is not None and duration_ms > most_ms:
            self._report.add(value, f"{key!r} is longer than {_shown(most_ms)}", "make it shorter")
        return default_ms if duration_ms is None else duration_ms

    def _caps(self, channel: str) -> tuple[Cap, ...]:
        value = value_of(self._node, "caps")
        if value is None:
            return ()
        if not isinstance(value, ListNode) or not 1 <= len(value.items) <= MAX_CAPS:
            hint = "for example `caps: [{at_most: 2, within: 1d}]`"
            self._report.add(value, f"'caps' must be a list of 1 to {MAX_CAPS}", hint)
            return ()
        if not channel and "channel" not in self._node.entries:
            self._report.add(value, "'caps' count on a channel, and there is none", "add `channel: email`, for example")
        caps = (self._cap(item) for item in value.items)
        return tuple(cap for cap in caps if cap is not None)

    def _cap(self, node: Node) -> Cap | None:
        if not isinstance(node, MappingNode):
            self._report.add(node, "a cap must be a mapping", "for example `{at_most: 2, within: 1d}`")
            return None
        refuse_unknown_keys(node, keys.CAP, "a cap", self._report)
        at_most = required_value(node, "at_most", "a cap", "such as `at_most: 2`", self._report)
        within = required_value(node, "within", "a cap", "such as `within: 1d`", self._report)
        number = None if at_most is None else read_whole_number(at_most, "'at_most'", MAX_IN_CAP, self._report)
        within_ms = None if within is None else read_duration(within, "'within'", self._report)
        if within is not None and within_ms is not None and within_ms > MAX_RETRY_FOR_MS:
            self._report.add(within, "a cap is of 30d at most", "make it shorter")
        return None if number is None or within_ms is None else Cap(number, within_ms)


def _shown(duration_ms: int) -> str:
    days, rest = divmod(duration_ms, 86_400_000)
    return f"{duration_ms // 60_000}m" if rest else f"{days}d"


def _read_change(node: Node, what: str, report: FileReport) -> str | None:
    return read_choice(node, what, CHANGES, report)
