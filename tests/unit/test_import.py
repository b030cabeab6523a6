"""What an import loads, and that nothing runs before the first connect."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

# What nobody pays for who has not used it.
HEAVY = ["numpy", "pydantic", "fastjsonschema", "docstring_parser", "rich", "sounddevice", "genai_prices"]
STANDARD = ["decimal", "datetime", "difflib", "email", "http", "importlib.resources", "pathlib", "tempfile", "urllib"]

TELL = """
import json, os, sys, threading
tasks = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
print(json.dumps({"modules": list(sys.modules), "threads": threading.active_count(), "tasks": tasks}))
"""


def after(code: str) -> dict[str, Any]:
    """Modules, threads of Python and threads of the system, once an interpreter has run the code."""
    # -S: what site-packages load by themselves is not ours.
    paths = f"import sys\nsys.path[:] = {sys.path!r}\nimport asyncio\n"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI", "VOICEWIRE"))}
    command = [sys.executable, "-S", "-c", paths + code + TELL]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30, env=environment)
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


STEPS = {
    "package": "import voicewire",
    "client class": "import voicewire as vw; vw.RealtimeClient",
    "a client": "import voicewire as vw; client = vw.RealtimeClient('openai/gpt-realtime', api_key='sk-test')",
    "a client of the simulator": "import voicewire as vw; client = vw.RealtimeClient('sim/gpt-realtime')",
    "every event class": "import voicewire as vw; vw.AudioDelta, vw.TurnComplete, vw.ErrorEvent",
}


@pytest.mark.parametrize("code", STEPS.values(), ids=STEPS)
def test_numpy_and_what_is_dear_wait_for_their_use(code: str) -> None:
    ours = set(after(code)["modules"]) - set(after("")["modules"])

    assert ours.isdisjoint({*HEAVY, *STANDARD})


@pytest.mark.parametrize("code", STEPS.values(), ids=STEPS)
def test_no_thread_runs_before_the_first_connect(code: str) -> None:
    told = after(code)

    assert (told["threads"], told["tasks"]) == (1, 1)


FIRST_AUDIO = """
import voicewire as vw
async def listen():
    with vw.Simulator(pace=0, script=[{"audio": "tone"}]) as simulator:
        async with vw.RealtimeClient("m", url=simulator.url) as client:
            client.send_text("Hello.")
            async for event in client:
                if isinstance(event, vw.AudioDelta):
                    assert "numpy" not in sys.modules
                    samples = event.audio
                    return type(samples).__module__
assert asyncio.run(listen()) == "numpy"
"""


def test_numpy_is_loaded_with_the_first_samples() -> None:
    assert "numpy" in after(FIRST_AUDIO)["modules"]
