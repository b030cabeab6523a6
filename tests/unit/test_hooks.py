"""Hooks as an option: which names and values they take."""

from typing import Any

import pytest

import voicewire as vw
from voicewire.hooks import install

NAMES = ("on_open", "on_frame", "on_close", "on_error", "on_usage")


async def asynchronous(*arguments: object) -> None:
    """Would never be awaited."""


def test_without_arguments_there_are_no_hooks() -> None:
    assert [getattr(vw.Hooks(), name) for name in NAMES] == [None] * 5


@pytest.mark.parametrize("name", NAMES)
def test_a_hook_is_kept_under_its_name(name: str) -> None:
    assert getattr(vw.Hooks(**{name: print}), name) is print


def test_an_unknown_name_is_told_with_the_nearest_and_all() -> None:
    with pytest.raises(vw.ConfigError, match=r"on_frames.*did you mean on_frame.*on_usage") as raised:
        vw.Hooks(on_frames=print)

    assert raised.value.field == "on_frames"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", [7, "print", [], asynchronous], ids=repr)
def test_what_cannot_be_called_or_is_async_is_told_with_its_name(name: str, wrong: Any) -> None:
    with pytest.raises(vw.ConfigError, match=name) as raised:
        vw.Hooks(**{name: wrong})

    assert raised.value.field == name


@pytest.mark.parametrize("wrong", [7, print, {"on_open": print}, vw.Hooks], ids=repr)
def test_a_client_takes_nothing_else_for_hooks(wrong: Any) -> None:
    with pytest.raises(vw.ConfigError, match="hooks is no Hooks"):
        vw.RealtimeClient("sim/demo", hooks=wrong)


class Recorder:
    """A client whose session keeps what is registered."""

    def __init__(self) -> None:
        self._session = self
        self.keys: list[str] = []

    def add_handler(self, key: str, handler: object) -> int:
        self.keys.append(key)
        return len(self.keys)


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        ((), []),
        (
            ("on_open", "on_close", "on_error", "on_usage"),
            [f"neutral:{k}" for k in ("open", "close", "error", "usage")],
        ),
        (("on_frame",), ["wire:*", "sent:*"]),
    ],
    ids=["none", "all but frames", "frames"],
)
def test_only_hooks_that_are_given_cost_a_handler(names: tuple[str, ...], keys: list[str]) -> None:
    client = Recorder()

    install(vw.Hooks(**dict.fromkeys(names, print)), client)  # type: ignore[arg-type]

    assert client.keys == keys


def test_hooks_cannot_be_changed_later() -> None:
    with pytest.raises(AttributeError):
        vw.Hooks().on_open = print  # type: ignore[misc]
