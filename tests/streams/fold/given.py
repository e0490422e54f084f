"""Events, definitions and folding as the tests of the fold need them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from hypothesis import strategies as st

from definitions.model import SessionName
from schemas.records import Event, EventType, Identifier, SegmentChange, Session
from streams.fold.fold import advance, fold_event, next_deadline
from streams.fold.moment import BEGINNING, FoldContext, Moment, Outputs
from streams.fold.state import ProfileState
from tests.streams.fold.definitions import PROGRAM

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_700_000_000_000
WHICH: tuple[SessionName, ...] = get_args(SessionName)

CONTEXT = FoldContext("main", "6a1f6f0c-0000-5000-8000-000000000001", PROGRAM, {"site": 1, "crm": 2}.__getitem__)
MOMENT = Moment(CONTEXT, Outputs(), "cause", START, 0)  # for operations that publish nothing and read no time


def event(  # noqa: PLR0913 - a test names the few that matter to it
    at: int,
    name: str | None = "View",
    *,
    message_id: str | None = None,
    type: EventType = "track",
    source: str = "site",
    received_at: int | None = None,
    identifiers: Sequence[Identifier] = (Identifier("user_id", "ann"),),
    properties: Mapping[str, object] | str = "{}",
    traits: Mapping[str, object] | str = "{}",
    context: Mapping[str, object] | str = "{}",
    ordinal: int = 0,
    definitions: int = 0,
) -> Event:
    """A track call at a time, unless something else is wanted; the message id defaults to time and name."""
    return Event(
        "main",
        source,
        message_id or f"{at}-{name}",
        type,
        name,
        at,
        None,
        at if received_at is None else received_at,
        tuple(identifiers),
        _text(properties),
        _text(traits),
        _text(context),
        ordinal,
        definitions=definitions,
    )


def identify(
    at: int,
    traits: Mapping[str, object] | str,
    *,
    message_id: str | None = None,
    source: str = "site",
    ordinal: int = 0,
) -> Event:
    message_id = message_id or f"{at}-identify"
    return event(at, None, type="identify", traits=traits, message_id=message_id, source=source, ordinal=ordinal)


def fold(
    events: Iterable[Event],
    state: ProfileState | None = None,
    context: FoldContext = CONTEXT,
    out: Outputs | None = None,
) -> tuple[ProfileState, Outputs]:
    """Fold events in the given order, checking what must hold after each."""
    state = ProfileState() if state is None else state
    out = Outputs() if out is None else out
    for folded in events:
        fold_event(state, folded, context, out)
        assert next_deadline(state) > state.as_of > BEGINNING
    return state, out


def at_rest(state: ProfileState, at: int, context: FoldContext = CONTEXT, out: Outputs | None = None) -> ProfileState:
    """The state after all deadlines until a time."""
    advance(state, at, context, Outputs() if out is None else out)
    assert next_deadline(state) > at
    return state


def transitions(changes: Iterable[SegmentChange]) -> list[tuple[str, str, int]]:
    return [(change.segment, change.change, change.changed_at) for change in changes]


def members(changes: Iterable[SegmentChange]) -> set[str]:
    """Who is in after these changes, checking that entering and leaving alternate."""
    inside: set[str] = set()
    for change in sorted(changes, key=lambda change: change.version):
        assert (change.segment in inside) == (change.change == "exited"), change
        inside ^= {change.segment}
    return inside


def visible(*outputs: Outputs) -> list[Session]:
    """The sessions that a reader of the topic sees in the end, by start."""
    latest: dict[str, Session] = {}
    for out in outputs:
        for identity, session in out.sessions.items():
            assert identity == session.session_id
            assert identity not in latest or session.version > latest[identity].version
            latest[identity] = session
    kept = [session for session in latest.values() if session.status != "retracted"]
    return sorted(kept, key=lambda session: session.started_at)


def _text(value: Mapping[str, object] | str) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# A grid of five minutes meets every boundary: gaps of exactly half an hour, windows of exactly an hour. Half of all
# events fall into two hours, so that windows fill.
TIMES = st.one_of(st.integers(0, 24), st.integers(0, 20 * 12)).map(lambda step: START + step * 5 * MINUTE)
PROPERTIES = st.sampled_from(
    ['{"amount": 5}', '{"amount": 50}', '{"amount": "50"}', '{"url": "https://shop.example/b"}', "{}", "[1]", "{"]
)
CONTEXTS = st.sampled_from(
    ["{}", '{"page": {"url": "https://shop.example/a"}}', '{"page": {"url": 7}}', '{"page": 1}',
     '{"facts": {"source": "google", "page": "/a"}, "page": {"url": "https://shop.example/a"}}',
     '{"facts": {"source": "百度", "is_bot": false}}', '{"facts": {"is_bot": true}}', '{"facts": 1}',
     '{"facts": {"source": 7, "page": "/b"}}',
     '{"consent": {"categoryPreferences": {"Advertising": true}}}',
     '{"consent": {"categoryPreferences": {"Advertising": false}, "text": "v2"}}',
     '{"consent": {"purposes": {"marketing": {"email": "denied", "sms": "unknown"}, "service": "granted"}}}',
     '{"consent": 7}']
)  # fmt: skip
SPEAKERS = st.sampled_from(
    [(Identifier("user_id", "ann"),)] * 2
    + [(Identifier("user_id", "ann"), Identifier("email", "ann@example.com")), (Identifier("anonymous_id", "a"),)]
)
VALUES = st.sampled_from(['"pro"', '"free"', "3", "3.0", "30e-1", "null", "[1]", "[1.0]", "0.1000000000000000055"])
TRAITS = st.dictionaries(st.sampled_from(["plan", "city", "age"]), VALUES).map(
    lambda traits: "{" + ",".join(f'"{name}": {value}' for name, value in traits.items()) + "}"
)


@st.composite
def event_lists(draw: st.DrawFn, times: st.SearchStrategy[int] = TIMES, max_size: int = 25) -> list[Event]:
    """Events with distinct message ids, in the order of time."""
    events = []
    for number, at in enumerate(sorted(draw(st.lists(times, min_size=1, max_size=max_size)))):
        source, ordinal = draw(st.sampled_from(["site", "crm"])), draw(st.integers(0, 3))
        if draw(st.integers(0, 3)):
            name = draw(st.sampled_from(["View", "Buy", "Unsubscribed", None]))
            kind: EventType = "track" if name else "page"
            properties, context = draw(PROPERTIES), draw(CONTEXTS)
            events.append(
                event(
                    at,
                    name,
                    type=kind,
                    message_id=f"m{number}",
                    source=source,
                    properties=properties,
                    context=context,
                    ordinal=ordinal,
                    identifiers=draw(SPEAKERS),
                )
            )
        else:
            events.append(identify(at, draw(TRAITS), message_id=f"m{number}", source=source, ordinal=ordinal))
    return events
