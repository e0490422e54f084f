"""What is to be done about a request: verdicts, judged by rules over a ledger that is only read.

Doing it is left to `applying`. A judge yields its verdicts one by one, and each is applied before it goes on.
"""

from collections.abc import Callable, Iterator

from identity.judging.attributing import judge_reattribution
from identity.judging.counting import judge_recount
from identity.judging.linking import judge_links
from identity.judging.merging import judge_merge_by_hand
from identity.judging.reversing import judge_allowance, judge_unsharing
from identity.judging.reviewing import judge_acceptance, judge_refusal
from identity.judging.unmerging import judge_retraction, judge_unmerge
from identity.ledger import Ledger
from identity.rules import IdentityRules
from identity.verdicts import ChangeNothing, Verdict
from schemas.records import IdentityRequest, RequestKind

Judge = Callable[[IdentityRequest, Ledger, IdentityRules], Iterator[Verdict]]


def _judge_unknown(request: IdentityRequest, _ledger: Ledger, _rules: IdentityRules) -> Iterator[Verdict]:
    yield ChangeNothing(request.identifiers, "the request is of a kind that this release does not know")


JUDGES: dict[RequestKind, Judge] = {
    "unknown": _judge_unknown,
    "link": judge_links,
    "unmerge": judge_unmerge,
    "retract": judge_retraction,
    "accept": judge_acceptance,
    "refuse": judge_refusal,
    "reattribute": judge_reattribution,
    "merge": judge_merge_by_hand,
    "allow": judge_allowance,
    "unshare": judge_unsharing,
    "recount": judge_recount,
}
