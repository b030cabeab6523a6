"""What tokens cost: each billed once, at its price; and what costs can do."""

import json
import pickle
import sys
from decimal import Decimal
from typing import Any

import genai_prices
import pytest

import voicewire as vw
from voicewire.cost import cost_of
from voicewire.prices import KINDS, prices_for, read_prices

PRICES = vw.Prices(
    input_text=4,
    input_audio=32,
    input_image=5,
    cached_text=0.4,
    cached_audio=0.3,
    cached_image=0.5,
    output_text=16,
    output_audio=64,
)
# As a service writes it: cached tokens are among the input, audio and images too.
USED = vw.Usage(
    input_tokens=1_000,
    output_tokens=300,
    total_tokens=1_300,
    input_text_tokens=300,
    input_audio_tokens=500,
    input_image_tokens=200,
    cached_tokens=450,
    cached_text_tokens=200,
    cached_audio_tokens=150,
    output_text_tokens=100,
    output_audio_tokens=200,
)


def dollars(text: str) -> Decimal:
    return Decimal(text) / 1_000_000


def test_every_token_is_billed_once_at_the_price_of_its_kind() -> None:
    cost = cost_of(USED, PRICES)

    assert cost == vw.Cost(
        input_text=dollars("400"),
        input_audio=dollars("11200"),
        input_image=dollars("500"),
        cached_text=dollars("80"),
        cached_audio=dollars("45"),
        cached_image=dollars("50"),
        output_text=dollars("1600"),
        output_audio=dollars("12800"),
    )
    assert cost.total == dollars("26675")


def test_with_one_price_for_all_the_cost_is_that_of_the_total() -> None:
    flat = vw.Prices(**dict.fromkeys(KINDS, 1))

    assert cost_of(USED, flat).total == dollars("1300")


@pytest.mark.parametrize(
    ("usage", "parts"),
    [
        (vw.Usage(input_tokens=10, output_tokens=5), {"input_text": 40, "output_text": 80}),
        (vw.Usage(input_tokens=10, input_audio_tokens=8), {"input_text": 8, "input_audio": 256}),
        (
            vw.Usage(input_tokens=10, input_text_tokens=6, input_audio_tokens=4, cached_tokens=7),
            {"cached_text": "2.4", "cached_audio": "0.3", "input_audio": 96},
        ),
        (vw.Usage(input_tokens=2, input_text_tokens=2, cached_tokens=9), {"cached_text": "0.8"}),
        (
            vw.Usage(output_tokens=9, output_audio_tokens=4, output_text_tokens=2),
            {"output_text": 80, "output_audio": 256},
        ),
        (vw.Usage(), {}),
    ],
    ids=["no kinds", "text untold", "cache untold", "more cached than read", "reasoning", "nothing"],
)
def test_what_a_service_leaves_out_is_billed_sensibly(usage: vw.Usage, parts: dict[str, Any]) -> None:
    assert cost_of(usage, PRICES) == vw.Cost(**{kind: dollars(str(value)) for kind, value in parts.items()})


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-realtime"),
        ("openai", "gpt-realtime-2025-08-28"),
        ("openai", "gpt-realtime-2"),
        ("openai", "gpt-realtime-mini"),
        ("openai", "gpt-4o-realtime-preview-2024-12-17"),
    ],
)
def test_published_prices_give_what_genai_prices_itself_computes(provider: str, model: str) -> None:
    usage = genai_prices.Usage(
        input_tokens=1_000,
        input_text_tokens=300,
        input_audio_tokens=500,
        input_image_tokens=200,
        cache_read_tokens=400,
        cache_text_read_tokens=200,
        cache_audio_read_tokens=150,
        cache_image_read_tokens=50,
        output_tokens=300,
        output_text_tokens=100,
        output_audio_tokens=200,
    )
    told = genai_prices.calc_price(usage, model, provider_id=provider)
    ours = vw.Usage(**{**vars_of(USED), "cached_tokens": 400})

    assert cost_of(ours, prices_for(None, provider, model)).total == told.total_price


def vars_of(usage: vw.Usage) -> dict[str, int]:
    return {name: getattr(usage, name) for name in usage.__slots__}


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-realtime-2027-01-31"),
        ("azure", "gpt-realtime"),
        ("sim", "gpt-realtime"),
        ("gemini", "gemini-live-2.5-flash"),
    ],
)
def test_dated_names_and_other_providers_find_published_prices(provider: str, model: str) -> None:
    assert cost_of(USED, prices_for(None, provider, model)) > 0


@pytest.mark.parametrize(
    ("provider", "model", "words"),
    [
        ("openai", "gpt-nobody", "openai/gpt-nobody.*vw.Prices"),
        ("sim", "demo", "sim/demo.*vw.Prices"),
        ("nobody", "model", "nobody/model.*vw.Prices"),
        ("xai", "grok-voice-latest", "xai/grok-voice-latest is not billed by the token"),
        ("openai", "", "names no model"),
    ],
)
def test_a_model_without_published_prices_is_named_with_what_to_do(provider: str, model: str, words: str) -> None:
    with pytest.raises(vw.ConfigError, match=words):
        prices_for(None, provider, model)


def test_without_genai_prices_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)

    with pytest.raises(vw.ConfigError, match=r"openai/gpt-realtime: pip install 'voicewire\[prices\]'"):
        prices_for(None, "openai", "gpt-realtime")


def test_kinds_without_a_price_cost_as_the_nearest_one() -> None:
    prices = vw.Prices(input_text=4, input_audio=32, output_audio=64)

    assert {kind: prices.of(kind) for kind in KINDS} == {
        "input_text": 4,
        "input_audio": 32,
        "input_image": 4,
        "cached_text": 4,
        "cached_audio": 32,
        "cached_image": 4,
        "output_text": 64,
        "output_audio": 64,
    }


def test_zero_is_a_price() -> None:
    assert cost_of(USED, vw.Prices(input_text=0, output_text=0)).total == 0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"input_text": 4}, "no price for output"),
        ({"output_audio": 4}, "no price for input"),
        ({"input_text": -1, "output_text": 1}, "input_text is not at least 0"),
        ({"input_text": float("nan"), "output_text": 1}, "input_text"),
        ({"input_text": True, "output_text": 1}, "input_text is no number"),
        ({"input_text": "4", "output_text": 1}, "input_text is no number"),
        ({"input_txt": 4, "output_text": 1}, "did you mean input_text"),
        ({"gpt-realtime": {"input_txt": 4}}, "did you mean input_text"),
        ({"gpt-realtime": {"input_text": 4, "output_text": 1}, "other": 4}, "'other'"),
        ({}, "prices"),
        (4, "prices"),
        ({7: {"input_text": 4, "output_text": 1}}, "prices"),
    ],
    ids=str,
)
def test_prices_that_cannot_be_read_are_refused(bad: Any, words: str) -> None:
    with pytest.raises(vw.ConfigError, match=words):
        read_prices(bad)


@pytest.mark.parametrize("name", ["gpt-realtime", "openai/gpt-realtime", "gpt-realtime-2025-08-28"])
def test_a_table_of_models_is_searched_with_and_without_provider_and_date(name: str) -> None:
    table = read_prices({"other": {"input_text": 1, "output_text": 1}, name: {"input_text": 9, "output_text": 9}})

    assert prices_for(table, "openai", "gpt-realtime-2025-08-28").input_text == 9


def test_a_table_without_the_model_names_it() -> None:
    table = read_prices({"other": vw.Prices(input_text=1, output_text=1)})

    with pytest.raises(vw.ConfigError, match="no prices for openai/gpt-realtime among those of other"):
        prices_for(table, "openai", "gpt-realtime")


def test_costs_add_up() -> None:
    one, two = vw.Cost(input_text=Decimal("0.1")), vw.Cost(input_text=Decimal("0.2"), output_audio=Decimal(1))

    assert one + two == sum([one, two]) == vw.Cost(input_text=Decimal("0.3"), output_audio=Decimal(1))
    with pytest.raises(TypeError):
        one + 1


def test_costs_compare_with_costs_and_numbers() -> None:
    cost = vw.Cost(input_text=Decimal("0.25"), output_text=Decimal("0.25"))

    assert cost == 0.5 == cost
    assert cost < vw.Cost(output_text=Decimal(1))
    assert cost > Decimal("0.4")
    assert cost >= 0.5
    assert cost <= 1
    assert cost != vw.Cost(input_text=Decimal("0.5"))
    assert hash(cost) == hash(0.5)
    with pytest.raises(TypeError):
        assert cost < "1"


def test_a_cost_is_a_number_where_one_is_wanted() -> None:
    cost = vw.Cost(input_text=Decimal("0.0123456"))

    assert float(cost) == 0.0123456
    assert (str(cost), f"{cost}", f"{cost:.2f}") == ("$0.0123", "$0.0123", "0.01")
    assert str(vw.Cost(input_text=Decimal("0.00000012"))) == "$0.0000001"
    assert str(vw.Cost()) == "$0.0000"
    assert json.loads(json.dumps(cost.to_dict()))["total"] == 0.0123456


@pytest.mark.parametrize("value", [vw.Cost(input_text=Decimal("0.1")), PRICES], ids=lambda value: type(value).__name__)
def test_costs_and_prices_are_frozen_and_can_be_pickled(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(AttributeError):
        value.input_text = 1


def test_a_collector_sums_by_model() -> None:
    collector = vw.CostCollector({"a": {"input_text": 1, "output_text": 1}, "b": {"input_text": 2, "output_text": 2}})

    for model in ("a", "b", "b"):
        collector("openai", model, vw.Usage(input_tokens=1_000_000, input_text_tokens=1_000_000))

    assert collector.by_model() == {
        "openai/a": vw.Cost(input_text=Decimal(1)),
        "openai/b": vw.Cost(input_text=Decimal(4)),
    }
    assert collector.total == 5
    assert collector.usage.input_tokens == 3_000_000


def test_a_collector_that_heard_nothing_has_cost_nothing() -> None:
    assert vw.CostCollector().total == vw.Cost()


def test_a_collector_names_the_model_that_has_no_price() -> None:
    collector = vw.CostCollector()
    collector("openai", "gpt-nobody", USED)

    with pytest.raises(vw.ConfigError, match="openai/gpt-nobody"):
        collector.by_model()
    assert collector.usage == USED
