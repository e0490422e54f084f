"""Which definitions are for the profiles of a kind in a workspace."""

import msgspec

from definitions.model import Definitions, Segment, Trait, Trigger
from schemas.records import ProfileKind


def narrowed(definitions: Definitions, workspace: str, kind: ProfileKind) -> Definitions:
    """Return what is defined for profiles of a kind in a workspace (empty: in one that no definition names)."""

    def is_of(defined: Segment | Trait | Trigger) -> bool:
        return defined.kind == kind and (not defined.workspaces or workspace in defined.workspaces)

    return msgspec.structs.replace(
        definitions,
        segments=tuple(filter(is_of, definitions.segments)),
        traits=tuple(filter(is_of, definitions.traits)),
        triggers=tuple(filter(is_of, definitions.triggers)),
    )
