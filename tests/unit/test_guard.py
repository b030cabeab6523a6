"""When silence begins, with a clock of our own: speech, answers, playback and commands are no silence."""

from types import SimpleNamespace
from typing import Any

import pytest

import voicewire as vw
from voicewire import guard
from voicewire.guard import Guard

IDLE = 10.0


class Stage:
    """A client, a session and an event loop that do what the guard needs, at a time that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **config: Any) -> None:
        self.now = 1_000.0
        self.timers: list[SimpleNamespace] = []
        self.counts = {"messages_in": 0, "messages_out": 0}
        self.reads = 0
        self.handlers: dict[str, Any] = {}
        self.errors: list[Any] = []
        self.usage, self.model, self.provider = vw.Usage(), "m", "openai"
        self._state, self._loop, self._session = "open", self, self
        self._config = vw.SessionConfig(**config)
        self._destination = SimpleNamespace(token_provider=None)
        monkeypatch.setattr(guard, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.guard = Guard(self, vw.Limits(idle_timeout=IDLE))  # type: ignore[arg-type]
        self.guard.start()

    def add_handler(self, key: str, handler: Any) -> None:
        self.handlers[key.removeprefix("neutral:")] = handler

    def call_later(self, delay: float, callback: Any, *arguments: Any) -> SimpleNamespace:
        timer = SimpleNamespace(at=self.now + delay, call=callback, arguments=arguments, cancel=lambda: None)
        self.timers.append(timer)
        return timer

    def stats(self) -> dict[str, int]:
        self.reads += 1
        return dict(self.counts)

    def report(self, error: Any, fatal: bool) -> None:
        assert fatal
        self.errors.append(error)

    def disconnect(self) -> None:
        self._state = "closing"

    def happens(self, kind: str, **fields: Any) -> None:
        self.handlers[kind](SimpleNamespace(**fields))

    def passes(self, seconds: float, **counts: int) -> None:
        """Let time pass in steps of a second; every second some messages come or go."""
        for _ in range(round(seconds)):
            self.now += 1
            for name, count in counts.items():
                self.counts[name] += count
            due = [timer for timer in self.timers if timer.at <= self.now]
            self.timers = [timer for timer in self.timers if timer.at > self.now]
            for timer in due:
                timer.call(*timer.arguments)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_silence_ends_the_session_on_time(stage: Stage) -> None:
    stage.passes(IDLE - 1)
    assert stage.errors == []

    stage.passes(1)

    assert [(error.limit, error.value, error.allowed) for error in stage.errors] == [("idle_timeout", IDLE, IDLE)]
    assert stage._state == "closing"


@pytest.mark.parametrize("kind", ["speech_stopped", "input_committed", "input_transcript"])
def test_an_event_of_the_user_begins_the_silence_anew(stage: Stage, kind: str) -> None:
    stage.passes(IDLE - 1)
    stage.happens(kind)
    stage.passes(IDLE - 1)
    assert stage.errors == []

    stage.passes(1)

    assert len(stage.errors) == 1


def test_a_command_begins_the_silence_anew(stage: Stage) -> None:
    stage.passes(IDLE - 1)
    stage.guard.touch()
    stage.passes(IDLE - 1)

    assert stage.errors == []


def test_an_answer_is_no_silence_while_it_comes(stage: Stage) -> None:
    stage.happens("response_started")
    stage.passes(5 * IDLE, messages_in=1)
    assert stage.errors == []

    stage.passes(1.25 * IDLE)

    assert len(stage.errors) == 1


def test_an_answer_is_no_silence_until_it_has_been_heard(stage: Stage) -> None:
    stage.happens("response_started")
    stage.guard.used(vw.Usage(output_audio_tokens=60 * 20))
    stage.happens("turn_complete", status="completed")
    stage.passes(60 + IDLE - 1)
    assert stage.errors == []

    stage.passes(1)

    assert len(stage.errors) == 1


def test_a_cancelled_answer_is_not_listened_to(stage: Stage) -> None:
    stage.happens("response_started")
    stage.guard.used(vw.Usage(output_audio_tokens=60 * 20))
    stage.happens("turn_complete", status="cancelled")
    stage.passes(IDLE)

    assert len(stage.errors) == 1


def test_speech_is_no_silence_while_audio_goes_out(stage: Stage) -> None:
    stage.happens("speech_started")
    stage.passes(5 * IDLE, messages_out=50)
    assert stage.errors == []

    stage.passes(1.25 * IDLE)

    assert len(stage.errors) == 1


def test_an_open_microphone_without_speech_is_silence(stage: Stage) -> None:
    stage.passes(IDLE, messages_out=50)

    assert len(stage.errors) == 1


def test_with_manual_turns_audio_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, turn_detection=None)
    stage.passes(5 * IDLE, messages_out=50)
    assert stage.errors == []

    stage.passes(1.25 * IDLE)

    assert len(stage.errors) == 1


def test_nothing_runs_per_delta_and_counters_are_read_seldom(stage: Stage) -> None:
    stage.happens("response_started")
    stage.passes(100 * IDLE, messages_in=100)

    assert {"audio", "text", "transcript", "server"}.isdisjoint(stage.handlers)
    assert stage.reads <= 500


def test_a_new_connection_of_the_session_begins_the_silence_anew(stage: Stage) -> None:
    stage.happens("response_started")
    stage.passes(IDLE - 1)
    stage.guard.start()
    stage.passes(IDLE - 1, messages_in=0)
    assert stage.errors == []

    stage.passes(1)

    assert len(stage.errors) == 1


def test_a_session_that_is_closing_is_not_ended_again(stage: Stage) -> None:
    stage._state = "closing"
    stage.passes(IDLE)

    assert stage.errors == []
