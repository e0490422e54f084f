"""What all robots of chat groups must do: the contract of HTTP, the address being the secret."""

import os
from abc import abstractmethod
from collections.abc import Mapping

from definitions.receivers.values import Secret
from schemas.activations import delivery_key
from sinks.destinations.contract import Delivery, Outcome
from sinks.destinations.robots.robot import Robot
from tests.sinks.destinations.contract import TIMEOUT_S, HttpContract, activation, run
from tests.sinks.destinations.receiver import always

NOW_S = 1_800_000_000.0
URL = Secret(env="ROBOT_URL")


class RobotContract(HttpContract):
    """A kind says how a robot is made whose address is the secret `URL`."""

    SECRET_ENV = "ROBOT_URL"
    SECRET = "0f2e7c55-ad80-4a1f-9a3f-e2b0c0ffee00"

    @abstractmethod
    def robot(self, timeout_s: float, *, allow_private: bool) -> Robot:
        """Make the robot."""

    def open(self, url: str, timeout_s: float = TIMEOUT_S, *, allow_private: bool = True) -> Robot:
        if self.SECRET_ENV in os.environ:  # what the contract has set, and one of its cases has taken away
            os.environ[self.SECRET_ENV] = f"{url}/robot/send?token={self.SECRET}"
        return self.robot(timeout_s, allow_private=allow_private)

    def fields(self, number: int) -> Mapping[str, object]:
        return {"text": f"大客户 {number}"}

    def answered(self, body: bytes, status: int = 200) -> Outcome:
        """The outcome of an answer."""
        return self.sent_once(always(status, body))

    def body_of(self, fields: Mapping[str, object]) -> bytes:
        """What arrives of these fields."""

        async def send() -> bytes:
            async with self.opened(self.accept) as (robot, receiver):
                (outcome,) = await robot.send([self._delivery_of(fields)])
                assert receiver.requests, outcome
                return receiver.requests[0].body

        return run(send())

    def outcome_of(self, fields: Mapping[str, object]) -> Outcome:
        """The outcome of these fields."""

        async def send() -> Outcome:
            async with self.opened(self.accept) as (robot, _):
                (outcome,) = await robot.send([self._delivery_of(fields)])
                return outcome

        return run(send())

    @staticmethod
    def _delivery_of(fields: Mapping[str, object]) -> Delivery:
        return Delivery(delivery_key(activation(), "here", "1"), activation(), fields)
