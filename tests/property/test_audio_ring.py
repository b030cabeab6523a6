"""The ring against a queue with the same rules, and what it does with what is no audio."""

import threading
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicewire.audio import AudioRing

RATE = 8_000
POLICIES = ["drop_oldest", "drop_newest", "refuse"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 60)),
        st.tuples(st.just("read"), st.integers(0, 60)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=40,
)


class Model:
    """The same ring, slow and obvious."""

    def __init__(self, capacity: int, overflow: str) -> None:
        self.capacity = capacity
        self.queue: deque[int] = deque(maxlen=capacity)
        self.write = {"drop_oldest": self.over, "drop_newest": self.until_full, "refuse": self.whole}[overflow]
        self.next = 0

    def fresh(self, count: int) -> list[int]:
        self.next += count
        return [sample % 30_000 for sample in range(self.next - count, self.next)]

    def over(self, samples: list[int]) -> int:
        self.queue.extend(samples)
        return min(len(samples), self.capacity)

    def until_full(self, samples: list[int]) -> int:
        taken = samples[: self.capacity - len(self.queue)]
        self.queue.extend(taken)
        return len(taken)

    def whole(self, samples: list[int]) -> int:
        return self.until_full(samples) if len(self.queue) + len(samples) <= self.capacity else 0

    def read(self, count: int) -> list[int]:
        return [self.queue.popleft() for _ in range(min(count, len(self.queue)))]

    def clear(self, _: int) -> int:
        count = len(self.queue)
        self.queue.clear()
        return count


@given(st.integers(1, 40), st.sampled_from(POLICIES), STEPS)
@settings(deadline=None)
def test_the_ring_does_what_the_queue_does(capacity: int, overflow: str, steps: list[tuple[str, int]]) -> None:
    ring = AudioRing(capacity * 1000 / RATE, RATE, overflow)
    model = Model(capacity, overflow)
    does = {
        "write": lambda count: (lambda it: (ring.write(np.array(it, np.int16)), model.write(it)))(model.fresh(count)),
        "read": lambda count: (ring.read(count).tolist(), model.read(count)),
        "clear": lambda count: (ring.clear(), model.clear(count)),
    }
    for what, count in steps:
        ours, expected = does[what](count)
        assert ours == expected
        stats = ring.stats()
        assert stats["available"] == ring.available == len(model.queue)
        assert stats["written"] == stats["read"] + stats["cleared"] + stats["dropped"] + stats["available"]


@pytest.mark.parametrize(
    "samples",
    [
        np.array([1, -2, 300], np.int16),
        np.array([1, -2, 300], "<i2").tobytes(),
        bytearray(np.array([1, -2, 300], "<i2").tobytes()),
        memoryview(np.array([1, -2, 300], np.int16)),
        np.array([1, -2, 300], ">i2"),
        np.array([1, 0, -2, 0, 300, 0], np.int16)[::2],
        np.array([1, -2, 300], np.float32) / 32768,
    ],
    ids=["int16", "bytes", "bytearray", "memoryview", "big-endian", "strided", "float32"],
)
def test_every_kind_of_audio_is_taken(samples: object) -> None:
    ring = AudioRing()

    assert ring.write(samples) == 3
    assert ring.read().tolist() == [1, -2, 300]


def test_a_read_only_array_is_taken() -> None:
    ring, samples = AudioRing(), np.array([1, 2], np.int16)
    samples.flags.writeable = False

    assert ring.write(samples) == 2


@pytest.mark.parametrize(
    ("samples", "error"),
    [
        (b"odd", ValueError),
        (np.zeros((2, 2), np.int16), ValueError),
        (np.array([np.nan], np.float32), ValueError),
        (np.zeros(2, np.int32), TypeError),
        (np.zeros(2, np.uint8), TypeError),
        (None, TypeError),
    ],
)
def test_what_is_no_audio_is_refused_by_name(samples: object, error: type[Exception]) -> None:
    ring = AudioRing()

    with pytest.raises(error, match="samples"):
        ring.write(samples)
    assert ring.available == 0


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"capacity_ms": 0}, "capacity_ms"),
        ({"capacity_ms": float("nan")}, "capacity_ms"),
        ({"capacity_ms": 1e9}, "capacity_ms"),
        ({"sample_rate": 1}, "sample_rate"),
        ({"overflow": "wait"}, "overflow"),
    ],
)
def test_an_option_out_of_range_is_named(options: dict[str, object], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        AudioRing(**options)  # type: ignore[arg-type]


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="n is negative: -1"):
        AudioRing().read(-1)


def test_a_reader_behind_a_writing_thread_gets_runs_of_the_stream_in_order() -> None:
    ring = AudioRing(2, RATE)
    stream = np.arange(20_000, dtype=np.int16)

    def write() -> None:
        for first in range(0, len(stream), 5):
            ring.write(stream[first : first + 5])

    thread = threading.Thread(target=write)
    thread.start()
    seen: list[NDArray[np.int16]] = []
    while not (seen and seen[-1].size and seen[-1][-1] == stream[-1]):
        seen.append(ring.read())
    thread.join()

    assert all(np.all(np.diff(chunk) == 1) for chunk in seen)
    assert np.all(np.diff(np.concatenate(seen)) > 0)
    stats = ring.stats()
    assert stats["written"] == len(stream) == stats["read"] + stats["dropped"]
