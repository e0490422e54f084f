"""Options of Apprise: the long tail of messages (SMS, push, chats), by the addresses of its notation."""

import msgspec

from definitions.receivers.values import Secret

PRESET = {"text": "{{ name }}: {{ change }}"}
"""`title` may stand beside; `to` takes the place of `{to}` in the address: a number, a handle."""

CHANNEL = "chat"

KEYS = {
    "url": "Address in Apprise's notation, a secret as a whole; `{to}` in it is the field `to` of each delivery.",
}


class Apprise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="apprise", tag_field="type"):
    """`url`: such as `twilio://SID:TOKEN@FROM/{to}`."""

    url: Secret
