"""The works: what is asked of every client, in the short and in the full form."""

from __future__ import annotations

from dataclasses import dataclass, replace

SAMPLE_RATE = 24_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """One load; ``count`` is deltas per session of a burst, ``seconds`` the length of everything else."""

    label: str
    mode: str
    sessions: int = 1
    delta_ms: int = 100
    count: int = 0
    seconds: float = 0
    uplink_ms: int = 0
    is_tls: bool = False

    @property
    def arguments(self) -> list[str]:
        """The same command line for every peer."""
        load = ["--count", str(self.count)] if self.mode == "burst" else ["--seconds", f"{self.seconds:g}"]
        return [
            *("--mode", self.mode, "--sessions", str(self.sessions), "--delta-ms", str(self.delta_ms), *load),
            *("--uplink-ms", str(self.uplink_ms), "--json"),
        ]

    @property
    def audio_events(self) -> int:
        """Of all sessions together; idle and upstream sessions get no answer."""
        per_session = {"paced": round(self.seconds * 1000 / self.delta_ms), "burst": self.count}.get(self.mode, 0)
        return self.sessions * per_session

    @property
    def audio_seconds(self) -> float:
        return self.audio_events * self.delta_ms / 1000

    @property
    def samples(self) -> int:
        return self.audio_events * SAMPLE_RATE * self.delta_ms // 1000

    @property
    def uplink_chunks(self) -> int:
        return self.sessions * round(self.seconds * 1000 / self.uplink_ms) if self.uplink_ms else 0

    @property
    def uplink_samples(self) -> int:
        return self.uplink_chunks * (SAMPLE_RATE * self.uplink_ms // 1000)


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
        Work("tls_burst", 5, over_tls(SHORT_BURSTS)),
        Work("tls_paced", rounds, over_tls(paced(5, (100, 1000)) if is_full else paced(2, (100,)))),
        Work("idle", rounds, idle(10, 1000) if is_full else idle(1, 100)),
        Work("upstream", rounds, upstream(5, (1, 100)) if is_full else upstream(2, (20,))),
        Work("growth_sessions", 3, paced(5, (1, 10, 100, 1000, 2000)) if is_full else paced(2, (1, 10, 100))),
        Work("growth_length", 3, lengths(1, 10, 60) if is_full else lengths(1, 10)),
    ]


def burst(delta_ms: int, count: int) -> Case:
    return Case(label=f"{delta_ms} ms", mode="burst", delta_ms=delta_ms, count=count)


def paced(seconds: float, sessions: tuple[int, ...], uplink_ms: int = 0) -> tuple[Case, ...]:
    return tuple(
        Case(label=f"{n:,} sessions", mode="paced", sessions=n, seconds=seconds, uplink_ms=uplink_ms) for n in sessions
    )


def over_tls(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    return tuple(replace(case, label=f"{case.label}, TLS", is_tls=True) for case in cases)


def idle(seconds: float, sessions: int) -> tuple[Case, ...]:
    """Connected and silent: what a session holds, and what keeping it alive costs."""
    plain = (Case(label=f"{sessions:,} sessions", mode="idle", sessions=sessions, seconds=seconds),)
    return plain + over_tls(plain)


def upstream(seconds: float, sessions: tuple[int, ...]) -> tuple[Case, ...]:
    """A chunk of 20 ms per session and 20 ms, and nothing in return."""
    plain = tuple(
        Case(label=f"{n:,} sessions", mode="upstream", sessions=n, seconds=seconds, uplink_ms=20) for n in sessions
    )
    return plain + over_tls(plain[-1:])


def lengths(*minutes: int) -> tuple[Case, ...]:
    """One call, its audio as fast as the socket takes it: does a long call cost more per delta than a short one?"""
    return tuple(Case(label=f"{n} min", mode="burst", count=n * 600) for n in minutes)


SHORT_BURSTS = (burst(100, 5000), burst(250, 2000))
FULL_BURSTS = (
    burst(20, 20_000),
    burst(100, 10_000),
    burst(250, 4000),
    burst(500, 2000),
    # A spoken reply of gpt-realtime, to 20 sessions at once.
    Case(label="20 × 27 × 250 ms", mode="burst", sessions=20, delta_ms=250, count=27),
)
