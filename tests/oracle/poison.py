"""Input that must not become part of any profile, with what must become of it; leaves sending to `delivery`."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from schemas.codec import Codec
from schemas.records import Event, Profile, Reason
from tests.oracle.stream import START, WEB, device, user


@dataclass(frozen=True)
class Request:
    """A request to the collector, the status it deserves, and the rejected events (message id, reason) it leaves."""

    path: str
    body: bytes
    status: int
    rejected: tuple[tuple[str | None, str], ...] = ()
    known_key: bool = True


def no_events(codec: Codec, workspace: str) -> list[tuple[Reason, bytes | None]]:
    """Values for `events` with the reason of their dead letters."""
    encode: Callable[[Event], bytes] = codec.encoder(Event)
    event = Event(
        workspace,
        WEB,
        "poison",
        "track",
        "Product Viewed",
        START,
        None,
        START,
        (device("poison"),),
        '{"sku": "poison"}',
        ordinal=1,
    )
    straight = msgspec.structs.replace(event, ordinal=0)
    value = encode(event)
    return [
        ("bad_magic", b"\x07" + value[1:]),
        ("bad_magic", b'{"event": "JSON is no Avro"}'),
        ("truncated", value[:12]),
        ("truncated", value[:3]),
        ("truncated", value[:-8]),  # only who reads the whole event can see it
        ("truncated", None),
        ("unknown_schema", b"\x00\x00\x0f\x42\x3f" + value[5:]),
        ("unknown_schema", b"\x00\xff\xff\xff\xff" + value[5:]),
        ("wrong_schema", codec.encoder(Profile)(Profile(workspace, "0" * 36, START, 1, traits="{}"))),
        ("no_identifier", encode(msgspec.structs.replace(event, identifiers=(device(" "),)))),
        ("no_identifier", encode(msgspec.structs.replace(event, identifiers=()))),
        ("unknown_workspace", encode(msgspec.structs.replace(event, workspace="nowhere"))),
        ("truncated", encode(straight)[:-8]),
        ("no_identifier", encode(msgspec.structs.replace(straight, identifiers=(user("guest"),)))),
        ("invalid", encode(msgspec.structs.replace(straight, properties="{'sku': 'poison'}"))),
        ("invalid", encode(msgspec.structs.replace(straight, traits="[1]"))),
        ("invalid", encode(msgspec.structs.replace(straight, event=None))),
        ("invalid", encode(msgspec.structs.replace(straight, occurred_at=0, received_at=0))),
    ]


def bad_requests() -> list[Request]:
    """Requests that the collector must refuse, whole or in part."""
    nobody = {"type": "track", "event": "Product Viewed", "messageId": "bad-nobody"}
    someone = {"type": "track", "anonymousId": "poison", "event": "Product Viewed"}
    calls = [
        nobody,
        someone | {"messageId": "bad-type", "type": "dance"},
        someone | {"messageId": "bad-name", "event": ""},
        someone | {"messageId": "bad-properties", "properties": "text"},
    ]
    reasons = ("missing_identifier", "unknown_type", "missing_field", "invalid_type")
    rejected = tuple((str(call["messageId"]), reason) for call, reason in zip(calls, reasons, strict=True))
    single = json.dumps(nobody | {"messageId": "bad-single"}).encode()
    return [
        Request("/v1/batch", json.dumps({"batch": calls}).encode(), 200, rejected),
        Request("/v1/track", single, 400, (("bad-single", "missing_identifier"),)),
        Request("/v1/batch", b'{"batch": [', 400, ((None, "invalid_json"),)),
        Request("/v1/batch", json.dumps({"batch": [someone]}).encode(), 401, known_key=False),
    ]
