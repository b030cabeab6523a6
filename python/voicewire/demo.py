"""``voicewire demo``: a spoken question in, a spoken answer out, and what it cost in time."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import voicewire as vw
from voicewire.cli import BadInput
from voicewire.dialogue import Dialogue
from voicewire.display import QuietDisplay, open_display

if TYPE_CHECKING:
    from voicewire.audio import Samples

__all__ = ["check_output", "read_question", "run"]


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    question = _OWN_QUESTION if options.input is None else Path(options.input)
    output = Path(options.output)
    samples, sample_rate = read_question(question)
    check_output(output, question)
    display = QuietDisplay() if options.json else open_display()
    dialogue = Dialogue(samples, sample_rate, display)
    report = asyncio.run(_talk(dialogue, options))
    if not dialogue.reply:
        raise vw.VoicewireError("the model answered without audio; nothing written")
    try:
        vw.audio.write_wav(output, np.concatenate(dialogue.reply), dialogue.reply_rate)
    except OSError as error:
        raise BadInput(f"output cannot be written ({error.strerror}): {output}") from error
    if options.json:
        print(json.dumps({"input": str(question), "output": str(output), **asdict(report)}))
    else:
        display.table(_rows(report), f"reply written to {output}")
    return 0


@dataclass
class Report:
    """What the command measured; the fields of ``--json``."""

    model: str
    simulated: bool
    status: str
    input_transcript: str
    transcript: str
    first_audio_ms: float | None
    rtt_ms: float | None
    audio_sent_s: float
    audio_received_s: float
    cpu_ms_per_audio_s: float
    seconds: float


async def _talk(dialogue: Dialogue, options: argparse.Namespace) -> Report:
    began = time.monotonic()
    model = options.model or ("openai/gpt-realtime" if options.url else "sim/demo")
    async with _open(model, options) as (client, simulator):
        where = " (built-in simulator)" if simulator else ""
        dialogue.display.say(f"{model}{where}: {dialogue.seconds:.1f} s of speech at real-time pace")
        cpu = _CpuClock(simulator)
        await dialogue.run(client)
        cpu_s = cpu.elapsed()
        rtt_ms = await _round_trip_ms(client)
    audio_s = dialogue.sent_s + dialogue.received_s
    return Report(
        model=model,
        simulated=simulator is not None,
        status=dialogue.status,
        input_transcript=dialogue.asked.strip(),
        transcript=dialogue.answered.strip(),
        first_audio_ms=dialogue.first_audio_ms,
        rtt_ms=rtt_ms,
        audio_sent_s=round(dialogue.sent_s, 3),
        audio_received_s=round(dialogue.received_s, 3),
        cpu_ms_per_audio_s=round(1000 * cpu_s / audio_s, 3),
        seconds=round(time.monotonic() - began, 3),
    )


@contextlib.asynccontextmanager
async def _open(
    model: str, options: argparse.Namespace
) -> AsyncIterator[tuple[vw.RealtimeClient, vw.Simulator | None]]:
    """Connect to what was asked for: the built-in simulator unless a model or an address is given."""
    session: dict[str, Any] = {"input_transcription": True, "turn_detection": vw.ServerVAD()}
    if options.url or not model.startswith("sim/"):
        async with vw.RealtimeClient(model, url=options.url, api_key=options.api_key, **session) as client:
            yield client, None
        return
    # Started here and not by the client, so that its CPU time can be told apart from ours.
    async with vw.Simulator(script=_OWN_SCRIPT if options.input is None else None) as simulator:
        name = f"openai/{model.removeprefix('sim/')}"
        async with vw.RealtimeClient(name, url=simulator.url, api_key="sim", **session) as client:
            yield client, simulator


class _CpuClock:
    """CPU time of this process without the simulator's threads."""

    def __init__(self, simulator: vw.Simulator | None) -> None:
        self._simulator = simulator
        self._began = self._read()

    def elapsed(self) -> float:
        return max(0.0, self._read() - self._began)

    def _read(self) -> float:
        return time.process_time() - (self._simulator.cpu_s if self._simulator else 0.0)


async def _round_trip_ms(client: vw.RealtimeClient) -> float | None:
    if not await client.ping(timeout=_PING_TIMEOUT_S):
        return None
    rtt_ms = client.stats().get("rtt_ms")
    return None if rtt_ms is None else round(float(rtt_ms), 3)


def read_question(path: Path) -> tuple[Samples, int]:
    """Read a WAV that is to be spoken, or raise ``BadInput``."""
    if not path.exists():
        raise BadInput(f"no such file: {path}")
    if path.is_dir():
        raise BadInput(f"a folder, not a WAV file: {path}")
    if path.suffix.lower() not in _SUFFIXES:
        raise BadInput(f"not a WAV file: {path}")
    try:
        samples, sample_rate = vw.audio.read_wav(path)
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror}): {path}") from error
    except ValueError as error:
        raise BadInput(str(error)) from error
    if len(samples) == 0:
        raise BadInput(f"not a usable WAV file: {path} (no samples)")
    if not _LOWEST_RATE <= sample_rate <= _HIGHEST_RATE:
        raise BadInput(f"sample rate not within {_LOWEST_RATE}..{_HIGHEST_RATE} Hz: {sample_rate} in {path}")
    return samples, sample_rate


def check_output(output: Path, question: Path | None) -> None:
    """Raise ``BadInput`` where a WAV cannot be written, or is the one that is read."""
    if output.is_dir():
        raise BadInput(f"output is a folder: {output}")
    if output.suffix.lower() not in _SUFFIXES:
        raise BadInput(f"output is not named as a WAV file: {output}")
    if not output.parent.is_dir():
        raise BadInput(f"folder of the output does not exist: {output.parent}")
    if not os.access(output if output.exists() else output.parent, os.W_OK):
        raise BadInput(f"output cannot be written: {output}")
    if question is not None and output.exists() and output.samefile(question):
        raise BadInput(f"input and output are the same file: {output}")


def _rows(report: Report) -> list[tuple[str, str, str]]:
    cpu_note = "both directions; this process with its display"
    if report.simulated:
        cpu_note += ", without the simulator"
    return [
        (
            "time to first audio",
            _ms(report.first_audio_ms),
            "from the end of speech, turn detection included",
        ),
        ("round trip", _ms(report.rtt_ms), "WebSocket ping"),
        ("audio sent", f"{report.audio_sent_s:.1f} s", "trailing silence included"),
        ("audio received", f"{report.audio_received_s:.1f} s", f"response {report.status}"),
        ("CPU per second of audio", f"{report.cpu_ms_per_audio_s:.1f} ms", cpu_note),
    ]


def _ms(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.2f} ms" if value < 1 else f"{value:.1f} ms"


_OWN_QUESTION = Path(__file__).parent / "data" / "question.wav"
_OWN_SCRIPT = [
    {
        "when": {"audio": True},
        "transcript": "What is the weather like in Lisbon today?",
        "say": "It is sunny in Lisbon today, with a light breeze from the sea.",
    }
]
_SUFFIXES = (".wav", ".wave")
_LOWEST_RATE, _HIGHEST_RATE = 4_000, 192_000
_PING_TIMEOUT_S = 5.0
