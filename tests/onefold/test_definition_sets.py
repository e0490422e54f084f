"""What `onefold definitions` refuses of the versions that were applied, and what it says of them."""

from pathlib import Path

import click
import pytest

from definitions.sets.folder import Collision
from onefold.commands.definition_sets import refuse_collision


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            Collision(("segments/a.yaml",), ("traits/b.yaml",)),
            "mine has other definitions than version 3: segments/a.yaml would be replaced; traits/b.yaml would stay,"
            " which it does not have; nothing is written, --force writes all the same",
        ),
        (Collision(("segments/a.yaml",)), "version 3: segments/a.yaml would be replaced; nothing"),
        (Collision((), ("a", "b", "c", "d", "e", "f", "g")), "version 3: a, b, c, d, e and 2 more would stay, which"),
    ],
)
def test_a_folder_of_other_definitions_is_refused_unless_they_may_be_replaced(found: Collision, said: str) -> None:
    with pytest.raises(click.ClickException) as refused:
        refuse_collision(found, 3, Path("mine"), force=False)
    assert said in refused.value.message
    refuse_collision(found, 3, Path("mine"), force=True)


def test_a_folder_that_is_as_the_version_is_not_refused() -> None:
    refuse_collision(Collision(), 3, Path("mine"), force=False)
