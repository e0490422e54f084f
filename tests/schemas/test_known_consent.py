"""Which word of a person counts for something that waits: the last one, whoever speaks for the profile by then."""

import msgspec
import pytest

from schemas.activations import Activation
from schemas.consent import ConsentState, ConsentStatement, Status, encode_consent
from schemas.known_consent import consent_of, later
from schemas.records import ConsentChange


def consent(status: Status) -> str:
    return encode_consent(ConsentState({"marketing": {"all": ConsentStatement(status, 1, "m1", "web")}}))


def record(version: int, status: Status, decision: int = 0, current_id: str = "b") -> ConsentChange:
    return ConsentChange("main", "b", "person", current_id, decision, version, 1, consent(status))


def activation(version: int, said: str) -> Activation:
    return Activation("main", "segment", "buyers", "entered", "c1", "b", "person", 1, 1, "m1", version, consent=said)


@pytest.mark.parametrize(
    ("known", "counts"),
    [
        pytest.param(None, "granted", id="nothing else is known"),
        pytest.param(record(4, "denied"), "granted", id="the activation is later"),
        pytest.param(record(6, "denied"), "denied", id="the record is later"),
        pytest.param(record(4, "denied", 1, "a"), "denied", id="another profile speaks for it, whatever its version"),
    ],
)
def test_the_last_word_counts(known: ConsentChange | None, counts: Status) -> None:
    state = consent_of(activation(5, consent("granted")), known)
    assert state.statements["marketing"]["all"].status == counts


@pytest.mark.parametrize("said", ["{}", ""])
def test_an_activation_may_say_nothing(said: str) -> None:
    assert consent_of(activation(5, said), None) == ConsentState()


def test_of_two_records_the_later_decision_counts_and_then_the_later_version() -> None:
    merged, alone, again = record(9, "granted", 1, "a"), record(7, "denied", 2), record(8, "granted", 2)
    assert later(None, merged) == merged
    assert later(merged, alone) == later(alone, merged) == alone, "what comes late of the other profile says nothing"
    assert later(alone, again) == again
    assert later(again, msgspec.structs.replace(again, consent="{}")).consent == "{}", "read once more"
