"""Types of the audio tools in ``voicewire._voicewire``; there is no module of this name."""

from typing import Any, Literal, Self, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["AudioRing", "Chunker", "PreRoll", "SpeechGate"]

@final
class AudioRing:
    """Bounded ring between one writing thread, such as a sound card's callback, and readers.

    ``write`` never waits. For native int16 and bytes it makes no memory for samples, unless a chunk is longer than the
    ring; what has to be converted (float32, strided or big-endian arrays) needs some of its own.

    Args:
        capacity_ms: Room in ms, up to 600,000.
        sample_rate: Hz, 4,000 to 192,000.
        overflow: What a write does where there is no room. "drop_oldest": the oldest samples in the ring go.
            "drop_newest": the end of the chunk goes. "refuse": nothing is taken.

    Raises:
        ValueError: An argument is out of range, or ``overflow`` is another word.
    """

    def __new__(
        cls,
        capacity_ms: float = 1000.0,
        sample_rate: int = 24_000,
        overflow: Literal["drop_oldest", "drop_newest", "refuse"] = "drop_oldest",
    ) -> Self: ...
    def write(self, samples: Any) -> int:
        """Write a chunk, anything that ``send_audio`` takes, from one thread.

        Returns:
            How many of its samples are in the ring: all that fit into an empty one with "drop_oldest", those that
            there was room for with "drop_newest", all or 0 with "refuse".

        Raises:
            RuntimeError: Another thread is writing at this moment.
            TypeError: ``samples`` is no audio.
            ValueError: More than one dimension, an odd byte count, or NaN.
        """
    def read(self, n: int | None = None) -> NDArray[np.int16]:
        """Take up to ``n`` of the oldest samples, all by default; 1-D int16, empty where there are none.

        Readers may be on several threads: each sample goes to one of them.

        Raises:
            ValueError: ``n`` is negative.
        """
    def clear(self) -> int:
        """Forget what is in the ring; returns how many samples that were."""
    @property
    def available(self) -> int:
        """Samples that can be read."""
    @property
    def capacity(self) -> int:
        """Samples that there is room for."""
    def stats(self) -> dict[str, int]:
        """Samples ``written`` (without refused ones), ``read``, ``cleared``, ``dropped`` and ``available``; chunks ``refused``.

        ``written`` is the sum of the other four whenever no thread is at work.
        """

@final
class Chunker:
    """Cuts a stream into chunks of one length: pieces of any length in, no sample lost or added.

    Args:
        sample_rate: Hz, 4,000 to 192,000.
        chunk_ms: Length of a chunk in ms, up to 600,000; rounded to whole samples, at least one.

    Raises:
        ValueError: An argument is out of range.
    """

    def __new__(cls, sample_rate: int, chunk_ms: float = 20.0) -> Self: ...
    def process(self, samples: Any) -> list[NDArray[np.int16]]:
        """Take a piece, anything that ``send_audio`` takes; returns the chunks that are complete, often none."""
    def flush(self, *, pad: bool = False) -> NDArray[np.int16]:
        """End the stream; returns what is left, empty where nothing is.

        It is shorter than a chunk, or with ``pad`` a whole chunk that ends in silence.
        """
    def reset(self) -> None:
        """Forget what waits for its chunk to be complete."""
    @property
    def chunk_size(self) -> int:
        """Samples of a chunk."""
    @property
    def waiting(self) -> int:
        """Samples that wait for their chunk to be complete."""

@final
class PreRoll:
    """Keeps the newest samples of a stream, for what was said before somebody noticed.

    Args:
        ms: How much to keep, in ms, up to 600,000.
        sample_rate: Hz, 4,000 to 192,000.

    Raises:
        ValueError: An argument is out of range.
    """

    def __new__(cls, ms: float, sample_rate: int) -> Self: ...
    def write(self, samples: Any) -> None:
        """Append samples, anything that ``send_audio`` takes; full, the oldest go."""
    def take(self) -> NDArray[np.int16]:
        """Take out what is kept, oldest first; 1-D int16."""
    def clear(self) -> None:
        """Forget what is kept."""
    @property
    def available(self) -> int:
        """Samples that are kept."""
    @property
    def capacity(self) -> int:
        """Samples that there is room for."""

@final
class SpeechGate:
    """Lets speech through and holds back what is none, judged by power and zero crossings in steps of 10 ms.

    A step is loud when its power, without DC, is ``threshold_db`` above the noise floor: the least power of the last
    1.6 s, at least −70 dB of full scale. To open the gate, sounds that are no vowel (fewer than 120 or more than 3,000
    zero crossings a second) must be louder by another 6 dB. Any chunking gives bit for bit the same output. It tells
    loud from quiet, not voices from music: a sound that lasts longer than the floor's memory becomes the floor.

    Args:
        sample_rate: Hz, 4,000 to 192,000.
        threshold_db: How far above the noise floor speech begins, 0 to 60.
        attack_ms: For how long it must be loud before the gate opens; shorter sounds are clicks.
        hangover_ms: For how long the gate stays open after it was loud last. A server that ends turns by silence must
            hear that silence: keep it above ``silence_duration_ms`` of the turn detection (500 by default).
        pre_roll_ms: How much of what came before the attack is let through as well.

    The times are 0 to 600,000 ms; attack and hangover count in steps of 10 ms, at least one.

    Raises:
        ValueError: An argument is out of range.
    """

    def __new__(
        cls,
        sample_rate: int,
        *,
        threshold_db: float = 9.0,
        attack_ms: float = 30.0,
        hangover_ms: float = 700.0,
        pre_roll_ms: float = 300.0,
    ) -> Self: ...
    def process(self, samples: Any) -> NDArray[np.int16]:
        """Take a chunk, anything that ``send_audio`` takes; returns what is let through, empty while nobody speaks.

        Up to 10 ms are kept until their step is complete.
        """
    def flush(self) -> NDArray[np.int16]:
        """End the stream: returns the last samples if the gate is open; closes it and forgets the room."""
    def reset(self) -> None:
        """Close the gate, forget the stream and the room."""
    @property
    def is_speech(self) -> bool:
        """Whether the gate is open."""
    @property
    def floor_db(self) -> float:
        """Noise floor in dB of full scale, −70 to 0."""
