"""Options of Kafka topics, of this cluster or another one: a record of JSON per delivery, keyed by the profile."""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from definitions.receivers.hosts import why_no_server
from definitions.receivers.values import Holds, OptionProblem, Secret

PRESET = {
    "id": "@key",
    "name": "@name",
    "change": "@change",
    "profile_id": "@profile.id",
    "happened_at": "@happened_at",
    "version": "@version",
    "traits": "@traits",
    "payload": "@payload",
}

KEYS = {
    "servers": "Bootstrap servers of the cluster, HOST:PORT, separated by commas.",
    "topic": "The topic that takes the records; it must exist, unless the cluster creates topics.",
    "tls": "Whether connections are encrypted.",
    "ca_file": "Certificates of who may vouch for the brokers, PEM; without it, the system's.",
    "sasl": "How to log in; without it, nobody does.",
    "username": "Who logs in.",
    "password": "The password of who logs in.",
    "batch": "How many records are on their way at once, at most.",
    "keeps_members": "Whether readers keep who is in a segment: then the exit of whom they may hold is always sent.",
}


class Kafka(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="kafka", tag_field="type"):
    """A topic. Each record has the profile's id as its key and the delivery's key in the header `delivery-key`."""

    servers: str
    topic: str
    tls: bool = False
    ca_file: str = ""
    sasl: Literal["", "plain", "scram-sha-256", "scram-sha-512"] = ""
    username: str | Secret = ""
    password: Secret = Secret()
    batch: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1_000
    keeps_members: bool = False


def holds(options: Kafka) -> Holds:
    """Return what its readers hold, as the file says."""
    return "states" if options.keeps_members else "events"


def problems(options: Kafka) -> Iterator[OptionProblem]:
    """Yield what is wrong with options that no single value shows."""
    for server in options.servers.split(","):
        if (reason := why_no_server(server.strip())) is not None:
            yield OptionProblem("servers", f"no broker can be reached by one of them: {reason}", "write `HOST:PORT`")
            break
    if options.sasl and not (options.username and options.password != Secret()):
        yield OptionProblem("sasl", "needs `username` and `password`")
    if not options.sasl and options.password != Secret():
        yield OptionProblem("password", "is used with `sasl` only", "say `sasl: scram-sha-512` or `sasl: plain`")
    if options.ca_file and not options.tls:
        yield OptionProblem("ca_file", "is used with `tls: true` only")
