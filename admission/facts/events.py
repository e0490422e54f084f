"""Adds its facts to an event, as `context.facts`: the one function that every way in calls.

What a sender sends there is replaced; the rest of the context keeps the text that was sent, with the digits of its
numbers. No event is refused or repaired here: what cannot be read gives no fact.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import msgspec

from admission.facts.agents import MAX_USER_AGENT_LENGTH, is_visitors
from admission.facts.places import locator
from admission.facts.values import FactObject
from admission.facts.visitors import VisitorReader
from admission.facts.ways import WayReader
from schemas.records import Event
from settings import FactSettings

FACTS = "facts"
MAX_CACHED_BYTES = 4_096  # of what one event shows of one kind; anything longer is parsed each time

_CACHED_WAYS = 1_024
_CACHED_VISITORS = 2_048
_CACHED_PLACES = 4_096
_EMPTY = "{}"
_ALL = FactSettings()
_PAGES = frozenset({"page", "screen"})
_WAY = ("page", "campaign", "referrer")
_OWN_WAY = ("url", "referrer")
_VISITOR = ("userAgent", "userAgentData", "os", "device", "screen")
_ABSENT = b"null"
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode

Members: TypeAlias = Mapping[str, msgspec.Raw]
Sent: TypeAlias = tuple[bytes | str, ...]  # JSON text of what an event shows, and texts of its connection
_NO_MEMBERS: Members = {}


class Connection(NamedTuple):
    """What a request shows of whoever sent it: the address, and the header `User-Agent`."""

    address: str = ""
    user_agent: str = ""


NO_CONNECTION = Connection()


class FactReader:
    """Reads the facts of one workspace's events. What it has read is cached by the bytes that were sent."""

    def __init__(self, settings: FactSettings = _ALL) -> None:
        """Open what the settings name. Raises SettingsError for a file that cannot be read."""
        self._way = _cached(WayReader(settings).read, (*_WAY, "url", "own_referrer"), _CACHED_WAYS)
        self._visitor = _cached(VisitorReader(settings).read, (*_VISITOR, "header"), _CACHED_VISITORS)
        locate = locator(settings)
        self._place = _cached(lambda shown: locate(shown)._asdict(), ("ip", "address"), _CACHED_PLACES)

    def with_facts(self, event: Event, connection: Connection = NO_CONNECTION) -> Event:
        """Return an event with its facts instead of what its sender may have sent as such."""
        if event.context == _EMPTY and connection is NO_CONNECTION and event.type not in _PAGES:
            return event
        context = _members(event.context)
        if context is None:
            return event
        page = (_members(event.properties) or _NO_MEMBERS) if event.type in _PAGES else _NO_MEMBERS
        facts = self._read(context, page, connection)
        if not facts and FACTS not in context:
            return event
        return msgspec.structs.replace(event, context=_written(event.context, context, facts))

    def _read(self, context: Members, page: Members, connection: Connection) -> str:
        """Return the facts as the inside of a JSON object."""
        address, user_agent = connection if connection is NO_CONNECTION else _visitors(connection)
        parts = (
            self._way((*_sent(context, _WAY), *_sent(page, _OWN_WAY))),
            self._visitor((*_sent(context, _VISITOR), user_agent)),
            self._place((*_sent(context, ("ip",)), address)),
        )
        return ",".join(part for part in parts if part)


class FactReaders:
    """The readers of all workspaces; of one that is not configured, the reader without settings."""

    def __init__(self, settings: Mapping[str, FactSettings | None]) -> None:
        """Open what the settings of each workspace name. Raises SettingsError for a file that cannot be read."""
        self._default = FactReader()
        self._readers = {name: FactReader(each) for name, each in settings.items() if each is not None}

    def with_facts(self, event: Event, connection: Connection = NO_CONNECTION) -> Event:
        """As the reader of the event's workspace."""
        return self._readers.get(event.workspace, self._default).with_facts(event, connection)


def _cached(
    read: Callable[[FactObject], Mapping[str, object]], names: tuple[str, ...], size: int
) -> Callable[[Sent], str]:
    """Return `read` of what was sent under these names, JSON as bytes, as the inside of a JSON object."""

    def parse(sent: Sent) -> str:
        values = (each if isinstance(each, str) else _value(each) for each in sent)
        facts = read({name: value for name, value in zip(names, values, strict=True) if value})
        return _encode({name: value for name, value in facts.items() if value != ""})[1:-1].decode()

    parse_cached = lru_cache(maxsize=size)(parse)
    return lambda sent: parse_cached(sent) if sum(map(len, sent)) <= MAX_CACHED_BYTES else parse(sent)


def _value(sent: bytes) -> object:
    """Return the value of JSON text; None of what only its writer can read."""
    try:
        value: object = msgspec.json.decode(sent)
    except (ValueError, RecursionError):
        return None
    return value


def _sent(members: Members, names: tuple[str, ...]) -> list[bytes]:
    return [bytes(members[name]) if name in members else _ABSENT for name in names]


def _visitors(connection: Connection) -> Connection:
    """Return what a connection shows of a visitor; nothing where a server or a program speaks for visitors."""
    user_agent = connection.user_agent[:MAX_USER_AGENT_LENGTH]
    return Connection(connection.address, user_agent) if is_visitors(user_agent) else NO_CONNECTION


def _members(text: str) -> Members | None:
    """Return the members of a JSON object; None for what cannot be read as one."""
    if text == _EMPTY:
        return _NO_MEMBERS
    try:
        return _decode_members(text)
    except (ValueError, RecursionError):
        return None


def _written(sent: str, context: Members, facts: str) -> str:
    """Return the text of a context with its facts; all else in it keeps the text that was sent."""
    if FACTS not in context:
        head = f"{sent.rstrip()[:-1]}," if context else "{"
        return f'{head}"{FACTS}":{{{facts}}}}}'
    others = {name: value for name, value in context.items() if name != FACTS}
    return _encode({**others, FACTS: msgspec.Raw(f"{{{facts}}}".encode())} if facts else others).decode()
