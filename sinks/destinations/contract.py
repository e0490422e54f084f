"""The contract of a destination: what a kind of receiver implements, when each method is called, what it may assume.

A kind of receiver says how to send and what an answer means. It leaves everything else to `sinks.delivery`: order,
retries, pauses, limits, consent, and what is remembered. So it keeps no state that outlives a call but connections.
Why deliveries are made this way, and what can go wrong: docs/decisions/0042.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from schemas.activations import Activation

MAX_EXCHANGE_CHARS = 4_000
"""Of a request or an answer, as it is kept; what is longer is cut."""


class Delivery(msgspec.Struct, frozen=True):
    """One activation on its way to one destination.

    `key`: the same in every attempt, replay and process; whoever receives it twice may drop the second. `fields`: what
    the destination's mapping made of the activation, ready for JSON: nothing else may leave the house. `attempt`: from
    1.
    """

    key: str
    activation: Activation
    fields: Mapping[str, object]
    attempt: int = 1


class Exchange(msgspec.Struct, frozen=True):
    """What was sent and answered, as people may read it later: without secrets, cut to MAX_EXCHANGE_CHARS each.

    `status`: of HTTP, SMTP or the like; None if there was no answer, or none with a number.
    """

    request: str = ""
    answer: str = ""
    status: int | None = None


class Delivered(msgspec.Struct, frozen=True):
    """The receiver has taken it."""

    exchange: Exchange = Exchange()


class Retry(msgspec.Struct, frozen=True):
    """The receiver did not take it, or nobody knows; another attempt may succeed.

    `reason`: `network` (no connection, no name, TLS), `timeout` (no answer in time: it may have been taken),
    `throttled`, `unavailable`. `after_ms`: not before that time from now, as the receiver asks (Retry-After); None:
    by the schedule. `is_receivers`: the trouble is the receiver's, not this delivery's: the circuit breaker counts it.
    """

    reason: Literal["network", "timeout", "throttled", "unavailable"]
    detail: str
    after_ms: int | None = None
    exchange: Exchange = Exchange()
    is_receivers: bool = True


class Unauthorised(msgspec.Struct, frozen=True):
    """The receiver does not accept the credentials, or they are missing: it is suspended, nothing is lost."""

    detail: str
    exchange: Exchange = Exchange()


class UnknownAddress(msgspec.Struct, frozen=True):
    """The person's address does not exist. `status`: by RFC 3463, empty if unknown; `is_hard`: the receiver is sure.

    `address`: which one, where the receiver's kind knows: a person may have several.
    """

    status: str = ""
    is_hard: bool = False
    address: str = ""


class Refused(msgspec.Struct, frozen=True):
    """The receiver will never take it as it is, or it cannot be sent: it becomes a dead letter, the next one goes on.

    `reason`: `rejected` (by the receiver), `too_large`, `unmappable` (a field or an address that it needs is missing),
    `forbidden_address` (where it would go is not allowed). `is_partial`: some of it may have been taken, such as one
    of a person's addresses. `bounce`: it was refused since the address does not exist.
    """

    reason: Literal["rejected", "too_large", "unmappable", "forbidden_address"]
    detail: str
    exchange: Exchange = Exchange()
    is_partial: bool = False
    bounce: UnknownAddress | None = None


Outcome: TypeAlias = Delivered | Retry | Unauthorised | Refused


class Batching(msgspec.Struct, frozen=True):
    """How many deliveries one request takes, and how many bytes of `fields` as JSON, together.

    `requests`: at the same time, at most; None: as many as the definition's `concurrency` says. Who implements `send`
    must not wait for its turn within it: the time-out counts from its call.
    """

    deliveries: int = 1
    bytes: int = 1_000_000
    requests: int | None = None


class OpenDestination(Protocol):
    """A receiver of one kind, opened for one definition; lives as long as its definition is unchanged.

    All methods but `close` may be called from one event loop at the same time; none may block it.
    """

    batching: Batching

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send deliveries, in order: one outcome for each, in the same order.

        Called with 1 to `batching.deliveries` of them; of one profile only in their order. May be called again with any
        of them, in another company, until an outcome other than Retry and Unauthorised was kept: after a time-out or a
        kill the receiver may have taken it already, so whatever can carry `key` must.
        Not called again before it has returned for a profile that is among the deliveries.
        Never raises for what the receiver or the network does; what it raises all the same is taken for a Retry, and
        its text is kept nowhere. It is cancelled when the partition goes to another process, and after `timeout` of
        the definition.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. Called once, after the last `send` has returned or was cancelled."""
        ...


@runtime_checkable
class Working(Protocol):
    """What a kind may implement beside: it does something by itself while it is served, until it is closed."""

    def start(self) -> None:
        """Begin with it. Called once, within the event loop, and not where a single delivery is tried."""
        ...
