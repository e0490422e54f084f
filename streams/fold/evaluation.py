"""Evaluates what is defined of a profile, over several facets, and what follows from that; rules are `definitions`'."""

from bisect import insort
from collections.abc import Iterable

from definitions import NEVER, CompiledSegment, CompiledTrigger
from streams.fold.computed import value_of
from streams.fold.firing import begin
from streams.fold.moment import FoldContext, Moment, Outputs
from streams.fold.records import publish
from streams.fold.state import ProfileState
from streams.fold.subject import ProfileSubject


def evaluate(state: ProfileState, items: Iterable[int], moment: Moment) -> None:
    """Evaluate items of the program, by their numbers, at the moment's time, and all that read what changes thereby.

    Numbers are in the order of dependencies, so each is evaluated once, after all that it reads.
    """
    pending = sorted(items)
    if not pending:
        return
    program, now, evaluations, is_displaced = moment.context.program, moment.as_of, state.evaluations, False
    subject, untils = ProfileSubject(state, moment.context), evaluations.untils
    members, texts = state.memberships.entered_at, state.computed.texts
    readers, trait_readers, defaults = program.readers, program.trait_readers, program.defaults
    done = -1
    for number in pending:  # which grows behind the number at hand
        if number == done:
            continue
        done, item = number, program.items[number]
        concerned: Iterable[int] = ()
        if isinstance(item, CompiledSegment):
            holds, until = item.evaluate(subject, now)
            if holds is not (item.name in members):
                state.memberships.change(item.name, holds, moment)
                concerned = readers.get(item.changes, ())
        elif isinstance(item, CompiledTrigger):
            holds, until = item.evaluate(subject, now)
            begin(state, item, holds, moment)
        else:
            name = item.name
            value, until = item.evaluate(subject, now)
            former = texts.get(name)
            if state.computed.decide(name, value, moment) and (reading := trait_readers.get(name)) is not None:
                before = defaults[name] if former is None else value_of(former)
                concerned = reading.concerned(before, defaults[name] if value is None else value)
        for reader in concerned:
            insort(pending, reader)
        if until != untils.get(number, NEVER):
            is_displaced |= evaluations.lasts(number, until)
    if is_displaced:
        evaluations.find_earliest()


def evaluate_all(state: ProfileState, cause: str, context: FoldContext, out: Outputs) -> None:
    """Evaluate everything as of the state's time."""
    moment = Moment(context, out, cause, state.as_of, state.lineage.version)
    evaluate(state, context.program.evaluable, moment)
    publish(state, moment)


def evaluate_mined(state: ProfileState, trait: str, at: int, cause: str, context: FoldContext, out: Outputs) -> None:  # noqa: PLR0913, PLR0917
    """Evaluate a trait of which another value was found, and what reads it: at a time, or the state's if later."""
    moment = Moment(context, out, cause, max(state.as_of, at), state.lineage.version)
    evaluate(state, context.program.mined[trait], moment)
    publish(state, moment)


def leave_all(state: ProfileState, cause: str, context: FoldContext, out: Outputs) -> None:
    """Leave all segments as of the state's time, until the next evaluation."""
    moment = Moment(context, out, cause, state.as_of, state.lineage.version)
    state.memberships.leave_all(moment)
    state.evaluations.end_all()
    publish(state, moment)
