"""The load server and the plain Rust client: built by cargo, the server started on a core of its own."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent


def build(profile: str) -> tuple[Path, Path]:
    """Return the programs bench_server and floor_client."""
    command = ["cargo", "build", "--profile", profile, "--package", "voicewire-sim"]
    command += ["--example", "bench_server", "--example", "floor_client", "--message-format", "json"]
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    programs = {
        message["target"]["name"]: Path(message["executable"]) for message in messages if message.get("executable")
    }
    return programs["bench_server"], programs["floor_client"]


class Server:
    """A running bench_server; ``summary`` tells what it has sent and received since the last one."""

    def __init__(self, program: Path, core: int | None, *, tls: bool = False) -> None:
        arguments = [*([] if core is None else ["--cpu", str(core)]), *(["--tls"] if tls else [])]
        self.process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.url: str = told["url"]
        self.ca_file: str | None = told["ca_file"]

    @property
    def arguments(self) -> list[str]:
        """What a client needs to find and to trust it."""
        return ["--url", self.url, *([] if self.ca_file is None else ["--ca", self.ca_file])]

    def summary(self) -> dict[str, Any]:
        """Wait until all clients have closed."""
        address = self.url.replace("ws", "http", 1).removesuffix("/v1/realtime")
        trust = None if self.ca_file is None else ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(f"{address}/summary", timeout=20, context=trust) as answer:
            summary: dict[str, Any] = json.load(answer)
        return summary

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait()
        if self.ca_file is not None:
            shutil.rmtree(Path(self.ca_file).parent, ignore_errors=True)


def cores() -> tuple[int | None, int | None]:
    """Return a core for the server and one for the client; None where there is nothing to choose."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[-1]) if len(allowed) > 1 else (None, None)
