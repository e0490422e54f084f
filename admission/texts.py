"""The name of an event and its message id: what is too long or holds odd characters is repaired."""

import re
from hashlib import blake2b

from admission.json_text import mended
from admission.repairs import Repairs

MAX_MESSAGE_ID_LENGTH = 200
MAX_NAME_LENGTH = 500

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def event_name(sent: str, field: str, repairs: Repairs) -> str | None:
    """Return the name without control characters, blanks for those that part words, cut; None if nothing is left."""
    name = mended(sent)
    if name != sent:
        repairs.add(field, "broken_character")
    if _CONTROL.search(name):
        repairs.add(field, "control_character")
        name = _CONTROL.sub(lambda control: " " if control[0].isspace() else "", name).strip()
    if len(name) > MAX_NAME_LENGTH:
        repairs.add(field, "too_long")
        name = name[:MAX_NAME_LENGTH].rstrip()
    return name or None


def message_id(sent: str, field: str, repairs: Repairs) -> str:
    """Return the id; its digest, which is the same on every retry, where it is too long or cannot be printed."""
    if len(sent) <= MAX_MESSAGE_ID_LENGTH and sent.isprintable():
        return sent
    if len(sent) > MAX_MESSAGE_ID_LENGTH:
        repairs.add(field, "too_long")
    else:
        repairs.add(field, "control_character" if mended(sent) == sent else "broken_character")
    return digest_id(sent)


def digest_id(sent: str) -> str:
    """Return the message id that stands for any text: 32 hexadecimal digits."""
    return blake2b(sent.encode(errors="surrogatepass"), digest_size=16).hexdigest()
