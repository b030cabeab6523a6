"""Samples outside a session: resampling, codecs, WAV files, what a listener has heard.

Samples are mono int16. What ``send_audio`` takes is taken here as well.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from voicewire import _voicewire, parse
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
    """Join two pieces of audio, each anything that ``send_audio`` takes, into a new array.

    In a loop, collect the pieces and call ``numpy.concatenate`` once: every call here copies both sides.

    Raises:
        TypeError: A side is no audio.
        ValueError: A side has more than one dimension, an odd byte count, or holds NaN.
    """
    import numpy as np

    return np.concatenate([_voicewire.copy_samples(left, "left"), _voicewire.copy_samples(right, "right")])


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
    """Read a WAV file of any rate, 8 to 32-bit or float; several channels are mixed to their mean.

    What has more than 16 bits, and the mean, is rounded to nearest even. Floats saturate.

    Returns:
        The samples and their rate in Hz.

    Raises:
        TypeError: ``path`` is no path.
        ValueError: The file is no WAV, of a kind that is not supported, without samples, or holds NaN.
        OSError: The file cannot be read.
    """
    file = _path(path)
    try:
        return _voicewire.read_wav(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"not a usable WAV file: {file} ({error})") from None


def write_wav(path: str | os.PathLike[str], samples: Any, sample_rate: int) -> None:
    """Write samples, anything that ``send_audio`` takes, as a mono WAV file of 16 bits; an existing one is overwritten.

    Raises:
        TypeError: ``samples`` is no audio, or ``path`` is no path.
        ValueError: More than one dimension, an odd byte count, NaN, or a rate that is no whole number of 1 to 2³¹ − 1.
        OSError: The file cannot be written.
    """
    import wave

    array = _voicewire.copy_samples(samples)
    rate = parse.integer("sample_rate", sample_rate, 1, _HIGHEST_WAV_RATE)
    # Not by wave.open: where that cannot open a path, it fails a second time when it is collected.
    with _path(path).open("wb") as opened, wave.open(opened, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(array.astype("<i2", copy=False).tobytes())


def _path(path: object) -> Path:
    if isinstance(path, (str, os.PathLike)):
        return Path(path)
    raise TypeError(f"path is no path: {type(path).__name__}")


# A header has 32 bits for the bytes of a second.
_HIGHEST_WAV_RATE = 2**31 - 1
