"""The simulator behind ``sim/…`` models: one for all clients of the process."""

from __future__ import annotations

import atexit
import os
import threading

from voicewire.simulator import Simulator

__all__ = ["builtin_simulator"]

_lock = threading.Lock()
_running: dict[int, Simulator] = {}


def builtin_simulator() -> Simulator:
    """Return the running simulator of this process; the first call starts it, the end of the process stops it."""
    with _lock:
        simulator = _running.get(os.getpid())
        if simulator is None:
            simulator = _running[os.getpid()] = Simulator(beta="allow").start()
            atexit.register(_stop, simulator, os.getpid())
        return simulator


def _stop(simulator: Simulator, pid: int) -> None:
    # A forked child inherits the registration and not the thread.
    if pid == os.getpid():
        simulator.stop()
