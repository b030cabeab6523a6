"""What a type checker makes of the raw shapes; mypy reads this file, nothing runs it."""

from typing import assert_type

from voicewire import raw


def narrowed_by_type(event: raw.ServerEvent) -> None:
    if event["type"] == "response.output_audio.delta":
        assert_type(event, raw.ResponseOutputAudioDelta)
        assert_type(event["delta"], str)
        assert_type(event["content_index"], int)
        event["transcript"]  # type: ignore[typeddict-item]
    elif event["type"] == "error":
        assert_type(event["error"], raw.ErrorDetails)


def fields_of_clients(text: str) -> raw.ClientEvent:
    wrong: raw.InputAudioBufferAppend = {"type": "input_audio_buffer.append"}  # type: ignore[typeddict-item]
    print(wrong)
    return {"type": "input_audio_buffer.append", "audio": text}
