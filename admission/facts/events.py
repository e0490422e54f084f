"""Adds its facts to an event, as `context.facts`: the one function that every way in calls.

What a sender sends there is replaced; the rest of the context keeps the text that was sent, with the digits of its
numbers. No event is refused or repaired here: what cannot be read gives no fact.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import msgspec

from admission.facts.addresses import host_of
from admission.facts.agents import MAX_USER_AGENT_LENGTH, is_bot, is_visitors, read_agent
from admission.facts.places import locator
from admission.facts.sites import site_named
from admission.facts.values import FactObject
from admission.facts.visitors import VisitorReader
from admission.facts.ways import WayReader
from schemas.records import Event
from settings import FactSettings

FACTS = "facts"
MAX_CACHED_BYTES = 8_192  # of an event's context and of a page's properties; of longer ones nothing is cached

_CACHED_WAYS = 1_024
_CACHED_VISITORS = 2_048
_CACHED_PLACES = 4_096
_EMPTY = "{}"
_ALL = FactSettings()
_PAGES = frozenset({"page", "screen"})
_ABSENT = msgspec.Raw(b"null")
_NULL = b"null"


class Requester(NamedTuple):
    """What a request shows of whoever sent it: the address, and the header `User-Agent`."""

    address: str = ""
    user_agent: str = ""


NO_REQUESTER = Requester()


class _Context(msgspec.Struct, gc=False):
    """The members of a context that facts are read from, as JSON texts."""

    page: msgspec.Raw = _ABSENT
    campaign: msgspec.Raw = _ABSENT
    referrer: msgspec.Raw = _ABSENT
    userAgent: msgspec.Raw = _ABSENT
    userAgentData: msgspec.Raw = _ABSENT
    os: msgspec.Raw = _ABSENT
    device: msgspec.Raw = _ABSENT
    screen: msgspec.Raw = _ABSENT
    ip: msgspec.Raw = _ABSENT
    facts: msgspec.Raw = _ABSENT


class _Page(msgspec.Struct, gc=False):
    """The same of the properties of a page or a screen."""

    url: msgspec.Raw = _ABSENT
    referrer: msgspec.Raw = _ABSENT


_NO_PAGE = _Page()
_decode_context = msgspec.json.Decoder(_Context).decode
_decode_page = msgspec.json.Decoder(_Page).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode

Shown: TypeAlias = tuple[bytes | str, ...]  # JSON texts of what an event shows, and texts of its connection
Read: TypeAlias = Callable[[Shown], str]


class _Readers(NamedTuple):
    """What reads the facts of each kind, as the inside of a JSON object."""

    way: Read
    visitor: Read
    place: Read


class FactReader:
    """Reads the facts of one workspace's events. What it has read is cached by the bytes that were sent."""

    def __init__(self, settings: FactSettings = _ALL) -> None:
        """Open what the settings name. Raises SettingsError for a file that cannot be read."""
        locate = locator(settings)
        self._read = _Readers(
            _written_by(WayReader(settings).read, "page", "campaign", "referrer", "url", "own_referrer"),
            _written_by(VisitorReader(settings).read, "userAgent", "userAgentData", "os", "device", "screen", "header"),
            _written_by(lambda shown: locate(shown)._asdict(), "ip", "address"),
        )
        self._read_cached = _Readers(
            lru_cache(_CACHED_WAYS)(self._read.way),
            lru_cache(_CACHED_VISITORS)(self._read.visitor),
            lru_cache(_CACHED_PLACES)(self._read.place),
        )

    def with_facts(self, event: Event, connection: Requester = NO_REQUESTER) -> Event:
        """Return an event with its facts instead of what its sender may have sent as such."""
        is_page = event.type in _PAGES
        if event.context == _EMPTY and not is_page and connection is NO_REQUESTER:
            return event
        try:
            context = _decode_context(event.context)
            page = _decode_page(event.properties) if is_page else _NO_PAGE
        except (ValueError, RecursionError):
            return event
        size = len(event.context) + (len(event.properties) if is_page else 0)
        read = self._read_cached if size <= MAX_CACHED_BYTES else self._read
        facts = _read(read, context, page, connection)
        if not facts and context.facts is _ABSENT:
            return event
        return msgspec.structs.replace(event, context=_written(event.context, context.facts is not _ABSENT, facts))


class FactReaders:
    """The readers of all workspaces; of one that is not configured, the reader without settings."""

    def __init__(self, settings: Mapping[str, FactSettings | None]) -> None:
        """Open what the settings of each workspace name. Raises SettingsError for a file that cannot be read."""
        self._default = FactReader()
        self._readers = {name: FactReader(each) for name, each in settings.items() if each is not None}

    def with_facts(self, event: Event, connection: Requester = NO_REQUESTER) -> Event:
        """Add facts to an event, as the reader of its workspace does."""
        return self._readers.get(event.workspace, self._default).with_facts(event, connection)


def prepare() -> None:
    """Load the lists and patterns for which the first event would wait a third of a second."""
    host_of("onefold.example")
    site_named("onefold")
    read_agent("onefold")
    is_bot("onefold")


def _read(read: _Readers, context: _Context, page: _Page, connection: Requester) -> str:
    """Return the facts as the inside of a JSON object."""
    address, user_agent = connection if connection is NO_REQUESTER else _visitors(connection)
    parts = (
        read.way((
            _NULL if context.page is _ABSENT else bytes(context.page),
            _NULL if context.campaign is _ABSENT else bytes(context.campaign),
            _NULL if context.referrer is _ABSENT else bytes(context.referrer),
            _NULL if page.url is _ABSENT else bytes(page.url),
            _NULL if page.referrer is _ABSENT else bytes(page.referrer),
        )),
        read.visitor((
            _NULL if context.userAgent is _ABSENT else bytes(context.userAgent),
            _NULL if context.userAgentData is _ABSENT else bytes(context.userAgentData),
            _NULL if context.os is _ABSENT else bytes(context.os),
            _NULL if context.device is _ABSENT else bytes(context.device),
            _NULL if context.screen is _ABSENT else bytes(context.screen),
            user_agent,
        )),
        read.place((_NULL if context.ip is _ABSENT else bytes(context.ip), address)),
    )  # fmt: skip
    return ",".join([part for part in parts if part])


def _written_by(read: Callable[[FactObject], Mapping[str, object]], *names: str) -> Read:
    """Return `read` of what is shown under these names, as the inside of a JSON object."""

    def parse(shown: Shown) -> str:
        values = (each if isinstance(each, str) else _value(each) for each in shown)
        facts = read({name: value for name, value in zip(names, values, strict=True) if value})
        return _encode({name: value for name, value in facts.items() if value != ""})[1:-1].decode()

    return parse


def _value(sent: bytes) -> object:
    """Return the value of JSON text; None of what only its writer can read."""
    try:
        value: object = msgspec.json.decode(sent)
    except (ValueError, RecursionError):
        return None
    return value


def _visitors(connection: Requester) -> Requester:
    """Return what a connection shows of a visitor; nothing where a server or a program speaks for visitors."""
    user_agent = connection.user_agent[:MAX_USER_AGENT_LENGTH]
    return Requester(connection.address, user_agent) if is_visitors(user_agent) else NO_REQUESTER


def _written(sent: str, has_facts: bool, facts: str) -> str:
    """Return the text of a context with its facts; all else in it keeps the text that was sent."""
    if not has_facts:
        head = "{" if sent == _EMPTY else f"{sent.rstrip()[:-1]},"
        return f'{head}"{FACTS}":{{{facts}}}}}'
    others = {name: value for name, value in _decode_members(sent).items() if name != FACTS}
    return _encode({**others, FACTS: msgspec.Raw(f"{{{facts}}}".encode())} if facts else others).decode()
