"""Links to unsubscribe: read back as they were made, and by nobody else's secret."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.unsubscribing import MAX_TOKEN, PATH, ForgedLink, UnsubscribeLink, read_link, unsubscribe_url

SECRET, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
LINK = UnsubscribeLink("main", "6a1f6f0c-0000-5000-8000-000000000001", "marketing", "email")


def token(link: UnsubscribeLink = LINK, namespace: uuid.UUID = SECRET) -> str:
    return unsubscribe_url("https://example.com/", namespace, link).partition(PATH)[2]


def test_a_link_is_read_as_it_was_made_and_is_the_same_every_time() -> None:
    url = unsubscribe_url("https://example.com/", SECRET, LINK)
    assert url.startswith(f"https://example.com{PATH}")
    assert url == unsubscribe_url("https://example.com", SECRET, LINK)
    assert read_link(token(), {"main": SECRET}.get) == LINK


@given(st.builds(UnsubscribeLink, *[st.text(max_size=40)] * 4))
def test_any_link_is_read_as_it_was_made(link: UnsubscribeLink) -> None:
    assert read_link(token(link), lambda _: SECRET) == link


@given(st.integers(0, len(token()) - 1), st.sampled_from("Aa0-_."))
def test_a_link_that_was_changed_anywhere_is_refused_or_says_the_same(position: int, character: str) -> None:
    changed = token()[:position] + character + token()[position + 1 :]
    try:
        assert read_link(changed, {"main": SECRET}.get) == LINK  # the last letter of a part has bits that say nothing
    except ForgedLink:
        assert changed != token()


def test_the_secret_of_another_workspace_signs_nothing() -> None:
    with pytest.raises(ForgedLink):
        read_link(token(namespace=OTHER), {"main": SECRET}.get)
    with pytest.raises(ForgedLink):
        read_link(token(), {"other": SECRET}.get)


@pytest.mark.parametrize("text", ["", ".", "a", "é.é", "W10.W10", "x" * (MAX_TOKEN + 1), token().partition(".")[0]])
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(ForgedLink):
        read_link(text, lambda _: SECRET)
