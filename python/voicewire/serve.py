"""``voicewire sim``: the simulator as a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from queue import SimpleQueue

from voicewire.simulator import Simulator

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; both end it with exit code 0."""
    # Of all that a thread can wait for, this alone may be filled by a signal handler that interrupts the waiting.
    stopped: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: stopped.put(number))
    if options.until_eof:
        threading.Thread(target=_read_to_the_end, args=[stopped], daemon=True).start()
    simulator = Simulator(
        host=options.host,
        port=options.port,
        dialect=options.dialect,
        beta=options.beta,
        tls=options.tls,
        api_key=options.api_key,
        seed=options.seed,
        latency_ms=options.latency_ms,
        pace=options.pace,
        delta_ms=options.delta_ms,
        script=options.script,
    )
    try:
        simulator.start()
    except OSError as error:
        raise OSError(f"cannot listen on {options.host}:{options.port} ({error})") from error
    try:
        if options.json:
            print(json.dumps(_addresses(simulator)), flush=True)
        else:
            trust = f", trust {simulator.ca_file}" if simulator.ca_file else ""
            print(
                f"listening on {simulator.url}, Gemini on {simulator.gemini_url}{trust} (Ctrl-C stops it)", flush=True
            )
        stopped.get()
    finally:
        simulator.stop()
    return 0


def _read_to_the_end(stopped: SimpleQueue[int]) -> None:
    """Wait until whoever started us is gone or lets go of our input."""
    # Not sys.stdin: its lock, held here when the interpreter ends, would be a fatal error.
    while os.read(0, 4096):
        pass
    stopped.put(0)


def _addresses(simulator: Simulator) -> dict[str, str | None]:
    return {
        "url": simulator.url,
        "http_url": simulator.http_url,
        "gemini_url": simulator.gemini_url,
        "ca_file": simulator.ca_file,
    }
