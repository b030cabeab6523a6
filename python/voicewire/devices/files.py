"""WAV files in the place of devices, at real-time pace: for tests, demonstrations and machines without sound."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import wave
from collections.abc import Callable
from typing import TYPE_CHECKING

from voicewire import parse
from voicewire.devices.backend import Device, End, Fill, Latency, Take
from voicewire.exceptions import ConfigError, DeviceError

if TYPE_CHECKING:
    from voicewire.audio import Samples

__all__ = ["FileBackend"]


class FileBackend:
    """A microphone that speaks a WAV, then silence, and ends; a speaker that writes all it plays to a WAV.

    Args:
        microphone: WAV to speak, of any rate; None: there is no microphone.
        speaker: WAV to write, gaps included; None: there is no speaker.
        silence_s: Seconds of silence behind the microphone's file, so that the end of speech is heard.

    Raises:
        ConfigError: A path is none, or ``silence_s`` is below 0.
    """

    def __init__(
        self,
        microphone: str | os.PathLike[str] | None = None,
        speaker: str | os.PathLike[str] | None = None,
        *,
        silence_s: float = 2.0,
    ) -> None:
        self._microphone = _path("microphone", microphone)
        self._speaker = _path("speaker", speaker)
        self._silence_s = parse.number("silence_s", silence_s)

    def devices(self) -> list[Device]:
        """One device for each file."""
        named = [(path, is_input) for path, is_input in ((self._microphone, True), (self._speaker, False)) if path]
        return [
            Device(index, os.fspath(path), int(is_input), int(not is_input), _RATE, is_input, not is_input)
            for index, (path, is_input) in enumerate(named)
        ]

    def open_input(self, device: int | None, sample_rate: int, chunk: int, take: Take, end: End) -> _Ticker:
        """Read the file.

        Raises:
            ConfigError: It is no WAV.
            OSError: It cannot be read.
        """
        if self._microphone is None:
            raise DeviceError.of("no_device", "no file to speak")
        samples = _read(self._microphone, sample_rate, self._silence_s)
        at = 0

        def tick() -> bool:
            nonlocal at
            piece = samples[at : at + chunk]
            if len(piece):
                take(piece, False)
            at += chunk
            return at < len(samples)

        return _Ticker(chunk / sample_rate, tick, end, lambda: None)

    def open_output(self, device: int | None, sample_rate: int, latency: Latency, fill: Fill, end: End) -> _Ticker:
        """Begin the file; one that cannot be written any more ends the stream, or fails as it is closed.

        Raises:
            OSError: It cannot be written.
        """
        import numpy as np

        if self._speaker is None:
            raise DeviceError.of("no_device", "no file to write")
        with contextlib.ExitStack() as files:
            # Not by wave.open: where that cannot open a path, it fails a second time when it is collected.
            file = files.enter_context(wave.open(files.enter_context(open(self._speaker, "wb")), "wb"))
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(sample_rate)
            close = files.pop_all().close
        block = np.zeros(max(1, round(sample_rate * _BLOCK_S)), np.int16)

        def tick() -> bool:
            fill(block, False)
            file.writeframesraw(block.astype("<i2", copy=False).tobytes())
            return True

        return _Ticker(len(block) / sample_rate, tick, end, close, self._speaker)


class _Ticker:
    """A thread that calls at an absolute schedule until it is told to stop, or has no more to do, or fails."""

    def __init__(
        self,
        period: float,
        tick: Callable[[], bool],
        end: End,
        close: Callable[[], None],
        written: str | os.PathLike[str] | None = None,
    ) -> None:
        self._period = period
        self._tick = tick
        self._end = end
        self._close: Callable[[], None] | None = close
        self._written = written
        self._has_failed = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="voicewire-file", daemon=True)

    @property
    def latency_ms(self) -> float:
        return 0.0

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        with contextlib.suppress(RuntimeError):  # it was never started
            self._thread.join()
        close, self._close = self._close, None
        try:
            if close is not None:
                close()
        except OSError as error:
            # What made it fail was told at once, and fails again here.
            if not self._has_failed:
                raise self._failure(error) from error

    def _run(self) -> None:
        due = time.monotonic()
        goes_on = True
        while goes_on:
            due += self._period
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            try:
                goes_on = self._tick()
            except OSError as error:
                self._has_failed = True
                self._end(self._failure(error))
                return
        self._end(None)

    def _failure(self, error: OSError) -> DeviceError:
        # Not the advice of its reason: nobody is to plug in a file.
        why = f"{os.fspath(self._written or '')}: {error.strerror or error}"
        failure = DeviceError(f"the speaker's file cannot be written, choose another one: {why}", reason="no_device")
        failure.__cause__ = error
        return failure


def _path(field: str, path: str | os.PathLike[str] | None) -> str | os.PathLike[str] | None:
    if path is not None and not isinstance(path, (str, os.PathLike)):
        raise ConfigError(f"{field} is no path", field=field, value=path)
    return path


def _read(path: str | os.PathLike[str], sample_rate: int, silence_s: float) -> Samples:
    import numpy as np

    from voicewire.audio import Resampler, read_wav

    try:
        samples, rate = read_wav(path)
    except ValueError as error:
        raise ConfigError(str(error), field="microphone") from error
    if rate != sample_rate:
        resampler = Resampler(rate, sample_rate)
        samples = np.concatenate([resampler.process(samples), resampler.flush()])
    return np.concatenate([samples, np.zeros(round(silence_s * sample_rate), np.int16)])


_RATE = 24_000
_BLOCK_S = 0.02
