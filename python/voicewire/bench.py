"""``voicewire bench``: many sessions at once against any address, and what they cost."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from voicewire import bench_plot
from voicewire.bench_load import Load, LoadOptions, Measured
from voicewire.bench_progress import Progress, open_progress
from voicewire.bench_result import histogram, result, rows
from voicewire.cli import BadInput
from voicewire.display import open_display
from voicewire.footprint import allow_descriptors
from voicewire.sim_process import SimulatorProcess

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code: 1 where a session failed, 130 where it was interrupted."""
    outputs = [Path(name) for name in options.output]
    _check(options, outputs)
    progress = open_progress(quiet=options.json)
    with _target(options) as (client, simulator):
        asked = _asked(options, client["model"], simulator)
        _announce(progress, asked)
        load = LoadOptions(
            sessions=options.sessions, seconds=options.seconds, ramp=options.ramp, uplink=options.uplink, client=client
        )
        measured = asyncio.run(_run(load, progress))
        found = result(measured, asked, simulator.cpu_s if simulator else None)
    for output in outputs:
        _write(found, output)
    _show(found, outputs, as_json=options.json)
    if measured.is_interrupted:
        return _INTERRUPTED
    return 1 if measured.tally.failed or measured.tally.lost or measured.silent else 0


async def _run(options: LoadOptions, progress: Progress) -> Measured:
    load = Load(options, progress)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not on Windows, and not in a thread: there an interruption leaves nothing to tell.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, _stop, load, loop)
    return await load.run()


def _stop(load: Load, loop: asyncio.AbstractEventLoop) -> None:
    load.stop()
    # A second signal ends the process, whatever still closes.
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)


@contextlib.contextmanager
def _target(options: argparse.Namespace) -> Iterator[tuple[dict[str, Any], SimulatorProcess | None]]:
    """What clients are made with: the simulator, in a process of its own, unless a model or an address is given."""
    model = options.model or ("openai/gpt-realtime" if options.url else "sim/bench")
    if options.url or not model.startswith("sim/"):
        yield {"model": model, "url": options.url, "api_key": options.api_key, "ca": options.ca}, None
        return
    name = model.removeprefix("sim/")
    is_gemini = name.startswith("gemini")
    with SimulatorProcess(script=_SCRIPT, tls=options.tls) as simulator:
        yield (
            {
                "model": f"{'gemini' if is_gemini else 'openai'}/{name}",
                "url": simulator.gemini_url if is_gemini else simulator.url,
                "api_key": "sim",
                "ca": simulator.ca_file,
            },
            simulator,
        )


def _asked(options: argparse.Namespace, model: str, simulator: SimulatorProcess | None) -> dict[str, Any]:
    return {
        "model": model,
        "simulated": simulator is not None,
        "tls": options.tls if simulator else not str(options.url or "wss").startswith(("ws:", "http:")),
        "sessions": options.sessions,
        "seconds": options.seconds,
        "ramp": options.ramp,
        "uplink": options.uplink,
    }


def _announce(progress: Progress, asked: dict[str, Any]) -> None:
    where = "built-in simulator, no key, no cost" if asked["simulated"] else "not simulated: it may cost money"
    uplink = "microphones open" if asked["uplink"] else "no microphones"
    progress.say(f"{asked['model']} ({where}): {asked['sessions']:,} sessions, {asked['seconds']:g} s, {uplink}")


def _check(options: argparse.Namespace, outputs: list[Path]) -> None:
    """Refuse before anything is opened what would fail afterwards."""
    for name, most in _MOST.items():
        value = getattr(options, name)
        if not 0 < value <= most:
            raise BadInput(f"{name} not above 0 and at most {most:,}: {value}")
    if options.tls and (options.url or not (options.model or "sim/").startswith("sim/")):
        raise BadInput("--tls is for the built-in simulator; the address of --url tells for others")
    for output in outputs:
        _check_output(output)
    needed = options.sessions + _OTHER_DESCRIPTORS
    if (allowed := allow_descriptors(needed)) is not None:
        raise BadInput(f"{options.sessions:,} sessions need {needed:,} open files, allowed are {allowed:,} (ulimit -n)")


def _check_output(output: Path) -> None:
    if output.is_dir():
        raise BadInput(f"output is a folder: {output}")
    if output.suffix.lower() not in (".json", *bench_plot.SUFFIXES):
        raise BadInput(f"output is named neither .json nor {' nor '.join(bench_plot.SUFFIXES)}: {output}")
    if not output.parent.is_dir():
        raise BadInput(f"folder of the output does not exist: {output.parent}")
    if not os.access(output if output.exists() else output.parent, os.W_OK):
        raise BadInput(f"output cannot be written: {output}")
    if output.suffix.lower() != ".json":
        bench_plot.require_matplotlib()


def _write(found: dict[str, Any], output: Path) -> None:
    try:
        if output.suffix.lower() == ".json":
            output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        else:
            bench_plot.draw(found, output)
    except OSError as error:
        raise BadInput(f"output cannot be written ({error.strerror}): {output}") from error


def _show(found: dict[str, Any], outputs: list[Path], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
        return
    written = ", ".join(map(str, outputs))
    interrupted = "interrupted; " if found["interrupted"] else ""
    caption = f"{interrupted}measured for {found['measured_s']:.1f} s, driver {found['driver']}"
    caption += f"; written to {written}" if written else ""
    open_display().table(rows(found), caption)
    for line in histogram(found):
        print(line)
    for error, count in found["errors"].items():
        print(f"{count:,} × {error}")


_INTERRUPTED = 130
_MOST = {"sessions": 50_000, "seconds": 86_400, "ramp": 10_000}
# The simulator's pipes, I/O threads, modules that are read: far fewer than these.
_OTHER_DESCRIPTORS = 64
# Two minutes of speech: it fits into the simulator's cache, so the sound is made once for all sessions.
_SCRIPT = [{"say": "The harbour wakes before the town does, and boats leave while the lamps still burn. " * 20}]
