"""Files that are whole or not there."""

import os
from pathlib import Path

from tools.errors import ReportError


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step, making its folder; a reader never sees half of it."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            scratch.write_bytes(content)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"{path} cannot be written ({error.strerror or error}); choose another place.") from error
