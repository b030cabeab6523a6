"""Durations of a load test, kept as counts, so that hours of them take no more memory than seconds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["Distribution"]


class Distribution:
    """Milliseconds in buckets that are 1.2 % wide, from 1 µs to 1,000 s; the extremes are exact."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BUCKETS, np.int64)
        self._fresh: list[float] = []
        self._least, self._most = math.inf, 0.0

    def add(self, milliseconds: float) -> None:
        """Count one."""
        self._fresh.append(milliseconds)
        if len(self._fresh) >= _FOLD_AT:
            self._fold()

    def merge(self, other: Distribution) -> None:
        """Count all that another one has."""
        other._fold()
        self._fold()
        self._counts += other._counts
        self._least, self._most = min(self._least, other._least), max(self._most, other._most)

    def percentile(self, share: float) -> float | None:
        """Milliseconds that ``share`` per cent do not exceed, None where nothing was counted."""
        self._fold()
        total = int(self._counts.sum())
        if total == 0:
            return None
        rank = max(1, int(np.ceil(total * share / 100)))
        if rank == total:
            return round(self._most, 4)
        middle: float = _EDGES_MS[int(np.searchsorted(np.cumsum(self._counts), rank))] * _HALF_STEP
        return round(float(min(max(middle, self._least), self._most)), 4)

    def percentiles(self) -> dict[str, float | None]:
        """The ones that are told of everything: p50, p90, p99 and the largest."""
        return {"p50": self.percentile(50), "p90": self.percentile(90), "p99": self.percentile(99), "max": self.most}

    def buckets(self, per_decade: int = 10) -> list[tuple[float, int]]:
        """Pairs of a lower edge in ms and how many lie from it to the next, coarser, without the empty ends."""
        self._fold()
        width = _PER_DECADE // per_decade
        counts = self._counts.reshape(-1, width).sum(axis=1)
        filled = np.flatnonzero(counts)
        if filled.size == 0:
            return []
        edges = _EDGES_MS[::width]
        return [(round(float(edges[at]), 7), int(counts[at])) for at in range(filled[0], filled[-1] + 1)]

    @property
    def count(self) -> int:
        """How many were counted."""
        self._fold()
        return int(self._counts.sum())

    @property
    def most(self) -> float | None:
        """The largest, None where nothing was counted."""
        return round(self._most, 4) if self.count else None

    def _fold(self) -> None:
        if not self._fresh:
            return
        values: Any = np.asarray(self._fresh)
        self._fresh = []
        self._least, self._most = min(self._least, float(values.min())), max(self._most, float(values.max()))
        places = np.log10(np.maximum(values, _LEAST_MS) / _LEAST_MS) * _PER_DECADE
        self._counts += np.bincount(np.minimum(places.astype(np.int64), _BUCKETS - 1), minlength=_BUCKETS)


_LEAST_MS = 0.001
_PER_DECADE = 200
_BUCKETS = 9 * _PER_DECADE
_EDGES_MS = _LEAST_MS * 10.0 ** (np.arange(_BUCKETS) / _PER_DECADE)
_HALF_STEP = 10.0 ** (0.5 / _PER_DECADE)
_FOLD_AT = 4096
