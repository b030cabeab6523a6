"""Content parts of a user's message: text, audio, images, in the wire's words."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from typing import Any

from voicewire import parse
from voicewire.exceptions import ConfigError

__all__ = ["audio_part", "image_part", "parts_of"]

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}


def parts_of(content: str | Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The parts of a message; samples become base64, images become URLs.

    Raises:
        ConfigError: A part is wrong; it names it.
    """
    if isinstance(content, str):
        return [{"type": "input_text", "text": parse.text("content", content)}]
    if not isinstance(content, Sequence) or not content:
        raise ConfigError("content is neither text nor a list of parts", field="content", value=content)
    return [_part(f"content[{at}]", part) for at, part in enumerate(content)]


def _part(field: str, part: object) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        raise ConfigError(f"{field} is no mapping", field=field, value=part)
    kind = parse.text(f"{field}.type", part.get("type"))
    if kind == "input_audio":
        return {**part, **audio_part(f"{field}.audio", part.get("audio"))}
    if kind == "input_image" and "image" in part:
        made = image_part(f"{field}.image", part["image"], part.get("mime_type"))
        return {**made, **{key: value for key, value in part.items() if key not in ("image", "mime_type")}}
    key = {"input_text": "text", "input_image": "image_url"}.get(kind)
    if key is not None:
        parse.text(f"{field}.{key}", part.get(key))
    return dict(part)


def audio_part(field: str, audio: object) -> dict[str, Any]:
    """The part for audio: samples as for ``send_audio``, or base64 text, which passes as it is.

    Raises:
        ConfigError: It is neither.
    """
    from voicewire._voicewire import base64_encode

    try:
        return {"type": "input_audio", "audio": audio if isinstance(audio, str) else base64_encode(audio)}
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{field}: {error}", field=field, value=type(audio).__name__) from error


def image_part(field: str, image: object, mime_type: str | None = None, detail: str | None = None) -> dict[str, Any]:
    """The part for an image: bytes, the path of a file, or a URL.

    Raises:
        ConfigError: It is no image.
        OSError: The file cannot be read.
    """
    part: dict[str, Any] = {"type": "input_image", "image_url": _image_url(field, image, mime_type)}
    if detail is not None:
        part["detail"] = parse.choice("detail", detail, ("auto", "low", "high"))
    return part


def _image_url(field: str, image: object, mime_type: str | None) -> str:
    if isinstance(image, str) and image.startswith(("data:", "https://", "http://")):
        return image
    if isinstance(image, (str, os.PathLike)):
        with open(image, "rb") as file:
            image = file.read()
    if not isinstance(image, (bytes, bytearray, memoryview)):
        raise ConfigError(f"{field} is neither bytes, path nor URL", field=field, value=type(image).__name__)
    data = bytes(image)
    kind = _mime_type(data) if mime_type is None else parse.text("mime_type", mime_type)
    if kind is None:
        raise ConfigError(f"{field} is no PNG, JPEG, WebP or GIF: give mime_type=", field=field, value=data[:8])
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _mime_type(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), None)
