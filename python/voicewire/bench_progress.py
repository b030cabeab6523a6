"""How far ``voicewire bench`` is, on stderr: with rich where it is installed, else in plain text."""

from __future__ import annotations

import sys
from typing import Any, Protocol

__all__ = ["PlainProgress", "Progress", "QuietProgress", "open_progress"]


class Progress(Protocol):
    """Shows the stages of a load test, one after the other."""

    def say(self, text: str) -> None:
        """Show one line."""

    def show(self, stage: str, share: float, note: str = "") -> None:
        """Show how much of a stage is done, 0 to 1."""

    def close(self) -> None:
        """Finish what is half shown."""


def open_progress(*, quiet: bool) -> Progress:
    """Nothing for machine output; rich on a terminal where it is installed; plain text elsewhere."""
    if quiet:
        return QuietProgress()
    if sys.stderr.isatty():
        try:
            return RichProgress()
        except ImportError:
            pass
    return PlainProgress()


class QuietProgress:
    """Shows nothing."""

    def say(self, text: str) -> None:
        """Show nothing."""

    def show(self, stage: str, share: float, note: str = "") -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


class PlainProgress:
    """A bar that redraws on a terminal, a line to each quarter elsewhere."""

    def __init__(self) -> None:
        self._shown: tuple[str, int] | None = None
        self._is_bar_open = False

    def say(self, text: str) -> None:
        """Show one line."""
        self.close()
        print(text, file=sys.stderr, flush=True)

    def show(self, stage: str, share: float, note: str = "") -> None:
        """Draw the bar, or write a line, where it moved."""
        is_terminal = sys.stderr.isatty()
        steps = _BAR_STEPS if is_terminal else 4
        reached = int(min(share, 1.0) * steps + 1e-6)
        if self._shown == (stage, reached):
            return
        if self._shown is not None and self._shown[0] != stage:
            self.close()
        self._shown = (stage, reached)
        line = f"{stage:<9} {reached * 100 // steps:3d} %  {note}".rstrip()
        if not is_terminal:
            print(line, file=sys.stderr, flush=True)
            return
        bar = "#" * reached + "." * (steps - reached)
        print(f"\r{stage:<9} [{bar}] {note:<30}", end="", file=sys.stderr, flush=True)
        self._is_bar_open = True

    def close(self) -> None:
        """End the open line."""
        if self._is_bar_open:
            print(file=sys.stderr, flush=True)
        self._is_bar_open = False


class RichProgress:
    """A bar to each stage."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("{task.description:<9}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=Console(stderr=True, highlight=False),
            refresh_per_second=5,
        )
        self._tasks: dict[str, Any] = {}

    def say(self, text: str) -> None:
        """Show one line above the bars."""
        self._bars.console.print(text, style="dim", markup=False)

    def show(self, stage: str, share: float, note: str = "") -> None:
        """Move the stage's bar."""
        self._bars.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=1.0, note=note)
        self._bars.update(self._tasks[stage], completed=min(share, 1.0), note=note)

    def close(self) -> None:
        """Leave the last state on the screen."""
        self._bars.stop()


_BAR_STEPS = 40
