"""The clients that are measured: their names, what they are made of, and how they are started."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server import ROOT

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
    Client("voicewire_inline", "voicewire, handlers, inline"),
    Client(
        "picows_orjson",
        "picows + orjson + pybase64, uvloop",
        ("picows==2.3.1", "orjson==3.13.0", "pybase64==1.5.1", "uvloop==0.23.0", NUMPY),
    ),
    Client("aiohttp_orjson", "aiohttp + orjson + base64", ("aiohttp==3.14.5", "orjson==3.13.0", NUMPY)),
    Client("websockets_json", "websockets + json + base64", ("websockets==17.4", NUMPY)),
    Client("openai_sdk", "openai", ("openai[realtime]==3.52.0", "websockets==15.0.1", NUMPY)),
    Client("floor", "plain Rust (tungstenite)"),
)


def commands(clients: Iterable[Client], floor: Path, voicewire_python: Path | None) -> dict[Client, list[str]]:
    """How each client is started; voicewire is left out where it cannot be imported."""
    found: dict[Client, list[str]] = {}
    for client in clients:
        if client.name == "floor":
            found[client] = [str(floor)]
        elif not client.is_voicewire:
            found[client] = [str(environment(client)), script(client)]
        elif voicewire_python is not None:
            found[client] = [str(voicewire_python), script(client)]
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


def voicewire_environment(profile: str) -> Path:
    """Return an interpreter with voicewire: the development one, or one of its own with a wheel of this profile."""
    development = ROOT / ".venv" / "bin" / "python"
    if profile == "development":
        return development
    directory = VENVS / f"voicewire_{profile}"
    beside = development.with_name("maturin")
    maturin = str(beside) if beside.exists() else shutil.which("maturin") or "maturin"
    wheels = directory.with_suffix(".wheels")
    shutil.rmtree(wheels, ignore_errors=True)
    build = [maturin, "build", "--quiet", "--locked", "--profile", profile, "--out", str(wheels)]
    subprocess.run(build, cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(directory)], check=True)
    python = directory / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, NUMPY, *map(str, wheels.glob("*.whl"))], check=True)
    return python


def extension_of(python: Path) -> dict[str, Any] | None:
    """Tell which build of voicewire an interpreter imports, or None and a word where it imports none."""
    trial = [str(python), "-c", EXTENSION]
    done = subprocess.run(trial, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"voicewire is left out, {python} cannot import it: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    extension: dict[str, Any] = json.loads(done.stdout)
    return extension


EXTENSION = """
import hashlib, json, pathlib, voicewire._voicewire as extension
data = pathlib.Path(extension.__file__).read_bytes()
print(json.dumps({"file": extension.__file__, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()[:16]}))
"""
