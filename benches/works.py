"""The works: what is asked of every client, in the short and in the full form."""

from __future__ import annotations

from dataclasses import dataclass

SAMPLE_RATE = 24_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """One load; ``count`` is deltas per session of a burst, ``seconds`` the length of a paced response."""

    label: str
    mode: str
    sessions: int = 1
    delta_ms: int = 100
    count: int = 0
    seconds: float = 0
    uplink_ms: int = 0

    @property
    def arguments(self) -> list[str]:
        """The same command line for every peer."""
        load = ["--seconds", f"{self.seconds:g}"] if self.mode == "paced" else ["--count", str(self.count)]
        return [
            *("--mode", self.mode, "--sessions", str(self.sessions), "--delta-ms", str(self.delta_ms), *load),
            *("--uplink-ms", str(self.uplink_ms), "--json"),
        ]

    @property
    def audio_events(self) -> int:
        per_session = round(self.seconds * 1000 / self.delta_ms) if self.mode == "paced" else self.count
        return self.sessions * per_session

    @property
    def audio_seconds(self) -> float:
        return self.audio_events * self.delta_ms / 1000

    @property
    def samples(self) -> int:
        return self.audio_events * SAMPLE_RATE * self.delta_ms // 1000

    @property
    def uplink_samples(self) -> int:
        if not self.uplink_ms:
            return 0
        chunks = round(self.seconds * 1000 / self.uplink_ms)
        return self.sessions * chunks * (SAMPLE_RATE * self.uplink_ms // 1000)


@dataclass(frozen=True)
class Work:
    """Cases of one regime; each work has its own file of results."""

    name: str
    rounds: int
    cases: tuple[Case, ...]


def works(is_full: bool) -> list[Work]:
    # A burst lasts a tenth of a second: it takes more rounds to see past the neighbours.
    rounds = 5 if is_full else 3
    return [
        Work("burst", 5, FULL_BURSTS if is_full else SHORT_BURSTS),
        Work("paced", rounds, paced(5, (20, 100, 400, 1000)) if is_full else paced(2, (100,))),
        Work("duplex", rounds, paced(5, (20, 100), 20) if is_full else paced(2, (20,), 20)),
    ]


def burst(delta_ms: int, count: int) -> Case:
    return Case(label=f"{delta_ms} ms", mode="burst", delta_ms=delta_ms, count=count)


def paced(seconds: float, sessions: tuple[int, ...], uplink_ms: int = 0) -> tuple[Case, ...]:
    return tuple(
        Case(label=f"{n:,} sessions", mode="paced", sessions=n, seconds=seconds, uplink_ms=uplink_ms) for n in sessions
    )


SHORT_BURSTS = (burst(100, 5000), burst(250, 2000))
FULL_BURSTS = (
    burst(20, 20_000),
    burst(100, 10_000),
    burst(250, 4000),
    burst(500, 2000),
    # A spoken reply of gpt-realtime, to 20 sessions at once.
    Case(label="20 × 27 × 250 ms", mode="burst", sessions=20, delta_ms=250, count=27),
)
