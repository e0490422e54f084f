"""The trait whose query is to run is found by its name, however it is typed."""

import unicodedata

import click
import pytest

from onefold.commands.refresh import mined_named


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_trait_is_found_in_whichever_form_of_unicode_it_is_typed(form: str) -> None:
    names = ["流失", unicodedata.normalize("NFC", "Käufer")]
    assert mined_named(unicodedata.normalize(form, "Käufer"), names) == names[1]  # type: ignore[arg-type]
    assert mined_named("流失", names) == "流失"


@pytest.mark.parametrize(("names", "hint"), [(["risk"], "did you mean 'risk'"), ([], "none is in effect there")])
def test_another_name_is_refused_with_what_may_be_meant(names: list[str], hint: str) -> None:
    with pytest.raises(click.BadParameter, match=hint):
        mined_named("risc", names)
