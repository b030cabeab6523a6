"""Ids of our own: their form, their length, and what is refused."""

import re
from typing import Any

import pytest

import voicewire as vw


def test_an_id_is_its_prefix_filled_up_with_letters_and_digits() -> None:
    assert re.fullmatch(r"evt_[0-9A-Za-z]{17}", vw.generate_id("evt_"))


@pytest.mark.parametrize(("prefix", "length"), [("item_", 21), ("item_", 32), ("item_", 6), ("", 1), ("é", 2)])
def test_the_length_counts_the_prefix(prefix: str, length: int) -> None:
    made = vw.generate_id(prefix, length)

    assert len(made) == length
    assert made.startswith(prefix)


def test_ids_differ_and_use_all_letters_and_digits() -> None:
    made = [vw.generate_id("", 62) for _ in range(200)]

    assert len(set(made)) == 200
    assert len(set("".join(made))) == 62


@pytest.mark.parametrize(
    ("prefix", "length", "field"),
    [
        (None, 21, "prefix"),
        (b"evt_", 21, "prefix"),
        ("evt_\0", 21, "prefix"),
        ("evt_", "21", "length"),
        ("evt_", 21.0, "length"),
        ("evt_", True, "length"),
        ("evt_", 0, "length"),
        ("evt_", -1, "length"),
        ("evt_", 4, "length"),
        ("evt_", 3, "length"),
    ],
)
def test_what_makes_no_id_is_refused_by_name(prefix: Any, length: Any, field: str) -> None:
    with pytest.raises(vw.ConfigError, match=field) as caught:
        vw.generate_id(prefix, length)

    assert caught.value.field == field
