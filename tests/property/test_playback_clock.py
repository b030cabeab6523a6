"""The playback clock against a list of samples, each of which is played or not."""

from hypothesis import given
from hypothesis import strategies as st

from voicewire.audio import PlaybackClock

RATE = 1_000
ITEMS = st.sampled_from("abc")
COUNTS = st.integers(0, 300)


class Queue:
    """Samples that wait, one entry each: the slow and obvious way."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.received: dict[str, int] = {}
        self.heard: dict[str, int] = {}
        self.flushed: set[str] = set()

    def receive(self, item: str, count: int) -> None:
        self.received[item] = self.received.get(item, 0) + count
        self.waiting += [item] * count * (item not in self.flushed)
        # Items play whole, in the order in which they came.
        self.waiting.sort(key=list(self.received).index)

    def advance(self, count: int) -> None:
        for item in self.waiting[:count]:
            self.heard[item] = self.heard.get(item, 0) + 1
        del self.waiting[:count]

    def flush(self) -> dict[str, int]:
        cut = {item: self.heard.get(item, 0) for item in self.received if item in self.waiting}
        self.flushed |= cut.keys()
        self.waiting.clear()
        return cut


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("receive"), ITEMS, COUNTS),
            st.tuples(st.just("advance"), COUNTS),
            st.tuples(st.just("flush")),
        ),
        max_size=40,
    )
)
def test_a_driven_clock_counts_as_a_queue_of_single_samples(steps: list[tuple[object, ...]]) -> None:
    clock, queue = PlaybackClock(clock=lambda: 0.0), Queue()
    clock.advance(0)
    acts = {
        "receive": lambda item, count: (clock.receive(item, count, RATE), queue.receive(item, count)),
        "advance": lambda count: (clock.advance(count), queue.advance(count)),
        "flush": lambda: ({played.item_id: played.heard for played in clock.flush()}, queue.flush()),
    }

    told = [acts[str(name)](*values) for name, *values in steps]

    assert {played.item_id: played.heard for played in clock.items} == {
        item: queue.heard.get(item, 0) for item in queue.received
    }
    assert clock.queued_ms == len(queue.waiting)
    assert all(ours == oracle for ours, oracle in told)


@given(
    st.lists(st.tuples(ITEMS, COUNTS, st.integers(0, 400), COUNTS), max_size=30),
    st.integers(0, 200),
    st.booleans(),
)
def test_what_is_heard_never_shrinks_and_never_exceeds_what_came(
    steps: list[tuple[str, int, int, int]], latency_ms: int, is_driven: bool
) -> None:
    now = [0.0]
    clock = PlaybackClock(clock=lambda: now[0], latency_ms=latency_ms)
    heard: dict[str, int] = {}

    for item, count, passed, taken in steps:
        clock.receive(item, count, RATE)
        clock.advance(taken) if is_driven else None
        now[0] += passed / 1000
        for played in clock.items:
            assert heard.get(played.item_id, 0) <= played.heard <= played.received
            heard[played.item_id] = played.heard
