"""What the demo shows: order and lines in plain text, and that rich shows the same."""

import io
import sys

import pytest

from voicewire.display import Display, PlainDisplay, QuietDisplay, RichDisplay, open_display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def converse(display: Display) -> None:
    display.say("sim/demo: 1.0 s of speech")
    for step in range(51):
        display.progress(step / 50)
    display.talk("you", "Hel")
    display.talk("you", "lo.")
    display.talk("reply", "Good ")
    display.talk("reply", "day.")
    display.close()
    display.table([("round trip", "0.4 ms", "WebSocket ping"), ("audio sent", "12.0 s", "")], "written to a.wav")


def test_plain_text_away_from_a_terminal_is_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    converse(PlainDisplay())

    assert capsys.readouterr().out.splitlines() == [
        "sim/demo: 1.0 s of speech",
        "sending   0 %",
        "sending  25 %",
        "sending  50 %",
        "sending  75 %",
        "sending 100 %",
        "you:   Hello.",
        "reply: Good day.",
        "",
        "round trip  0.4 ms  WebSocket ping",
        "audio sent  12.0 s  ",
        "",
        "written to a.wav",
    ]


def test_a_reply_waits_until_the_question_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    display = PlainDisplay()

    display.talk("you", "What is")
    display.talk("reply", "It ")
    display.talk("you", " it?")
    display.talk("you", "", last=True)
    display.talk("reply", "is.")
    display.close()

    assert capsys.readouterr().out == "you:   What is it?\nreply: It is.\n"


def test_a_question_that_never_ends_holds_no_reply_back_for_good(capsys: pytest.CaptureFixture[str]) -> None:
    display = PlainDisplay()

    display.talk("you", "What")
    display.talk("reply", "It is.")
    display.close()

    assert capsys.readouterr().out == "you:   What\nreply: It is.\n"


def test_plain_text_on_a_terminal_redraws_one_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)

    converse(PlainDisplay())

    bars = [line for line in terminal.getvalue().splitlines() if line.startswith("\rsending")]
    assert terminal.getvalue().count("100 %") == 1
    assert "[" + "#" * 40 + "]" in terminal.getvalue()
    assert len(bars) <= 1


def test_rich_shows_both_speakers_and_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")

    display = open_display()
    converse(display)

    assert isinstance(display, RichDisplay)
    for part in ("Hello.", "Good day.", "100%", "0.4 ms", "written to a.wav"):
        assert part in terminal.getvalue()


def test_without_rich_a_terminal_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    for name in ("rich", "rich.console", "rich.live", "rich.progress", "rich.table", "rich.text"):
        monkeypatch.setitem(sys.modules, name, None)

    assert isinstance(open_display(), PlainDisplay)


def test_quiet_shows_errors_on_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    display = QuietDisplay()

    converse(display)
    display.say("error: session.voice refused")

    assert capsys.readouterr() == ("", "error: session.voice refused\n")
