"""Calls as the recorded SDKs put them on the wire, cut to what differs, for the tests of this folder."""

import uuid

from admission.json_text import JsonObject, parse
from collectors.events import Envelope, Sender
from collectors.validation import Receipt
from schemas.records import Event
from settings import Source, Workspace

RECEIVED_AT = 1_795_473_285_000  # 2026-11-23T22:34:45Z
SENDER = Sender("main", "shop")
ENVELOPE = Envelope(RECEIVED_AT)
RECEIPT = Receipt(RECEIVED_AT, 1)
WORKSPACE = Workspace("main", uuid.UUID(int=1), "wall", (Source("shop", "secret"), Source("app", "other")))


def call(text: str) -> JsonObject:
    """One call, parsed as a request's body is."""
    parsed = parse(text.encode())
    assert isinstance(parsed, dict)
    return parsed


def repairs_of(event: Event) -> list[tuple[str, str]]:
    """Field and reason of each repair."""
    return [(repair.field, repair.reason) for repair in event.repairs]


SEGMENT_PYTHON = """{"integrations": {}, "anonymousId": null, "properties": {"total": 19.90, "\\u540d": "\\u4e2d"},
 "timestamp": "2026-11-23T22:34:44.734+00:00", "context": {"library": {"name": "analytics-python"}}, "type": "track",
 "userId": "9021008", "event": "Order Completed", "messageId": "8d2f1a54-6f0e-4a5e-9a39-5b9f4b6a1c11"}"""

RUDDER_PYTHON_IDENTIFY = """{"integrations": {"All": true}, "anonymousId": null, "userId": "u1", "type": "identify",
 "timestamp": "2026-11-23T22:34:44.734821+00:00", "channel": "server", "messageId": "m2",
 "context": {"library": {"name": "analytics-python"}, "traits": {"email": " Ann@Example.COM ", "plan": "pro"}}}"""

SEGMENT_NODE = """{"messageId": "node-next-1795473284734-8d2f1a54-6f0e-4a5e-9a39-5b9f4b6a1c", "type": "page",
 "timestamp": "2026-11-23T22:34:44.734Z", "name": "Home", "category": "Docs",
 "properties": {"category": "Docs", "name": "Home"}, "userId": "u1", "_metadata": {"nodeVersion": "24"},
 "integrations": {}, "context": {"library": {"name": "@segment/analytics-node"}}}"""

RUDDER_NODE = """{"type": "track", "event": "Viewed", "userId": "u1", "channel": "server", "messageId": "m4",
 "originalTimestamp": "2026-11-23T22:34:44.734Z", "sentAt": "2026-11-23T22:34:44.900Z", "properties": {},
 "context": {"library": {"name": "analytics-node"}}, "_metadata": {"nodeVersion": "24"}}"""

SEGMENT_GO = """{"type": "track", "messageId": "m5", "userId": "u1", "event": "Viewed",
 "timestamp": "2026-11-23T22:34:44.857754074Z"}"""

SEGMENT_JAVA = """{"type": "screen", "messageId": "m6", "timestamp": "2026-11-23T22:34:44.734Z", "integrations": {},
 "userId": "u1", "name": "Cart"}"""

SEGMENT_WEB = """{"timestamp": "2026-11-23T22:34:44.734Z", "integrations": {"Segment.io": true}, "userId": "u1",
 "anonymousId": "a-1", "event": "Viewed", "type": "track", "properties": {}, "messageId": "ajs-next-1795473284734-x",
 "context": {"page": {"url": "https://shop.example/", "path": "/"}, "userAgent": "Mozilla/5.0"},
 "sentAt": "2026-11-23T22:34:44.801Z", "writeKey": "secret", "_metadata": {"bundled": []}}"""

RUDDER_WEB = """{"type": "page", "channel": "web", "userId": "", "anonymousId": "a-1", "messageId": "m8", "name": null,
 "originalTimestamp": "2026-11-23T22:34:44.734Z", "sentAt": "2026-11-23T22:34:44.800Z", "properties": {"path": "/"},
 "context": {"traits": {"email": "ann@example.com"}, "sessionId": 1795473284, "page": {"path": "/"}}}"""
