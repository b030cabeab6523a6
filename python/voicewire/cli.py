"""The command ``voicewire``: its arguments, exit codes and the one line that tells what went wrong.

Exit codes: 0 done, 1 failed, 2 wrong use or bad input, 130 interrupted. Commands are imported when they run.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from voicewire.exceptions import ConfigError, VoicewireError

__all__ = ["BadInput", "main"]


class BadInput(Exception):
    """What the user gave cannot be used; the message is shown as it is, the exit code is 2."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output is gone; Python's own flush at exit must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (BadInput, ConfigError) as error:
        return _complain(error, 2)
    except (VoicewireError, OSError) as error:
        return _complain(error, 1)


def _run(options: argparse.Namespace) -> int:
    if options.command == "demo":
        from voicewire import demo

        return demo.run(options)
    if options.command == "talk":
        from voicewire import talk

        return talk.run(options)
    if options.command == "bench":
        from voicewire import bench

        return bench.run(options)
    from voicewire import serve

    return serve.run(options)


def _complain(error: Exception, code: int) -> int:
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"voicewire: {text}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """An argument parser that complains in one line."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="voicewire", description="Talk to realtime voice models.", allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_talk(commands)
    _add_bench(commands)
    _add_sim(commands)
    return parser


class _Version(argparse.Action):
    """Prints the version; package metadata is read only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"voicewire {version('voicewire')}")
        parser.exit()


def _add_demo(commands: argparse._SubParsersAction[_Parser]) -> None:
    demo = commands.add_parser(
        "demo",
        help="ask a spoken question, hear the answer",
        description="Stream a WAV to a model at real-time pace and write its spoken reply. "
        "Uses the built-in simulator unless --model or --url is given: no key, no cost.",
    )
    demo.add_argument("--input", metavar="FILE", help="WAV to send; a short question by default")
    demo.add_argument("--output", metavar="FILE", default="reply.wav", help="WAV to write (%(default)s)")
    demo.add_argument("--model", help='such as "openai/gpt-realtime" ("sim/demo")')
    demo.add_argument("--url", help="address of a compatible server or relay")
    demo.add_argument("--api-key", metavar="KEY", help="key; by default the provider's environment variable")
    demo.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _add_talk(commands: argparse._SubParsersAction[_Parser]) -> None:
    talk = commands.add_parser(
        "talk",
        help="talk with a model by microphone and speaker",
        description="Hold a spoken conversation until Ctrl-C; speak over an answer to interrupt it. Needs PortAudio "
        "and pip install 'voicewire[devices]', or files in their place. Uses the simulator where no key is set.",
    )
    talk.add_argument("--model", help='such as "openai/gpt-realtime" (the first provider with a key, else "sim/talk")')
    talk.add_argument("--url", help="address of a compatible server or relay")
    talk.add_argument("--api-key", metavar="KEY", help="key; by default the provider's environment variable")
    talk.add_argument("--input-device", metavar="D", help="microphone: its number or a part of its name")
    talk.add_argument("--output-device", metavar="D", help="speaker: its number or a part of its name")
    talk.add_argument("--half-duplex", action="store_true", help="do not listen while the model speaks: no echo")
    talk.add_argument("--list-devices", action="store_true", help="list microphones and speakers and exit")
    talk.add_argument("--microphone-file", metavar="FILE", help="WAV to speak in place of a microphone")
    talk.add_argument("--speaker-file", metavar="FILE", help="WAV to write in place of a speaker")
    talk.add_argument("--json", action="store_true", help="print one JSON object at the end and nothing else")


def _add_bench(commands: argparse._SubParsersAction[_Parser]) -> None:
    bench = commands.add_parser(
        "bench",
        help="measure many sessions at once",
        description="Open sessions, let the model talk on all of them, send microphone audio, and tell latency, CPU "
        "and memory. Uses the built-in simulator, in a process of its own, unless --model or --url is given: no key, "
        "no cost.",
    )
    bench.add_argument("-n", "--sessions", type=int, default=10, help="sessions at once (%(default)s)")
    bench.add_argument("--seconds", type=float, default=10.0, help="how long is measured (%(default)g)")
    bench.add_argument("--ramp", type=float, default=100.0, help="sessions opened per second (%(default)g)")
    bench.add_argument(
        "--uplink", action=argparse.BooleanOptionalAction, default=True, help="send 20 ms of microphone every 20 ms"
    )
    bench.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        action="append",
        default=[],
        help="the result as .json, or its plot as .svg or .png (needs matplotlib); may be given several times",
    )
    bench.add_argument("--model", help='such as "openai/gpt-realtime" ("sim/bench")')
    bench.add_argument("--url", help="address of a compatible server or relay")
    bench.add_argument("--api-key", metavar="KEY", help="key; by default the provider's environment variable")
    bench.add_argument("--ca", metavar="FILE", help="PEM file of an authority to trust besides the system's")
    bench.add_argument("--tls", action="store_true", help="the built-in simulator serves wss")
    bench.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _add_sim(commands: argparse._SubParsersAction[_Parser]) -> None:
    sim = commands.add_parser(
        "sim",
        help="run the simulator",
        description="Run a local realtime voice server until interrupted.",
    )
    sim.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    sim.add_argument("--port", type=int, default=8765, help="port to listen on; 0 picks one (%(default)s)")
    sim.add_argument(
        "--dialect",
        choices=("ga", "beta", "azure", "azure-preview", "voice-live", "xai", "qwen"),
        help="how it speaks on every path; by default the path tells",
    )
    sim.add_argument(
        "--beta",
        choices=("refuse", "allow"),
        nargs="?",
        const="allow",
        default="refuse",
        help="clients with the beta header (%(default)s); alone it allows them",
    )
    sim.add_argument("--tls", action="store_true", help="serve wss and https, with a certificate made at start")
    sim.add_argument("--api-key", metavar="KEY", help="accept this key only; by default any")
    sim.add_argument("--seed", type=int, default=0, help="seed of ids and noise (%(default)s)")
    sim.add_argument("--latency-ms", type=int, default=0, help="delay before every event (%(default)s)")
    sim.add_argument(
        "--pace",
        type=float,
        default=12.0,
        help="speed of audio in times of real time; 0: no wait (%(default)s)",
    )
    sim.add_argument("--delta-ms", type=int, default=250, help="audio in one delta (%(default)s)")
    sim.add_argument("--script", metavar="FILE", help="TOML or JSON with rules of what to answer")
    sim.add_argument("--until-eof", action="store_true", help="stop as well where standard input ends")
    sim.add_argument("--json", action="store_true", help="print the addresses as one JSON object")
