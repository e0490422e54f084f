"""The state of one profile: its time and its facets; what goes over all of them is in `facets`."""

import msgspec

from streams.fold.aggregates import Aggregates
from streams.fold.computed import ComputedTraits
from streams.fold.consent import Consent
from streams.fold.counters import Counters
from streams.fold.evaluations import Evaluations
from streams.fold.expiry import Expiry
from streams.fold.facet import Facet
from streams.fold.identifiers import Identifiers
from streams.fold.lineage import Lineage
from streams.fold.memberships import Memberships
from streams.fold.mined import Mined
from streams.fold.moment import BEGINNING
from streams.fold.ownership import Ownership
from streams.fold.recent_ids import RecentIds
from streams.fold.seeds import Seeds
from streams.fold.sessions import Sessions
from streams.fold.traits import Traits
from streams.fold.triggers import Triggers


class ProfileState(msgspec.Struct, array_like=True, gc=False):
    """Everything remembered of one profile: a tuple of facets, and the time (ms) of its latest event or deadline.

    A new facet is a new last field.
    """

    as_of: int = BEGINNING
    recent_ids: RecentIds = msgspec.field(default_factory=RecentIds)
    identifiers: Identifiers = msgspec.field(default_factory=Identifiers)
    traits: Traits = msgspec.field(default_factory=Traits)
    counters: Counters = msgspec.field(default_factory=Counters)
    aggregates: Aggregates = msgspec.field(default_factory=Aggregates)
    sessions: Sessions = msgspec.field(default_factory=Sessions)
    computed: ComputedTraits = msgspec.field(default_factory=ComputedTraits)
    memberships: Memberships = msgspec.field(default_factory=Memberships)
    evaluations: Evaluations = msgspec.field(default_factory=Evaluations)
    triggers: Triggers = msgspec.field(default_factory=Triggers)
    ownership: Ownership = msgspec.field(default_factory=Ownership)
    lineage: Lineage = msgspec.field(default_factory=Lineage)
    expiry: Expiry = msgspec.field(default_factory=Expiry)
    seeds: Seeds = msgspec.field(default_factory=Seeds)
    mined: Mined = msgspec.field(default_factory=Mined)
    consent: Consent = msgspec.field(default_factory=Consent)


FACETS: dict[str, type[Facet]] = {
    field.name: field.type for field in msgspec.structs.fields(ProfileState) if field.name != "as_of"
}
"""The facets by the name of their field, in the order in which they are called."""
