"""What a provider can do: static flags, known before there is a session."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from voicewire.models import flags_of

__all__ = ["Capabilities", "capabilities_of", "facts_of"]


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What the service behind a client can do.

    Attributes:
        config_update_in_place: ``update_session`` changes a running session, all of it or in part.
        config_update_by_reconnect: What cannot be changed in place takes a new connection, which is made by itself.
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
        image_urls: Images can be given by their address in place of their bytes.
        input_transcription: The user's speech can be transcribed.
        output_transcription: Spoken answers come with their words.
        transcript_runs_ahead_of_audio: Of an answer that was interrupted the words may say more than the sound.
        speech_events: The server tells when the user speaks.
        push_to_talk: Turns can be ended by hand.
        session_resumption: A lost session can be taken up again by the server.
        transparent_resumption: The server can tell which of our messages it has taken.
        announced_expiry: The server tells before it ends a session.
        tool_cancellation: The server takes calls back.
        tool_result_scheduling: The server heeds ``ToolResponse.scheduling``; elsewhere it is emulated.
        tools_nonblocking_default: The model goes on while a tool runs, unless the tool's definition says otherwise.
        tool_answers_respond: The model goes on by itself once its calls are answered; nothing asks for a response.
        streamed_tool_args: Arguments of calls come in pieces.
        turn_end_delayed_by_playback: ``TurnComplete`` comes when the answer has been heard, not when it has been sent.
        thoughts: The model's thinking is told.
        mcp: The server runs MCP tools by itself.
        server_ids: Items and responses have ids.
        input_sample_rate: Hz of the audio sent, without an ``input_format``.
        output_sample_rate: Hz of the audio received, without an ``output_format``.
        max_session_minutes: Longest session, 0 where not told.
        max_connection_minutes: Longest connection, 0 where not told; a session may go on over several.
        emulated: Names of flags above that are true because this library stands in for the service.
        unsupported_options: Session options that the service has no words for.
    """

    config_update_in_place: bool = True
    config_update_by_reconnect: bool = False
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
    image_urls: bool = True
    input_transcription: bool = True
    output_transcription: bool = True
    transcript_runs_ahead_of_audio: bool = False
    speech_events: bool = True
    push_to_talk: bool = True
    session_resumption: bool = False
    transparent_resumption: bool = False
    announced_expiry: bool = False
    tool_cancellation: bool = False
    tool_result_scheduling: bool = False
    tools_nonblocking_default: bool = False
    tool_answers_respond: bool = False
    streamed_tool_args: bool = True
    turn_end_delayed_by_playback: bool = False
    thoughts: bool = False
    mcp: bool = False
    server_ids: bool = True
    input_sample_rate: int = 24_000
    output_sample_rate: int = 24_000
    max_session_minutes: int = 0
    max_connection_minutes: int = 0
    emulated: tuple[str, ...] = ()
    unsupported_options: tuple[str, ...] = ()


def capabilities_of(dialect: str, model: str) -> Capabilities:
    """What a model can do over a dialect."""
    facts = {"max_connection_minutes": facts_of(dialect).get("max_session_minutes", 0), **facts_of(dialect)}
    facts.update(flags_of(dialect, model))
    known: dict[str, Any] = {field.name: facts[field.name] for field in fields(Capabilities) if field.name in facts}
    known.update((name, tuple(value)) for name, value in known.items() if isinstance(value, list))
    return Capabilities(**known)


@cache
def facts_of(dialect: str) -> dict[str, Any]:
    """The core's facts about a dialect."""
    from voicewire._voicewire import dialect_facts

    facts: dict[str, Any] = json.loads(dialect_facts(dialect))
    return facts
