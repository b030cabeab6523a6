"""``within``: what a timeout says."""

import asyncio

import pytest

from voicewire.patience import within


async def test_a_timeout_says_what_was_waited_for_and_how_long() -> None:
    with pytest.raises(TimeoutError, match=r"^no answer within 0\.01 s$"):
        async with within(0.01, "no answer"):
            await asyncio.Event().wait()


async def test_a_timeout_of_the_bodys_own_stays_as_it_is() -> None:
    with pytest.raises(TimeoutError, match=r"^of the body$"):
        async with within(10, "no answer"):
            raise TimeoutError("of the body")


@pytest.mark.parametrize("seconds", [None, 10])
async def test_who_is_in_time_hears_nothing(seconds: float | None) -> None:
    async with within(seconds, "no answer"):
        await asyncio.sleep(0)
