"""Sub-interpreters and builds without a core: an ImportError that says what to do, never a crash."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import voicewire
from voicewire.unloadable import explained

# Runs SCRIPT in a sub-interpreter of the kind named; LOADS says whether the main one loads the extension before.
DRIVE = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
kind, loads, script = sys.argv[1:]
if loads == "main":
    import voicewire._voicewire
if sys.version_info >= (3, 13):
    fresh = interpreters.create(kind)
else:
    fresh = interpreters.create(isolated=kind == "isolated")
interpreters.run_string(fresh, script)
interpreters.destroy(fresh)
try:
    import voicewire._voicewire
    print("main interpreter: loaded")
except ImportError as error:
    print(f"main interpreter: {error}")
"""
LOAD = """
try:
    from voicewire import AudioDelta
    print("sub-interpreter: loaded", AudioDelta.__name__)
except ImportError as error:
    print(f"sub-interpreter: {error}")
"""
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def interpreter(version: str) -> str:
    """Path of an interpreter of that version, or a skipped test."""
    if version == HERE:
        return sys.executable
    beside = Path(sys.base_prefix).parent.glob(f"{version}.*/bin/python{version}")
    for found in (*beside, shutil.which(f"python{version}")):
        if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
            return str(found)
    pytest.skip(f"no Python {version} on this machine")


def run(version: str, kind: str, loads: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(voicewire.__file__).parents[1])}
    command = [interpreter(version), "-c", DRIVE, kind, loads, LOAD]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, env=environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


ONE = "voicewire serves one interpreter of a process and was loaded by interpreter"
INSTEAD = "use threads or processes in place of sub-interpreters"


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_a_second_interpreter_is_refused_with_a_reason(version: str) -> None:
    assert run(version, "legacy", "main") == [
        f"sub-interpreter: {ONE} 0; this is interpreter 1: {INSTEAD}",
        "main interpreter: loaded",
    ]


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_the_first_interpreter_that_loads_it_keeps_it(version: str) -> None:
    assert run(version, "legacy", "sub") == [
        "sub-interpreter: loaded AudioDelta",
        f"main interpreter: {ONE} 1; this is interpreter 0: {INSTEAD}",
    ]


@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14"])
def test_an_interpreter_with_a_lock_of_its_own_is_refused_with_a_reason(version: str) -> None:
    told, main = run(version, "isolated", "main")

    assert told.startswith("sub-interpreter: voicewire cannot be loaded by an isolated sub-interpreter")
    assert told.endswith(INSTEAD)
    assert main == "main interpreter: loaded"


def test_loading_again_in_the_same_interpreter_is_allowed() -> None:
    again = "import sys, voicewire._voicewire as first; del sys.modules['voicewire._voicewire']\n"
    environment = {**os.environ, "PYTHONPATH": str(Path(voicewire.__file__).parents[1])}
    code = again + "import voicewire._voicewire"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30, env=environment).returncode == 0


MISSING = ModuleNotFoundError("No module named 'voicewire._voicewire'", name="voicewire._voicewire")


def test_a_missing_core_is_told_with_a_remedy() -> None:
    assert "install a wheel, or in a checkout run maturin develop" in str(explained(MISSING))


def test_a_missing_core_on_free_threaded_python_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"Py_GIL_DISABLED": 1}.get)

    assert "pip install --no-binary voicewire voicewire" in str(explained(MISSING))


def test_other_import_errors_stay_as_they_are() -> None:
    other = ModuleNotFoundError("No module named 'rich'", name="rich")

    assert explained(other) is other


HIDDEN = """
import sys
sys.modules["voicewire._voicewire"] = None
import voicewire
try:
    voicewire.RealtimeClient
except ImportError as error:
    print(error)
"""


def test_the_first_name_used_tells_why_the_core_is_missing() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(voicewire.__file__).parents[1])}
    ended = subprocess.run(
        [sys.executable, "-c", HIDDEN], capture_output=True, text=True, check=True, timeout=30, env=environment
    )

    assert ended.stdout.startswith("voicewire has no compiled core for this Python")
