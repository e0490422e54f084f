"""Types of options beyond msgspec's own."""

import msgspec


class Secret(msgspec.Struct, frozen=True):
    """Where a secret is: `{env: NAME}`, an environment variable of the deliverer, or `{file: PATH}`, a file's text.

    The secret itself never stands in a definition, a topic, a table or a log.
    """

    env: str = ""
    file: str = ""
