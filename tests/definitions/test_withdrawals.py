"""Who would stay in an audience though they have withdrawn their consent."""

from pathlib import Path

import pytest

from definitions import load
from definitions.withdrawals import UnaskedSegment, unasked_segments
from tests.definitions.folders import write

ASKS = "{consent: advertising, channel: ads, is: allowed}"
BUYS = "{event: Bought, within: 30d}"
AUDIENCE = """
destination: loyal
type: meta_audience
token: {env: META_TOKEN}
audience: "1"
"""
CONSENT = "purposes: [{purpose: advertising, default: opt_in}, {purpose: news, default: opt_out}]\n"


def unasked(
    folder: Path, when: str, destination: str = f"{AUDIENCE}purpose: advertising\n", consent: str = CONSENT
) -> list[UnaskedSegment]:
    segments = f"""
- {{segment: buyers, when: {when}, destinations: [loyal]}}
- {{segment: agreed, when: {ASKS}}}
- {{segment: unsent, when: {BUYS}}}
"""
    files = {"destinations/loyal.yaml": destination, "segments/all.yaml": segments, "consent.yaml": consent}
    return list(unasked_segments(load(write(folder, files))))


@pytest.mark.parametrize(
    "when",
    [
        BUYS,
        f"{{any: [{ASKS}, {BUYS}]}}",
        "{not: {consent: advertising, channel: ads, is: denied}}",
        "{consent: advertising, channel: ads, is: unknown}",
        "{consent: advertising, is: allowed}",
        "{consent: news, channel: ads, is: allowed}",
    ],
)
def test_a_segment_that_does_not_ask_what_its_audience_asks_keeps_who_has_withdrawn_it(
    tmp_path: Path, when: str
) -> None:
    (found,) = unasked(tmp_path, when)
    assert found == ("buyers", "loyal", "advertising", "ads")
    assert f"add `- {ASKS}` to an `all` in its `when`" in found.advice


@pytest.mark.parametrize(
    "when",
    [
        f"{{all: [{BUYS}, {ASKS}]}}",
        f"{{all: [{BUYS}, {{consent: advertising, channel: ads, is: granted}}]}}",
        f"{{any: [{{all: [{BUYS}, {ASKS}]}}, {ASKS}]}}",
        f"{{all: [{BUYS}, {{segment: agreed}}]}}",
    ],
)
def test_one_that_asks_in_whatever_way_does_not(tmp_path: Path, when: str) -> None:
    assert unasked(tmp_path, when) == []


def test_neither_does_one_of_a_receiver_of_events_or_of_one_that_asks_for_nothing(tmp_path: Path) -> None:
    hook = "destination: loyal\ntype: webhook\nurl: https://shop.example/hook\npurpose: advertising\n"
    assert unasked(tmp_path / "events", BUYS, hook) == []
    assert unasked(tmp_path / "unasked", BUYS, AUDIENCE) == []


def test_where_silence_is_consent_whoever_has_not_said_no_has_not_withdrawn_it(tmp_path: Path) -> None:
    assert unasked(tmp_path, "{not: {consent: news, channel: ads, is: denied}}", f"{AUDIENCE}purpose: news\n") == []


def test_what_has_no_channel_of_its_own_is_asked_for_every_one(tmp_path: Path) -> None:
    consent = f"{CONSENT}channels: [email]\n"
    (found,) = unasked(
        tmp_path, "{consent: advertising, channel: email, is: allowed}", consent=consent.replace("email", "email, ads")
    )
    assert found.channel == "ads"
    crm = 'destination: loyal\ntype: hubspot\ntoken: {env: T}\npurpose: advertising\nmapping: {id: "@profile.id"}\n'
    assert unasked(tmp_path / "every", "{consent: advertising, is: allowed}", crm) == []
