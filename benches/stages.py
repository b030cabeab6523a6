"""Cases of the audio bench: what stands between a device and a session, beside what one builds by hand."""

from __future__ import annotations

import asyncio
import tempfile
import wave
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from samples import CHUNK_MS, SECONDS, Case, Work, chunks_of, optional, over

import voicewire as vw
from voicewire import audio

RATE = 24_000
# webrtcvad knows this one, and not ours.
GATE_RATE = 16_000
CHUNK = RATE * CHUNK_MS // 1000
TMPFS = Path("/dev/shm")


def all_cases() -> list[Case]:
    return [ring(), chunker(), pre_roll(), gate(), pacer(), playback_clock(), recorder(), recorder_alone()]


def ring() -> Case:
    pieces = chunks_of(RATE, CHUNK_MS // 2)
    ours, theirs = audio.AudioRing(sample_rate=RATE), deque[Any](maxlen=100)

    def by_hand(piece: Any) -> None:
        theirs.append(piece.copy())
        if len(theirs) == 2:
            np.concatenate([theirs.popleft(), theirs.popleft()])

    def through(piece: Any) -> None:
        ours.write(piece)
        if ours.available >= CHUNK:
            ours.read(CHUNK)

    return case("ring, 10 ms in, 20 ms out", voicewire=over(pieces, through), deque=over(pieces, by_hand))


def chunker() -> Case:
    pieces = chunks_of(RATE, 35)
    ours, rest = audio.Chunker(RATE, CHUNK_MS), np.zeros(0, np.int16)

    def by_hand(piece: Any) -> None:
        nonlocal rest
        rest = np.concatenate([rest, piece])
        whole = len(rest) // CHUNK * CHUNK
        [rest[at : at + CHUNK].copy() for at in range(0, whole, CHUNK)]
        rest = rest[whole:]

    return case("Chunker, 35 ms in, 20 ms out", voicewire=over(pieces, ours.process), numpy=over(pieces, by_hand))


def pre_roll() -> Case:
    chunks = chunks_of(RATE)
    ours, theirs = audio.PreRoll(300, RATE), deque[Any](maxlen=300 // CHUNK_MS)

    def kept() -> None:
        over(chunks, ours.write)()
        ours.take()

    def by_hand() -> None:
        over(chunks, lambda chunk: theirs.append(chunk.copy()))()
        np.concatenate(theirs)
        theirs.clear()

    return case("PreRoll, 300 ms", voicewire=kept, deque=by_hand)


def gate() -> Case:
    chunks = chunks_of(GATE_RATE)
    works: dict[str, Work] = {"voicewire": over(chunks, audio.SpeechGate(GATE_RATE).process)}
    if webrtcvad := optional("webrtcvad"):
        judge = webrtcvad.Vad(2)
        works["webrtcvad"] = over(chunks, lambda chunk: judge.is_speech(chunk.tobytes(), GATE_RATE))
    return case("SpeechGate, 16 kHz", **works)


def pacer() -> Case:
    """Nothing waits: the clock is where the pacer wants it to be."""
    chunks, loop = chunks_of(RATE), asyncio.new_event_loop()

    async def give_out() -> None:
        clock = Clock()
        with vw.Pacer(RATE, chunk_ms=CHUNK_MS, clock=clock, sleep=clock.sleep) as line:
            over(chunks, line.write)()
        async for _ in line:
            pass

    return case("Pacer", voicewire=lambda: loop.run_until_complete(give_out()))


def playback_clock() -> Case:
    """Of a local speaker: pieces of 200 ms come, every 20 ms are taken and asked for."""

    def listen() -> None:
        time = Clock()
        clock = audio.PlaybackClock(clock=time)
        for chunk in range(1000 * SECONDS // CHUNK_MS):
            if chunk % 10 == 0:
                clock.receive("item", 10 * CHUNK, RATE)
            clock.advance(CHUNK, "item")
            time.now += CHUNK_MS / 1000
            clock.heard_ms("item")

    return case("PlaybackClock", voicewire=listen)


def recorder() -> Case:
    return case(
        "CallRecorder, both sides, all threads",
        voicewire=recording(),
        wave=writing_by_hand(),
    ) | {"timer": "process"}


def recorder_alone() -> Case:
    return case("CallRecorder, both sides, the caller's thread", voicewire=recording())


def recording() -> Work:
    chunks = chunks_of(RATE)

    def record() -> None:
        clock = Clock()
        with (
            tempfile.TemporaryDirectory(dir=tmpfs()) as folder,
            vw.CallRecorder(Path(folder, "call.wav"), RATE, clock=clock) as file,
        ):
            for chunk in chunks:
                file.write_user(chunk, RATE)
                file.write_model(chunk, RATE, "item")
                clock.now += CHUNK_MS / 1000

    return record


def writing_by_hand() -> Work:
    """The same chunks with the standard library: no clock, no cut, and the header is written with each chunk too."""
    chunks = chunks_of(RATE)

    def write() -> None:
        with tempfile.TemporaryDirectory(dir=tmpfs()) as folder, wave.open(str(Path(folder, "call.wav")), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            for chunk in chunks:
                file.writeframes(np.column_stack([chunk, chunk]).tobytes())

    return write


def tmpfs() -> Path | None:
    return TMPFS if TMPFS.is_dir() else None


def case(label: str, **works: Callable[[], object]) -> Case:
    return {"work": "stage", "label": label, "per": SECONDS, "works": works}


class Clock:
    """Time that passes when somebody waits for it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
