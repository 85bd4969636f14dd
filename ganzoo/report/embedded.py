"""Files inside HTML pages."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image


def png(image: Image.Image, **options: Any) -> bytes:
    """An image as a PNG file; options are PIL's."""
    data = io.BytesIO()
    image.save(data, format="PNG", **options)
    return data.getvalue()


def data_uri(data: bytes, media: str = "image/png") -> str:
    """A file's bytes as an address that holds them."""
    return f"data:{media};base64,{base64.b64encode(data).decode('ascii')}"
