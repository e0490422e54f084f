"""Real shop behaviour on devices that are made up: who used which, and where they signed in, is drawn with a seed.

The persons, what they did and when are real (Taobao, 2017); devices and sign-ins are not in the data.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from bench.identity.stages import SOURCE, WORKSPACE
from schemas.records import Event, Identifier

FILE = Path("../shared/data/taobao_815users.csv.gz")
SHARED_SHARE = 0.1
AGAIN_CHANCE = 0.3
_VISIT_GAP_MS = 30 * 60_000
_NAMES = {"pv": "Product Viewed", "cart": "Product Added", "fav": "Product Liked", "buy": "Order Completed"}

Action = tuple[int, str]
"""Time in ms, and the name of the event."""


class Done(NamedTuple):
    """An event, and the user who did it."""

    event: Event
    user: str


class Household(NamedTuple):
    """Events in the order of their times, and who has signed in on each device."""

    done: Sequence[Done]
    users_of: Mapping[str, frozenset[str]]

    def truth(self, event: Event) -> Identifier:
        """Say whose an event is by the rules: of whom it names, else of the device's one person, else the device's."""
        first = event.identifiers[0]
        if first.namespace == "user_id":
            return first
        users = self.users_of[first.value]
        return Identifier("user_id", next(iter(users))) if len(users) == 1 else first

    def is_shared(self, device: str) -> bool:
        """Return whether two or more persons have signed in on it."""
        return len(self.users_of[device]) > 1


def actions(path: Path, users: int | None = None) -> dict[str, list[Action]]:
    """Return what each user did, in the order of time; of the first `users` of them, or of all."""
    found: dict[str, list[Action]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["user_id"]].append((int(row["ts"]) * 1000, _NAMES[row["event_type"]]))
    return {user: sorted(found[user]) for user in sorted(found)[:users]}


def household(done: Mapping[str, Sequence[Action]], random: Random) -> Household:
    """Spread the users over devices, visit by visit, and let each sign in at least once wherever they were.

    One to three devices each, `SHARED_SHARE` of the devices for two or three persons. On each device a user signs in
    before a random event of a random visit, and with `AGAIN_CHANCE` in every other visit; nothing else names them.
    """
    devices = _devices(list(done), random)
    made: list[tuple[int, Identifier, str | None, str]] = []
    users_of: dict[str, set[str]] = defaultdict(set)
    for user, own in done.items():
        visits: dict[str, list[list[Action]]] = defaultdict(list)
        for visit in _visits(own):
            visits[random.choice(devices[user])].append(visit)
        for device, on_it in visits.items():
            users_of[device].add(user)
            surely = random.randrange(len(on_it))
            for number, visit in enumerate(on_it):
                made += ((at, Identifier("anonymous_id", device), name, user) for at, name in visit)
                if number == surely or random.random() < AGAIN_CHANCE:
                    made.append((random.choice(visit)[0], Identifier("anonymous_id", device), None, user))
    made.sort(key=lambda one: one[0])
    events = [_event(number, *one) for number, one in enumerate(made)]
    return Household(events, {device: frozenset(users) for device, users in users_of.items()})


def _devices(users: Sequence[str], random: Random) -> dict[str, list[str]]:
    """Deal out seats in random order, one to three for each user; a device has one seat, or two or three."""
    seats = [user for user in users for _ in range(random.randint(1, 3))]
    random.shuffle(seats)
    devices: dict[str, list[str]] = defaultdict(list)
    number = 0
    while seats:
        size = random.choice((2, 3)) if random.random() < SHARED_SHARE else 1
        for user in dict.fromkeys(seats[-size:]):
            devices[user].append(f"device-{number}")
        del seats[-size:]
        number += 1
    return devices


def _visits(done: Sequence[Action]) -> list[list[Action]]:
    visits: list[list[Action]] = []
    for action in done:
        if not visits or action[0] - visits[-1][-1][0] > _VISIT_GAP_MS:
            visits.append([])
        visits[-1].append(action)
    return visits


def _event(number: int, at: int, device: Identifier, name: str | None, user: str) -> Done:
    identifiers = (device,) if name else (Identifier("user_id", user), device)
    kind = "track" if name else "identify"
    return Done(Event(WORKSPACE, SOURCE, f"t{number}", kind, name, at, None, at, identifiers, ordinal=number + 1), user)  # type: ignore[arg-type]
