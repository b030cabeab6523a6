"""The stages in Python: imports, and a client's turn with all of its threads, in an interpreter that has voicewire."""

from __future__ import annotations

import json
import platform
import subprocess
from pathlib import Path

from burst_server import BurstServer
from callgrind import per_turn, total
from counts import Counts

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent.parent / "python"

# Hashes as in any other run, and nothing of the caller's.
ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(PACKAGE)}
# Threads meet at other moments in each run, which is some million instructions: many turns make them few.
FEW, MANY = 1000, 5000

IMPORTS = {
    "python.import": "import voicewire",
    "python.import_client": "import voicewire; voicewire.RealtimeClient",
}
TURNS = {"python.receive_100ms": "receive", "python.send_20ms": "send"}
NAMES = [*IMPORTS, *TURNS]

FACTS = "import json, platform, numpy; print(json.dumps([platform.python_version(), numpy.__version__]))"


def count_python(python: Path, names: list[str]) -> Counts:
    """Count stages one after the other."""
    told = subprocess.run([python, "-c", FACTS], check=True, capture_output=True, text=True).stdout
    version, numpy = json.loads(told)
    machine = {"arch": platform.machine(), "python": ".".join(version.split(".")[:2])}
    machine |= {"numpy": numpy, "libc": " ".join(platform.libc_ver())}
    found = {}
    with BurstServer() as server:
        for name in names:
            statement = IMPORTS.get(name)
            found[name] = count_import(python, statement) if statement else count_turn(python, TURNS[name], server.url)
    return Counts(machine, found)


def count_import(python: Path, statement: str) -> int:
    """Instructions of an import, beyond those of an interpreter that does nothing."""
    # Once beforehand: the first import writes the compiled modules.
    subprocess.run([python, "-c", statement], env=ENVIRONMENT, check=True)
    nothing, imported = (total([str(python), "-c", code], **ENVIRONMENT) for code in ("pass", statement))
    return imported - nothing


def count_turn(python: Path, stage: str, url: str) -> int:
    program = [str(python), str(HERE / "client.py"), stage]
    return per_turn(lambda turns: [*program, str(turns), url], FEW, MANY, **ENVIRONMENT)
