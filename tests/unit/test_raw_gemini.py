"""The shapes of Gemini Live have every declared type, field and value."""

from typing import Any, get_args, get_type_hints

import pytest
from tests.interop.gemini import Recording
from tests.interop.gemini_table import Table, table

from voicewire import raw
from voicewire.raw import gemini

# Vertex AI has words of its own for two fields.
OF_VERTEX = {"UsageMetadata": {"candidatesTokenCount", "candidatesTokensDetails"}}
PLAIN = {"string": str, "integer": int, "number": float, "boolean": bool, "object": dict[str, Any], "any": Any}


@pytest.fixture(scope="module")
def declared() -> Table:
    return table()


def reached(declared: Table) -> set[str]:
    """Types that messages lead to."""
    found: set[str] = set()
    waiting = [*declared.server.values(), *declared.client.values()]
    while waiting:
        name = waiting.pop()
        inner = {field.get("items", field).get("ref", name) for field in declared.types[name].values()}
        found.add(name)
        waiting += inner - found
    return found


def expected(declared: Table, field: dict[str, Any]) -> Any:
    """The hint of a field."""
    if "ref" in field:
        return getattr(gemini, field["ref"])
    if "enum" in field:
        return getattr(gemini, field["enum"])
    if field["type"] == "array":
        return list[expected(declared, field["items"])]
    return int | str if str(field.get("format", "")).startswith("int64") else PLAIN[field["type"]]


def test_every_type_has_its_declared_fields(declared: Table) -> None:
    for name in reached(declared):
        hints = get_type_hints(getattr(gemini, name))
        assert set(hints) - OF_VERTEX.get(name, set()) == set(declared.types[name]), name
        assert {field: hints[field] for field in declared.types[name]} == {
            field: expected(declared, schema) for field, schema in declared.types[name].items()
        }, name


def test_only_what_must_be_there_is_required(declared: Table) -> None:
    for name in reached(declared):
        required = {field for field, schema in declared.types[name].items() if schema.get("required")}
        assert getattr(gemini, name).__required_keys__ == required, name


def test_enums_have_their_declared_values(declared: Table) -> None:
    shown = {name: get_args(getattr(gemini, name)) for name in declared.enums if hasattr(gemini, name)}

    assert shown == {name: tuple(declared.enums[name]) for name in shown}
    assert {"Modality", "TurnCompleteReason", "Behavior", "FunctionResponseScheduling"} <= set(shown)


@pytest.mark.parametrize(("side", "message"), [("server", gemini.ServerMessage), ("client", gemini.ClientMessage)])
def test_a_message_has_a_field_for_each_kind(declared: Table, side: str, message: Any) -> None:
    kinds: dict[str, str] = getattr(declared, side)

    assert get_type_hints(message) == {kind: getattr(gemini, type) for kind, type in kinds.items()}


@pytest.mark.parametrize(
    "name", ["audio_in_server_vad_turn", "text_in_audio_out_turn", "tool_call_round", "barge_in_excerpt"]
)
def test_recorded_messages_have_declared_kinds_and_fields(name: str) -> None:
    for is_server, message in Recording(f"google_ws__{name}").lines:
        hints = get_type_hints(gemini.ServerMessage if is_server else gemini.ClientMessage)
        for kind, fields in message.items():
            assert set(fields) <= set(hints[kind].__annotations__), kind


def test_every_name_is_exported() -> None:
    assert {name for name in vars(gemini) if name[0].isupper()} == set(gemini.__all__)
    assert raw.gemini is gemini
