"""Types of options beyond msgspec's own."""

from typing import Literal, NamedTuple, TypeAlias

import msgspec

Holds: TypeAlias = Literal["states", "events"]
"""Whether a receiver holds the last change of a profile and segment alone, or takes each by itself.

`states`: only the last change matters (an audience, a row); earlier ones that wait are superseded. `events`: each is
delivered by itself, in order (a mail, a message).
"""


class Secret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a secret is: `{env: NAME}`, an environment variable of the deliverer, or `{file: PATH}`, a file's text.

    The secret itself never stands in a definition, a topic, a table or a log. Neither of both: there is none.
    """

    env: str = ""
    file: str = ""


class OptionProblem(NamedTuple):
    """What is wrong with the options of a receiver, at a key of them, and what to do. Echoes no secret."""

    key: str
    message: str
    hint: str = ""
