"""Events as OpenAI's GA protocol writes them, for peers to send."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

CREATED: dict[str, Any] = {
    "type": "session.created",
    "event_id": "event_created",
    "session": {"id": "sess_1", "type": "realtime", "model": "gpt-realtime"},
}


def audio_delta(samples: Any, *, response: str = "resp_1", item: str = "item_1") -> dict[str, Any]:
    """A delta with int16 samples, or with these very bytes."""
    data = samples if isinstance(samples, bytes) else np.asarray(samples, "<i2").tobytes()
    return _delta("response.output_audio.delta", base64.b64encode(data).decode(), response, item)


def text_delta(text: str, *, response: str = "resp_1", item: str = "item_1") -> dict[str, Any]:
    return _delta("response.output_text.delta", text, response, item)


def response_created(response: str = "resp_1") -> dict[str, Any]:
    body = {"id": response, "object": "realtime.response", "status": "in_progress", "conversation_id": "conv_1"}
    return {"type": "response.created", "event_id": f"event_{response}", "response": body}


def response_done(
    response: str = "resp_1", status: str = "completed", *, usage: dict[str, Any] | None = None
) -> dict[str, Any]:
    body = {"id": response, "status": status, "status_details": None, "output": [], "usage": usage}
    return {"type": "response.done", "event_id": f"event_{response}_done", "response": body}


def error(code: str | None, message: str, *, event_id: str | None = None, param: str | None = None) -> dict[str, Any]:
    body = {
        "type": "invalid_request_error",
        "code": code,
        "message": message,
        "param": param,
        "event_id": event_id,
    }
    return {"type": "error", "event_id": "event_error", "error": body}


def speech_started(at_ms: int, item: str = "item_user") -> dict[str, Any]:
    return {
        "type": "input_audio_buffer.speech_started",
        "event_id": "event_speech",
        "audio_start_ms": at_ms,
        "item_id": item,
    }


def _delta(type: str, delta: str, response: str, item: str) -> dict[str, Any]:
    return {
        "type": type,
        "event_id": "event_delta",
        "response_id": response,
        "item_id": item,
        "output_index": 0,
        "content_index": 0,
        "delta": delta,
    }


def item_told(type: str, item: str, /, *, previous: str | None = None, **fields: Any) -> dict[str, Any]:
    """An item of the user, unless the fields say otherwise: ``type`` is "added", "done" or "retrieved"."""
    told = {"id": item, "type": "message", "role": "user", "status": "completed", "content": [], **fields}
    event = {"type": f"conversation.item.{type}", "event_id": f"event_{type}_{item}", "item": told}
    return event if type == "retrieved" else {**event, "previous_item_id": previous}


def of_item(type: str, item: str, **fields: Any) -> dict[str, Any]:
    """Any other event about an item."""
    return {"type": type, "event_id": f"event_{type}_{item}", "item_id": item, **fields}


def input_transcript(text: str, item: str = "item_user", *, final: bool = True) -> dict[str, Any]:
    """The whole words of the user, or a piece."""
    kind, key = ("completed", "transcript") if final else ("delta", "delta")
    return of_item(f"conversation.item.input_audio_transcription.{kind}", item, content_index=0, **{key: text})


def transcript_delta(text: str, *, response: str = "resp_1", item: str = "item_1") -> dict[str, Any]:
    return _delta("response.output_audio_transcript.delta", text, response, item)


def arguments_delta(text: str, *, response: str = "resp_1", item: str = "item_1") -> dict[str, Any]:
    return {**_delta("response.function_call_arguments.delta", text, response, item), "call_id": "call_1"}


def speech_stopped(at_ms: int, item: str = "item_user") -> dict[str, Any]:
    return of_item("input_audio_buffer.speech_stopped", item, audio_end_ms=at_ms)
