#!/usr/bin/env python3
"""What samples cost outside a session: resampler, G.711 and base64, each beside what else Python has for it.

    python benches/audio.py                       # some seconds; writes results/audio.json and docs/audio.md
    python benches/audio.py --results /tmp/trial  # prints the tables, leaves ours alone

Needs numpy and soxr. audioop (part of Python up to 3.12, then audioop-lts) and pybase64 are measured where they are.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import importlib
import importlib.metadata
import json
import os
import platform
import shlex
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from results import commit, processor, rounded
from server import ROOT
from table import between, number

from voicewire import _voicewire, audio

Work = Callable[[], object]
Case = dict[str, Any]

HERE = Path(__file__).resolve().parent
PAGE = ROOT / "docs" / "audio.md"
CHUNK_MS = 20
SECONDS = 2
TELEPHONY = 8_000
PAIRS = [
    (8_000, 16_000),
    (8_000, 24_000),
    (16_000, 24_000),
    (24_000, 48_000),
    (16_000, 8_000),
    (24_000, 8_000),
    (24_000, 16_000),
    (48_000, 24_000),
    (44_100, 24_000),
    (24_000, 44_100),
    (48_000, 16_000),
    (16_000, 48_000),
    (44_100, 16_000),
    (48_000, 8_000),
    (8_000, 48_000),
]


def main() -> int:
    options = parse()
    cases = [measure(case, options.rounds) for case in [*resampling(), *telephony(), *texts()]]
    result = describe(options) | {"cases": cases}
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "audio.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    tables = render(result)
    if options.results == HERE / "results":
        PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), "audio", tables), encoding="utf-8")
    print(tables)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=51, help="rounds per case; figures are medians")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder for audio.json")
    parser.add_argument("--profile", default="development", help="the cargo profile of the extension, as a note")
    return parser.parse_args()


def resampling() -> list[Case]:
    return [resampling_of(from_rate, to_rate) for from_rate, to_rate in PAIRS]


def resampling_of(from_rate: int, to_rate: int) -> Case:
    chunks = chunks_of(from_rate)
    ours, plain = audio.Resampler(from_rate, to_rate), scalar(from_rate, to_rate)
    theirs = soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16", quality="HQ")
    works = {"voicewire": ours.process, "voicewire, scalar": plain.process, "soxr HQ": theirs.resample_chunk}
    return {
        "work": "resample",
        "label": f"{from_rate / 1000:g} → {to_rate / 1000:g} kHz",
        "per": SECONDS,
        "path": ours.path,
        "held_back_ms": {name: held_back(work, chunks, from_rate, to_rate) for name, work in works.items()},
        "works": {name: over(chunks, work) for name, work in works.items()},
    }


def scalar(from_rate: int, to_rate: int) -> audio.Resampler:
    os.environ["VOICEWIRE_RESAMPLER"] = "scalar"
    try:
        return audio.Resampler(from_rate, to_rate)
    finally:
        del os.environ["VOICEWIRE_RESAMPLER"]


def held_back(work: Callable[[Any], Any], chunks: list[Any], from_rate: int, to_rate: int) -> float:
    """Milliseconds of input that have gone in and not come out, the most over a stream."""
    taken = given = 0
    most = 0.0
    for chunk in chunks:
        taken += len(chunk)
        given += len(work(chunk))
        most = max(most, taken / from_rate - given / to_rate)
    return most * 1000


def telephony() -> list[Case]:
    samples = chunks_of(TELEPHONY)
    data = [chunk.tobytes() for chunk in samples]
    codes = [audio.encode_g711(chunk, "ulaw") for chunk in samples]
    encode: dict[str, Work] = {"voicewire": over(samples, lambda chunk: audio.encode_g711(chunk, "ulaw"))}
    decode: dict[str, Work] = {"voicewire": over(codes, lambda chunk: audio.decode_g711(chunk, "ulaw"))}
    if audioop := optional("audioop"):
        encode["audioop"] = over(data, lambda chunk: audioop.lin2ulaw(chunk, 2))
        decode["audioop, bytes"] = over(codes, lambda chunk: audioop.ulaw2lin(chunk, 2))
        decode["audioop, array"] = over(codes, lambda chunk: np.frombuffer(audioop.ulaw2lin(chunk, 2), np.int16))
    return [
        {"work": "g711", "label": "encode µ-law, 8 kHz", "per": SECONDS, "works": encode},
        {"work": "g711", "label": "decode µ-law, 8 kHz", "per": SECONDS, "works": decode},
    ]


def texts() -> list[Case]:
    samples = chunks_of(24_000)
    text = [audio.base64_encode(chunk) for chunk in samples]
    encode: dict[str, Work] = {
        "voicewire": over(samples, audio.base64_encode),
        "base64": over(samples, lambda chunk: base64.b64encode(chunk).decode()),
    }
    decode: dict[str, Work] = {
        "voicewire": over(text, audio.base64_decode),
        "base64": over(text, lambda chunk: np.frombuffer(base64.b64decode(chunk), np.int16)),
    }
    if pybase64 := optional("pybase64"):
        encode["pybase64"] = over(samples, lambda chunk: pybase64.b64encode_as_string(chunk))
        decode["pybase64"] = over(text, lambda chunk: np.frombuffer(pybase64.b64decode(chunk, validate=True), np.int16))
    return [
        {"work": "base64", "label": "encode, 24 kHz", "per": SECONDS, "works": encode},
        {"work": "base64", "label": "decode, 24 kHz", "per": SECONDS, "works": decode},
    ]


def chunks_of(rate: int) -> list[Any]:
    noise = np.random.default_rng(1).standard_normal(rate * SECONDS) * 6_000
    samples = np.clip(noise, -32_768, 32_767).astype(np.int16)
    size = rate * CHUNK_MS // 1000
    return [samples[start : start + size].copy() for start in range(0, len(samples), size)]


def over(chunks: list[Any], work: Callable[[Any], object]) -> Work:
    def run() -> None:
        for chunk in chunks:
            work(chunk)

    return run


def optional(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


def measure(case: Case, rounds: int) -> Case:
    """Take turns within a round, so that all rows meet the same machine; the first two rounds warm up."""
    works = case.pop("works")
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 2):
        for name, work in works.items():
            begun = time.thread_time_ns()
            work()
            times[name].append((time.thread_time_ns() - begun) / 1000 / case["per"])
    case["rows"] = {name: [rounded(value) for value in found[2:]] for name, found in times.items()}
    return case


def describe(options: argparse.Namespace) -> dict[str, Any]:
    extension = Path(_voicewire.__file__)
    packages = ("numpy", "soxr", "pybase64", "audioop-lts")
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "command": shlex.join(["python", "benches/audio.py", *sys.argv[1:]]),
        "cargo_profile": options.profile,
        "extension": {"file": extension.name, "bytes": extension.stat().st_size},
        "unit": f"µs of CPU of the calling thread per second of audio, in chunks of {CHUNK_MS} ms",
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "kernel": f"{platform.system()} {platform.release()}",
        },
        "versions": {"python": platform.python_version()}
        | {name: version for name in packages if (version := found(name))},
    }


def found(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def render(result: dict[str, Any]) -> str:
    resampled = [case for case in result["cases"] if case["work"] == "resample"]
    others = [case for case in result["cases"] if case["work"] != "resample"]
    lines = [
        "| rates | voicewire | scalar | soxr HQ | ratio to soxr | holds back, ms | soxr, ms |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for case in resampled:
        rows, held = case["rows"], case["held_back_ms"]
        figures = [number(statistics.median(rows[name])) for name in ("voicewire", "voicewire, scalar", "soxr HQ")]
        ratio = f"{ratio_of(rows, 'voicewire', 'soxr HQ'):.2f}"
        delays = [f"{held[name]:.1f}" for name in ("voicewire", "soxr HQ")]
        lines.append(f"| {case['label']} | {' | '.join([*figures, ratio, *delays])} |")
    lines += ["", "| work | voicewire | others | ratio |", "|---|--:|---|--:|"]
    for case in others:
        rows = case["rows"]
        names = [name for name in rows if name != "voicewire"]
        theirs = ", ".join(f"{name} {number(statistics.median(rows[name]))}" for name in names) or "–"
        ratios = ", ".join(f"{ratio_of(rows, 'voicewire', name):.2f}" for name in names) or "–"
        label = f"{case['work'].replace('g711', 'G.711')} {case['label']}"
        lines.append(f"| {label} | {number(statistics.median(rows['voicewire']))} | {theirs} | {ratios} |")
    return "\n".join([*lines, "", origin(result)])


def ratio_of(rows: dict[str, list[float]], ours: str, theirs: str) -> float:
    """The median of the rounds' ratios: neighbours in a round met the same machine."""
    return statistics.median(mine / other for mine, other in zip(rows[ours], rows[theirs], strict=True))


def origin(result: dict[str, Any]) -> str:
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    rounds = len(result["cases"][0]["rows"]["voicewire"])
    return (
        f"In {result['unit']}. `{result['command']}`, commit {result['commit']}, cargo profile "
        f"{result['cargo_profile']}, path {result['cases'][0]['path']}, {result['date'][:10]}; "
        f"medians of {rounds} rounds. "
        f"{machine['processor']}, {machine['cores']} cores, {machine['kernel']}; {versions}."
    )


if __name__ == "__main__":
    sys.exit(main())
