"""Settings of the process: what is allowed, what the environment says, and which event loops it is for."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import voicewire as vw
from voicewire import process


@pytest.fixture(autouse=True)
def settings_as_at_the_start(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the core would have been told; the core of this process stays as it is."""
    told: list[tuple[Any, ...]] = []
    monkeypatch.setattr("voicewire._voicewire.configure", lambda *settings: told.append(settings))
    for name, value in {"_driver": "thread", "_io_threads": 1, "_wake_latency_ms": "auto"}.items():
        monkeypatch.setattr(process, name, value)
    monkeypatch.setattr(process, "_is_environment_read", False)
    for name in ("DRIVER", "IO_THREADS", "WAKE_LATENCY_MS"):
        monkeypatch.delenv(f"VOICEWIRE_{name}", raising=False)
    return told


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def test_threads_are_the_default(loop: asyncio.AbstractEventLoop) -> None:
    process.configure_from_environment()

    assert process.driver_for(loop) == "thread"


def test_a_driver_is_for_loops_to_come(loop: asyncio.AbstractEventLoop) -> None:
    vw.configure(driver="inline")

    assert process.driver_for(loop) == "inline"


def test_a_loop_may_keep_to_threads(loop: asyncio.AbstractEventLoop) -> None:
    process.keep_threads_for(loop)
    vw.configure(driver="inline")

    assert process.driver_for(loop) == "thread"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"driver": "threads"}, "driver"),
        ({"driver": None}, "driver"),
        ({"io_threads": 0}, "io_threads"),
        ({"io_threads": 65}, "io_threads"),
        ({"wake_latency_ms": -1}, "wake_latency_ms"),
        ({"wake_latency_ms": 101}, "wake_latency_ms"),
    ],
)
def test_what_is_out_of_range_is_refused_and_changes_nothing(
    options: dict[str, Any], field: str, loop: asyncio.AbstractEventLoop
) -> None:
    with pytest.raises(vw.ConfigError) as caught:
        vw.configure(**options)

    assert caught.value.field == field
    assert process.driver_for(loop) == "thread"


def test_a_driver_may_change_while_io_threads_run_and_their_number_may_not(
    settings_as_at_the_start: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, loop: asyncio.AbstractEventLoop
) -> None:
    def refuse(io_threads: int | None, wake_latency_ms: float | None) -> None:
        raise RuntimeError("the I/O threads run already: io_threads")

    vw.configure(driver="inline")
    monkeypatch.setattr("voicewire._voicewire.configure", refuse)
    with pytest.raises(vw.ConfigError, match="run already") as caught:
        vw.configure(io_threads=2)

    # The number is not told again where it stays.
    assert settings_as_at_the_start == [(None, None)]
    assert caught.value.field == "io_threads"
    assert process.driver_for(loop) == "inline"


def test_the_environment_outdoes_what_was_set_before_and_leaves_the_rest(
    settings_as_at_the_start: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, loop: asyncio.AbstractEventLoop
) -> None:
    vw.configure(io_threads=2, wake_latency_ms=0.5)
    monkeypatch.setenv("VOICEWIRE_DRIVER", "inline")
    process.configure_from_environment()

    assert process.driver_for(loop) == "inline"
    assert settings_as_at_the_start == [(2, 0.5), (None, 0.5)]


def test_the_environment_sets_all(
    settings_as_at_the_start: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEWIRE_IO_THREADS", "3")
    monkeypatch.setenv("VOICEWIRE_WAKE_LATENCY_MS", "1.5")
    process.configure_from_environment()

    assert settings_as_at_the_start == [(3, 1.5)]


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch, loop: asyncio.AbstractEventLoop) -> None:
    monkeypatch.setenv("VOICEWIRE_DRIVER", "inline")
    process.configure_from_environment()
    vw.configure(driver="thread")
    process.configure_from_environment()

    assert process.driver_for(loop) == "thread"


@pytest.mark.parametrize(("name", "value"), [("IO_THREADS", "many"), ("WAKE_LATENCY_MS", "soon"), ("DRIVER", "loop")])
def test_a_wrong_environment_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"VOICEWIRE_{name}", value)
    with pytest.raises(vw.ConfigError, match=value):
        process.configure_from_environment()
    with pytest.raises(vw.ConfigError, match=value):
        process.configure_from_environment()
