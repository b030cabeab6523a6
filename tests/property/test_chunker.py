"""Any pieces in, the same chunks out; and the newest samples of a stream."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicewire.audio import Chunker, PreRoll

RATE = 8_000
LENGTHS = st.lists(st.integers(0, 500), max_size=12)


def pieces_of(lengths: list[int]) -> list[NDArray[np.int16]]:
    ends = np.cumsum([0, *lengths])
    return [np.arange(first, last, dtype=np.int16) for first, last in pairwise(ends)]


@given(LENGTHS, st.integers(1, 300))
@settings(deadline=None)
def test_any_pieces_give_the_chunks_of_the_whole(lengths: list[int], size: int) -> None:
    chunker = Chunker(RATE, size * 1000 / RATE)
    chunks = [chunk for piece in pieces_of(lengths) for chunk in chunker.process(piece)]
    rest = chunker.flush()

    assert chunker.chunk_size == size
    assert {len(chunk) for chunk in chunks} <= {size}
    assert len(rest) < size
    assert np.concatenate([*chunks, rest]).tolist() == list(range(sum(lengths)))


def test_the_rest_can_be_filled_up_with_silence() -> None:
    chunker = Chunker(RATE)
    chunker.process(np.ones(10, np.int16))

    assert chunker.flush(pad=True).tolist() == [1] * 10 + [0] * 150
    assert chunker.flush(pad=True).tolist() == []


def test_chunks_own_their_memory() -> None:
    chunker = Chunker(RATE)
    chunks = chunker.process(np.ones(400, np.int16))

    assert len(chunks) == 2
    assert all(chunk.base is None or chunk.flags.writeable for chunk in chunks)
    assert not np.shares_memory(*chunks)
    assert chunker.waiting == 80


@given(LENGTHS, st.integers(1, 300))
@settings(deadline=None)
def test_a_pre_roll_has_the_newest_samples(lengths: list[int], capacity: int) -> None:
    pre_roll = PreRoll(capacity * 1000 / RATE, RATE)
    for piece in pieces_of(lengths):
        pre_roll.write(piece)
    total = sum(lengths)

    assert pre_roll.capacity == capacity
    assert pre_roll.available == min(total, capacity)
    assert pre_roll.take().tolist() == list(range(max(0, total - capacity), total))
    assert pre_roll.take().tolist() == []


@pytest.mark.parametrize("bad", [0, -1, float("inf"), float("nan")])
def test_a_length_out_of_range_is_named(bad: float) -> None:
    with pytest.raises(ValueError, match="chunk_ms"):
        Chunker(RATE, bad)
    with pytest.raises(ValueError, match="ms"):
        PreRoll(bad, RATE)
