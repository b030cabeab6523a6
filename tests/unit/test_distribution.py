"""Durations as counts: percentiles beside a slow oracle, merging, buckets."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicewire.distribution import Distribution

WIDTH = 1.012
durations = st.lists(st.floats(0.002, 100_000), min_size=1, max_size=200)


def of(values: list[float]) -> Distribution:
    distribution = Distribution()
    for value in values:
        distribution.add(value)
    return distribution


@given(durations, st.floats(0.1, 100))
def test_a_percentile_is_within_a_bucket_of_the_sorted_values(values: list[float], share: float) -> None:
    exact = sorted(values)[max(1, math.ceil(len(values) * share / 100)) - 1]

    assert of(values).percentile(share) == pytest.approx(exact, rel=WIDTH - 1, abs=1e-4)


@given(durations, durations)
def test_merged_is_as_if_all_had_been_added_to_one(left: list[float], right: list[float]) -> None:
    merged = of(left)
    merged.merge(of(right))

    assert merged.percentiles() == of(left + right).percentiles()
    assert merged.buckets() == of(left + right).buckets()


@given(durations)
def test_buckets_hold_all_and_begin_and_end_filled(values: list[float]) -> None:
    buckets = of(values).buckets()

    assert sum(count for _, count in buckets) == len(values)
    assert buckets[0][1] > 0
    assert buckets[-1][1] > 0


def test_the_largest_is_exact() -> None:
    assert of([1.0, 7.1234]).percentiles()["max"] == 7.1234


def test_nothing_counted_has_no_percentiles() -> None:
    empty = Distribution()

    assert (empty.count, empty.most, empty.percentile(50), empty.buckets()) == (0, None, None, [])


def test_what_is_out_of_range_is_counted_at_its_ends() -> None:
    ends = of([0.0, 1e9])

    assert ends.count == 2
    assert ends.most == 1e9


def test_many_values_take_no_more_room_than_few() -> None:
    many = of(np.full(50_000, 3.0).tolist())

    assert many.count == 50_000
    assert len(many._fresh) < 5_000
