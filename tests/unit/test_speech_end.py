"""When the user stopped speaking, told by loudness."""

import numpy as np
import pytest

from voicewire.speech_end import SpeechEnd

LOUD = np.full(480, 8_000, np.int16)
NOISE = np.full(480, 100, np.int16)


def heard(*chunks: object) -> SpeechEnd:
    """Chunks that end at 0.0, 0.1, 0.2 … s."""
    end = SpeechEnd()
    for index, chunk in enumerate(chunks):
        end.hear(chunk, index / 10)
    return end


def test_the_end_is_the_last_loud_chunk_before_the_server_told() -> None:
    end = heard(NOISE, LOUD, LOUD, NOISE, NOISE)
    end.stopped(0.45)

    assert end.take(0.6) == 0.2


def test_an_end_is_taken_once() -> None:
    end = heard(LOUD, NOISE)
    end.stopped(0.2)

    assert (end.take(0.3), end.take(0.4)) == (0.0, None)


def test_where_nothing_was_loud_the_end_is_when_the_server_told() -> None:
    end = heard(NOISE * 0, NOISE * 0)
    end.stopped(0.3)

    assert end.take(0.4) == 0.3


def test_a_service_that_tells_no_end_is_answered_for_by_loudness() -> None:
    assert heard(LOUD, NOISE).take(0.3) == 0.0


def test_an_answer_long_after_speech_is_no_answer_to_it() -> None:
    assert heard(LOUD, NOISE).take(60.0) is None


def test_an_answer_to_no_speech_has_no_end() -> None:
    assert heard(NOISE * 0).take(0.3) is None


@pytest.mark.parametrize(
    "chunk", [LOUD, LOUD.tobytes(), (LOUD / 32_768).astype(np.float32)], ids=["int16", "bytes", "float32"]
)
def test_loudness_is_told_of_all_that_can_be_sent(chunk: object) -> None:
    assert heard(chunk).take(0.1) == 0.0
