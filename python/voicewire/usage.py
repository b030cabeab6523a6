"""Tokens that responses used."""

from __future__ import annotations

from dataclasses import fields

from voicewire.values import dataclass

__all__ = ["Usage"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more responses, 0 where the provider does not tell; usages can be added.

    Attributes:
        input_tokens: All tokens read.
        output_tokens: All tokens written.
        total_tokens: Input and output together.
        input_text_tokens: Text read.
        input_audio_tokens: Audio read.
        input_image_tokens: Images read.
        cached_tokens: Part of the input that came from the provider's cache.
        cached_text_tokens: Text from the cache.
        cached_audio_tokens: Audio from the cache.
        output_text_tokens: Text written.
        output_audio_tokens: Audio written.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    cached_tokens: int = 0
    cached_text_tokens: int = 0
    cached_audio_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        if not isinstance(other, Usage):
            return NotImplemented
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in _NAMES})


_NAMES = tuple(field.name for field in fields(Usage))
