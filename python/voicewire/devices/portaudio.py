"""Devices by PortAudio, through sounddevice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from voicewire.devices.backend import Device, Direction, End, Fill, Latency, Take
from voicewire.exceptions import DeviceError, DeviceErrorReason

if TYPE_CHECKING:
    from voicewire.audio import Samples

__all__ = ["PortAudio"]


class PortAudio:
    """The devices that PortAudio knows; mono, or the mean of two channels where a device has no mono.

    Raises:
        DeviceError: sounddevice or the PortAudio library is missing, or finds no sound system.
    """

    def __init__(self) -> None:
        try:
            import sounddevice
        except ImportError as error:
            raise DeviceError.of("missing_library", "sounddevice is not installed") from error
        except OSError as error:
            raise DeviceError.of("missing_library", "the PortAudio library is not installed") from error
        except Exception as error:
            # Its own PortAudioError, which cannot be named where the import fails.
            raise _told("the sound system cannot be used", error) from error
        self._library: Any = sounddevice

    def devices(self) -> list[Device]:
        """All devices of the machine."""
        try:
            known = self._library.query_devices()
            inputs, outputs = self._library.default.device
        except self._library.PortAudioError as error:
            raise _told("the devices cannot be listed", error) from error
        return [
            Device(
                index=index,
                name=str(told["name"]),
                inputs=int(told["max_input_channels"]),
                outputs=int(told["max_output_channels"]),
                sample_rate=round(told["default_samplerate"]),
                is_default_input=index == inputs,
                is_default_output=index == outputs,
            )
            for index, told in enumerate(known)
        ]

    def open_input(self, device: int | None, sample_rate: int, chunk: int, take: Take, end: End) -> _Stream:
        """Open a device that records."""

        def called(recorded: Any, frames: int, time: Any, status: Any) -> None:
            take(_mono(recorded), bool(status.input_overflow))

        options = {"device": device, "samplerate": sample_rate, "blocksize": chunk, "latency": "low"}
        return self._open("input", self._library.InputStream, called, options, end)

    def open_output(self, device: int | None, sample_rate: int, latency: Latency, fill: Fill, end: End) -> _Stream:
        """Open a device that plays."""

        def called(played: Any, frames: int, time: Any, status: Any) -> None:
            first = played[:, 0]
            fill(first, bool(status.output_underflow))
            played[:, 1:] = played[:, :1]

        options = {"device": device, "samplerate": sample_rate, "latency": latency}
        return self._open("output", self._library.OutputStream, called, options, end)

    def _open(
        self, direction: Direction, kind: Any, called: Callable[..., None], options: dict[str, Any], end: End
    ) -> _Stream:
        stream = _Stream(direction, end)
        error: Exception | None = None
        for channels in (1, 2):
            try:
                stream.opened(
                    kind(
                        **options, channels=channels, dtype="int16", callback=called, finished_callback=stream.finished
                    )
                )
                return stream
            except ValueError as unknown:
                raise DeviceError.of("no_device", f"the {direction} device is not there ({unknown})") from unknown
            except self._library.PortAudioError as refused:
                error = error or refused
                if _code(refused) != _WRONG_CHANNELS:
                    break
        raise _told(f"the {direction} device cannot be opened", error) from error


class _Stream:
    """A stream of PortAudio."""

    def __init__(self, direction: Direction, end: End) -> None:
        self._direction = direction
        self._end = end
        self._stream: Any = None
        self._is_closed = False

    def opened(self, stream: Any) -> None:
        self._stream = stream

    @property
    def latency_ms(self) -> float:
        return float(self._stream.latency) * 1000

    def start(self) -> None:
        try:
            self._stream.start()
        except Exception as error:
            self.close()
            raise _told(f"the {self._direction} device cannot be started", error) from error

    def close(self) -> None:
        # Before it is closed: what ends by itself tells so, what is closed does not.
        self._is_closed = True
        self._stream.close(ignore_errors=True)

    def finished(self) -> None:
        if not self._is_closed:
            self._end(DeviceError.of("no_device", f"the {self._direction} device went away"))


def _mono(recorded: Any) -> Samples:
    from voicewire.audio import mix_down

    if recorded.shape[1] == 1:
        first: Samples = recorded[:, 0]
        return first
    return mix_down(recorded)


def _told(what: str, error: Exception | None) -> DeviceError:
    """The error of PortAudio in our words."""
    text = " ".join(str(error).split())
    return DeviceError.of(_reason(error, text.lower()), f"{what} ({text})")


def _reason(error: Exception | None, text: str) -> DeviceErrorReason:
    if any(word in text for word in _DENIALS):
        return "permission"
    return _REASONS.get(_code(error), "busy" if "busy" in text or "in use" in text else "no_device")


def _code(error: Exception | None) -> int:
    """PortAudio's number of an error, the second argument of its exception; 0 where it has none."""
    arguments = error.args if error is not None else ()
    return arguments[1] if len(arguments) > 1 and isinstance(arguments[1], int) else 0


_WRONG_CHANNELS = -9998
# paInvalidChannelCount, paInvalidSampleRate, paSampleFormatNotSupported, paBadIODeviceCombination,
# paDeviceUnavailable.
_REASONS: dict[int, DeviceErrorReason] = {
    _WRONG_CHANNELS: "format",
    -9997: "format",
    -9994: "format",
    -9993: "format",
    -9985: "busy",
}
_DENIALS = ("permission", "access denied", "not permitted", "access is denied", "unauthorized")
