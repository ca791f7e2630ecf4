"""Text that a file does not call text, and bytes that it does."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

from stac_manager.files.parquet.rows import Array, Convert


def in_base64(value: bytes) -> str:
    return b64encode(value).decode()


def text_of(value: bytes) -> str:
    """Decode text; what is none comes in base64."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return in_base64(value)


def text_or_bytes(convert: Convert, convert_bytes: Convert, array: Array) -> Iterable[object]:
    """Convert what is called text, by the other conversion where it is none."""
    try:
        return convert(array)
    except UnicodeDecodeError:
        return convert_bytes(array.cast("large_binary"))
