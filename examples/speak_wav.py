"""Speak a WAV file, save the spoken reply. Runs without a key on the built-in simulator."""

import argparse
import asyncio
import tempfile
from pathlib import Path

import numpy as np

import voicewire as vw

QUESTION = Path(vw.__file__).parent / "data" / "question.wav"


async def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="sim/demo", help='such as "openai/gpt-realtime" or "gemini/gemini-3.8-live"')
    parser.add_argument("--input", default=QUESTION, type=Path)
    parser.add_argument("--output", default=Path(tempfile.gettempdir()) / "reply.wav", type=Path)
    options = parser.parse_args()

    samples, sample_rate = vw.audio.read_wav(options.input)
    reply, reply_rate = [], 0
    # Manual turns: the end of the file is the end of the turn.
    async with vw.RealtimeClient(options.model, turn_detection=None, input_transcription=True) as client:
        client.send_audio(samples, sample_rate=sample_rate)
        client.commit_audio()
        client.create_response()
        async for event in client:
            match event:
                case vw.InputTranscript(text=text, final=True):
                    print(f"you:   {text}")
                case vw.AudioDelta(audio=audio, sample_rate=rate):
                    reply.append(audio)
                    reply_rate = rate
                case vw.ErrorEvent(error=error):
                    raise error
                case vw.TurnComplete(final=True):
                    break
    vw.audio.write_wav(options.output, np.concatenate(reply), reply_rate)
    print(f"reply: {sum(map(len, reply)) / reply_rate:.1f} s in {options.output}")


asyncio.run(main())
