"""A position is acknowledged once everything before it is done, whatever was read in between."""

from faust.types import TP

from streams.transport.acknowledgements import Acknowledgements

PARTITION = TP("in", 0)


def test_what_lies_behind_unacknowledged_batches_is_acknowledged_with_the_last_of_them() -> None:
    acknowledgements = Acknowledgements()
    acknowledgements.begin({PARTITION: 1})
    acknowledgements.hand_over("reader")
    acknowledgements.pass_over("reader", {PARTITION: 6})
    acknowledgements.hand_over("reader")
    acknowledgements.pass_over("reader", {PARTITION: 9})
    assert acknowledgements.until == {PARTITION: 1}

    acknowledgements.acknowledge("reader", {PARTITION: 5})
    assert acknowledgements.until == {PARTITION: 5}

    acknowledgements.acknowledge("reader", {PARTITION: 8})
    assert acknowledgements.until == {PARTITION: 9}


def test_the_end_of_a_transaction_is_acknowledged_at_once_when_nothing_is_worked_on() -> None:
    acknowledgements = Acknowledgements()
    acknowledgements.hand_over("other reader")
    acknowledgements.pass_over("reader", {PARTITION: 2})
    assert acknowledgements.until == {PARTITION: 2}


def test_a_new_beginning_forgets_what_was_worked_on() -> None:
    acknowledgements = Acknowledgements()
    acknowledgements.hand_over("reader")
    acknowledgements.pass_over("reader", {PARTITION: 6})
    acknowledgements.begin({PARTITION: 3})
    acknowledgements.pass_over("reader", {PARTITION: 4})
    assert acknowledgements.until == {PARTITION: 4}
