"""A machine's devices that a test moves by hand."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from voicewire.devices import Device
from voicewire.devices.backend import End, Fill, Latency, Take
from voicewire.exceptions import DeviceError

LONGEST_CALLBACK_S = 5

DEVICES = [
    Device(0, "Built-in Microphone", 1, 0, 48_000, is_default_input=True),
    Device(1, "Built-in Speaker", 0, 2, 48_000, is_default_output=True),
    Device(2, "USB Headset", 1, 2, 16_000),
    Device(3, "USB Headset Two", 1, 2, 16_000),
]


class FakeBackend:
    """Devices whose callbacks a test calls: ``record`` and ``take``.

    Args:
        devices: What the machine has.
        rates: What all of them know; None for every rate.
        refusal: Raised when one is opened.
        latency_ms: Of all of them.
    """

    def __init__(
        self,
        devices: list[Device] | None = None,
        *,
        rates: set[int] | None = None,
        refusal: DeviceError | None = None,
        latency_ms: float = 0.0,
    ) -> None:
        self.known = DEVICES if devices is None else devices
        self.rates = rates
        self.refusal = refusal
        self.latency_ms = latency_ms
        self.opened: list[dict[str, Any]] = []
        self.streams: list[FakeStream] = []

    def devices(self) -> list[Device]:
        return self.known

    def open_input(self, device: int | None, sample_rate: int, chunk: int, take: Take, end: End) -> FakeStream:
        return self._open(take, end, device=device, sample_rate=sample_rate, chunk=chunk)

    def open_output(self, device: int | None, sample_rate: int, latency: Latency, fill: Fill, end: End) -> FakeStream:
        return self._open(fill, end, device=device, sample_rate=sample_rate, latency=latency)

    def record(self, samples: Any, *, lost: bool = False) -> None:
        """Record samples, in a thread of their own as devices do."""
        self.streams[-1].call(np.asarray(samples, np.int16), lost)

    def take(self, count: int, *, late: bool = False) -> list[int]:
        """Play so many samples and return them."""
        out = np.full(count, 77, np.int16)
        self.streams[-1].call(out, late)
        return [int(sample) for sample in out]

    def end(self, error: DeviceError | None = None) -> None:
        """The device ends by itself."""
        self.streams[-1].end(error)

    def _open(self, call: Any, end: End, **options: Any) -> FakeStream:
        if self.refusal is not None:
            raise self.refusal
        if self.rates is not None and options["sample_rate"] not in self.rates:
            raise DeviceError.of("format", f"no such rate: {options['sample_rate']}")
        self.opened.append(options)
        self.streams.append(FakeStream(call, end, self.latency_ms))
        return self.streams[-1]


class HeldBackend(FakeBackend):
    """Devices whose opening takes until ``may_open`` is set; ``is_opening`` tells that one is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.is_opening = threading.Event()
        self.may_open = threading.Event()

    def _open(self, call: Any, end: End, **options: Any) -> FakeStream:
        stream = super()._open(call, end, **options)
        self.is_opening.set()
        assert self.may_open.wait(LONGEST_CALLBACK_S), "the test forgot that a device is opening"
        return stream


class FakeStream:
    def __init__(self, call: Any, end: End, latency_ms: float) -> None:
        self._call = call
        self.end = end
        self.latency_ms = latency_ms
        self.is_running = False
        self.is_closed = threading.Event()

    def start(self) -> None:
        self.is_running = True

    def close(self) -> None:
        self.is_running = False
        self.is_closed.set()

    def call(self, samples: Any, flag: bool) -> None:
        assert self.is_running
        thread = threading.Thread(target=self._call, args=(samples, flag))
        thread.start()
        thread.join(LONGEST_CALLBACK_S)
        assert not thread.is_alive(), "the callback of a device waits"
