"""What responses cost in US dollars, from tokens and prices."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Mapping
from dataclasses import field, fields
from typing import TYPE_CHECKING, Any

from voicewire.prices import KINDS, Prices, PriceTable, prices_for, read_prices
from voicewire.usage import Usage
from voicewire.values import dataclass

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["Cost", "CostCollector", "cost_of"]

_PER = 1_000_000


def _zero() -> Decimal:
    # Imported by whoever computes a cost, not by every program.
    from decimal import Decimal

    return Decimal(0)


def _number_types() -> tuple[type, ...]:
    from decimal import Decimal

    return int, float, Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """US dollars by kind of token, exact to the last digit.

    Costs can be added (also by ``sum``) and compared with each other and with numbers; ``float(cost)`` is the total,
    ``str(cost)`` reads "$0.0123", and ``f"{cost:.2f}"`` formats the total.

    Attributes:
        input_text: Text read, without what came from the cache.
        input_audio: Audio read, likewise.
        input_image: Images read, likewise.
        cached_text: Text from the provider's cache.
        cached_audio: Audio from the cache.
        cached_image: Images from the cache.
        output_text: Text written.
        output_audio: Audio written.
    """

    input_text: Decimal = field(default_factory=_zero)
    input_audio: Decimal = field(default_factory=_zero)
    input_image: Decimal = field(default_factory=_zero)
    cached_text: Decimal = field(default_factory=_zero)
    cached_audio: Decimal = field(default_factory=_zero)
    cached_image: Decimal = field(default_factory=_zero)
    output_text: Decimal = field(default_factory=_zero)
    output_audio: Decimal = field(default_factory=_zero)

    @property
    def total(self) -> Decimal:
        """All kinds together."""
        return sum(self._parts(), _zero())

    def to_dict(self) -> dict[str, float]:
        """Total and parts, ready for JSON."""
        return {"total": float(self), **{field.name: float(getattr(self, field.name)) for field in fields(self)}}

    def __add__(self, other: Cost) -> Cost:
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)})

    def __radd__(self, other: object) -> Cost:
        # What sum() begins with.
        return self if other == 0 else NotImplemented

    def __float__(self) -> float:
        return float(self.total)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Cost):
            return self._parts() == other._parts()
        return self.total == other if isinstance(other, _number_types()) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.total)

    def __lt__(self, other: Cost | Decimal | float) -> bool:
        return self._compare(other, operator.lt)

    def __le__(self, other: Cost | Decimal | float) -> bool:
        return self._compare(other, operator.le)

    def __gt__(self, other: Cost | Decimal | float) -> bool:
        return self._compare(other, operator.gt)

    def __ge__(self, other: Cost | Decimal | float) -> bool:
        return self._compare(other, operator.ge)

    def __str__(self) -> str:
        total = self.total
        return f"${total:.4f}" if total == 0 or total * 1000 >= 1 else f"${total:.7f}"

    def __format__(self, spec: str) -> str:
        return format(self.total, spec) if spec else str(self)

    def _parts(self) -> tuple[Decimal, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))

    def _compare(self, other: object, compare: Callable[[Any, Any], bool]) -> bool:
        if isinstance(other, Cost):
            return compare(self.total, other.total)
        if isinstance(other, _number_types()):
            return compare(self.total, other)
        raise TypeError(f"a cost cannot be compared with {type(other).__name__}")


class CostCollector:
    """Sums what sessions use, by model; an instance is an ``on_usage`` of ``Hooks``. May serve many event loops.

    Args:
        prices: As in ``RealtimeClient.cost``.

    Raises:
        ConfigError: ``prices`` cannot be read.
    """

    def __init__(self, prices: PriceTable | None = None) -> None:
        self._prices = read_prices(prices)
        self._used: dict[tuple[str, str], Usage] = {}
        self._lock = threading.Lock()

    def __call__(self, provider: str, model: str, usage: Usage) -> None:
        """Add what a response used."""
        with self._lock:
            self._used[provider, model] = self._used.get((provider, model), Usage()) + usage

    @property
    def usage(self) -> Usage:
        """Tokens of all models."""
        return sum(self._copy().values(), Usage())

    @property
    def total(self) -> Cost:
        """Cost of all models.

        Raises:
            ConfigError: A model has no prices; it names the model.
        """
        return sum(self.by_model().values(), Cost())

    def by_model(self) -> dict[str, Cost]:
        """Cost of each model, under "provider/model".

        Raises:
            ConfigError: A model has no prices; it names the model.
        """
        return {
            f"{provider}/{model}": cost_of(usage, prices_for(self._prices, provider, model))
            for (provider, model), usage in self._copy().items()
        }

    def _copy(self) -> Mapping[tuple[str, str], Usage]:
        with self._lock:
            return dict(self._used)


def cost_of(usage: Usage, prices: Prices) -> Cost:
    """Price tokens: cached ones once, at the price of the cache; tokens whose kind was not told count as text."""
    tokens = _tokens_by_kind(usage)
    return Cost(**{kind: tokens[kind] * (prices.of(kind) or _zero()) / _PER for kind in KINDS})


def _tokens_by_kind(usage: Usage) -> dict[str, int]:
    read = {"text": usage.input_text_tokens, "audio": usage.input_audio_tokens, "image": usage.input_image_tokens}
    read["text"] += max(0, usage.input_tokens - sum(read.values()))
    cached = {
        "text": min(usage.cached_text_tokens, read["text"]),
        "audio": min(usage.cached_audio_tokens, read["audio"]),
        "image": 0,
    }
    untold = max(0, usage.cached_tokens - sum(cached.values()))
    # Services tell text and audio: the rest is images. Where they tell nothing, audio comes last, the dearest.
    for kind in ("image", "text", "audio"):
        more = min(untold, read[kind] - cached[kind])
        cached[kind] += more
        untold -= more
    written = {"text": usage.output_text_tokens, "audio": usage.output_audio_tokens}
    written["text"] += max(0, usage.output_tokens - sum(written.values()))
    return {
        **{f"input_{kind}": read[kind] - cached[kind] for kind in read},
        **{f"cached_{kind}": count for kind, count in cached.items()},
        **{f"output_{kind}": count for kind, count in written.items()},
    }
