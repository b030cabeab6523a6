"""What is known of models: the table that ships, tables of the caller, and what a client makes of them."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.interop.gemini import SHARED

import voicewire as vw
from voicewire.capabilities import Capabilities, capabilities_of
from voicewire.models import flags_of

FACTS = SHARED / "protocol" / "gemini_models.json"
SHIPPED: dict[str, Any] = json.loads(files("voicewire").joinpath("models.json").read_text(encoding="utf-8"))
NAMES = {field.name for field in fields(Capabilities)}
# Heeded by the core alone.
OF_CORE = {
    "client_content_mid_session",
    "context_update",
    "history_config",
    "instructions_by_turn",
    "instructions_role",
    "needs_nudge",
    "thinking",
}
MODEL = "gemini-9.1-live"


@pytest.fixture(autouse=True)
def no_added_tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("VOICEWIRE_MODELS", raising=False)
    yield
    vw.configure(models={})


def rows() -> list[Any]:
    """The facts about models for ``parametrize``; one that is skipped where they are not there."""
    if not FACTS.exists():
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"facts are not there: {FACTS}"), id="no facts")]
    models = json.loads(FACTS.read_text(encoding="utf-8"))["models"]
    named = [{**row, "id": name} for row in models for name in (row["id"], *row.get("aliases", ()))]
    return [pytest.param(row, id=row["id"]) for row in named]


def thinking_of(told: str) -> str:
    """How thinking is asked for, in the words of the table."""
    known = {"thinkingBudget": "budget", "omitted": "", "thinkingLevel": "level", "levels": "level"}
    return next(value for word, value in known.items() if word in told)


# How facts read as flags; each where the facts tell.
COMPARED: dict[str, tuple[str, Any]] = {
    "text_output": ("text_out", lambda told: told if isinstance(told, bool) else None),
    "tools_nonblocking_default": ("fn_default", lambda told: told == "NON_BLOCKING"),
    "tool_result_scheduling": ("scheduling", bool),
    "client_content_mid_session": ("client_content_mid_session", lambda told: told is True),
    "context_update": ("context_update", bool),
    "speech_events": ("voice_activity_events", bool),
    "history_config": ("history_config", bool),
    "thinking": ("thinking", thinking_of),
}


@pytest.mark.parametrize("row", rows())
def test_flags_of_a_model_are_its_facts(row: dict[str, Any]) -> None:
    dialect = "gemini" if "ai_studio" in row["backend"] else "vertex"
    flags = flags_of(dialect, row["id"])

    told = {flag: read(row[fact]) for flag, (fact, read) in COMPARED.items() if row.get(fact) is not None}
    expected = {flag: value for flag, value in told.items() if value is not None}
    assert {flag: flags[flag] for flag in expected} == expected
    minutes = row.get("session_default_min", 10)
    assert capabilities_of(dialect, row["id"]).max_connection_minutes == minutes


def test_every_field_of_capabilities_is_documented_in_order() -> None:
    attributes = (Capabilities.__doc__ or "").split("Attributes:")[1]

    assert re.findall(r"^        (\w+): ", attributes, re.MULTILINE) == [field.name for field in fields(Capabilities)]


def test_every_flag_of_the_shipped_table_is_known() -> None:
    flags = {flag for rows in SHIPPED.values() for row in rows for flag in row["flags"]}

    assert flags == (flags & NAMES) | OF_CORE


@pytest.mark.parametrize("model", ["gemini-2.5-flash-native-audio-latest", "gemini-3.8-live", "unheard-of"])
def test_capabilities_have_the_kinds_that_are_declared(model: str) -> None:
    kinds = {name: type(value) for name, value in asdict(Capabilities()).items()}

    for dialect in ("gemini", "vertex", "ga", "xai"):
        assert {name: type(value) for name, value in asdict(capabilities_of(dialect, model)).items()} == kinds


def test_an_emulated_flag_is_true() -> None:
    able = capabilities_of("gemini", "gemini-3.8-live")

    assert able.emulated
    assert all(getattr(able, name) for name in able.emulated)


def test_vertex_is_gemini_with_rows_of_its_own() -> None:
    studio, vertex = (flags_of(dialect, "gemini-live-2.5-flash-native-audio") for dialect in ("gemini", "vertex"))

    assert (studio["transparent_resumption"], vertex["transparent_resumption"]) == (False, True)
    assert (studio["instructions_role"], vertex["instructions_role"]) == (None, "model")
    assert vertex["truncate"] is studio["truncate"] is False


def test_a_model_that_nobody_knows_is_taken_for_the_nearest_family() -> None:
    assert flags_of("gemini", "gemini-3.9-live")["thinking"] == "level"
    assert flags_of("gemini", "gemini-4-live")["thinking"] == "budget"
    assert flags_of("ga", "gpt-realtime") == {}


def test_a_service_without_rows_has_the_defaults_of_its_dialect() -> None:
    assert capabilities_of("ga", "gpt-realtime").truncate


def test_an_added_table_wins_over_the_shipped_one() -> None:
    assert not vw.RealtimeClient(f"gemini/{MODEL}").capabilities.speech_events

    vw.configure(models={"gemini": [{"models": ["gemini-9*"], "flags": {"speech_events": True}}]})

    assert vw.RealtimeClient(f"gemini/{MODEL}").capabilities.speech_events
    assert not vw.RealtimeClient("gemini/gemini-2.5-flash-native-audio-latest").capabilities.speech_events


def test_later_rows_and_later_tables_win() -> None:
    first = {"models": ["gemini-9*"], "flags": {"max_connection_minutes": 20, "thoughts": False}}
    second = {"models": ["gemini-9.1-*"], "flags": {"max_connection_minutes": 30}}
    vw.configure(models={"gemini": [first, second]})
    assert capabilities_of("gemini", MODEL).max_connection_minutes == 30

    vw.configure(models={"gemini": [{"models": [MODEL], "flags": {"max_connection_minutes": 40}}]})

    able = capabilities_of("gemini", MODEL)
    assert (able.max_connection_minutes, able.thoughts) == (40, False)


def test_an_empty_table_takes_added_ones_back() -> None:
    before = flags_of("gemini", MODEL)
    vw.configure(models={"gemini": [{"models": ["*"], "flags": {"needs_nudge": True}}]})
    assert flags_of("gemini", MODEL) != before

    vw.configure(models={})

    assert flags_of("gemini", MODEL) == before


def test_a_table_is_copied() -> None:
    table = {"gemini": [{"models": ["*"], "flags": {"thinking": "level"}}]}
    vw.configure(models=table)

    table["gemini"][0]["flags"] = {"thinking": ""}

    assert flags_of("gemini", MODEL)["thinking"] == "level"


def test_other_dialects_may_have_rows_too() -> None:
    vw.configure(models={"ga": [{"models": ["my-*"], "flags": {"image_input": False}}]})

    assert not capabilities_of("ga", "my-model").image_input
    assert capabilities_of("ga", "gpt-realtime").image_input


def test_a_table_may_be_named_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "models.json"
    table = {"gemini": [{"models": ["gemini-9*"], "flags": {"mcp": True, "emulated": ["mcp"]}}]}
    path.write_text(json.dumps(table), encoding="utf-8")

    monkeypatch.setenv("VOICEWIRE_MODELS", str(path))

    able = vw.RealtimeClient(f"gemini/{MODEL}").capabilities
    assert (able.mcp, able.emulated) == (True, ("mcp",))


def test_what_is_configured_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "models.json"
    path.write_text('{"gemini": [{"models": ["*"], "flags": {"thinking": "level"}}]}', encoding="utf-8")
    monkeypatch.setenv("VOICEWIRE_MODELS", str(path))
    assert flags_of("gemini", MODEL)["thinking"] == "level"

    vw.configure(models={"gemini": [{"models": ["*"], "flags": {"thinking": ""}}]})

    assert flags_of("gemini", MODEL)["thinking"] == ""


ROW = {"models": ["*"], "flags": {}}
WRONG: dict[str, tuple[Any, str]] = {
    "a list": ([], "models"),
    "no rows": ({"gemini": {}}, "models.gemini"),
    "rows as a text": ({"gemini": "*"}, "models.gemini"),
    "a row as a text": ({"gemini": [ROW, "*"]}, "models.gemini[1]"),
    "no models": ({"gemini": [{"flags": {}}]}, "models.gemini[0].models"),
    "one model": ({"gemini": [{"models": "*", "flags": {}}]}, "models.gemini[0].models"),
    "a number for a model": ({"vertex": [ROW, {"models": [1], "flags": {}}]}, "models.vertex[1].models"),
    "no flags": ({"gemini": [{"models": ["*"]}]}, "models.gemini[0].flags"),
    "a list of flags": ({"gemini": [{"models": ["*"], "flags": ["mcp"]}]}, "models.gemini[0].flags"),
    "a foreign key": ({"gemini": [{**ROW, "notes": ""}]}, "models.gemini[0]"),
    "a foreign dialect": ({"gemnii": [ROW]}, "models"),
    "a foreign flag": ({"gemini": [{"models": ["*"], "flags": {"speech_event": True}}]}, "models.gemini[0]"),
    "a text for a flag": (
        {"gemini": [{"models": ["*"], "flags": {"mcp": "yes"}}]},
        "models.gemini[0].flags.mcp",
    ),
    "a number for a flag": (
        {"gemini": [{"models": ["*"], "flags": {"needs_nudge": 1}}]},
        "models.gemini[0].flags.needs_nudge",
    ),
    "a text for a number": (
        {"gemini": [{"models": ["*"], "flags": {"input_sample_rate": "16000"}}]},
        "models.gemini[0].flags.input_sample_rate",
    ),
    "a text for a list": (
        {"gemini": [{"models": ["*"], "flags": {"emulated": "mcp"}}]},
        "models.gemini[0].flags.emulated",
    ),
    "a number for a text": (
        {"gemini": [{"models": ["*"], "flags": {"instructions_role": 7}}]},
        "models.gemini[0].flags.instructions_role",
    ),
    "a foreign way to think": (
        {"gemini": [{"models": ["*"], "flags": {"thinking": "lots"}}]},
        "models.gemini[0].flags.thinking",
    ),
}


@pytest.mark.parametrize(("table", "place"), WRONG.values(), ids=WRONG)
def test_a_wrong_table_is_refused_by_the_place(table: Any, place: str) -> None:
    before = flags_of("gemini", MODEL)

    with pytest.raises(vw.ConfigError, match=re.escape(place)):
        vw.configure(models=table)

    assert flags_of("gemini", MODEL) == before


@pytest.mark.parametrize(("table", "place"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_refused_by_the_place(
    table: Any, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "models.json"
    path.write_text(json.dumps(table), encoding="utf-8")
    monkeypatch.setenv("VOICEWIRE_MODELS", str(path))

    with pytest.raises(vw.ConfigError, match=re.escape(place.replace("models", "VOICEWIRE_MODELS", 1))):
        vw.RealtimeClient(f"gemini/{MODEL}")


@pytest.mark.parametrize("text", [None, "", "{", "\ud800", "[1]"], ids=ascii)
def test_a_file_that_cannot_be_read_is_refused_by_its_variable(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ("models.json" if text is not None else "nowhere.json")
    (tmp_path / "models.json").write_bytes((text or "").encode("utf-8", "surrogatepass"))
    monkeypatch.setenv("VOICEWIRE_MODELS", str(path))

    with pytest.raises(vw.ConfigError, match="VOICEWIRE_MODELS") as caught:
        vw.RealtimeClient(f"gemini/{MODEL}")

    assert caught.value.field == "VOICEWIRE_MODELS"


def test_a_foreign_flag_is_answered_with_the_nearest() -> None:
    with pytest.raises(vw.ConfigError, match="did you mean speech_events"):
        vw.configure(models={"gemini": [{"models": ["*"], "flags": {"speech_event": True}}]})
