"""The guide's calls are accepted and rejected as it shows, by the collector's own code."""

import json
import re
from datetime import datetime, timedelta
from typing import get_args

import pytest

from admission.identifiers import MAX_KEPT, UnusedReason
from admission.json_text import MAX_DEPTH, JsonObject
from admission.rejection import Code
from admission.repairs import MAX_REPAIRS, RepairReason
from admission.texts import MAX_MESSAGE_ID_LENGTH, MAX_NAME_LENGTH
from collectors.access import UsableKeys
from collectors.events import MAX_EVENT_BYTES
from collectors.identifiers import MAX_EXTERNAL_IDS
from collectors.routes import PATHS, shown_unused
from collectors.times import UNREADABLE_TIME
from collectors.validation import (
    MAX_ANSWERED,
    MAX_BATCH_EVENTS,
    MAX_BATCH_EXTERNAL_IDS,
    MAX_REPEATED_CONTEXT_BYTES,
    MAX_SHARED_CONTEXT_BYTES,
    ValidatedCalls,
    validate_batch,
)
from collectors.validators import AT_ONCE_BYTES, MAX_WAITING
from collectors.written_times import MAX_LENGTH, SECONDS_FROM, read_time_text
from identity.normalise import NORMALISERS, Reason
from identity.rules import DEFAULT_RULES, MAX_IDENTIFIERS, MAX_VALUE_LENGTH
from runtime.http.bodies import KNOWN, PACE, UNKNOWN
from settings import FactParser
from tests.admission.facts.given import event as sent_event
from tests.admission.facts.given import facts_of
from tests.collectors.calls import RECEIPT, SENDER, call
from tests.guide.chapter import blocks, text

KIB, MIB = 1024, 1024 * 1024
TEXT = text("sending")
EXAMPLES = [(block.text, block.answer_kind, block.answer) for block in blocks("sending", "json")]


def validate(sent: JsonObject) -> ValidatedCalls:
    return validate_batch({"batch": [sent]}, SENDER, UsableKeys({}), RECEIPT, DEFAULT_RULES)


def test_every_example_has_its_outcome() -> None:
    assert len(EXAMPLES) == TEXT.count("```json\n") >= 6


@pytest.mark.parametrize(("body", "outcome", "shown"), EXAMPLES)
def test_every_call_ends_as_shown(body: str, outcome: str, shown: str) -> None:
    validated = validate(call(body))
    if outcome == "rejected":
        (rejected,) = validated.rejected
        answer = [f"{rejected.rejection.code} at {rejected.rejection.field}: {rejected.rejection.message}"]
    elif outcome == "facts":
        (event,) = validated.accepted
        answer = [json.dumps(facts_of(event), ensure_ascii=False, separators=(",", ":"))]
    else:
        (event,) = validated.accepted
        answer = [str(identifier) for identifier in event.identifiers]
    assert answer == shown.splitlines()


def test_every_time_is_read_as_shown() -> None:
    shown = re.findall(r"^\| `([^`]+)` \| (\d{4}-\d{2}-\d{2}T[\d:.]{15})(?=[ :;])", TEXT, re.MULTILINE)
    assert len(shown) == 20
    for written, instant in shown:
        time_us = read_time_text(written)
        assert time_us is not None, written
        assert (datetime(1970, 1, 1) + timedelta(microseconds=time_us)).isoformat(timespec="microseconds") == instant


def test_every_channel_is_what_its_row_says() -> None:
    table = TEXT.split("### Channels")[1].split("###")[0]
    rows = re.findall(r"^\| (.+) \| .* \| `([^`]*)` \|$", table, re.MULTILINE)
    assert len(rows) == 15
    for channels, query in rows:
        found = facts_of(sent_event(page={"url": f"https://shop.example/{query.lstrip('/')}"}))["channel"]
        assert f"`{found}`" in channels, (channels, query)


def test_the_answer_names_the_unused_identifiers_as_shown() -> None:
    (shown,) = (block.text for block in blocks("sending", "text"))
    body = next(body for body, _, _ in EXAMPLES if "mei at example.com" in body)
    answered = [shown_unused(unused) for unused in validate(call(body)).answered]
    assert answered == [json.loads(line) for line in shown.splitlines()]


def test_the_tables_are_complete() -> None:
    first_cells = set(re.findall(r"^\| `([a-z_]+)` \|", TEXT, re.MULTILINE))
    assert set(get_args(FactParser)) <= first_cells
    reasons = {reason for part in get_args(UnusedReason) for reason in get_args(part) or (part,)}
    assert reasons | set(NORMALISERS) <= first_cells
    assert set(get_args(Reason)) < reasons
    for path in (path for paths in PATHS.values() for path in paths):
        assert f"`{path}`" in TEXT
    repairs = set(get_args(RepairReason))
    assert UNREADABLE_TIME in repairs
    assert {reason for reason in repairs if f"`{reason}`" not in TEXT} == set()
    unnamed = {"too_many_events", "too_many_identifiers", "reserved_source"}
    assert {code for code in get_args(Code) if f"`{code}`" not in TEXT} == unnamed
    for figure in (
        f"up to {MAX_LENGTH} characters",
        f"from {SECONDS_FROM:,} on, seconds",
        f"more than {MAX_NAME_LENGTH} characters | the first {MAX_NAME_LENGTH}",
        f"`messageId` of more than {MAX_MESSAGE_ID_LENGTH} characters",
        f"names {MAX_REPAIRS}\n",
        f"nested more than {MAX_DEPTH} levels deep",
        f"{MAX_KEPT} kept",
        f"the first {MAX_ANSWERED} of a request",
        f"{MAX_IDENTIFIERS} identifiers",
        f"{MAX_VALUE_LENGTH} characters",
        f"{KNOWN.body_bytes // MIB} MiB a body, unpacked; {UNKNOWN.body_bytes // KIB} KiB where",
        f"{MAX_BATCH_EVENTS:,} calls in a batch, {MAX_BATCH_EXTERNAL_IDS:,} entries",
        f"{MAX_EVENT_BYTES // KIB} KiB of JSON an event",
        f"{MAX_SHARED_CONTEXT_BYTES // KIB} KiB of a `context`",
        f"{MAX_REPEATED_CONTEXT_BYTES // MIB} MiB when it is repeated",
        f"{MAX_EXTERNAL_IDS:,} entries of `externalIds` in one call",
        f"{PACE.stretch_bytes // KIB} KiB of a body in each {PACE.stretch_s:.0f} s, all of it in {PACE.total_s:.0f} s",
        f"{KNOWN.total_bytes // MIB} MiB of bodies under way, {UNKNOWN.total_bytes // MIB} MiB of those",
        f"{MAX_WAITING} bodies over {AT_ONCE_BYTES // KIB} KiB",
    ):
        assert figure in TEXT, figure
