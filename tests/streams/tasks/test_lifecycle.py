"""The states of a task follow each other as they are drawn."""

import pytest

from streams.tasks.lifecycle import IllegalTransition, TaskState, transition

CREATED, RESTORING, RUNNING, SUSPENDED, CLOSED = TaskState
DRAWN = {
    (CREATED, RESTORING),
    (RESTORING, RUNNING),
    (RUNNING, SUSPENDED),
    (SUSPENDED, RUNNING),
    *((state, CLOSED) for state in (CREATED, RESTORING, RUNNING, SUSPENDED)),
}


@pytest.mark.parametrize("state", TaskState)
@pytest.mark.parametrize("following", TaskState)
def test_only_the_arrows_that_are_drawn_can_be_gone(state: TaskState, following: TaskState) -> None:
    if (state, following) in DRAWN:
        assert transition(state, following) is following
    else:
        with pytest.raises(IllegalTransition, match=f"{state.value} cannot become {following.value}"):
            transition(state, following)
