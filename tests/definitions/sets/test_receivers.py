"""Since when a destination has the receiver that it has."""

from definitions.destinations import Destination
from definitions.receivers.webhook import Webhook
from definitions.sets.model import DefinitionSet
from definitions.sets.receivers import receiving_since

ALONE = Destination("shop")
HOOK = Destination("shop", receiver=Webhook("https://shop.example"))
RENAMED = Destination("store", receiver=Webhook("https://shop.example"), renamed_from=("shop",))


def since(*several: tuple[Destination, ...]) -> dict[str, int]:
    sets = [DefinitionSet(number, number * 100, "", destinations=each) for number, each in enumerate(several, 1)]
    return dict(receiving_since(sets))


def test_what_lies_on_a_topic_is_for_a_destination_that_always_had_a_receiver_or_is_new() -> None:
    assert since((HOOK,), (HOOK,)) == since((), (HOOK,), (), (HOOK,)) == since((ALONE,)) == {}


def test_one_that_was_its_topic_alone_has_a_receiver_since_the_set_that_gave_it_one() -> None:
    assert since((ALONE,), (HOOK,), (HOOK,)) == {"shop": 200}
    assert since((ALONE,), (), (HOOK,)) == {"shop": 300}


def test_one_whose_receiver_is_taken_out_and_put_back_reads_on() -> None:
    assert since((HOOK,), (ALONE,), (HOOK,)) == since((HOOK,), (ALONE,), (RENAMED,)) == {}
    assert since((ALONE,), (HOOK,), (ALONE,), (HOOK,)) == {"shop": 200}


def test_one_that_is_renamed_meanwhile_has_it_by_all_its_names() -> None:
    assert since((ALONE,), (RENAMED,)) == {"shop": 200, "store": 200}


def test_the_topic_alone_whose_name_another_one_takes_is_not_read_from_its_beginning() -> None:
    assert since((Destination("store"), HOOK), (HOOK,), (RENAMED,)) == {"store": 300}
