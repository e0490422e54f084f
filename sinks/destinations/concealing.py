"""What every destination is wrapped in: nothing that is kept of an outcome repeats a secret of its definition."""

from collections.abc import Iterator, Sequence

import msgspec

from definitions.receivers.values import Secret
from sinks.destinations.contract import Delivered, Delivery, OpenDestination, Outcome, Retry, Working
from sinks.destinations.http.redaction import Redactor, is_secret_name, redacted, secrets_of_header, secrets_of_url
from sinks.destinations.secrets import MissingSecret, resolve

MAX_DETAIL_CHARS = 500


class Concealing:
    """A destination whose outcomes are cleaned. Secrets that it is granted on its way are its own to conceal.

    Of what was delivered the exchange alone is kept, which each kind has cleaned: that is most of all.
    """

    def __init__(self, opened: OpenDestination, options: object) -> None:
        """Made with the options that it was opened by."""
        self.opened = opened
        self.batching = opened.batching
        self._redact = Redactor(secrets_in(options))

    def start(self) -> None:
        """Have it begin with what it does by itself."""
        if isinstance(self.opened, Working):
            self.opened.start()

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send deliveries."""
        outcomes = await self.opened.send(deliveries)
        if all(isinstance(outcome, Delivered) for outcome in outcomes):
            return outcomes
        return [_cut(outcome) for outcome in redacted(outcomes, self._redact)]

    async def close(self) -> None:
        """Let go of connections."""
        await self.opened.close()


def failed(error: BaseException) -> Retry:
    """Return what becomes of a delivery at which a kind of receiver raised: the text of the error may hold a secret."""
    return Retry("unavailable", f"sending failed: {type(error).__name__}")


def secrets_in(options: object, name: str = "") -> Iterator[str]:
    """Yield what must not be kept of a receiver's options, or of any part of them. `name`: what the part is called."""
    match options:
        case Secret():
            yield from _pieces(options)
        case str():
            if "://" in options:
                yield from _of_url(options, is_secret=False)
            elif is_secret_name(name):
                yield from secrets_of_header(options)
        case msgspec.Struct():
            for field in options.__struct_fields__:
                yield from secrets_in(getattr(options, field))
        case dict():
            for key, part in options.items():
                yield from secrets_in(part, key)
        case tuple() | list():
            for part in options:
                yield from secrets_in(part)


def _pieces(secret: Secret) -> Iterator[str]:
    """Yield what an answer may repeat of a secret: the whole, and what it is made of."""
    try:
        text = resolve(secret) if secret != Secret() else ""
    except MissingSecret:
        return  # nobody has it
    yield text
    yield from secrets_of_header(text)
    if "://" in text:
        yield from _of_url(text, is_secret=True)


def _of_url(text: str, *, is_secret: bool) -> Iterator[str]:
    try:
        yield from secrets_of_url(text, is_secret=is_secret)
    except ValueError:
        return  # it is no URL, which each kind says of itself


def _cut(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Delivered) or len(outcome.detail) <= MAX_DETAIL_CHARS:
        return outcome
    return msgspec.structs.replace(outcome, detail=outcome.detail[: MAX_DETAIL_CHARS - 1] + "…")
