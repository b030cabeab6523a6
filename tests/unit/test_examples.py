"""What the documentation shows runs: each example, and the code of the pages."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "docs/audio-tools.md",
    "docs/audio.md",
    "docs/devices.md",
    "docs/gemini.md",
    "docs/sync.md",
    "docs/tools.md",
    "docs/unified.md",
)
SHOWN = [
    pytest.param(code, id=f"{page}-{number}")
    for page in PAGES
    for number, code in enumerate(
        re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    )
]
TIMEOUT_S = 20


def run(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    dropped = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
    return subprocess.run(
        [sys.executable, "-W", "error", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name not in dropped},
        check=False,
    )


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_runs_without_arguments(path: Path, tmp_path: Path) -> None:
    ended = run(path, folder=tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_takes_a_model(path: Path, tmp_path: Path) -> None:
    assert "--model" in run(path, "--help", folder=tmp_path).stdout


@pytest.mark.parametrize("model", ["sim/gemini-2.5-flash-native-audio", "sim/gemini-3.8-live"])
@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_runs_unchanged_with_gemini(path: Path, model: str, tmp_path: Path) -> None:
    ended = run(path, "--model", model, folder=tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


@pytest.mark.parametrize("code", SHOWN)
def test_the_code_of_the_pages_runs(code: str, tmp_path: Path) -> None:
    ended = run("-c", code, folder=tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout
