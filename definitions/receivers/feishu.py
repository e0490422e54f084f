"""Options of Feishu (Lark): messages of a custom robot of a group."""

from typing import Literal

import msgspec

from definitions.receivers.values import Secret

PRESET = {"text": "{{ name }}: {{ change }} ({{ profile.id }}{{ across }})"}
"""`title` may stand beside `text`; with `body`, an object of Feishu's own form (`msg_type`, ...), that is sent."""

CHANNEL = "chat"

KEYS = {
    "url": "Address of the robot, which is a secret as a whole.",
    "secret": "Secret of the robot's signature check, if that is switched on.",
    "format": "`text`: shown as it is; `markdown`: as a card.",
    "mentions": "Whether a text may call people (`<at …>`); else it only looks so.",
    "allow_private": "Whether the address may lead into a private network.",
}


class Feishu(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="feishu", tag_field="type"):
    """`url`: of the robot. `mentions`: what a person has written into a trait may call everybody."""

    url: Secret
    secret: Secret | None = None
    format: Literal["text", "markdown"] = "text"
    mentions: bool = False
    allow_private: bool = False
