"""Whether what a person has said allows a delivery."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.consent import (
    ALL,
    ConsentState,
    ConsentStatement,
    Default,
    Status,
    decode_consent,
    encode_consent,
    is_allowed,
    is_answer,
    objection,
    status_of,
)

DEFAULTS: dict[str, Default] = {"marketing": "opt_in", "service": "opt_out"}


def said(*statements: tuple[str, str, Status, int]) -> ConsentState:
    by_purpose: dict[str, dict[str, ConsentStatement]] = {}
    for purpose, channel, status, since in statements:
        by_purpose.setdefault(purpose, {})[channel] = ConsentStatement(status, since, "m1", "web")
    return ConsentState(by_purpose)


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        pytest.param(said(), False, id="nothing was said"),
        pytest.param(said(("marketing", "email", "unknown", 1)), False, id="unknown is as nothing"),
        pytest.param(said(("marketing", ALL, "granted", 1)), True, id="a broad grant"),
        pytest.param(said(("marketing", "sms", "granted", 1)), False, id="a grant for another channel"),
        pytest.param(
            said(("marketing", "email", "denied", 1), ("marketing", ALL, "granted", 2)),
            False,
            id="a later broad grant lifts no narrow denial",
        ),
        pytest.param(
            said(("marketing", "email", "granted", 2), ("marketing", ALL, "denied", 1)),
            True,
            id="a later narrow grant lifts a broad denial",
        ),
        pytest.param(
            said(("marketing", "email", "granted", 1), ("marketing", ALL, "denied", 1)),
            False,
            id="of the same time the denial",
        ),
        pytest.param(
            said((ALL, "email", "denied", 1), ("marketing", ALL, "granted", 2)),
            False,
            id="neither is a part of the other",
        ),
    ],
)
def test_what_was_said_decides(state: ConsentState, allowed: bool) -> None:
    assert is_allowed(state, "marketing", "email", DEFAULTS) is allowed


def test_who_has_said_nothing_is_sent_what_is_opt_out_only() -> None:
    assert is_allowed(ConsentState(), "service", "email", DEFAULTS)
    assert not is_allowed(said(("service", "email", "denied", 1)), "service", "email", DEFAULTS)


def test_a_purpose_that_is_not_defined_allows_nothing() -> None:
    granted = said((ALL, ALL, "granted", 1))
    assert objection(granted, "selling", "email", DEFAULTS) == "no purpose 'selling' is defined"


def test_an_objection_says_what_and_why() -> None:
    bounced = ConsentState({ALL: {"email": ConsentStatement("denied", 1, "m1", "mail", reason="hard_bounce")}})
    assert objection(bounced, "marketing", "email", DEFAULTS) == "everything by email is denied (hard_bounce)"


def test_a_state_survives_its_json() -> None:
    state = said(("marketing", "email", "granted", 1), (ALL, "sms", "denied", 2))
    assert decode_consent(encode_consent(state)) == state
    assert decode_consent("{}") == decode_consent("") == ConsentState()
    with pytest.raises(ValueError, match="Expected"):
        decode_consent('{"marketing": 1}')


def test_what_has_no_channel_goes_by_what_was_said_of_every_one() -> None:
    state = said(("marketing", "email", "denied", 2), ("marketing", ALL, "granted", 1))
    assert is_allowed(state, "marketing", "", DEFAULTS)
    assert objection(said(), "marketing", "", DEFAULTS) == "marketing needs a consent that was never given"


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([("email", "denied", 2)], False),
        ([("email", "denied", 2), ("letters", "granted", 1)], False),
        ([("email", "denied", 2), (ALL, "granted", 3)], False),
        ([("email", "denied", 2), ("letters", "granted", 3)], True),
        ([("email", "granted", 3)], False),
        ([("letters", "granted", 1)], True),
        ([("email", "granted", 3), ("letters", "denied", 1)], False),
    ],
)
def test_who_denies_what_carries_a_channel_is_not_sent_to_it(
    statements: list[tuple[str, Status, int]], allowed: bool
) -> None:
    state = said(*(("marketing", *each) for each in statements))
    assert (objection(state, "marketing", "letters", DEFAULTS, "email") is None) is allowed


STATUSES: tuple[Status, ...] = ("granted", "denied", "unknown")
STATEMENTS = st.dictionaries(
    st.tuples(st.sampled_from(("marketing", "service", ALL)), st.sampled_from(("email", "sms", ALL))),
    st.tuples(st.sampled_from(STATUSES), st.integers(1, 3)),
)


@given(STATEMENTS, st.sampled_from(("marketing", "service", "selling")), st.sampled_from(("", "email", "sms")))
def test_what_was_said_comes_to_one_status_and_with_the_default_that_decides(
    statements: dict[tuple[str, str], tuple[Status, int]], purpose: str, channel: str
) -> None:
    state = said(*((*key, *statement) for key, statement in statements.items()))
    assert [is_answer(each, state, purpose, channel, DEFAULTS) for each in STATUSES].count(True) == 1
    status, default = status_of(state, purpose, channel), DEFAULTS.get(purpose)
    assert is_answer(status, state, purpose, channel, DEFAULTS)
    allowed = default is not None and (status == "granted" or (status == "unknown" and default == "opt_out"))
    assert is_answer("allowed", state, purpose, channel, DEFAULTS) is allowed
    assert is_allowed(state, purpose, channel, DEFAULTS) is allowed
