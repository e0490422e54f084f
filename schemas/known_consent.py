"""What a person has said, as whoever has something waiting for them knows it: by `consents`, and by the activation.

Pure. Both come by Kafka topics of the same partitions, and either may be read before the other.
"""

from schemas.activations import Activation
from schemas.consent import ConsentState, decode_consent
from schemas.records import ConsentChange


def later(known: ConsentChange | None, record: ConsentChange) -> ConsentChange:
    """Return which of two records of `consents` under one profile id counts.

    A profile that was merged away is spoken for by another one, until a later decision parts them again; versions of
    the two do not compare, decisions do.
    """
    if known is None or (record.decision, record.version) >= (known.decision, known.version):
        return record
    return known


def consent_of(activation: Activation, known: ConsentChange | None) -> ConsentState:
    """Return what counts for an activation now. `known`: the record of `consents` for its profile id that counts.

    The activation's own word is that of its commit: it counts as long as no record is known, or only an older one of
    the same profile.
    """
    if known is None:
        return decode_consent(activation.consent)
    is_of_the_same = known.current_id == activation.profile_id
    return decode_consent(
        activation.consent if is_of_the_same and known.version < activation.version else known.consent
    )
