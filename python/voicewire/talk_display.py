"""What ``voicewire talk`` shows: lines of the conversation, and levels below them on a terminal."""

from __future__ import annotations

import sys
from typing import Any, Protocol

__all__ = ["PlainTalkDisplay", "QuietTalkDisplay", "RichTalkDisplay", "TalkDisplay", "open_talk_display"]


class TalkDisplay(Protocol):
    """Shows the course of a call."""

    def say(self, text: str) -> None:
        """Show one line about what happens."""

    def transcript(self, who: str, text: str, final: bool) -> None:
        """Show a piece of what was said, or the whole where ``final``."""

    def level(self, device: str, dbfs: float) -> None:
        """Show how loud a device is."""

    def close(self) -> None:
        """Finish what is half shown."""


def open_talk_display(*, quiet: bool) -> TalkDisplay:
    """Nothing for machine output; rich on a terminal where it is installed; plain text elsewhere."""
    if quiet:
        return QuietTalkDisplay()
    if sys.stdout.isatty():
        try:
            return RichTalkDisplay()
        except ImportError:
            pass
    return PlainTalkDisplay()


class QuietTalkDisplay:
    """Shows nothing; errors go to stderr."""

    def say(self, text: str) -> None:
        """Show one line on stderr where it tells of an error."""
        if text.startswith("error"):
            print(text, file=sys.stderr)

    def transcript(self, who: str, text: str, final: bool) -> None:
        """Show nothing."""

    def level(self, device: str, dbfs: float) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


class PlainTalkDisplay:
    """Whole turns, line by line; on a terminal a line of levels below them."""

    def __init__(self) -> None:
        self._levels = {"microphone": _SILENT, "speaker": _SILENT}
        self._shown = ""

    def say(self, text: str) -> None:
        """Show one line."""
        self._clear()
        print(text, flush=True)

    def transcript(self, who: str, text: str, final: bool) -> None:
        """Show a whole turn."""
        if final:
            self.say(f"{who + ':':<7}{text.strip()}")

    def level(self, device: str, dbfs: float) -> None:
        """Draw the levels where they changed, on a terminal alone."""
        self._levels[device] = dbfs
        line = "  ".join(f"{name} [{bar(level)}]" for name, level in self._levels.items())
        if sys.stdout.isatty() and line != self._shown:
            print(f"\r{line}", end="", flush=True)
            self._shown = line

    def close(self) -> None:
        """Remove the line of levels."""
        self._clear()

    def _clear(self) -> None:
        if self._shown:
            print("\r" + " " * len(self._shown), end="\r")
        self._shown = ""


class RichTalkDisplay:
    """Whole turns, and below them, redrawn in place, the levels and what is being said."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        self._levels = {"microphone": _SILENT, "speaker": _SILENT}
        self._open: dict[str, str] = {}
        self._text: Any = Text
        self._live = Live(get_renderable=self._drawn, console=Console(highlight=False), refresh_per_second=12)
        self._live.start()

    def say(self, text: str) -> None:
        """Show one line above the levels."""
        self._live.console.print(text, style="dim", markup=False)

    def transcript(self, who: str, text: str, final: bool) -> None:
        """Show a whole turn above the levels, or go on with an open one below."""
        if not final:
            self._open[who] = self._open.get(who, "") + text
            return
        self._open.pop(who, None)
        line = self._text()
        line.append(f"{who + ':':<7}", style="bold")
        line.append(text.strip())
        self._live.console.print(line)

    def level(self, device: str, dbfs: float) -> None:
        """Take a level; it is drawn with the next picture."""
        self._levels[device] = dbfs

    def close(self) -> None:
        """Leave the last turns on the screen."""
        self._levels, self._open = {}, {}
        self._live.stop()

    def _drawn(self) -> Any:
        lines = [f"{who + ':':<7}{text.strip()}" for who, text in self._open.items()]
        lines += [f"{name:<11}{bar(level)}" for name, level in self._levels.items()]
        return self._text("\n".join(lines), style="dim")


def bar(dbfs: float) -> str:
    """A level as a bar of 20 signs, 3 dB each, 0 dB at its end."""
    steps = round(max(0.0, min(_STEPS, _STEPS + dbfs / 3)))
    return "#" * steps + "." * (_STEPS - steps)


_SILENT = -96.0
_STEPS = 20
