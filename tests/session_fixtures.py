"""A started simulator for each test, an environment without keys, and an end to tests that hang."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

import voicewire as vw

LONGEST_TEST_S = 120 if os.environ.get("VOICEWIRE_LONG_TESTS") else 20


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    def expire(number: int, frame: Any) -> None:
        raise TimeoutError(f"test took longer than {LONGEST_TEST_S} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(LONGEST_TEST_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def simulator() -> Iterator[vw.Simulator]:
    """A simulator that sends audio as fast as it can."""
    with vw.Simulator(pace=0) as started:
        yield started


@pytest.fixture
def client(simulator: vw.Simulator) -> vw.RealtimeClient:
    """A client of the simulator, not connected."""
    return vw.RealtimeClient("openai/gpt-realtime", url=simulator.url, api_key="sk-test")


@pytest.fixture
def inline() -> Iterator[None]:
    """Event loops that run their sessions themselves."""
    vw.configure(driver="inline")
    yield
    vw.configure(driver="inline" if os.environ.get("VOICEWIRE_DRIVER") == "inline" else "thread")
