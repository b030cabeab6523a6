"""Beside the path: stereo WAV files that are written at any place, and valid whenever the process ends."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.int16]

__all__ = ["HEADER_BYTES", "StereoFiles"]

HEADER_BYTES = 44
_FRAME_BYTES = 4


class StereoFiles:
    """Two channels on one time line, cut into files of the same length: ``name.wav``, ``name-2.wav`` and so on.

    Samples may be written to either channel at any place; what was never written is silence. The first file is made, or
    overwritten, at once, others when there is audio for them.

    Args:
        path: The first file.
        sample_rate: Hz.
        max_bytes: Most bytes of a file.

    Raises:
        OSError: A file cannot be written.
    """

    def __init__(self, path: Path, sample_rate: int, max_bytes: int) -> None:
        self._path = path
        self._rate = sample_rate
        self._frames = (max_bytes - HEADER_BYTES) // _FRAME_BYTES
        self._files: dict[int, _StereoFile] = {}
        self._file(0)

    def write(self, channel: int, at: int, samples: Samples) -> None:
        """Write samples of channel 0 or 1 from place ``at`` on."""
        for index, begin, end in self._parts(at, at + len(samples)):
            first = index * self._frames + begin - at
            self._file(index).write(channel, begin, samples[first : first + end - begin])

    def silence(self, channel: int, at: int, until: int) -> None:
        """Overwrite what was written of a channel with silence."""
        import numpy as np

        for index, begin, end in self._parts(at, until):
            if index in self._files:
                end = min(end, self._files[index].length)
                self._files[index].write(channel, begin, np.zeros(max(0, end - begin), np.int16))

    def truncate(self, length: int) -> None:
        """End both channels at a place; files behind it are removed."""
        for index, file in list(self._files.items()):
            left = length - index * self._frames
            if left <= 0 and index:
                file.remove()
                del self._files[index]
            else:
                file.truncate(max(0, left))

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()

    @property
    def paths(self) -> list[Path]:
        """The files, in order."""
        return [self._files[index].path for index in sorted(self._files)]

    def _parts(self, at: int, until: int) -> Iterator[tuple[int, int, int]]:
        """The files of a stretch: number, and places in the file."""
        while at < until:
            index, begin = divmod(at, self._frames)
            end = min(self._frames, begin + until - at)
            yield index, begin, end
            at += end - begin

    def _file(self, index: int) -> _StereoFile:
        # A pause may jump over a whole file: it is there, and silent.
        for missing in range(index + 1):
            if missing not in self._files:
                self._files[missing] = _StereoFile(self._name(missing), self._rate)
            if missing < index:
                self._files[missing].extend(self._frames)
        return self._files[index]

    def _name(self, index: int) -> Path:
        return self._path if index == 0 else self._path.with_name(f"{self._path.stem}-{index + 1}{self._path.suffix}")


class _StereoFile:
    """One file. Its header is written, in one piece, behind the audio that it tells of."""

    def __init__(self, path: Path, sample_rate: int) -> None:
        self.path = path
        self.length = 0
        self._rate = sample_rate
        # Without a buffer: what was written is in the hands of the operating system, whatever happens to the process.
        self._file = path.open("w+b", buffering=0)
        self._write_header()

    def write(self, channel: int, at: int, samples: Samples) -> None:
        import numpy as np

        both = np.zeros((len(samples), 2), "<i2")
        known = self._read(at, min(self.length, at + len(samples)) - at)
        both[: len(known)] = known
        both[:, channel] = samples
        self._put(HEADER_BYTES + _FRAME_BYTES * at, both.tobytes())
        if at + len(samples) > self.length:
            # What was jumped over reads as zeros.
            self.length = at + len(samples)
            self._write_header()

    def extend(self, length: int) -> None:
        if length > self.length:
            self._file.truncate(HEADER_BYTES + _FRAME_BYTES * length)
            self.length = length
            self._write_header()

    def truncate(self, length: int) -> None:
        if length < self.length:
            # The header first: it never tells of more than there is.
            self.length = length
            self._write_header()
            self._file.truncate(HEADER_BYTES + _FRAME_BYTES * length)

    def close(self) -> None:
        self._file.close()

    def remove(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _read(self, at: int, count: int) -> Samples:
        import numpy as np

        if count <= 0:
            return np.zeros((0, 2), np.int16)
        self._file.seek(HEADER_BYTES + _FRAME_BYTES * at)
        data = bytearray()
        while missing := _FRAME_BYTES * count - len(data):
            piece = self._file.read(missing)
            if not piece:
                raise OSError(f"file was cut by somebody else: {self.path}")
            data += piece
        return np.frombuffer(data, "<i2").reshape(-1, 2)

    def _put(self, place: int, data: bytes) -> None:
        self._file.seek(place)
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]

    def _write_header(self) -> None:
        size = _FRAME_BYTES * self.length
        # Plain PCM, two channels of 16 bits.
        kind = struct.pack("<IHHIIHH", 16, 1, 2, self._rate, _FRAME_BYTES * self._rate, _FRAME_BYTES, 16)
        header = b"RIFF" + struct.pack("<I", size + HEADER_BYTES - 8) + b"WAVEfmt " + kind
        self._put(0, header + b"data" + struct.pack("<I", size))
