"""Talk without an event loop: send a text, print the reply as it arrives. Runs without a key on the simulator."""

import argparse

import voicewire as vw


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="sim/demo", help='such as "openai/gpt-realtime" or "gemini/gemini-3.8-live"')
    parser.add_argument("text", nargs="?", default="Tell me a joke.")
    options = parser.parse_args()
    with vw.SyncRealtimeClient(options.model, instructions="Be brief.") as client:
        client.send_text(options.text)
        for event in client:
            match event:
                case vw.TranscriptDelta(text=text) | vw.TextDelta(text=text):
                    print(text, end="", flush=True)
                case vw.ErrorEvent(error=error):
                    raise error
                case vw.TurnComplete(final=True):
                    break
    print()


main()
