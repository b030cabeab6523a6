"""What stands between a ``Microphone`` or ``Speaker`` and the machine, and how a device is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from voicewire.exceptions import ConfigError, DeviceError

if TYPE_CHECKING:
    from voicewire.audio import Samples

__all__ = [
    "Backend",
    "Device",
    "Direction",
    "End",
    "Fill",
    "Latency",
    "Stream",
    "Take",
    "choose",
    "list_devices",
    "open_stream",
]

Direction: TypeAlias = Literal["input", "output"]
Latency: TypeAlias = float | Literal["low", "high"]
Take: TypeAlias = "Callable[[Samples, bool], None]"
"""Takes recorded samples, which are valid during the call only, and whether the device lost some before them."""
Fill: TypeAlias = "Callable[[Samples, bool], None]"
"""Fills an array to be played, and is told whether the device ran dry before it."""
End: TypeAlias = "Callable[[DeviceError | None], None]"
"""Is told that a stream ended by itself, and why, where that is an error."""


@dataclass(frozen=True)
class Device:
    """An audio device.

    Attributes:
        index: Its number, for ``Microphone(device=…)`` and ``Speaker(device=…)``.
        name: Its name; a part of it that no other device has will do to choose it.
        inputs: Channels it records, 0 for a speaker.
        outputs: Channels it plays, 0 for a microphone.
        sample_rate: Its own rate in Hz.
        is_default_input: Whether it is what records where none is chosen.
        is_default_output: Whether it is what plays where none is chosen.
    """

    index: int
    name: str
    inputs: int
    outputs: int
    sample_rate: int
    is_default_input: bool = False
    is_default_output: bool = False

    def __str__(self) -> str:
        return f"{self.index}: {self.name}"


class Stream(Protocol):
    """An open device; its callbacks come from a thread of its own."""

    @property
    def latency_ms(self) -> float:
        """Milliseconds between the callback and the air."""

    def start(self) -> None:
        """Begin to call back."""

    def close(self) -> None:
        """End, once no callback runs any more; may raise ``DeviceError``, and has ended all the same. Idempotent."""


class Backend(Protocol):
    """Opens devices for mono int16 samples; every method may raise ``DeviceError``."""

    def devices(self) -> list[Device]:
        """All devices of the machine."""

    def open_input(self, device: int | None, sample_rate: int, chunk: int, take: Take, end: End) -> Stream:
        """Open a device that records, the default one for None, with ``chunk`` samples for each call of ``take``."""

    def open_output(self, device: int | None, sample_rate: int, latency: Latency, fill: Fill, end: End) -> Stream:
        """Open a device that plays, the default one for None; ``latency`` is wished for, in seconds."""


def list_devices(backend: Backend | None = None) -> list[Device]:
    """All audio devices of this machine.

    Raises:
        DeviceError: The library that knows them is missing or fails.
    """
    return (backend or default_backend()).devices()


def default_backend() -> Backend:
    """PortAudio."""
    from voicewire.devices.portaudio import PortAudio

    return PortAudio()


def choose(devices: Sequence[Device], wanted: int | str | None, direction: Direction) -> int | None:
    """The index of the device that is wanted, by index or part of its name; None for the default one.

    Raises:
        ConfigError: No device or more than one fits; it lists them.
        DeviceError: There is no device of the direction at all.
    """
    fitting = [device for device in devices if (device.inputs if direction == "input" else device.outputs)]
    if not fitting:
        raise DeviceError.of("no_device", f"no {_WORDS[direction]} on this machine")
    if wanted is None:
        return None
    if isinstance(wanted, str):
        found = _named(fitting, wanted)
    elif isinstance(wanted, int) and not isinstance(wanted, bool):
        found = [device for device in fitting if device.index == wanted]
    else:
        raise ConfigError("device is neither index nor name", field="device", value=wanted)
    if len(found) != 1:
        what = f"more than one {_WORDS[direction]} fits" if found else f"no such {_WORDS[direction]}"
        listed = "; ".join(map(str, found or fitting))
        raise ConfigError(f"{what} device={wanted!r}, choose one of: {listed}", field="device")
    return found[0].index


def open_stream(
    backend: Backend,
    wanted: int | str | None,
    direction: Direction,
    sample_rate: int,
    opened: Callable[[int | None, int], Stream],
) -> tuple[Stream, int]:
    """Open a device at a rate, or at its own where it does not know that one.

    Args:
        backend: What knows the devices.
        wanted: Which one, as for ``choose``.
        direction: What it is for.
        sample_rate: Hz that are wished for.
        opened: Opens the device of an index at a rate.

    Returns:
        The stream, which is not started, and its rate.

    Raises:
        ConfigError: No device or more than one fits.
        DeviceError: It can be opened at neither rate.
    """
    devices = backend.devices()
    device = choose(devices, wanted, direction)
    try:
        return opened(device, sample_rate), sample_rate
    except DeviceError as error:
        own = _own_rate(devices, device, direction)
        if error.reason != "format" or own in (0, sample_rate):
            raise
    return opened(device, own), own


def _own_rate(devices: Sequence[Device], device: int | None, direction: Direction) -> int:
    """The rate that a device prefers, 0 where that is unknown."""
    for known in devices:
        is_default = known.is_default_input if direction == "input" else known.is_default_output
        if known.index == device or (device is None and is_default):
            return known.sample_rate
    return 0


def _named(devices: Sequence[Device], wanted: str) -> list[Device]:
    part = wanted.casefold()
    whole = [device for device in devices if device.name.casefold() == part]
    return whole or [device for device in devices if part in device.name.casefold()]


_WORDS = {"input": "microphone", "output": "speaker"}
