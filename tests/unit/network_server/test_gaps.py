"""The search for a free number."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinstack.network.server.gaps import first_free


async def _search(ranges: list[tuple[int, int]], start: int, taken: set[int]) -> tuple[int | None, int]:
    looks = 0

    async def used(low: int, high: int, most: int) -> Sequence[int]:
        nonlocal looks
        looks += 1
        return sorted(number for number in taken if low <= number <= high)[:most]

    return await first_free(ranges, start, used), looks


@given(
    st.sets(st.integers(0, 40)),
    st.lists(st.integers(0, 40), min_size=2, max_size=6, unique=True).map(sorted),
    st.integers(0, 45),
)
async def test_it_finds_the_next_free_one_of_the_ranges_or_none(taken: set[int], ends: list[int], start: int) -> None:
    ranges = [(low, high) for low, high in zip(ends[::2], ends[1::2], strict=False)]
    every = [number for low, high in ranges for number in range(low, high + 1) if number not in taken]
    later = [number for number in every if number >= start]
    found, _ = await _search(ranges, start, taken)
    assert found == (min(later) if later else min(every, default=None))


@pytest.mark.parametrize("start", [0, 30_000])
async def test_a_large_pool_is_not_read_whole(start: int) -> None:
    found, looks = await _search([(0, 65_535)], start, set(range(start, start + 100)))
    assert found == start + 100 and looks <= 5
