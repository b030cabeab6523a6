"""The simulator in a process of its own, so that what it costs is not counted as ours."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from voicewire.exceptions import VoicewireError

__all__ = ["SimulatorProcess"]


class SimulatorProcess:
    """A running ``voicewire sim``; entering starts it, leaving stops it.

    Args:
        script: Rules of what to answer, as for ``Simulator``.
        pace: Speed of its audio in times of real time.
        delta_ms: Audio in one delta.
        tls: Serve ``wss://``; ``ca_file`` is the authority to trust.

    Raises:
        VoicewireError: It did not start; the message is the last line it wrote.
    """

    def __init__(
        self, *, script: Sequence[dict[str, Any]] = (), pace: float = 1.0, delta_ms: int = 100, tls: bool = False
    ) -> None:
        self._script = list(script)
        self._arguments = ["--pace", f"{pace:g}", "--delta-ms", str(delta_ms), *(["--tls"] if tls else [])]
        self._process: subprocess.Popen[str] | None = None
        self._told: dict[str, str | None] = {}

    @property
    def url(self) -> str:
        """Address of the OpenAI dialects."""
        return self._told["url"] or ""

    @property
    def gemini_url(self) -> str:
        """Address of Gemini Live, before the path."""
        return self._told["gemini_url"] or ""

    @property
    def ca_file(self) -> str | None:
        """The authority to trust, where it serves TLS."""
        return self._told["ca_file"]

    @property
    def cpu_s(self) -> float | None:
        """CPU time of the process so far, None where the system does not tell."""
        try:
            stat = Path(f"/proc/{self._running().pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return None
        # The name of the program stands in brackets and may hold spaces.
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Self:
        with tempfile.TemporaryDirectory(prefix="voicewire-") as folder:
            script = Path(folder) / "script.json"
            script.write_text(json.dumps(self._script), encoding="utf-8")
            command = [sys.executable, "-m", "voicewire", "sim", "--port", "0", "--json", "--until-eof"]
            # In a group of its own: Ctrl-C is for the command, which stops it when it has measured. Where the command
            # dies without a word, the end of its input stops it.
            group: dict[str, Any] = {} if sys.platform == "win32" else {"process_group": 0}
            self._process = subprocess.Popen(
                [*command, "--script", str(script), *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                **group,
            )
            assert self._process.stdout is not None
            try:
                line = self._process.stdout.readline()
            except BaseException:
                self._process.kill()
                raise
        if not line:
            _, errors = self._process.communicate()
            raise VoicewireError(f"simulator did not start: {' '.join(errors.split()[-40:])}")
        self._told = json.loads(line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running()
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_STOP_S)
        if process.poll() is None:
            process.kill()
            process.communicate()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise VoicewireError("simulator is not started")
        return self._process


_STOP_S = 10.0
