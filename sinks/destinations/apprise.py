"""The long tail of messages (SMS, push, chats), by the library Apprise: https://appriseit.com.

It answers yes or no; why not stands in its log alone, from where the status is read. Its requests are no coroutines, so
they run in threads; one that is broken off may still arrive. Where they lead is not limited.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, unquote, urlsplit

import apprise

from definitions.destinations import MAX_CONCURRENCY
from definitions.receivers.apprise import Apprise as AppriseOptions
from sinks.destinations.contract import Batching, Delivered, Delivery, Exchange, Outcome, Refused, Retry
from sinks.destinations.http.outcomes import outcome_of
from sinks.destinations.http.redaction import Redactor
from sinks.destinations.secrets import BadOption, resolve

TO = "{to}"
THREADS = MAX_CONCURRENCY
"""As many as there may be requests, begun as they are needed: what waited for one would run into its time-out."""
SHORTEST_TOKEN = 4

# What separates recipients, or parts of an address, would send to others than the one who is meant.
_RECIPIENT = re.compile(r"[+@#]?[A-Za-z0-9][A-Za-z0-9_.@:-]{0,253}")
_STATUS = re.compile(r"error\s*=\s*(\d{3})\b")
_EXAMPLE = "15551234567"


class AppriseDestination:
    """Sends each delivery by itself."""

    def __init__(self, options: AppriseOptions, timeout_s: float) -> None:
        """Raises MissingSecret, BadOption."""
        self.batching = Batching(1)
        self._timeout_s = timeout_s
        self._url = resolve(options.url)
        self._redact = Redactor(_tokens(self._url))
        self._log = _ThreadLog()
        if _opened(self._url.replace(TO, _EXAMPLE)) is None:
            raise BadOption("url: it is no address of Apprise's notation")
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send the messages, one after the other."""
        return [await self._send(delivery.fields) for delivery in deliveries]

    async def close(self) -> None:
        """Begin nothing more; what is under way in a thread ends by its own time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._log.close()

    async def _send(self, fields: Mapping[str, object]) -> Outcome:
        text, title, to = (fields.get(name, "") for name in ("text", "title", "to"))
        if not isinstance(text, str) or not text.strip() or not isinstance(title, str):
            return Refused("unmappable", "the field 'text' is missing or empty: there is nothing to say")
        url = self._url
        if TO in url:
            if not isinstance(to, str) or not _RECIPIENT.fullmatch(to):
                return Refused("unmappable", "'to' is missing, or is no number, handle or address")
            url = url.replace(TO, quote(to, safe=""))
        kept = Exchange("\n".join(line for line in (title, text) if line))
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._notify, url, title, text)
        try:
            said = await asyncio.wait_for(running, self._timeout_s)
        except TimeoutError:
            return Retry("timeout", "did not answer in time: it may have taken it", exchange=kept)
        return outcome(said, Exchange(kept.request, self._redact(said or "")))

    def _notify(self, url: str, title: str, text: str) -> str | None:
        """Return None if it was sent, else what the library said."""
        service = _opened(url)
        if service is None:
            return ""
        with self._log.of_this_thread() as lines:
            try:
                is_sent = bool(service.notify(body=text, title=title))
            except Exception as error:  # noqa: BLE001 - a plug-in of any service raises whatever it likes
                lines.append(type(error).__name__)
                is_sent = False
            return None if is_sent else "\n".join(lines)


def outcome(said: str | None, exchange: Exchange) -> Outcome:
    """Return what the library's words mean: nothing for success; else a status, if they name one."""
    if said is None:
        return Delivered(exchange)
    statuses = _STATUS.findall(said)
    if statuses:
        return outcome_of(int(statuses[-1]), {}, Exchange(exchange.request, exchange.answer, int(statuses[-1])))
    is_network = "onnection error" in said or "Socket" in said
    return Retry("network" if is_network else "unavailable", "the library could not send it", exchange=exchange)


def _opened(url: str) -> apprise.NotifyBase | None:
    service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    return service if isinstance(service, apprise.NotifyBase) else None


def _tokens(url: str) -> list[str]:
    """Return what of an address must not be kept."""
    parts = urlsplit(url)
    behind = url.partition("://")[2]
    texts = [behind, *re.split(r"[/:@?&=]", behind)]
    spelled = [*texts, *map(unquote, texts)]
    return [text for text in spelled if len(text) >= SHORTEST_TOKEN and text not in {TO, parts.scheme, "localhost"}]


class _ThreadLog(logging.Handler):
    """Keeps what the library logs from all other logs: its lines hold tokens and what people wrote."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: dict[int, list[str]] = {}
        logger = logging.getLogger("apprise")
        logger.propagate = False
        logger.addHandler(self)
        logging.getLogger("urllib3").setLevel(logging.INFO)  # below that it writes addresses

    def close(self) -> None:
        """Listen no more."""
        logging.getLogger("apprise").removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line for the thread that wrote it."""
        lines = self._lines.get(record.thread or 0)
        if lines is not None:
            lines.append(record.getMessage())

    def of_this_thread(self) -> "_Lines":
        """Return what keeps the lines of this thread while a block lasts."""
        return _Lines(self._lines)


class _Lines:
    def __init__(self, lines: dict[int, list[str]]) -> None:
        self._by_thread = lines

    def __enter__(self) -> list[str]:
        return self._by_thread.setdefault(threading.get_ident(), [])

    def __exit__(self, *_: object) -> None:
        self._by_thread.pop(threading.get_ident(), None)
