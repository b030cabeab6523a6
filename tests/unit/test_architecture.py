"""The rules of the house: layers, sizes, what an import loads; and that the checks find breaches."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import voicewire

ROOT = Path(__file__).resolve().parents[2]


def load_house() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house", ROOT / "scripts" / "house.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


house = load_house()


@pytest.mark.parametrize("rule", house.RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule: Callable[[Path], Iterator[str]]) -> None:
    assert list(rule(ROOT)) == []


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_an_edge_against_the_layers_is_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        "rust/a/Cargo.toml",
        '[package]\nname = "voicewire-sim"\n[target."cfg(unix)".dev-dependencies]\n'
        'other = { package = "voicewire-proto" }\npyo3 = "1"\n',
    )

    assert list(house.crate_edges(tmp_path)) == [
        "rust/a/Cargo.toml: edge not allowed: voicewire-sim → voicewire-proto",
        "rust/a/Cargo.toml: only the boundary names pyo3",
    ]


def test_a_crate_without_a_place_is_found(tmp_path: Path) -> None:
    write(tmp_path, "rust/a/Cargo.toml", '[package]\nname = "voicewire-more"\n')

    assert len(list(house.crate_edges(tmp_path))) == 1


def test_a_crate_that_allows_unsafe_is_found(tmp_path: Path) -> None:
    write(tmp_path, "rust/voicewire-net/src/lib.rs", "//! Nothing.\n")
    write(tmp_path, "rust/voicewire-audio/src/lib.rs", "//! May.\n")

    assert list(house.unsafe_code(tmp_path)) == ["rust/voicewire-net/src/lib.rs: without #![forbid(unsafe_code)]"]


def test_a_long_file_is_found(tmp_path: Path) -> None:
    write(tmp_path, "long.py", "\n" * 701)
    write(tmp_path, "short.py", "\n" * 700)

    assert list(house.long_files(tmp_path)) == ["long.py: more than 700 lines: 701"]


def test_a_registry_host_is_found(tmp_path: Path) -> None:
    write(tmp_path, "pip.conf", "first\nindex-url = https://py" + "pi.org/simple\n")

    assert list(house.registry_hosts(tmp_path)) == ["pip.conf:2: host of a registry: py" + "pi.org"]


def test_a_second_lock_file_is_found(tmp_path: Path) -> None:
    write(tmp_path, "uv.lock", "")
    write(tmp_path, "Cargo.lock", "")

    assert list(house.lock_files(tmp_path)) == ["uv.lock: lock file"]


HEAVY = ("numpy", "rich", "argparse", "asyncio", "voicewire._voicewire", "voicewire.client")


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    return set(ended.stderr.split())


def test_import_loads_nothing_heavy() -> None:
    assert loaded_after("import voicewire").isdisjoint(HEAVY)


def test_help_loads_neither_numpy_nor_rich_nor_the_extension() -> None:
    code = "from voicewire.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"

    loaded = loaded_after(code)

    assert loaded.isdisjoint(set(HEAVY) - {"argparse"})


@pytest.mark.parametrize("name", voicewire.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(voicewire, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        voicewire.nothing  # noqa: B018


def test_every_public_name_has_a_docstring() -> None:
    plain = {"UNSET", "__version__"}

    assert [name for name in voicewire.__all__ if name not in plain and not getattr(voicewire, name).__doc__] == []


@pytest.mark.parametrize("path", sorted((ROOT / "python" / "voicewire").rglob("*.py")), ids=lambda path: path.name)
def test_every_module_says_what_it_is_in_its_first_line(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith('"""')
