"""What was said before: every form that chats and services write becomes items of the wire."""

from typing import Any

import pytest

from voicewire.config import SessionConfig
from voicewire.exceptions import ConfigError
from voicewire.history import items_of


def message(role: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(content)}


def said(text: str) -> dict[str, str]:
    return {"type": "input_text", "text": text}


def answered(text: str) -> dict[str, str]:
    return {"type": "output_text", "text": text}


CALL = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Oslo"}'}
PIXEL = "data:image/png;base64,AA=="
FORMS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "user": ({"role": "user", "text": "Hi."}, [message("user", said("Hi."))]),
    "assistant": ({"role": "assistant", "text": "Yes?"}, [message("assistant", answered("Yes?"))]),
    "system": ({"role": "system", "text": "Be kind."}, [message("system", said("Be kind."))]),
    "developer": ({"role": "developer", "content": "Be kind."}, [message("system", said("Be kind."))]),
    "content as text": ({"role": "assistant", "content": "Yes?"}, [message("assistant", answered("Yes?"))]),
    "content as parts": (
        {"role": "user", "content": [{"type": "text", "text": "What"}, "is this?"]},
        [message("user", said("What"), said("is this?"))],
    ),
    "image of a chat": (
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}]},
        [message("user", {"type": "input_image", "image_url": PIXEL, "detail": "low"})],
    ),
    "image of the wire": (
        {"role": "user", "content": [{"type": "input_image", "image_url": PIXEL}]},
        [message("user", {"type": "input_image", "image_url": PIXEL})],
    ),
    "audio of a chat": (
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAA=", "format": "pcm16"}}]},
        [message("user", {"type": "input_audio", "audio": "AAA="})],
    ),
    "audio of the wire": (
        {"role": "user", "content": [{"type": "input_audio", "audio": "AAA=", "transcript": "Hi."}]},
        [message("user", {"type": "input_audio", "audio": "AAA=", "transcript": "Hi."})],
    ),
    "audio that is gone": (
        {"role": "user", "content": [{"type": "input_audio", "audio": None, "transcript": "Hi."}]},
        [message("user", said("Hi."))],
    ),
    "spoken answer": (
        {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": "Yes?"}]},
        [message("assistant", answered("Yes?"))],
    ),
    "spoken answer of the beta": (
        {"role": "assistant", "content": [{"type": "audio", "transcript": "Yes?"}]},
        [message("assistant", answered("Yes?"))],
    ),
    "item of a server": (
        {"id": "item_1", "object": "realtime.item", "status": "completed", **message("user", said("Hi."))},
        [{"id": "item_1", **message("user", said("Hi."))}],
    ),
    "call": ({**CALL, "status": "completed"}, [CALL]),
    "call with arguments as a dict": ({**CALL, "arguments": {"city": "Oslo"}}, [CALL]),
    "calls of a chat": (
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
            ],
        },
        [CALL],
    ),
    "calls and words of a chat": (
        {
            "role": "assistant",
            "content": "One moment.",
            "tool_calls": [{"id": "c1", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}],
        },
        [message("assistant", answered("One moment.")), CALL],
    ),
    "output": (
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
        [{"type": "function_call_output", "call_id": "c1", "output": "rain"}],
    ),
    "output as a dict": (
        {"type": "function_call_output", "call_id": "c1", "output": {"sky": "grey"}},
        [{"type": "function_call_output", "call_id": "c1", "output": '{"sky": "grey"}'}],
    ),
    "output of a chat": (
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        [{"type": "function_call_output", "call_id": "c1", "output": "rain"}],
    ),
    "item of another kind": ({"type": "mcp_call", "id": "mcp_1"}, [{"type": "mcp_call", "id": "mcp_1"}]),
}


@pytest.mark.parametrize(("entry", "items"), FORMS.values(), ids=FORMS)
def test_every_form_becomes_items_of_the_wire(entry: dict[str, Any], items: list[dict[str, Any]]) -> None:
    assert items_of([entry]) == items


def test_items_of_the_wire_stay_as_they_are() -> None:
    items = items_of([entry for entry, _ in FORMS.values()])

    assert items_of(items) == items


def test_what_was_given_is_not_changed() -> None:
    entry = {"role": "user", "content": [{"type": "text", "text": "Hi."}]}
    items_of([entry])[0]["content"].clear()

    assert entry == {"role": "user", "content": [{"type": "text", "text": "Hi."}]}


@pytest.mark.parametrize(
    ("entry", "field", "words"),
    [
        ({"text": "Hi."}, "history[1].role", "not one of user, assistant"),
        ({"role": "robot", "text": "Hi."}, "history[1].role", "not one of user, assistant"),
        ({"role": 7, "text": "Hi."}, "history[1].role", "not one of user, assistant"),
        ({"role": "user"}, "history[1].content", "is missing, and text too"),
        ({"role": "user", "text": "a", "content": "b"}, "history[1]", "both text and content"),
        ({"role": "user", "text": ""}, "history[1].text", "is empty"),
        ({"role": "user", "text": 7}, "history[1].text", "text"),
        ({"role": "assistant", "content": []}, "history[1].content", "is empty"),
        ({"role": "user", "content": [7]}, "history[1].content[0]", "neither text nor dict"),
        ({"role": "user", "content": [{"type": "text"}]}, "history[1].content[0].text", "no string"),
        ({"role": "user", "content": [{"type": "video"}]}, "history[1].content[0].type", "not one of"),
        ({"role": "user", "content": [{"type": "output_text"}]}, "history[1].content[0].type", "not one of"),
        ({"role": "assistant", "content": [{"type": "output_audio"}]}, "history[1].content[0].transcript", "missing"),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "A", "format": "mp3"}}]},
            "history[1].content[0].input_audio.format",
            "pcm16",
        ),
        ({"role": "user", "content": [{"type": "image_url"}]}, "history[1].content[0].image_url", "no string"),
        ({"type": "function_call", "name": "f"}, "history[1].call_id", "no string"),
        ({"type": "function_call", "call_id": "c", "name": ""}, "history[1].name", "empty"),
        ({"type": "function_call_output", "call_id": "c"}, "history[1].output", "missing"),
        ({"role": "tool", "content": "rain"}, "history[1].call_id", "no string"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "history[1].tool_calls[0].function", "no mapping"),
        ({"type": 7}, "history[1].type", "no string"),
        ({"role": "user", "text": "Hi.", "id": "x" * 33}, "history[1].id", "32"),
    ],
    ids=str,
)
def test_an_entry_that_cannot_be_read_is_named_with_its_key(entry: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        items_of([{"role": "user", "text": "Hi."}, entry])

    assert caught.value.field == field
    assert field in str(caught.value)


@pytest.mark.parametrize("history", ["hello", {"role": "user"}, 7, ["hello"], [object()]], ids=str)
def test_what_is_no_list_of_dicts_is_refused(history: Any) -> None:
    with pytest.raises(ConfigError, match="history"):
        items_of(history)


def test_a_config_holds_items_of_the_wire() -> None:
    config = SessionConfig.from_options(history=[{"role": "assistant", "text": "Yes?"}])

    assert config.to_dict() == {"history": [message("assistant", answered("Yes?"))]}
    assert SessionConfig.from_options(config) == config
