"""Large bodies are validated beside the loop, in turns: whoever sends many keeps only itself waiting."""

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial

import pytest

from collectors.validators import AT_ONCE_BYTES, HUGE_BYTES, Validators
from runtime.http.bodies import BodyRefused

LARGE = AT_ONCE_BYTES + 1
DEADLINE_S = 30.0

pytestmark = pytest.mark.anyio


@pytest.fixture
async def validators() -> AsyncIterator[Validators]:
    validators = Validators(max_waiting=8)
    yield validators
    validators.close()


async def test_small_bodies_are_validated_at_once_and_large_ones_in_a_thread(validators: Validators) -> None:
    assert await validators.run("a", AT_ONCE_BYTES, threading.get_ident) == threading.get_ident()
    assert await validators.run("a", LARGE, threading.get_ident) != threading.get_ident()


async def test_the_loop_goes_on_while_a_large_body_is_validated(validators: Validators) -> None:
    may_end = threading.Event()
    validated = asyncio.create_task(validators.run("a", LARGE, lambda: may_end.wait(DEADLINE_S)))
    await validators.run("a", 1, may_end.set)
    assert await validated


async def test_a_client_that_sends_many_keeps_only_itself_waiting(validators: Validators) -> None:
    has_begun, may_end = threading.Event(), threading.Event()
    begun: list[int] = []

    def validate(number: int) -> bool:
        begun.append(number)
        has_begun.set()
        return may_end.wait(DEADLINE_S)

    many = [asyncio.create_task(validators.run("a", LARGE, partial(validate, number))) for number in range(4)]
    await asyncio.sleep(0)
    async with asyncio.timeout(DEADLINE_S):
        assert await validators.run("b", LARGE, lambda: has_begun.wait(DEADLINE_S))
        assert begun == [0]
        may_end.set()
        assert await asyncio.gather(*many) == [True] * 4
    assert begun == [0, 1, 2, 3]


async def test_huge_bodies_leave_a_thread_to_others(validators: Validators) -> None:
    has_begun, may_end = threading.Event(), threading.Event()

    def validate() -> bool:
        has_begun.set()
        return may_end.wait(DEADLINE_S)

    huge = [asyncio.create_task(validators.run(client, HUGE_BYTES + 1, validate)) for client in ("a", "b")]
    await asyncio.sleep(0)
    async with asyncio.timeout(DEADLINE_S):
        assert await validators.run("c", HUGE_BYTES, lambda: has_begun.wait(DEADLINE_S))
        may_end.set()
        assert await asyncio.gather(*huge) == [True, True]


async def test_few_may_wait_and_of_one_client_half_of_them(validators: Validators) -> None:
    may_end = threading.Event()

    def wait() -> bool:
        return may_end.wait(DEADLINE_S)

    waiting = [asyncio.create_task(validators.run(client, LARGE, wait)) for client in ("a", "a", "a", "a")]
    await asyncio.sleep(0)
    with pytest.raises(BodyRefused) as caught:
        await validators.run("a", LARGE, wait)
    assert caught.value.status == 503
    waiting += [asyncio.create_task(validators.run(client, LARGE, wait)) for client in ("b", "b", "c", "c")]
    await asyncio.sleep(0)
    with pytest.raises(BodyRefused):
        await validators.run("d", LARGE, wait)
    assert await validators.run("d", 1, lambda: "small") == "small"
    may_end.set()
    assert await asyncio.gather(*waiting) == [True] * 8
    assert await validators.run("a", LARGE, wait)


async def test_what_validation_raises_gives_its_place_back(validators: Validators) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            await validators.run("a", LARGE, fail)
