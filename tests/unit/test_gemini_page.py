"""The page about Gemini names every option, every flag of the table, and what cannot be done."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from tests.unit.test_models import OF_CORE, SHIPPED

import voicewire as vw
from voicewire.capabilities import capabilities_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "gemini.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of all tables under a heading."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("option", [field.name for field in fields(vw.SessionConfig)])
def test_every_session_option_is_named(option: str) -> None:
    # The format of the output is fixed: 24 kHz, as the page of services has it.
    assert f"`{option}" in section("Session options") or option == "output_format"


def test_options_without_words_are_those_of_the_capabilities() -> None:
    told = section("Session options").split("Gemini has no words for")[1]

    for option in capabilities_of("gemini", "gemini-3.1-flash-live-preview").unsupported_options:
        assert f"`{option}`" in told


def test_every_flag_that_the_core_heeds_has_a_row() -> None:
    named = {found[1] for row in rows("Models") if (found := re.fullmatch(r"`(\w+)`", row[0]))}

    assert named == OF_CORE


def test_every_family_of_the_shipped_table_has_a_row() -> None:
    named = " ".join(row[0] for row in rows("Models"))
    families = {pattern.rstrip("*") for row in SHIPPED["gemini"] for pattern in row["models"]} - {"", "gemini-3"}

    assert not [family for family in families if f"`{family}" not in named]


def test_what_cannot_be_done_is_what_raises() -> None:
    client = vw.RealtimeClient("sim/gemini-3.8-live")
    calls = {
        "truncate_item()": lambda: client.truncate_item("item_1", 10),
        "delete_item()": lambda: client.delete_item("item_1"),
        "retrieve_item()": lambda: client.retrieve_item("item_1"),
        "clear_audio()": client.clear_audio,
        "create_response(**overrides)": lambda: client.create_response(instructions="Be brief."),
        'request_response("…")': lambda: client.request_response("Be brief."),
        'send_image("https://…")': lambda: client.send_image("https://example.org/a.png"),
        "an MCP server": lambda: client.add_tool(
            {"type": "mcp", "server_label": "shop", "server_url": "https://e.org"}
        ),
    }
    named = [name.strip(" `") for row in rows("What is unsupported")[2:] for name in row[0].split(", ")]

    assert named == list(calls)
    for call in calls.values():
        with pytest.raises(vw.UnsupportedError):
            call()


def test_what_is_emulated_is_named() -> None:
    for name in capabilities_of("gemini", "gemini-3.8-live").emulated:
        assert f"`{name}()`" in section("What is emulated")
