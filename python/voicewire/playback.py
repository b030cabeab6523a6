"""Step "chunk", at the listener's end: which samples of an answer came, wait and were heard."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping

from voicewire import parse
from voicewire.values import dataclass

__all__ = ["PlaybackClock", "Played"]


@dataclass(frozen=True)
class Played:
    """How far an item was heard.

    Attributes:
        item_id: Its id, "" where the service gives none.
        sample_rate: Hz.
        received: Samples that came.
        heard: Samples that were heard.
    """

    item_id: str
    sample_rate: int
    received: int
    heard: int

    @property
    def unheard(self) -> int:
        """Samples that came and were not heard."""
        return self.received - self.heard

    @property
    def heard_ms(self) -> int:
        """Milliseconds that were heard, rounded down."""
        return self.heard * 1000 // self.sample_rate


class PlaybackClock:
    """Counts what a listener has heard of each item: received, queued, heard.

    One of three things drives it. A local speaker calls ``advance`` with the samples that it took. A remote player
    calls ``report`` with how far an item was heard. Where neither happens, the clock assumes a player that begins with
    the first samples, plays items in the order in which they came, and pauses only where nothing is there.

    It may be called from any thread: its lock is held for some additions. An audio callback, which may not wait for
    even that, calls ``try_advance``. It remembers the newest 64 items.

    Args:
        clock: Seconds that never go backwards.
        latency_ms: From a speaker's taking of a sample to the ear; what is on its way does not count as heard.

    Raises:
        ConfigError: ``latency_ms`` is no number of 0 or more.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, latency_ms: float = 0.0) -> None:
        self._clock = clock
        self._latency = parse.number("latency_ms", latency_ms) / 1000
        self._items: dict[str, _Item] = {}
        self._lock = threading.Lock()
        self._generation = 0
        self._is_driven = False
        self._ends = self._advanced_at = clock()
        self._open: set[str] = set()
        self._waits: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}

    def receive(self, item_id: str | None, samples: int, sample_rate: int) -> None:
        """Count samples that came of an item; those of an item that was flushed stay unheard.

        Raises:
            ConfigError: ``samples`` is below 0, or ``sample_rate`` not above 0.
        """
        count = parse.integer("samples", samples)
        rate = parse.integer("sample_rate", sample_rate, 1)
        with self._lock:
            item, now = self._item(item_id or "", rate), self._clock()
            # What was heard stays heard, even where other items play in between.
            item.heard = max(item.heard, self._heard(item, now))
            item.received += count
            if item.is_flushed or count == 0:
                return
            item.playable = item.received
            self._ends = item.ends = max(self._ends, now + self._latency) + count / rate

    def advance(self, samples: int, item_id: str | None = None) -> None:
        """Tell that the speaker took this many samples; silence that it played in between does not count.

        Args:
            samples: How many it took.
            item_id: Of which item; None: of what waits, in the order in which the items came.

        Raises:
            ConfigError: ``samples`` is no whole number of 0 or more.
        """
        count = parse.integer("samples", samples)
        with self._lock:
            is_dry = self._advance(count, item_id)
        if is_dry:
            self._wake()

    def try_advance(self, samples: int, item_id: str | None = None) -> bool:
        """Tell the same without ever waiting, for a real-time thread.

        Returns:
            Whether it was told: False where another thread is in the clock, which counts nothing then.

        Raises:
            ConfigError: ``samples`` is no whole number of 0 or more.
        """
        count = parse.integer("samples", samples)
        if not self._lock.acquire(blocking=False):
            return False
        try:
            is_dry = self._advance(count, item_id)
        finally:
            self._lock.release()
        if is_dry:
            self._wake()
        return True

    def report(self, item_id: str | None, samples: int) -> None:
        """Tell how many samples of an item were heard so far; the highest report counts, at most what came.

        A player may tell after a flush what was heard until then.

        Raises:
            ConfigError: ``samples`` is no whole number of 0 or more.
        """
        count = parse.integer("samples", samples)
        with self._lock:
            item = self._items.get(item_id or "")
            if item is not None and item.flushed is not None:
                item.flushed = max(item.flushed, min(count, item.playable))
            elif item is not None:
                item.reported = max(item.reported or 0, count)
        self._wake()

    def flush(self, heard: Mapping[str, int] | None = None) -> list[Played]:
        """Forget what is unheard: it will not be played. Begins the next generation.

        Args:
            heard: Samples heard by item, 0 or more, where somebody knows better than this clock.

        Returns:
            The items that were not heard to their end, in the order in which they play.

        Raises:
            ConfigError: A count in ``heard`` is no whole number of 0 or more.
        """
        told = {item_id: parse.integer("heard", count) for item_id, count in (heard or {}).items()}
        with self._lock:
            now = self._clock()
            cut: list[Played] = []
            for item in self._items.values():
                if item.is_flushed:
                    continue
                known = told.get(item.id)
                count = self._heard(item, now) if known is None else min(known, item.received)
                if count < item.received:
                    item.flushed = count
                    cut.append(Played(item.id, item.sample_rate, item.received, count))
            self._ends = now
            self._generation += 1
            # Audio without ids: what comes next is another item.
            self._items.pop("", None)
        self._wake()
        return cut

    def begin(self, response_id: str | None = None) -> None:
        """A response began: until ``complete`` more may come, and ``wait_played()`` waits for it."""
        with self._lock:
            self._open.add(response_id or "")
            item = self._items.get("")
            if item is not None and self._heard(item, self._clock()) >= item.received:
                del self._items[""]

    def complete(self, response_id: str | None = None) -> None:
        """A response is complete: no more audio of it comes."""
        with self._lock:
            self._open.discard(response_id or "")
        self._wake()

    def abandon(self) -> None:
        """No response is under way any more; what came of them plays on."""
        with self._lock:
            self._open.clear()
        self._wake()

    def reset(self) -> None:
        """Forget all items, and that responses are open."""
        with self._lock:
            self._items.clear()
            self._open.clear()
            self._ends = self._clock()
            self._generation += 1
        self._wake()

    async def wait_played(self, item_id: str | None = None) -> None:
        """Wait until all that came was heard or flushed, and all responses that ``begin`` told of are complete.

        Args:
            item_id: Wait for what came of this item alone. An unknown one is heard already.
        """
        loop = asyncio.get_running_loop()
        while True:
            change = loop.create_future()
            self._waits[change] = loop
            try:
                left = self._seconds_left(item_id)
                if left == 0.0:
                    return
                # A timer may be a little early.
                await asyncio.wait([change], timeout=None if left is None else left + _GRACE_S)
            finally:
                self._waits.pop(change, None)

    def heard(self, item_id: str | None) -> int:
        """Samples of an item that were heard; 0 for an unknown one."""
        with self._lock:
            item = self._items.get(item_id or "")
            return 0 if item is None else self._heard(item, self._clock())

    def heard_ms(self, item_id: str | None) -> int:
        """Milliseconds of an item that were heard, rounded down; 0 for an unknown one."""
        played = self.item(item_id)
        return 0 if played is None else played.heard_ms

    def received(self, item_id: str | None) -> int:
        """Samples of an item that came; 0 for an unknown one."""
        played = self.item(item_id)
        return 0 if played is None else played.received

    def item(self, item_id: str | None) -> Played | None:
        """How far an item was heard, or None for an unknown one."""
        with self._lock:
            item = self._items.get(item_id or "")
            return None if item is None else self._played(item, self._clock())

    def is_flushed(self, item_id: str | None) -> bool:
        """Whether an item was cut by ``flush``: more of it must not be played."""
        with self._lock:
            item = self._items.get(item_id or "")
            return item is not None and item.is_flushed

    @property
    def playing(self) -> Played | None:
        """The item that plays, or None where all that came was heard or flushed."""
        with self._lock:
            now = self._clock()
            unheard = (item for item in self._items.values() if self._is_unheard(item, now))
            item = next(unheard, None)
            return None if item is None else self._played(item, now)

    @property
    def items(self) -> list[Played]:
        """All items remembered, in the order in which they play."""
        with self._lock:
            now = self._clock()
            return [self._played(item, now) for item in self._items.values()]

    @property
    def queued_ms(self) -> float:
        """Milliseconds that came and are still to be heard."""
        with self._lock:
            now = self._clock()
            unheard = [item for item in self._items.values() if self._is_unheard(item, now)]
            return sum(1000 * (item.received - self._heard(item, now)) / item.sample_rate for item in unheard)

    @property
    def generation(self) -> int:
        """How many times it was flushed or reset: audio of an older generation must not be played."""
        return self._generation

    @property
    def latency_ms(self) -> float:
        """Milliseconds from a speaker's taking of a sample to the ear."""
        return self._latency * 1000

    @latency_ms.setter
    def latency_ms(self, value: float) -> None:
        self._latency = parse.number("latency_ms", value) / 1000

    def _advance(self, left: int, item_id: str | None) -> bool:
        """Count what a speaker took; returns whether nothing waits for it any more."""
        now = self._clock()
        self._settle(now)
        self._is_driven, self._advanced_at = True, now
        items = self._items.values() if item_id is None else filter(None, [self._items.get(item_id)])
        for item in items:
            if left <= 0:
                break
            taken = min(left, item.queued)
            item.taken += taken
            left -= taken
        return not any(item.queued for item in self._items.values())

    def _item(self, item_id: str, sample_rate: int) -> _Item:
        item = self._items.get(item_id)
        if item is None:
            if len(self._items) >= _REMEMBERED:
                del self._items[next(iter(self._items))]
            item = self._items[item_id] = _Item(item_id, sample_rate)
        return item

    def _played(self, item: _Item, now: float) -> Played:
        return Played(item.id, item.sample_rate, item.received, self._heard(item, now))

    def _is_unheard(self, item: _Item, now: float) -> bool:
        return not item.is_flushed and self._heard(item, now) < item.received

    def _heard(self, item: _Item, now: float) -> int:
        if item.flushed is not None:
            return item.flushed
        if item.reported is not None:
            return min(item.reported, item.received)
        if self._is_driven:
            return max(item.heard, item.taken - self._on_the_way(item, now))
        left = max(0.0, item.ends - now) * item.sample_rate
        return max(item.heard, item.received - _ceil(left))

    def _on_the_way(self, item: _Item, now: float) -> int:
        """Samples of an item that the device took and has not sounded yet; what was taken last sounds last."""
        seconds = self._advanced_at + self._latency - now
        for later in reversed(self._items.values()):
            if later is item or seconds <= 0:
                break
            seconds -= (later.taken - later.heard) / later.sample_rate
        return _ceil(max(0.0, seconds) * item.sample_rate)

    def _settle(self, now: float) -> None:
        """Note what is heard before more is taken: what was heard once does not become unheard after a pause."""
        for item in self._items.values():
            if item.heard < item.taken and not item.is_flushed:
                item.heard = max(item.heard, self._heard(item, now))

    def _seconds_left(self, item_id: str | None) -> float | None:
        """Until what is waited for is heard: 0 where it is, None where only another event can tell."""
        with self._lock:
            now = self._clock()
            if item_id is None:
                items, is_open = list(self._items.values()), bool(self._open)
            else:
                items, is_open = [item for item in self._items.values() if item.id == item_id], False
            waiting = [item for item in items if self._is_unheard(item, now)]
            if not waiting:
                return None if is_open else 0.0
            if any(item.reported is not None for item in waiting):
                return None
            if not self._is_driven:
                return max(item.ends for item in waiting) - now
            is_taken = all(item.queued == 0 for item in waiting)
            return max(0.0, self._advanced_at + self._latency - now) if is_taken else None

    def _wake(self) -> None:
        for change, loop in list(self._waits.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, change)


@dataclass(eq=False)
class _Item:
    """An item that has audio; counts are samples."""

    id: str
    sample_rate: int
    received: int = 0
    playable: int = 0
    taken: int = 0
    heard: int = 0
    reported: int | None = None
    flushed: int | None = None
    ends: float = 0.0

    @property
    def is_flushed(self) -> bool:
        return self.flushed is not None

    @property
    def queued(self) -> int:
        return 0 if self.is_flushed else self.received - self.taken


def _settle(change: asyncio.Future[None]) -> None:
    if not change.done():
        change.set_result(None)


def _ceil(samples: float) -> int:
    # A product of floats is a little off: a millionth of a sample is none.
    return -int(-(samples - 1e-6) // 1)


_REMEMBERED = 64
_GRACE_S = 0.001
