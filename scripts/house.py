#!/usr/bin/env python3
"""The rules of the house that a machine can check; prints each breach and exits 1 if there is one."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FILE = 700
CODE = (".py", ".pyi", ".rs")

# Which of our crates a crate may name.
EDGES = {
    "voicewire-audio": set(),
    "voicewire-proto": {"voicewire-audio"},
    "voicewire-net": {"voicewire-proto", "voicewire-audio"},
    "voicewire-sim": set(),
    "voicewire-python": {"voicewire-net", "voicewire-proto", "voicewire-audio", "voicewire-sim"},
}
# Crates that may hold `unsafe`: SIMD and the ring; one file of the boundary.
MAY_BE_UNSAFE = {"voicewire-audio", "voicewire-python"}
# Crates that may name Python.
MAY_NAME_PYTHON = {"voicewire-python"}
# Written apart, so that this file does not break its own rule.
REGISTRY_HOSTS = re.compile(
    r"\b(?:(?:test\.)?py" + r"pi\.org|files\.python" + r"hosted\.org|(?:index\.|static\.)?crates" + r"\.io"
    r"|registry\.npm" + r"js\.org|proxy\.golang" + r"\.org|conda\.ana" + r"conda\.org)\b"
)
LOCK_FILES = {"uv.lock", "poetry.lock", "pdm.lock", "package-lock.json", "yarn.lock", "pylock.toml"}


def main() -> int:
    breaches = [breach for rule in RULES for breach in rule(ROOT)]
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


def long_files(root: Path) -> Iterator[str]:
    """A file of more than 700 lines wants to be two."""
    for path in files(root):
        if path.suffix in CODE and (lines := text_of(path).count("\n")) > LONGEST_FILE:
            yield f"{path.relative_to(root)}: more than {LONGEST_FILE} lines: {lines}"


def crate_edges(root: Path) -> Iterator[str]:
    """The crates form layers; no edge may be added by accident."""
    for path in sorted(root.glob("rust/*/Cargo.toml")):
        manifest = tomllib.loads(text_of(path))
        name = manifest["package"]["name"]
        if name not in EDGES:
            yield f"{path.relative_to(root)}: crate without a place in the layers: {name}"
            continue
        named = dependencies_of(manifest)
        ours = {dependency for dependency in named if dependency.startswith("voicewire")}
        for extra in sorted(ours - EDGES[name]):
            yield f"{path.relative_to(root)}: edge not allowed: {name} → {extra}"
        if name not in MAY_NAME_PYTHON:
            for binding in sorted(named & {"pyo3", "numpy"}):
                yield f"{path.relative_to(root)}: only the boundary names {binding}"


def unsafe_code(root: Path) -> Iterator[str]:
    """Crates without reason for `unsafe` forbid it."""
    for path in sorted(root.glob("rust/*/src/lib.rs")):
        crate = path.parent.parent.name
        if crate not in MAY_BE_UNSAFE and "#![forbid(unsafe_code)]" not in text_of(path):
            yield f"{path.relative_to(root)}: without #![forbid(unsafe_code)]"


def registry_hosts(root: Path) -> Iterator[str]:
    """No file names the host of a package registry: where packages come from is the user's setting."""
    for path in files(root):
        if path.name == "Cargo.lock" or path.suffix in (".wav", ".png"):
            continue
        for number, line in enumerate(text_of(path).splitlines(), 1):
            if found := REGISTRY_HOSTS.search(line):
                yield f"{path.relative_to(root)}:{number}: host of a registry: {found[0]}"


def lock_files(root: Path) -> Iterator[str]:
    """Cargo.lock is the one lock file; others record addresses."""
    for path in files(root):
        if path.name in LOCK_FILES:
            yield f"{path.relative_to(root)}: lock file"


RULES = [long_files, crate_edges, unsafe_code, registry_hosts, lock_files]


def dependencies_of(manifest: dict[str, object]) -> set[str]:
    """Names of all dependencies, of every table and target; a renamed one counts under its real name."""
    found: set[str] = set()
    for key, value in manifest.items():
        if key in ("dependencies", "dev-dependencies", "build-dependencies") and isinstance(value, dict):
            for name, what in value.items():
                found.add(str(what.get("package", name)) if isinstance(what, dict) else name)
        elif key == "target" and isinstance(value, dict):
            for table in value.values():
                found |= dependencies_of(table)
    return found


def files(root: Path) -> list[Path]:
    """Files that are or would be committed; without git, all that are not built."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0 and listing.stdout:
        paths = [root / name for name in listing.stdout.split("\0") if name]
    else:
        paths = [path for path in root.rglob("*") if not BUILT & set(path.relative_to(root).parts)]
    return sorted(path for path in paths if path.is_file())


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


BUILT = {".git", ".venv", ".venvs", "target", "dist", "site", "__pycache__"}

if __name__ == "__main__":
    sys.exit(main())
