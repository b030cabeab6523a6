"""What this process uses: CPU of all threads and of one, memory, descriptors."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Clocks", "allow_descriptors", "resident_kib"]


@dataclass(frozen=True)
class Clocks:
    """Seconds: by the clock, of CPU in all threads, of CPU in the thread that asked."""

    wall_s: float
    cpu_s: float
    thread_cpu_s: float

    @classmethod
    def read(cls) -> Clocks:
        """The clocks of this moment."""
        return cls(time.monotonic(), time.process_time(), time.thread_time())

    def __sub__(self, earlier: Clocks) -> Clocks:
        return Clocks(
            self.wall_s - earlier.wall_s, self.cpu_s - earlier.cpu_s, self.thread_cpu_s - earlier.thread_cpu_s
        )


def resident_kib() -> float | None:
    """Memory of this process; its peak where the system does not tell the present, None on Windows."""
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1024
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform == "darwin" else float(peak)


def allow_descriptors(wanted: int) -> int | None:
    """Raise the limit of open files to the most that is allowed; returns it where ``wanted`` do not fit."""
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        # macOS tells of no limit and refuses what is above its own.
        hard = max(soft, _MACOS_MOST)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if allowed >= wanted or allowed == resource.RLIM_INFINITY else allowed


_MACOS_MOST = 10_240
