"""The command that follows an exit: whoever has its identifiers by now says once more at the receiver who is there.

A receiver that holds states goes by addresses, and these move from profile to profile: the exit may have taken out
what another profile had entered meanwhile (docs/decisions/0042). Who that is, PROFILE knows: the command goes along
forwards.
"""

from collections.abc import Callable

from schemas.activations import Activation
from schemas.records import ProfileCommand, Reaffirm
from schemas.topics import PROFILE_COMMANDS
from state.outputs import Output


class Reaffirmations:
    """Makes the records."""

    def __init__(self, encode: Callable[[ProfileCommand], bytes]) -> None:
        self._encode = encode

    def output(self, exited: Activation, kept_as: str, key: bytes) -> Output:
        """Return the record that follows an exit; `key`: of the profile, `kept_as`: the destination's first name."""
        assert exited.profile_id is not None, "a segment is of profiles"
        command = Reaffirm(kept_as, exited.name, exited.profile_id, exited.identifiers)
        record = ProfileCommand.of(exited.workspace, exited.profile_id, command)
        return Output(PROFILE_COMMANDS, key, self._encode(record))
