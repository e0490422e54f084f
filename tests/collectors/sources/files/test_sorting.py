"""The external sort is Python's stable sort, whatever the memory and the number of runs."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from collectors.sources.files.sorting import TimeSorter

RECORDS = st.lists(
    st.tuples(st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1), st.binary(max_size=8)), max_size=200
)


@given(RECORDS, st.integers(200, 5_000), st.integers(2, 5))
def test_it_sorts_by_time_and_keeps_the_order_of_equal_times(
    records: list[tuple[int, bytes]], max_memory_bytes: int, max_open_runs: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sorter = TimeSorter(Path(folder), max_memory_bytes, max_open_runs)
        for at, record in records:
            sorter.add(at, record)
        found = [(timed.time_us, timed.record) for timed in sorter.in_order()]
        assert found == sorted(records, key=lambda one: one[0])
        assert len(list(Path(folder).iterdir())) <= max_open_runs


def test_memory_is_bounded_by_runs_on_disk(tmp_path: Path) -> None:
    sorter = TimeSorter(tmp_path, max_memory_bytes=10_000)
    for at in range(1_000):
        sorter.add(-at, b"x" * 100)
    on_disk = sum(run.stat().st_size for run in tmp_path.iterdir())
    assert on_disk > 1_000 * 100 - 10_000
