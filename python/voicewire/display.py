"""What ``voicewire demo`` shows while it runs: with rich where it is installed, else in plain text."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Protocol

__all__ = ["Display", "PlainDisplay", "QuietDisplay", "open_display"]


class Display(Protocol):
    """Shows the course of a conversation."""

    def say(self, text: str) -> None:
        """Show one line about what happens."""

    def progress(self, share: float) -> None:
        """Show how much of the question is sent, 0 to 1."""

    def talk(self, speaker: str, text: str, *, last: bool = False) -> None:
        """Show the next piece of what a speaker said; ``last`` where nothing follows it."""

    def close(self) -> None:
        """Finish what is half shown."""

    def table(self, rows: Sequence[tuple[str, str, str]], caption: str) -> None:
        """Show names, values and notes."""


def open_display() -> Display:
    """Take rich on a terminal where it is installed, plain text elsewhere."""
    if sys.stdout.isatty():
        try:
            return RichDisplay()
        except ImportError:
            pass
    return PlainDisplay()


class QuietDisplay:
    """Shows nothing, for machine output; messages go to stderr."""

    def say(self, text: str) -> None:
        """Show one line on stderr where it tells of an error."""
        if text.startswith("error"):
            print(text, file=sys.stderr)

    def progress(self, share: float) -> None:
        """Show nothing."""

    def talk(self, speaker: str, text: str, *, last: bool = False) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""

    def table(self, rows: Sequence[tuple[str, str, str]], caption: str) -> None:
        """Show nothing."""


class PlainDisplay:
    """Plain text: a bar that redraws on a terminal and grows by quarters elsewhere."""

    def __init__(self) -> None:
        self._speaker: str | None = None
        self._held: list[tuple[str, str]] = []
        self._shown = -1
        self._is_bar_open = False

    def say(self, text: str) -> None:
        """Show one line."""
        self.close()
        print(text, flush=True)

    def progress(self, share: float) -> None:
        """Draw the bar where it changed."""
        steps = _BAR_STEPS if sys.stdout.isatty() else 4
        reached = int(share * steps + 1e-6)  # a share is a sum of floats
        if reached == self._shown or (self._speaker is not None and reached < steps):
            return
        self._shown = reached
        if self._speaker is not None:
            self._end_line()
        if not sys.stdout.isatty():
            print(f"sending {reached * 100 // steps:3d} %", flush=True)
            return
        bar = "#" * reached + "." * (steps - reached)
        print(f"\rsending [{bar}] {reached * 100 // steps:3d} %", end="", flush=True)
        self._is_bar_open = True

    def talk(self, speaker: str, text: str, *, last: bool = False) -> None:
        """Continue the speaker's line, or begin one; a reply waits until the question is written."""
        if self._speaker == "you" and speaker != "you":
            self._held.append((speaker, text))
            return
        if speaker != self._speaker:
            self._end_line()
            print(f"{speaker + ':':<7}", end="")
            self._speaker, text = speaker, text.lstrip()
        print(text, end="", flush=True)
        if last:
            self._release()

    def close(self) -> None:
        """End the open line, and show what waited for its end."""
        self._release()
        self._end_line()

    def _release(self) -> None:
        self._end_line()
        held, self._held = self._held, []
        for speaker, text in held:
            self.talk(speaker, text)

    def _end_line(self) -> None:
        if self._speaker is not None or self._is_bar_open:
            print(flush=True)
        self._speaker, self._is_bar_open = None, False

    def table(self, rows: Sequence[tuple[str, str, str]], caption: str) -> None:
        """Show the columns side by side."""
        self.close()
        names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
        print()
        for name, value, note in rows:
            print(f"{name:<{names}}  {value:>{values}}  {note}")
        print(f"\n{caption}", flush=True)


class RichDisplay:
    """A bar with the conversation below it, redrawn in place."""

    def __init__(self) -> None:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
        from rich.text import Text

        self._console = Console(highlight=False)
        self._progress = Progress(TextColumn("sending"), BarColumn(), TaskProgressColumn())
        self._task = self._progress.add_task("sending", total=1.0)
        self._asked, self._answered = Text(), Text()
        group = Group(self._progress, self._asked, self._answered)
        self._live = Live(group, console=self._console, refresh_per_second=10, vertical_overflow="visible")

    def say(self, text: str) -> None:
        """Show one line above the bar."""
        self._console.print(text, style="dim", markup=False)

    def progress(self, share: float) -> None:
        """Move the bar."""
        self._live.start()
        self._progress.update(self._task, completed=share)

    def talk(self, speaker: str, text: str, *, last: bool = False) -> None:
        """Continue the speaker's line, or begin one."""
        line = self._asked if speaker == "you" else self._answered
        if not line:
            line.append(f"{speaker + ':':<7}", style="bold")
            text = text.lstrip()
        line.append(text)

    def close(self) -> None:
        """Draw the last state and leave it on the screen."""
        self._live.stop()

    def table(self, rows: Sequence[tuple[str, str, str]], caption: str) -> None:
        """Show a table."""
        from rich.table import Table

        table: Any = Table(box=None, show_header=False, pad_edge=False)
        table.add_column()
        table.add_column(justify="right", style="bold")
        table.add_column(style="dim")
        for row in rows:
            table.add_row(*row)
        self._console.print()
        self._console.print(table)
        self._console.print(f"\n{caption}", markup=False)


_BAR_STEPS = 40
