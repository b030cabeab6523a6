"""What a type checker makes of the shapes of Gemini Live; mypy reads this file, nothing runs it."""

from typing import assert_type

from voicewire.raw import gemini


def fields_of_servers(message: gemini.ServerMessage) -> None:
    if "serverContent" in message:
        assert_type(message["serverContent"], gemini.LiveServerContent)
        for part in message["serverContent"].get("modelTurn", {}).get("parts", []):
            assert_type(part, gemini.Part)
            assert_type(part.get("thought"), bool | None)
    message["serverContents"]  # type: ignore[typeddict-item]


def fields_of_clients(handle: str) -> gemini.ClientMessage:
    nameless: gemini.LiveClientSetup = {"sessionResumption": {"handle": handle}}  # type: ignore[typeddict-item]
    print(nameless)
    scheduling: gemini.FunctionResponseScheduling = "LATER"  # type: ignore[assignment]
    print(scheduling)
    return {"setup": {"model": "models/gemini-3.8-live", "sessionResumption": {"handle": handle}}}
