#!/usr/bin/env python3
"""Build voicewire from a checkout and run it; needs Python 3.11 and cargo, nothing else.

Usage: python3 scripts/run.py VERB [ARGUMENTS]

    demo [ARGUMENTS]    install, build, run `voicewire demo`
    test [ARGUMENTS]    install, build, run all Rust and Python tests; arguments go to pytest; without any, inline too
    pytest [ARGUMENTS]  install, build, run the Python tests
    inline [ARGUMENTS]  the tests that hold sessions, on the event loop's own thread (Linux)
    rust [ARGUMENTS]    run the Rust tests
    loom                run the model of the lock-free ring
    lint                ruff, cargo fmt, cargo clippy, the rules of the house
    types               mypy --strict, and the stub against the extension
    instructions        count the instructions of each stage, against benches/instructions/counts.json
    build               install and build, nothing else
    plots [ARGUMENTS]   draw docs/plots from benches/results; needs matplotlib in .venv
    all                 test, lint, types

What is up to date is not done again. Everything lands in .venv and target/ beside this folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
OLDEST_PYTHON = (3, 11)
OLDEST_CARGO = (1, 85)
# What holds sessions. Blocking clients always have I/O threads.
INLINE_TESTS = ["tests/integration", "--ignore-glob=*/test_sync_*", "tests/interop/test_websockets.py"]


class Failure(Exception):
    """Something went wrong; the message is shown as it is."""


def main(arguments: list[str]) -> int:
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("--help", [])
    if verb in ("-h", "--help") or verb not in VERBS:
        print(__doc__ if verb in ("-h", "--help") else f"run.py: unknown verb: {verb}; {', '.join(VERBS)}")
        return 0 if arguments and verb in ("-h", "--help") else 2
    try:
        check_tools()
        return VERBS[verb](rest)
    except Failure as failure:
        print(f"run.py: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def demo(arguments: list[str]) -> int:
    install(with_tests=False)
    build()
    return call([PYTHON, "-m", "voicewire", "demo", *arguments], cwd=None)


def test(arguments: list[str]) -> int:
    install(with_tests=True)
    build()
    rust_code = rust([])
    python_code = pytest(arguments)
    # Arguments choose tests, and those have run then.
    inline_code = 0 if arguments else inline([])
    if rust_code:
        print("run.py: the Rust tests failed, see above", file=sys.stderr)
    return rust_code or python_code or inline_code


def pytest(arguments: list[str]) -> int:
    install(with_tests=True)
    build()
    say("pytest")
    return call([PYTHON, "-m", "pytest", *arguments])


def inline(arguments: list[str]) -> int:
    if sys.platform != "linux":
        say("sessions on the event loop's own thread need Linux: skipped")
        return 0
    install(with_tests=True)
    build()
    say("pytest, with sessions on the event loop's own thread")
    os.environ["VOICEWIRE_DRIVER"] = "inline"
    try:
        return call([PYTHON, "-m", "pytest", "-m", "not io_threads", *(arguments or INLINE_TESTS)])
    finally:
        del os.environ["VOICEWIRE_DRIVER"]


def rust(arguments: list[str]) -> int:
    say("cargo test (the boundary crate is covered by pytest)")
    return call(["cargo", "test", "--workspace", "--exclude", "voicewire-python", *arguments])


def loom(arguments: list[str]) -> int:
    say("cargo test of the ring's model")
    flags = 'build.rustflags=["--cfg", "loom"]'
    # Other flags make other artefacts: in a folder of their own they do not displace the usual ones.
    where = ["--target-dir", ROOT / "target" / "loom"]
    what = ["-p", "voicewire-audio", "--test", "ring_loom"]
    return call(["cargo", "--config", flags, "test", *where, *what, *arguments])


def plots(arguments: list[str]) -> int:
    install(with_tests=False)
    return call([PYTHON, "benches/plots.py", *arguments])


def lint(arguments: list[str]) -> int:
    install(with_tests=True)
    return each(
        [PYTHON, "-m", "ruff", "check", "."],
        [PYTHON, "-m", "ruff", "format", "--check", "."],
        ["cargo", "fmt", "--all", "--check"],
        ["cargo", "clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
        [PYTHON, "scripts/house.py"],
    )


def types(arguments: list[str]) -> int:
    install(with_tests=True)
    build()
    return each(
        [PYTHON, "-m", "mypy"],
        [PYTHON, "-m", "mypy.stubtest", "voicewire._voicewire"],
    )


def instructions(arguments: list[str]) -> int:
    say("instructions of each stage, under callgrind")
    return call([sys.executable, "benches/instructions/run.py", *(arguments or ["--check"])])


def build_only(arguments: list[str]) -> int:
    install(with_tests=False)
    build()
    return 0


def everything(arguments: list[str]) -> int:
    codes = [test(arguments), lint([]), types([])]
    return max(codes)


VERBS = {
    "demo": demo,
    "test": test,
    "pytest": pytest,
    "inline": inline,
    "rust": rust,
    "loom": loom,
    "lint": lint,
    "types": types,
    "instructions": instructions,
    "build": build_only,
    "plots": plots,
    "all": everything,
}


def check_tools() -> None:
    """Refuse what is too old before anything is downloaded."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:2]))
        raise Failure(f"Python {dotted(OLDEST_PYTHON)} or later is needed; this is {found}")
    rustup_bin = Path.home() / ".cargo" / "bin"
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), str(rustup_bin)])
    if shutil.which("cargo") is None:
        raise Failure(f"cargo is not on PATH; install Rust {dotted(OLDEST_CARGO)} or later (https://rustup.rs)")
    told = subprocess.run(["cargo", "--version"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    try:
        found_cargo = tuple(int(part) for part in told.split()[1].split("-")[0].split(".")[:2])
    except (IndexError, ValueError):
        raise Failure(f"cargo does not tell its version: {told.strip()!r}") from None
    if found_cargo < OLDEST_CARGO:
        raise Failure(f"Rust {dotted(OLDEST_CARGO)} or later is needed; this is {dotted(found_cargo)}")


def install(*, with_tests: bool) -> None:
    """Make the virtual environment and install what is needed, where that was not done yet."""
    make_venv()
    wanted = requirements(with_tests)
    done = stamp("requirements")
    if set(wanted) <= set(done):
        return
    with Phase(f"install {len(wanted)} Python packages and what they need"):
        run([PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off", *wanted])
    write_stamp("requirements", sorted({*wanted, *done}))


def make_venv() -> None:
    if PYTHON.exists() and stamp("venv") == [str(ROOT), sys.version]:
        return
    with Phase("make a virtual environment in .venv"):
        shutil.rmtree(VENV, ignore_errors=True)
        code = call([sys.executable, "-m", "venv", VENV])
        if code:
            raise Failure("python -m venv failed; on Debian and Ubuntu it is the package python3-venv")
    write_stamp("venv", [str(ROOT), sys.version])


def requirements(with_tests: bool) -> list[str]:
    import tomllib

    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"], *extras["cli"]]
    return [*wanted, *extras["test"]] if with_tests else wanted


def build() -> None:
    """Compile the extension and install the package in place, where an input changed."""
    inputs = [fingerprint()]
    built = list((ROOT / "python" / "voicewire").glob("_voicewire.*[sd]*"))
    if stamp("build") == inputs and any(path.suffix in (".so", ".pyd") for path in built):
        return
    with Phase("compile the Rust core (two to four minutes the first time; cargo tells its progress)"):
        run([PYTHON, "-m", "maturin", "develop", "--profile", "development"])
    write_stamp("build", inputs)


def fingerprint() -> str:
    """Hash of everything the extension is built from."""
    digest = hashlib.sha256()
    names = ["pyproject.toml", "Cargo.toml", "Cargo.lock", "rust/**/Cargo.toml", "rust/**/*.rs"]
    for path in sorted(path for name in names for path in ROOT.glob(name)):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def stamp(name: str) -> list[str]:
    try:
        content: list[str] = json.loads((VENV / f".voicewire-{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return content


def write_stamp(name: str, content: list[str]) -> None:
    (VENV / f".voicewire-{name}.json").write_text(json.dumps(content), encoding="utf-8")


class Phase:
    """Tells what begins, and how long it took."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.began = time.monotonic()

    def __enter__(self) -> None:
        say(f"{self.what} …")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            say(f"done in {time.monotonic() - self.began:.1f} s")


def say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


def each(*commands: list[Any]) -> int:
    """Run all commands, also after one failed; the worst exit code counts."""
    failed = []
    for command in commands:
        shown = " ".join(str(part) if part != PYTHON else "python" for part in command)
        say(shown)
        if call(command):
            failed.append(shown)
    for shown in failed:
        print(f"run.py: failed: {shown}", file=sys.stderr)
    return 1 if failed else 0


def run(command: list[Any]) -> None:
    """Run a command that must succeed."""
    if code := call(command):
        raise Failure(f"failed with exit code {code}: {' '.join(map(str, command))}")


def call(command: list[Any], cwd: Path | None = ROOT) -> int:
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    environment["VIRTUAL_ENV"] = str(VENV)
    environment["PATH"] = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    return subprocess.run(list(map(str, command)), cwd=cwd, env=environment, check=False).returncode


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


# Variables that would point Python or maturin at another environment.
FOREIGN = ("CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
