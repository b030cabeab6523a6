"""PortAudio, with a fake of sounddevice: what is asked of it, and what its errors become."""

import asyncio
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import voicewire as vw
from voicewire.devices import Device, Microphone, Speaker, list_devices

CHUNK = 480
"""Samples of 20 ms."""


async def soon(awaitable: Any) -> Any:
    async with asyncio.timeout(5):
        return await awaitable


class PortAudioError(Exception):
    pass


class FakeLibrary(ModuleType):
    """What we use of sounddevice; ``refusal`` gives the error for a number of channels."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.default = SimpleNamespace(device=(0, 1))
        self.refusals: dict[int, Exception] = {}
        self.streams: list[Any] = []
        self.InputStream = self.OutputStream = self.open

    def query_devices(self) -> list[dict[str, Any]]:
        names = [("Mic", 1, 0), ("Out", 0, 2)]
        return [
            {"name": name, "max_input_channels": inputs, "max_output_channels": outputs, "default_samplerate": 48_000.0}
            for name, inputs, outputs in names
        ]

    def open(self, **options: Any) -> Any:
        if options["channels"] in self.refusals:
            raise self.refusals[options["channels"]]
        stream = SimpleNamespace(options=options, latency=0.02, start=bool, close=lambda ignore_errors: None)
        self.streams.append(stream)
        return stream


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    fake = FakeLibrary()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def test_portaudio_tells_its_devices(library: FakeLibrary) -> None:
    assert list_devices() == [
        Device(0, "Mic", 1, 0, 48_000, is_default_input=True),
        Device(1, "Out", 0, 2, 48_000, is_default_output=True),
    ]


async def test_portaudio_records_mono(library: FakeLibrary) -> None:
    async with Microphone("mic") as microphone:
        options = library.streams[0].options
        options["callback"](np.full((CHUNK, 1), 7, np.int16), CHUNK, None, SimpleNamespace(input_overflow=True))
        chunk = await soon(anext(microphone))
        latency_ms = microphone.latency_ms

    told = {name: options[name] for name in ("device", "samplerate", "blocksize", "channels", "dtype")}
    assert told == {"device": 0, "samplerate": 24_000, "blocksize": CHUNK, "channels": 1, "dtype": "int16"}
    assert (set(chunk), microphone.overflows, latency_ms) == ({7}, 1, 20)


async def test_portaudio_mixes_two_channels_where_there_is_no_mono(library: FakeLibrary) -> None:
    library.refusals[1] = PortAudioError("Invalid number of channels", -9998)

    async with Microphone() as microphone:
        recorded = np.tile(np.array([10, 21], np.int16), (CHUNK, 1))
        library.streams[0].options["callback"](recorded, CHUNK, None, SimpleNamespace(input_overflow=False))
        chunk = await soon(anext(microphone))

    assert set(chunk) == {16}


async def test_portaudio_plays_mono_on_two_channels_where_there_is_no_mono(library: FakeLibrary) -> None:
    library.refusals[1] = PortAudioError("Invalid number of channels", -9998)
    out = np.full((2, 2), 77, np.int16)

    async with Speaker() as speaker:
        speaker.play(np.array([1, 2], np.int16))
        library.streams[0].options["callback"](out, 2, None, SimpleNamespace(output_underflow=False))

    assert out.tolist() == [[1, 1], [2, 2]]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PortAudioError("Error opening stream: Device unavailable", -9985), "busy"),
        (PortAudioError("Error opening stream: Invalid sample rate", -9997), "format"),
        (PortAudioError("Error opening stream: Invalid device", -9996), "no_device"),
        (PortAudioError("Unanticipated host error", -9999, (0, -13, "Permission denied")), "permission"),
        (PortAudioError("Unanticipated host error", -9999, (0, -16, "Device or resource busy")), "busy"),
        (ValueError("No input device matching 'x'"), "no_device"),
    ],
)
async def test_errors_of_portaudio_have_a_reason(library: FakeLibrary, error: Exception, reason: str) -> None:
    library.refusals.update({1: error, 2: error})

    with pytest.raises(vw.DeviceError) as caught:
        await Microphone().start()

    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)


async def test_a_device_of_portaudio_that_ends_by_itself_went_away(library: FakeLibrary) -> None:
    async with Microphone() as microphone:
        library.streams[0].options["finished_callback"]()

        with pytest.raises(vw.DeviceError, match="went away"):
            await soon(anext(microphone))


def test_without_sounddevice_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)

    with pytest.raises(vw.DeviceError, match=r"pip install 'voicewire\[devices\]'") as caught:
        list_devices()

    assert caught.value.reason == "missing_library"


@pytest.mark.parametrize(
    ("raised", "part", "reason"),
    [
        (OSError("PortAudio library not found"), "apt install libportaudio2", "missing_library"),
        (PortAudioError("Error initializing PortAudio", -9999), "the sound system cannot be used", "no_device"),
    ],
    ids=["no PortAudio", "no sound system"],
)
def test_a_library_that_cannot_be_loaded_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, part: str, reason: str
) -> None:
    class Failing:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "sounddevice":
                raise raised

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Failing(), *sys.meta_path])

    with pytest.raises(vw.DeviceError, match=part) as caught:
        list_devices()

    assert caught.value.reason == reason


def test_importing_the_devices_loads_no_sound_library() -> None:
    assert "sounddevice" not in sys.modules
