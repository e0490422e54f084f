"""What every kind of receiver over HTTP must do, whatever the other end does: inherited by the tests of each kind.

A kind says how it is opened, what a delivery to it looks like, and how its receiver says that all is well.
"""

import asyncio
import gzip
import json
import re
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from email.utils import formatdate
from functools import cache
from typing import ClassVar, Literal, TypeVar

import msgspec
import pytest
from aiohttp import web

from schemas.activations import Activation, delivery_key
from schemas.records import Identifier
from sinks.destinations.contract import Delivered, Delivery, OpenDestination, Outcome, Refused, Retry, Unauthorised
from sinks.destinations.secrets import MissingSecret
from tests.sinks.destinations.receiver import Answering, HttpReceiver, always, endless, never, reset

TIMEOUT_S = 20.0
SHORT_S = 0.3
PROFILE = "93e7a206-841d-5949-9051-80b50ebdd678"

Result = TypeVar("Result")


def activation(number: int = 0, change: Literal["entered", "exited"] = "entered") -> Activation:
    """The number-th of one person's changes."""
    return Activation(
        workspace="main",
        kind="segment",
        name="大客户",
        change=change,
        activation_id=f"change-{number}",
        profile_id=PROFILE,
        profile_kind="person",
        happened_at=1_700_000_000_000 + number,
        decided_at=1_700_000_000_500,
        cause="m1",
        version=number + 1,
        identifiers=(Identifier("email", "li@例子.cn"),),
        traits='{"email":"li@例子.cn","name":"李雷"}',
    )


@cache
def _bomb() -> bytes:
    """Return 50 MB of nothing, packed; once for all receivers of a process."""
    return gzip.compress(b"\0" * 50_000_000, compresslevel=1)


class HttpContract(ABC):
    """The cases. `SECRET_ENV`: the variable that holds the secret by which `open` authorises itself, if it does."""

    SECRET_ENV: ClassVar[str] = ""
    SECRET: ClassVar[str] = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cw=="

    @abstractmethod
    def open(self, url: str, timeout_s: float = TIMEOUT_S, *, allow_private: bool = True) -> OpenDestination:
        """Open a destination that leads to a receiver. Called within an event loop."""

    def said(self, body: bytes) -> object:
        """Return what a request says: all of its body, but for what has to be another one in each request."""
        return body

    @abstractmethod
    def fields(self, number: int) -> Mapping[str, object]:
        """What the mapping makes of the number-th delivery; with Chinese text, if the kind takes text."""

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Answer as the receiver does when all is well."""
        assert request.method
        return web.json_response({"ok": True})

    async def refuse_odd(self, request: web.Request) -> web.StreamResponse:
        """Answer as the receiver does when it refuses every second one of a batch; of kinds that take batches."""
        raise NotImplementedError

    def delivery_of(self, person: int) -> Delivery:
        """A delivery of the number-th person."""
        about = msgspec.structs.replace(activation(person), profile_id=f"00000000-0000-5000-8000-{person:012x}")
        return Delivery(delivery_key(about, "here", "1"), about, self.fields(person))

    def delivery(self, number: int = 0) -> Delivery:
        """The number-th delivery of one person."""
        about = activation(number)
        return Delivery(delivery_key(about, "here", "1"), about, self.fields(number))

    @pytest.fixture(autouse=True)
    def _secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if self.SECRET_ENV:
            monkeypatch.setenv(self.SECRET_ENV, self.SECRET)

    @asynccontextmanager
    async def opened(
        self, answer: Answering, timeout_s: float = TIMEOUT_S
    ) -> AsyncIterator[tuple[OpenDestination, HttpReceiver]]:
        """A destination that leads to a receiver which answers in one way."""
        async with HttpReceiver(answer) as receiver:
            destination = self.open(receiver.url, timeout_s)
            try:
                yield destination, receiver
            finally:
                await destination.close()

    def sent(self, answer: Answering, timeout_s: float = TIMEOUT_S, number: int = 1) -> Sequence[Outcome]:
        """The outcomes of so many deliveries at once to a receiver that answers in one way."""

        async def send() -> Sequence[Outcome]:
            async with self.opened(answer, timeout_s) as (destination, _):
                return await destination.send([self.delivery(each) for each in range(number)])

        return run(send())

    def sent_once(self, answer: Answering, timeout_s: float = TIMEOUT_S) -> Outcome:
        """The outcome of one delivery."""
        (outcome,) = self.sent(answer, timeout_s)
        return outcome

    # --- it is taken

    def test_what_is_accepted_is_delivered(self) -> None:
        outcome = self.sent_once(self.accept)
        assert isinstance(outcome, Delivered), outcome
        assert outcome.exchange.status is not None
        assert 200 <= outcome.exchange.status < 300

    def test_every_delivery_of_a_full_batch_has_an_outcome_in_order(self) -> None:
        async def send() -> tuple[int, Sequence[Outcome]]:
            async with self.opened(self.accept) as (destination, _):
                number = min(destination.batching.deliveries, 50)
                return number, await destination.send([self.delivery(each) for each in range(number)])

        number, outcomes = run(send())
        assert [type(each) for each in outcomes] == [Delivered] * number

    def test_a_second_attempt_says_the_same(self) -> None:
        async def send() -> list[bytes]:
            async with self.opened(self.accept) as (destination, receiver):
                for _ in range(2):
                    await destination.send([self.delivery()])
                return [request.body for request in receiver.requests if request.body]

        bodies = [self.said(body) for body in run(send())]
        assert bodies[: len(bodies) // 2] == bodies[len(bodies) // 2 :]

    def test_text_of_all_scripts_arrives_as_it_was(self) -> None:
        async def send() -> bytes:
            async with self.opened(self.accept) as (destination, receiver):
                await destination.send([self.delivery()])
                return b"\n".join(request.body for request in receiver.requests)

        chinese = re.findall(r"[\u4e00-\u9fff]+", json.dumps(dict(self.fields(0)), ensure_ascii=False))
        body = run(send())
        text = body.decode() + body.decode("unicode_escape", errors="ignore")
        assert all(word in text for word in chinese)

    def test_many_at_once_are_all_taken(self) -> None:
        async def send() -> list[Sequence[Outcome]]:
            async with self.opened(self.accept) as (destination, _):
                return await asyncio.gather(*(destination.send([self.delivery(each)]) for each in range(60)))

        assert all(isinstance(outcome, Delivered) for outcomes in run(send()) for outcome in outcomes)

    # --- it is not taken now

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
    def test_a_receiver_in_trouble_is_tried_again(self, status: int) -> None:
        outcome = self.sent_once(always(status))
        assert isinstance(outcome, Retry), outcome
        assert outcome.reason == "unavailable"
        assert outcome.after_ms is None

    @pytest.mark.parametrize("status", [408, 425])
    def test_what_came_at_a_bad_moment_is_tried_again(self, status: int) -> None:
        assert isinstance(self.sent_once(always(status)), Retry)

    def test_a_throttled_delivery_waits_as_long_as_the_receiver_says(self) -> None:
        outcome = self.sent_once(always(429, Retry_After="600"))
        assert isinstance(outcome, Retry), outcome
        assert (outcome.reason, outcome.after_ms) == ("throttled", 600_000)

    def test_it_may_say_so_by_a_date(self) -> None:
        outcome = self.sent_once(always(429, Retry_After=formatdate(time.time() + 600, usegmt=True)))
        assert isinstance(outcome, Retry), outcome
        assert outcome.after_ms is not None
        assert 500_000 < outcome.after_ms <= 601_000

    @pytest.mark.parametrize("value", ["soon", "", "-5", "1e9", "٣", "Mon, 99 Foo 2026"])
    def test_nonsense_about_the_time_is_none(self, value: str) -> None:
        outcome = self.sent_once(always(429, Retry_After=value))
        assert isinstance(outcome, Retry), outcome
        assert outcome.after_ms is None

    def test_nobody_is_asked_to_wait_for_years(self) -> None:
        outcome = self.sent_once(always(503, Retry_After="999999999999999999999999"))
        assert isinstance(outcome, Retry), outcome
        assert outcome.after_ms is not None
        assert outcome.after_ms <= 72 * 3_600_000

    def test_after_a_time_out_it_may_have_been_taken_and_comes_again_the_same(self) -> None:
        async def send() -> tuple[Outcome, Outcome, list[bytes]]:
            async with self.opened(never, SHORT_S) as (destination, receiver):
                (first,) = await destination.send([self.delivery()])
                receiver.answer = self.accept
                (second,) = await destination.send([self.delivery()])
                return first, second, [request.body for request in receiver.requests]

        first, second, bodies = run(send())
        assert isinstance(first, Retry), first
        assert first.reason == "timeout"
        assert isinstance(second, Delivered), second
        assert self.said(bodies[0]) == self.said(bodies[1])

    def test_a_connection_that_breaks_is_tried_again(self) -> None:
        outcome = self.sent_once(reset)
        assert isinstance(outcome, Retry), outcome
        assert outcome.reason == "network"

    def test_a_receiver_that_is_not_there_is_tried_again(self) -> None:
        outcome = self._sent_to(f"http://127.0.0.1:{_unused_port()}")
        assert isinstance(outcome, Retry), outcome
        assert outcome.reason == "network"

    def test_a_name_that_is_gone_is_tried_again(self) -> None:
        outcome = self._sent_to("http://gone.invalid")
        assert isinstance(outcome, Retry), outcome
        assert outcome.reason == "network"

    def test_a_receiver_that_does_not_speak_tls_is_tried_again(self) -> None:
        async def send() -> Outcome:
            async with HttpReceiver(self.accept) as receiver:
                return await self._send_to(receiver.url.replace("http://", "https://"))

        outcome = run(send())
        assert isinstance(outcome, Retry), outcome
        assert outcome.reason == "network"

    def test_after_trouble_it_works_again(self) -> None:
        async def send() -> Outcome:
            async with self.opened(reset) as (destination, receiver):
                await destination.send([self.delivery()])
                receiver.answer = self.accept
                (outcome,) = await destination.send([self.delivery()])
                return outcome

        assert isinstance(run(send()), Delivered)

    # --- it is not taken at all

    @pytest.mark.parametrize("status", [401, 403])
    def test_revoked_credentials_are_no_fault_of_the_delivery(self, status: int) -> None:
        assert isinstance(self.sent_once(always(status)), Unauthorised)

    @pytest.mark.parametrize("status", [400, 404, 410, 422])
    def test_what_the_receiver_refuses_is_refused(self, status: int) -> None:
        outcome = self.sent_once(always(status, b"no such thing"))
        assert isinstance(outcome, Refused), outcome
        assert outcome.reason == "rejected"
        assert str(status) in outcome.detail
        assert "no such thing" in outcome.exchange.answer

    def test_credentials_that_are_accepted_again_are_used_again(self) -> None:
        async def send() -> Outcome:
            async with self.opened(always(401)) as (destination, receiver):
                await destination.send([self.delivery()])
                receiver.answer = self.accept
                (outcome,) = await destination.send([self.delivery()])
                return outcome

        assert isinstance(run(send()), Delivered)

    def test_of_a_batch_of_which_half_is_refused_the_other_half_is_delivered(self) -> None:
        async def send() -> Sequence[Outcome]:
            async with self.opened(self.refuse_odd) as (destination, _):
                number = min(destination.batching.deliveries, 10)
                return await destination.send([self.delivery_of(each) for each in range(number)]) if number > 1 else []

        outcomes = run(send())
        assert [type(each) for each in outcomes] == [Delivered, Refused] * (len(outcomes) // 2)

    def test_what_is_too_large_for_the_receiver_is_refused_as_that(self) -> None:
        outcome = self.sent_once(always(413))
        assert isinstance(outcome, Refused), outcome
        assert outcome.reason == "too_large"

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_redirects_are_not_followed(self, status: int) -> None:
        async def send() -> tuple[Outcome, int]:
            async with HttpReceiver(self.accept) as elsewhere:
                async with self.opened(always(status, Location=elsewhere.url)) as (destination, _):
                    (outcome,) = await destination.send([self.delivery()])
                return outcome, len(elsewhere.requests)

        outcome, requests = run(send())
        assert isinstance(outcome, Refused), outcome
        assert requests == 0

    # --- what it says is strange

    def test_an_answer_that_drips_for_ever_ends_at_the_time_out(self) -> None:
        assert isinstance(self.sent_once(endless(b"x", 0.02), SHORT_S), Retry | Delivered)

    def test_an_endless_answer_is_not_read_to_its_end(self) -> None:
        outcome = self.sent_once(endless(b"x" * 100_000, 0))
        assert len(outcome.exchange.answer) <= 4_000

    def test_an_enormous_answer_is_cut(self) -> None:
        outcome = self.sent_once(always(500, b"x" * 20_000_000))
        assert isinstance(outcome, Retry), outcome
        assert len(outcome.exchange.answer) <= 4_000

    def test_a_packed_answer_that_would_fill_the_memory_does_not(self) -> None:
        outcome = self.sent_once(always(500, _bomb(), Content_Encoding="gzip"))
        assert isinstance(outcome, Retry), outcome
        assert len(outcome.exchange.answer) <= 4_000

    @pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe\x00", b"[" * 100_000, b"null", b"7"])
    def test_an_answer_in_no_form_is_an_outcome_all_the_same(self, body: bytes) -> None:
        assert isinstance(self.sent_once(always(200, body)), Delivered | Retry | Refused)
        assert isinstance(self.sent_once(always(400, body)), Refused | Retry)

    # --- what it must not do

    def test_where_private_networks_are_not_allowed_nothing_is_sent(self) -> None:
        async def send() -> tuple[Outcome, int]:
            async with HttpReceiver(self.accept) as receiver:
                return await self._send_to(receiver.url, allow_private=False), len(receiver.requests)

        outcome, requests = run(send())
        assert isinstance(outcome, Refused), outcome
        assert outcome.reason == "forbidden_address"
        assert requests == 0

    def test_no_secret_is_in_what_is_kept(self) -> None:
        async def echo(request: web.Request) -> web.StreamResponse:
            said = json.dumps({**request.headers, "url": str(request.url), "secret": self.SECRET})
            return web.Response(status=400, text=said + (await request.read()).decode(errors="replace"))

        kept = msgspec.json.encode(self.sent_once(echo)).decode()
        if self.SECRET_ENV:
            assert self.SECRET not in kept
            assert self.SECRET.removeprefix("whsec_") not in kept

    def test_a_secret_that_is_missing_is_named_by_its_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if not self.SECRET_ENV:
            return
        monkeypatch.delenv(self.SECRET_ENV)

        async def open_it() -> None:
            self.open("http://127.0.0.1:1")

        with pytest.raises(MissingSecret, match=self.SECRET_ENV):
            run(open_it())

    def test_what_is_broken_off_in_the_midst_leaves_it_usable(self) -> None:
        async def send() -> Outcome:
            async with self.opened(never) as (destination, receiver):
                sending = asyncio.ensure_future(destination.send([self.delivery()]))
                await asyncio.wait_for(receiver.has_come.wait(), TIMEOUT_S)
                sending.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await sending
                receiver.answer = self.accept
                (outcome,) = await destination.send([self.delivery()])
                return outcome

        assert isinstance(run(send()), Delivered)

    def _sent_to(self, url: str) -> Outcome:
        return run(self._send_to(url))

    async def _send_to(self, url: str, *, allow_private: bool = True) -> Outcome:
        destination = self.open(url, allow_private=allow_private)
        try:
            (outcome,) = await destination.send([self.delivery()])
            return outcome
        finally:
            await destination.close()


def run(work: Coroutine[None, None, Result]) -> Result:
    """Run to the end in a new event loop."""

    async def within() -> Result:
        return await asyncio.wait_for(work, 3 * TIMEOUT_S)

    return asyncio.run(within())


def _unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
