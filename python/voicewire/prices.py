"""What tokens cost: prices given by the user, or those of the genai-prices library."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeAlias

from voicewire import parse
from voicewire.exceptions import ConfigError
from voicewire.values import dataclass

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["KINDS", "PriceTable", "Prices", "Rate", "prices_for", "read_prices"]

Rate: TypeAlias = "Decimal | float | int"


@dataclass(frozen=True, kw_only=True)
class Prices:
    """US dollars for a million tokens of each kind.

    Input audio and images without a price cost as much as text, or as each other where text has none; output likewise.
    Cached tokens without a price cost as much as others of their kind. 0 is a price.

    Attributes:
        input_text: Text read.
        input_audio: Audio read.
        input_image: Images read.
        cached_text: Text read from the provider's cache.
        cached_audio: Audio from the cache.
        cached_image: Images from the cache.
        output_text: Text written.
        output_audio: Audio written.

    Raises:
        ConfigError: A price is no number of at least 0, or a direction has none at all.
    """

    input_text: Rate | None = None
    input_audio: Rate | None = None
    input_image: Rate | None = None
    cached_text: Rate | None = None
    cached_audio: Rate | None = None
    cached_image: Rate | None = None
    output_text: Rate | None = None
    output_audio: Rate | None = None

    def __post_init__(self) -> None:
        for kind in KINDS:
            value = getattr(self, kind)
            if value is not None:
                object.__setattr__(self, kind, _dollars(kind, value))
        for direction in ("input", "output"):
            if self.of(f"{direction}_text") is None:
                raise ConfigError(
                    f"no price for {direction}: give {direction}_text or {direction}_audio, 0 where it is free",
                    field="prices",
                )

    def of(self, kind: str) -> Decimal | None:
        """The price of a kind, or of what stands in for it; None where its direction has no price."""
        for name in (kind, *_STAND_INS[kind]):
            value: Decimal | None = getattr(self, name)
            if value is not None:
                return value
        return None


PriceTable: TypeAlias = Prices | Mapping[str, "Rate | Prices | Mapping[str, Rate]"]


def read_prices(given: object) -> Prices | dict[str, Prices] | None:
    """Read ``prices=``: ``Prices``, a dict of the same keys, a dict of models with either, or None.

    Raises:
        ConfigError: It is none of these; it names the key.
    """
    if given is None or isinstance(given, Prices):
        return given
    if not isinstance(given, Mapping) or not given:
        raise ConfigError("prices is neither Prices nor a dict with entries", field="prices", value=given)
    if not any(isinstance(value, (Prices, Mapping)) for value in given.values()):
        return _read_one("prices", given)
    return {parse.text("prices", model): _read_one(f"prices[{model!r}]", value) for model, value in given.items()}


def prices_for(prices: Prices | Mapping[str, Prices] | None, provider: str, model: str) -> Prices:
    """The prices of one model; a dated name is also looked up without its date.

    Raises:
        ConfigError: The model has no prices, or ``prices`` is None and genai-prices is not installed.
    """
    if isinstance(prices, Prices):
        return prices
    if not model:
        raise ConfigError("the session names no model: give prices=vw.Prices(…)", field="prices")
    if prices is None:
        return _published(provider, model)
    for name in _names_of(model):
        found = prices.get(f"{provider}/{name}") or prices.get(name)
        if found is not None:
            return found
    raise ConfigError(f"no prices for {provider}/{model} among those of {', '.join(prices)}", field="prices")


def _published(provider: str, model: str) -> Prices:
    try:
        import genai_prices
    except ImportError:
        hint = "pip install 'voicewire[prices]', or give prices=vw.Prices(…)"
        raise ConfigError(f"no prices for {provider}/{model}: {hint}", field="prices") from None
    for name in _names_of(model):
        try:
            nothing = genai_prices.Usage()
            found = genai_prices.calc_price(nothing, name, provider_id=_PUBLISHED_PROVIDERS.get(provider, provider))
        except LookupError:
            continue
        return _converted(f"{provider}/{model}", found.model_price)
    raise ConfigError(f"genai-prices has no prices for {provider}/{model}: give prices=vw.Prices(…)", field="prices")


def _converted(name: str, published: object) -> Prices:
    rates: dict[str, Any] = {}
    for kind, keys in _PUBLISHED_KEYS.items():
        given = (getattr(published, key, None) for key in keys)
        price = next((price for price in given if price is not None), None)
        # Prices that rise with the length of the context: the lowest tier is the one of spoken sessions.
        rates[kind] = getattr(price, "base", price)
    if rates["input_text"] is None and rates["input_audio"] is None:
        raise ConfigError(f"{name} is not billed by the token: give prices=vw.Prices(…)", field="prices")
    return Prices(**rates)


def _names_of(model: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((model, re.sub(_DATE, "", model))))


def _read_one(field: str, given: object) -> Prices:
    if isinstance(given, Prices):
        return given
    if not isinstance(given, Mapping):
        raise ConfigError(f"{field} is neither Prices nor a dict", field=field, value=given)
    parse.known_names(f"kind of {field}", given, KINDS)
    return Prices(**given)


def _dollars(kind: str, value: object) -> Decimal:
    from decimal import Decimal

    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ConfigError(f"price of {kind} is no number", field=kind, value=value)
    if not math.isfinite(value) or value < 0:
        raise ConfigError(f"price of {kind} is not at least 0", field=kind, value=value)
    # Through the text, so that 0.4 is four tenths and not its nearest binary fraction.
    return Decimal(str(value))


KINDS = tuple(field.name for field in fields(Prices))
_STAND_INS = {
    "input_text": ("input_audio", "input_image"),
    "input_audio": ("input_text", "input_image"),
    "input_image": ("input_text", "input_audio"),
    "cached_text": ("input_text", "input_audio", "input_image"),
    "cached_audio": ("input_audio", "input_text", "input_image"),
    "cached_image": ("input_image", "input_text", "input_audio"),
    "output_text": ("output_audio",),
    "output_audio": ("output_text",),
}
_DATE = r"-20\d\d-?[01]\d-?[0-3]\d$"
# What runs on the simulator is priced as the service's own.
_PUBLISHED_PROVIDERS = {"gemini": "google", "xai": "x-ai", "sim": "openai"}
_PUBLISHED_KEYS = {
    "input_text": ("input_text_mtok", "input_mtok"),
    "input_audio": ("input_audio_mtok",),
    "input_image": ("input_image_mtok",),
    "cached_text": ("cache_text_read_mtok", "cache_read_mtok"),
    "cached_audio": ("cache_audio_read_mtok",),
    "cached_image": ("cache_image_read_mtok", "cache_read_mtok"),
    "output_text": ("output_text_mtok", "output_mtok"),
    "output_audio": ("output_audio_mtok",),
}
