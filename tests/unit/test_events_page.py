"""The page of events names every class with its fields."""

import re
from pathlib import Path

import voicewire as vw
from voicewire.events import KINDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|", PAGE, re.MULTILINE)


def test_every_class_has_a_row_with_its_name_and_fields() -> None:
    shown = {name: (neutral.strip("`"), tuple(re.findall(r"`(\w+)`", fields))) for name, neutral, fields in ROWS}
    expected = {kind.__name__: (name, tuple(kind.__match_args__)) for name, kind in KINDS.items() if name != "server"}

    assert shown == {**expected, "ServerEvent": ("the wire name", vw.ServerEvent.__match_args__)}
