"""``voicewire sim``: the simulator as a process of its own."""

from __future__ import annotations

import argparse
import json
import signal
from queue import SimpleQueue

from voicewire.simulator import Simulator

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; both end it with exit code 0."""
    # Of all that a thread can wait for, this alone may be filled by a signal handler that interrupts the waiting.
    stopped: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: stopped.put(number))
    simulator = Simulator(
        host=options.host,
        port=options.port,
        beta=options.beta,
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
            print(json.dumps({"url": simulator.url, "http_url": simulator.http_url}), flush=True)
        else:
            print(f"listening on {simulator.url} (Ctrl-C stops it)", flush=True)
        stopped.get()
    finally:
        simulator.stop()
    return 0
