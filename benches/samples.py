"""Cases of the audio bench: resampler, G.711, base64 and floats, each beside what else Python has for it."""

from __future__ import annotations

import base64
import importlib
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import soxr

from voicewire import audio

Work = Callable[[], object]
Case = dict[str, Any]

CHUNK_MS = 20
SECONDS = 2
TELEPHONY = 8_000
PAIRS = [
    (8_000, 16_000),
    (8_000, 24_000),
    (16_000, 24_000),
    (24_000, 48_000),
    (16_000, 8_000),
    (24_000, 8_000),
    (24_000, 16_000),
    (48_000, 24_000),
    (44_100, 24_000),
    (24_000, 44_100),
    (48_000, 16_000),
    (16_000, 48_000),
    (44_100, 16_000),
    (48_000, 8_000),
    (8_000, 48_000),
]


def all_cases() -> list[Case]:
    return [*resampling(), *telephony(), *texts(), *floats()]


def resampling() -> list[Case]:
    return [resampling_of(from_rate, to_rate) for from_rate, to_rate in PAIRS]


def resampling_of(from_rate: int, to_rate: int) -> Case:
    chunks = chunks_of(from_rate)
    ours, plain = audio.Resampler(from_rate, to_rate), scalar(from_rate, to_rate)
    theirs = soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16", quality="HQ")
    works = {"voicewire": ours.process, "voicewire, scalar": plain.process, "soxr HQ": theirs.resample_chunk}
    return {
        "work": "resample",
        "label": f"{from_rate / 1000:g} → {to_rate / 1000:g} kHz",
        "per": SECONDS,
        "path": ours.path,
        "held_back_ms": {name: held_back(work, chunks, from_rate, to_rate) for name, work in works.items()},
        "works": {name: over(chunks, work) for name, work in works.items()},
    }


def scalar(from_rate: int, to_rate: int) -> audio.Resampler:
    os.environ["VOICEWIRE_RESAMPLER"] = "scalar"
    try:
        return audio.Resampler(from_rate, to_rate)
    finally:
        del os.environ["VOICEWIRE_RESAMPLER"]


def held_back(work: Callable[[Any], Any], chunks: list[Any], from_rate: int, to_rate: int) -> float:
    """Milliseconds of input that have gone in and not come out, the most over a stream."""
    taken = given = 0
    most = 0.0
    for chunk in chunks:
        taken += len(chunk)
        given += len(work(chunk))
        most = max(most, taken / from_rate - given / to_rate)
    return most * 1000


def telephony() -> list[Case]:
    samples = chunks_of(TELEPHONY)
    data = [chunk.tobytes() for chunk in samples]
    codes = [audio.encode_g711(chunk, "ulaw") for chunk in samples]
    encode: dict[str, Work] = {"voicewire": over(samples, lambda chunk: audio.encode_g711(chunk, "ulaw"))}
    decode: dict[str, Work] = {"voicewire": over(codes, lambda chunk: audio.decode_g711(chunk, "ulaw"))}
    if audioop := optional("audioop"):
        encode["audioop"] = over(data, lambda chunk: audioop.lin2ulaw(chunk, 2))
        decode["audioop, bytes"] = over(codes, lambda chunk: audioop.ulaw2lin(chunk, 2))
        decode["audioop, array"] = over(codes, lambda chunk: np.frombuffer(audioop.ulaw2lin(chunk, 2), np.int16))
    return [
        {"work": "g711", "label": "encode µ-law, 8 kHz", "per": SECONDS, "works": encode},
        {"work": "g711", "label": "decode µ-law, 8 kHz", "per": SECONDS, "works": decode},
    ]


def texts() -> list[Case]:
    samples = chunks_of(24_000)
    text = [audio.base64_encode(chunk) for chunk in samples]
    encode: dict[str, Work] = {
        "voicewire": over(samples, audio.base64_encode),
        "base64": over(samples, lambda chunk: base64.b64encode(chunk).decode()),
    }
    decode: dict[str, Work] = {
        "voicewire": over(text, audio.base64_decode),
        "base64": over(text, lambda chunk: np.frombuffer(base64.b64decode(chunk), np.int16)),
    }
    if pybase64 := optional("pybase64"):
        encode["pybase64"] = over(samples, lambda chunk: pybase64.b64encode_as_string(chunk))
        decode["pybase64"] = over(text, lambda chunk: np.frombuffer(pybase64.b64decode(chunk, validate=True), np.int16))
    return [
        {"work": "base64", "label": "encode, 24 kHz", "per": SECONDS, "works": encode},
        {"work": "base64", "label": "decode, 24 kHz", "per": SECONDS, "works": decode},
    ]


def floats() -> list[Case]:
    samples = chunks_of(24_000)
    scaled = [(chunk / 32_768).astype(np.float32) for chunk in samples]
    stereo = [np.column_stack([chunk, chunk[::-1]]) for chunk in samples]
    return [
        {
            "work": "samples",
            "label": "float32 to int16, 24 kHz",
            "per": SECONDS,
            "works": {"voicewire": over(scaled, audio.float_to_pcm16), "numpy": over(scaled, rounded_by_numpy)},
        },
        {
            "work": "samples",
            "label": "int16 to float32, 24 kHz",
            "per": SECONDS,
            "works": {
                "voicewire": over(samples, audio.pcm16_to_float),
                "numpy": over(samples, lambda chunk: chunk.astype(np.float32) / np.float32(32_768)),
            },
        },
        {
            "work": "samples",
            "label": "two channels to one, 24 kHz",
            "per": SECONDS,
            "works": {
                "voicewire": over(stereo, audio.mix_down),
                "numpy": over(stereo, lambda chunk: np.rint(chunk.mean(axis=1)).astype(np.int16)),
            },
        },
    ]


def rounded_by_numpy(chunk: Any) -> Any:
    return np.clip(np.rint(chunk * np.float32(32_768)), -32_768, 32_767).astype(np.int16)


def chunks_of(rate: int, chunk_ms: int = CHUNK_MS) -> list[Any]:
    noise = np.random.default_rng(1).standard_normal(rate * SECONDS) * 6_000
    samples = np.clip(noise, -32_768, 32_767).astype(np.int16)
    size = rate * chunk_ms // 1000
    return [samples[start : start + size].copy() for start in range(0, len(samples), size)]


def over(chunks: list[Any], work: Callable[[Any], object]) -> Work:
    def run() -> None:
        for chunk in chunks:
            work(chunk)

    return run


def optional(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return importlib.import_module(name)
        except ImportError:
            return None
