"""A whole call: a microphone that speaks a WAV, a speaker that writes one; leave the backend out for real devices."""

import argparse
import asyncio
import tempfile
from pathlib import Path

import voicewire as vw

QUESTION = Path(vw.__file__).parent / "data" / "question.wav"


async def main(model: str, output: Path) -> None:
    """Run the example."""
    backend = vw.devices.FileBackend(QUESTION, output)
    client = vw.RealtimeClient(model)
    report = await client.run_voice(
        vw.devices.Microphone(backend=backend),
        vw.devices.Speaker(backend=backend),
        on_transcript=lambda who, text, final: print(f"{who}: {text}") if final else None,
        on_latency=lambda latency: print(f"heard {latency.first_heard_ms:.0f} ms after the end of speech"),
    )
    print(f"{report.turns} answer, {report.received_s:.1f} s, written to {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="sim/demo", help='such as "openai/gpt-realtime"')
    parser.add_argument("--output", default=Path(tempfile.gettempdir()) / "heard.wav", type=Path)
    options = parser.parse_args()
    asyncio.run(main(options.model, options.output))
