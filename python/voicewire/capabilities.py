"""What a provider can do: static flags, known before there is a session."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

__all__ = ["Capabilities", "capabilities_of", "facts_of"]


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What the service behind a client can do.

    Attributes:
        config_update_in_place: ``update_session`` changes a running session.
        truncate: Items can be cut where the listener stopped hearing them.
        delete_item: Items can be deleted.
        retrieve_item: Items can be fetched.
        clear_input: Audio that was sent can be taken back.
        manual_response: Responses can be asked for.
        cancel_response: Responses can be cancelled.
        per_response_options: ``create_response`` takes options.
        tool_choice: Tools can be chosen for the model.
        text_output: Answers can be written instead of spoken.
        image_input: Images can be sent.
        input_transcription: The user's speech can be transcribed.
        output_transcription: Spoken answers come with their words.
        speech_events: The server tells when the user speaks.
        push_to_talk: Turns can be ended by hand.
        session_resumption: A lost session can be taken up again by the server.
        announced_expiry: The server tells before it ends a session.
        tool_cancellation: The server takes calls back.
        streamed_tool_args: Arguments of calls come in pieces.
        thoughts: The model's thinking is told.
        mcp: The server runs MCP tools by itself.
        server_ids: Items and responses have ids.
        input_sample_rate: Hz of the audio sent, without an ``input_format``.
        output_sample_rate: Hz of the audio received, without an ``output_format``.
        max_session_minutes: Longest session, 0 where not told.
        unsupported_options: Session options that the service has no words for.
    """

    config_update_in_place: bool = True
    truncate: bool = True
    delete_item: bool = True
    retrieve_item: bool = True
    clear_input: bool = True
    manual_response: bool = True
    cancel_response: bool = True
    per_response_options: bool = True
    tool_choice: bool = True
    text_output: bool = True
    image_input: bool = True
    input_transcription: bool = True
    output_transcription: bool = True
    speech_events: bool = True
    push_to_talk: bool = True
    session_resumption: bool = False
    announced_expiry: bool = False
    tool_cancellation: bool = False
    streamed_tool_args: bool = True
    thoughts: bool = False
    mcp: bool = False
    server_ids: bool = True
    input_sample_rate: int = 24_000
    output_sample_rate: int = 24_000
    max_session_minutes: int = 0
    unsupported_options: tuple[str, ...] = ()


def capabilities_of(dialect: str) -> Capabilities:
    """What services of a dialect can do."""
    facts = {name: value for name, value in facts_of(dialect).items() if name != "has_own_address"}
    return Capabilities(**{**facts, "unsupported_options": tuple(facts["unsupported_options"])})


@cache
def facts_of(dialect: str) -> dict[str, Any]:
    """The core's facts about a dialect."""
    from voicewire._voicewire import dialect_facts

    facts: dict[str, Any] = json.loads(dialect_facts(dialect))
    return facts
