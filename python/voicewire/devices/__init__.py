"""Microphone and speaker of this machine: ``pip install 'voicewire[devices]'`` and the PortAudio library.

``FileBackend`` puts WAV files in their place, at real-time pace; any other ``Backend`` can be given as well.
"""

from __future__ import annotations

from voicewire.devices.backend import Backend, Device, Stream, list_devices
from voicewire.devices.files import FileBackend
from voicewire.devices.level import dbfs
from voicewire.devices.microphone import Microphone
from voicewire.devices.speaker import Speaker
from voicewire.exceptions import DeviceError

__all__ = [
    "Backend",
    "Device",
    "DeviceError",
    "FileBackend",
    "Microphone",
    "Speaker",
    "Stream",
    "dbfs",
    "list_devices",
]
