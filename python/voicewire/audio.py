"""Samples outside a session: resampling, codecs, WAV files, what a listener has heard.

Samples are mono int16. What ``send_audio`` takes is taken here as well.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from voicewire import _voicewire
from voicewire._voicewire import (
    AudioRing,
    Chunker,
    PreRoll,
    Resampler,
    SpeechGate,
    base64_decode,
    base64_encode,
    decode_g711,
    encode_g711,
    float_to_pcm16,
    pcm16_to_float,
)
from voicewire.playback import PlaybackClock, Played

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.int16]

__all__ = [
    "AudioRing",
    "Chunker",
    "PlaybackClock",
    "Played",
    "PreRoll",
    "Resampler",
    "SpeechGate",
    "base64_decode",
    "base64_encode",
    "decode_g711",
    "encode_g711",
    "float_to_pcm16",
    "merge_int16_arrays",
    "mix_down",
    "pcm16_to_float",
    "read_wav",
    "write_wav",
]


def merge_int16_arrays(left: Any, right: Any) -> Samples:
    """Join two pieces of audio into a new array; each is a 1-D int16 array, or bytes-like little-endian PCM16.

    In a loop, collect the pieces and call ``numpy.concatenate`` once: every call here copies both sides.

    Raises:
        TypeError: A side is neither an int16 array nor bytes-like.
        ValueError: A side has more than one dimension, or an odd byte count.
    """
    import numpy as np

    return np.concatenate([as_int16("left", left), as_int16("right", right)])


def mix_down(samples: NDArray[Any]) -> Samples:
    """Mix two channels to one: the mean of both, rounded to nearest even. Nothing else here takes two channels.

    Args:
        samples: A 2-D int16 or float32 (−1…1) array of shape (n, 2), as sound cards and WAV readers deliver it.

    Raises:
        TypeError: The samples are no array, or of another type.
        ValueError: The array has another shape, or holds NaN.
    """
    import numpy as np

    if not isinstance(samples, np.ndarray):
        raise TypeError(f"samples are no array: {type(samples).__name__}")
    if (samples.dtype.kind, samples.dtype.itemsize) not in (("i", 2), ("f", 4)):
        raise TypeError(f"samples are neither int16 nor float32: {samples.dtype}")
    if samples.ndim != 2 or samples.shape[1] != 2:
        raise ValueError(f"samples are not of shape (n, 2): {samples.shape}")
    return _voicewire.mix_down(samples.reshape(-1))


def read_wav(path: str | os.PathLike[str]) -> tuple[Samples, int]:
    """Read a WAV file of any rate, 16-bit or float; several channels are mixed to one.

    Returns:
        The samples and their rate in Hz.

    Raises:
        ValueError: The file is no WAV, or of a kind that is not supported.
        OSError: The file cannot be read.
    """
    return _voicewire.read_wav(Path(path).read_bytes())


def write_wav(path: str | os.PathLike[str], samples: Any, sample_rate: int) -> None:
    """Write mono int16 samples as a WAV file; the array is 1-D int16, as this package delivers it.

    Raises:
        ValueError: The array is not 1-D int16, or the rate is not positive.
        OSError: The file cannot be written.
    """
    import wave

    import numpy as np

    array = np.asarray(samples)
    if array.ndim != 1 or array.dtype.kind != "i" or array.dtype.itemsize != 2:
        raise ValueError(f"samples are not 1-D int16: {array.ndim}-D {array.dtype}")
    if sample_rate <= 0:
        raise ValueError(f"sample_rate is not positive: {sample_rate}")
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(array.astype("<i2", copy=False).tobytes())


def as_int16(name: str, samples: object) -> Samples:
    """Take a 1-D int16 array, or bytes-like little-endian PCM16; raises as ``merge_int16_arrays`` does."""
    import numpy as np

    if isinstance(samples, (bytes, bytearray, memoryview)):
        data = bytes(samples)
        if len(data) % 2:
            raise ValueError(f"{name} has an odd byte count: {len(data)}")
        return np.frombuffer(data, "<i2").astype(np.int16)
    if not isinstance(samples, np.ndarray):
        raise TypeError(f"{name} is neither an int16 array nor bytes-like: {type(samples).__name__}")
    if samples.dtype.kind != "i" or samples.dtype.itemsize != 2:
        raise TypeError(f"{name} is no int16 array: {samples.dtype}")
    if samples.ndim != 1:
        raise ValueError(f"{name} is not 1-D: {samples.ndim}-D")
    return samples.astype(np.int16, copy=False)
