"""Opening files, with care for what they may have become."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from stac_manager.context import FailureCollector
from stac_manager.files.formats import Document

OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
"""A file that has become a pipe since it was found must not be waited for. Regular files know no O_NONBLOCK."""
TOO_MANY_OPEN = (errno.EMFILE, errno.ENFILE)
"""No more files can be opened: by this process, on this system."""
PARQUET_HINT_BYTES = 67_108_864
"""How much of the next Parquet file is fetched ahead."""


def open_file(path: str) -> int:
    """Open a file for reading and return its descriptor.

    Raises:
        OSError: If it cannot be opened.
    """
    return os.open(path, OPEN_FLAGS)


def open_document(document: Document) -> int | OSError | None:
    """Open a document; None for one that pyarrow reads by its path."""
    if document.format == "parquet":
        return None
    try:
        return os.open(document.path, OPEN_FLAGS)
    except OSError as error:
        return error


def hint(path: str) -> None:
    """Tell the system to fetch a Parquet file, which comes next."""
    if not hasattr(os, "posix_fadvise"):
        return
    with suppress(OSError):  # reading it tells
        descriptor = os.open(path, OPEN_FLAGS)
        try:
            os.posix_fadvise(descriptor, 0, PARQUET_HINT_BYTES, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(descriptor)


@contextmanager
def failure_if_unreadable(path: str, failures: FailureCollector) -> Iterator[None]:
    """Make a failure of a document that cannot be read or is damaged; no more files to be had is the run's failure."""
    try:
        yield
    except OSError as error:
        if error.errno in TOO_MANY_OPEN:
            raise
        failures.add(path, f"cannot be read: {error.strerror or error}")
    except ValueError as error:
        failures.add(path, str(error))
