"""The clients that are measured: their names, what they are made of, and how they are started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENVS = HERE / ".venvs"
NUMPY = "numpy==2.4.6"


@dataclass(frozen=True)
class Client:
    """One row of the tables; without pins it brings its own interpreter or is a program."""

    name: str
    label: str
    pins: tuple[str, ...] = ()

    @property
    def is_voicewire(self) -> bool:
        return self.name.startswith("voicewire")


CLIENTS = (
    Client("voicewire_handlers", "voicewire, handlers"),
    Client("voicewire_iterator", "voicewire, `async for`"),
    Client(
        "picows_orjson",
        "picows + orjson + pybase64, uvloop",
        ("picows==2.3.1", "orjson==3.13.0", "pybase64==1.5.1", "uvloop==0.23.0", NUMPY),
    ),
    Client("websockets_json", "websockets + json + base64", ("websockets==17.4", NUMPY)),
    Client("openai_sdk", "openai", ("openai[realtime]==3.52.0", "websockets==15.0.1", NUMPY)),
    Client("floor", "plain Rust (tungstenite)"),
)


def commands(clients: Iterable[Client], floor: Path, voicewire_python: Path) -> dict[Client, list[str]]:
    """How each client is started; voicewire is left out, with a word, where it cannot be imported."""
    found: dict[Client, list[str]] = {}
    for client in clients:
        if client.name == "floor":
            found[client] = [str(floor)]
        elif not client.is_voicewire:
            found[client] = [str(environment(client)), script(client)]
        elif imports_voicewire(voicewire_python):
            found[client] = [str(voicewire_python), script(client)]
        else:
            print(f"left out, no voicewire in {voicewire_python}: {client.name}", file=sys.stderr)
    return found


def script(client: Client) -> str:
    return str(HERE / "peers" / f"{client.name}.py")


def environment(client: Client) -> Path:
    """Return the interpreter of the client's own virtualenv (their pins exclude each other)."""
    directory = VENVS / client.name
    python = directory / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = directory / "pins.txt"
    wanted = "\n".join((*client.pins, sys.version))
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {', '.join(client.pins)} into {directory}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(directory)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *client.pins], check=True)
        stamp.write_text(wanted)
    return python


def imports_voicewire(python: Path) -> bool:
    trial = [str(python), "-c", "from voicewire import RealtimeClient"]
    return subprocess.run(trial, check=False, capture_output=True).returncode == 0
