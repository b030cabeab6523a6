"""``voicewire talk``: a spoken conversation with a model, by the microphone and speaker of this machine."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

import voicewire as vw
from voicewire.demo import check_output, read_question
from voicewire.devices.backend import choose, default_backend
from voicewire.display import PlainDisplay, open_display
from voicewire.talk_display import TalkDisplay, open_talk_display
from voicewire.voice import VoiceCall
from voicewire.voice_report import TurnLatency, VoiceReport

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    if options.list_devices:
        return _list_devices(options)
    _check_files(options)
    display = open_talk_display(quiet=options.json)
    talk = Talk(options, display)
    try:
        report = asyncio.run(talk.run())
    finally:
        display.close()
    if options.json:
        print(json.dumps(talk.told(report)))
    else:
        open_display().table(_rows(report, talk), "the call is over")
    return 0


class Talk:
    """One call from the command line."""

    def __init__(self, options: argparse.Namespace, display: TalkDisplay) -> None:
        self._options = options
        self._display = display
        self._said: list[dict[str, str]] = []
        self._model, note = _model(options)
        self._note = f"{self._model}{note}"
        self.microphone = vw.devices.Microphone(
            _device(options.input_device),
            on_level=lambda level: display.level("microphone", level),
            backend=_files(microphone=options.microphone_file),
        )
        self.speaker = vw.devices.Speaker(
            _device(options.output_device),
            on_level=lambda level: display.level("speaker", level),
            backend=_files(speaker=options.speaker_file),
        )

    async def run(self) -> VoiceReport:
        """Talk until the microphone ends, the session does, or Ctrl-C is pressed."""
        # A missing device is told before a session is opened.
        _check_devices(self._options)
        client = vw.RealtimeClient(
            self._model,
            url=self._options.url,
            api_key=self._options.api_key,
            input_transcription=True,
            turn_detection=vw.ServerVAD(),
        )
        client.on("error", self._fail)
        client.on("reconnecting", lambda _: self._display.say("the connection is lost, trying again"))
        self._display.say(f"{self._note}: speak; Ctrl-C ends the call")
        call = VoiceCall(
            client,
            self.microphone,
            self.speaker,
            half_duplex=self._options.half_duplex,
            on_transcript=self._transcript,
            on_latency=self._latency,
        )
        task = asyncio.ensure_future(call.run())
        with contextlib.suppress(NotImplementedError):  # not on Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return call.report

    def told(self, report: VoiceReport) -> dict[str, Any]:
        """The fields of ``--json``."""
        return {
            "model": self._model,
            **asdict(report),
            "transcript": self._said,
            "microphone_dropped": self.microphone.dropped,
            "speaker_underruns": self.speaker.underruns,
        }

    def _transcript(self, who: str, text: str, final: bool) -> None:
        if final:
            self._said.append({"who": who, "text": text.strip()})
        self._display.transcript("you" if who == "user" else "reply", text, final)

    def _latency(self, latency: TurnLatency) -> None:
        self._display.say(f"       heard {latency.first_heard_ms:.0f} ms after the end of speech")

    def _fail(self, event: vw.ErrorEvent) -> None:
        if not event.fatal:
            self._display.say(f"error: {event.error}")


def _list_devices(options: argparse.Namespace) -> int:
    devices = vw.devices.list_devices()
    if options.json:
        print(json.dumps({"devices": [asdict(device) for device in devices]}))
        return 0
    rows = [
        (str(device), f"{device.inputs} in, {device.outputs} out", f"{device.sample_rate} Hz{_default(device)}")
        for device in devices
    ]
    if not rows:
        raise vw.DeviceError.of("no_device", "no audio device on this machine")
    PlainDisplay().table(rows, "choose with --input-device and --output-device, by number or part of the name")
    return 0


def _default(device: vw.devices.Device) -> str:
    named = (("default microphone", device.is_default_input), ("default speaker", device.is_default_output))
    return "".join(f", {name}" for name, is_default in named if is_default)


def _model(options: argparse.Namespace) -> tuple[str, str]:
    """The model, and what is to be said about it: the first one with a key, else the simulator."""
    if options.model:
        return options.model, ""
    if options.url:
        return "openai/gpt-realtime", ""
    for names, model in _WITH_KEY.items():
        if any(os.environ.get(name) for name in names):
            return model, ""
    return "sim/talk", " (built-in simulator: no key is set)"


def _device(given: str | None) -> int | str | None:
    return int(given) if given is not None and given.isdecimal() else given


def _files(*, microphone: str | None = None, speaker: str | None = None) -> vw.devices.Backend | None:
    return vw.devices.FileBackend(microphone, speaker) if microphone or speaker else None


def _check_files(options: argparse.Namespace) -> None:
    microphone, speaker = options.microphone_file, options.speaker_file
    if microphone is not None:
        read_question(Path(microphone))
    if speaker is not None:
        check_output(Path(speaker), None if microphone is None else Path(microphone))


def _check_devices(options: argparse.Namespace) -> None:
    devices = default_backend().devices() if None in (options.microphone_file, options.speaker_file) else []
    if options.microphone_file is None:
        choose(devices, _device(options.input_device), "input")
    if options.speaker_file is None:
        choose(devices, _device(options.output_device), "output")


def _rows(report: VoiceReport, talk: Talk) -> list[tuple[str, str, str]]:
    heard = [latency.first_heard_ms for latency in report.latencies]
    return [
        ("time to first audio", f"{statistics.median(heard):.0f} ms" if heard else "unknown", "median, until heard"),
        ("answers", str(report.turns), f"{report.interruptions} interrupted"),
        ("audio sent", f"{report.sent_s:.1f} s", f"{talk.microphone.dropped} chunks dropped"),
        ("audio received", f"{report.received_s:.1f} s", f"{talk.speaker.underruns} gaps"),
    ]


_WITH_KEY = {
    ("OPENAI_API_KEY",): "openai/gpt-realtime",
    ("GEMINI_API_KEY", "GOOGLE_API_KEY"): "gemini/gemini-3.1-flash-live-preview",
}
