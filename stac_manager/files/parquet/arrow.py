"""pyarrow, imported when it is needed, and the memory it takes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stac_manager.exceptions import ConfigurationError

ALLOCATOR = "ARROW_DEFAULT_MEMORY_POOL"
"""The environment variable with which Arrow is told where its memory comes from. Read when pyarrow is imported."""


def imported() -> Any:
    """Import pyarrow, with the allocator of the system where no other one was chosen before.

    Arrow's own choice, mimalloc, takes 20 MB more for the buffers of some hundred columns (docs/geoparquet.md).

    Raises:
        ConfigurationError: If it is not installed.
    """
    choose = "pyarrow" not in sys.modules and ALLOCATOR not in os.environ
    if choose:
        os.environ[ALLOCATOR] = "system"
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigurationError(f"Parquet needs {error.name}; pip install pyarrow") from None
    finally:
        if choose:
            del os.environ[ALLOCATOR]
    return pyarrow


class NotParquetError(ValueError):
    """A file is damaged or no Parquet.

    Attributes:
        said: What Arrow says, on one line.
        may_be_partial: It is said of bytes, not of the way in which the whole file was written.
    """

    def __init__(self, error: Exception) -> None:
        self.said = " ".join(str(error).split())
        encrypted = "decrypt" in self.said
        self.may_be_partial = isinstance(error, ValueError | OSError) and not encrypted
        super().__init__(
            "it is encrypted; write it without encryption"
            if encrypted
            else f"not a Parquet file of STAC items: {self.said}"
        )


@contextmanager
def naming_damage() -> Iterator[None]:
    """Raise what Arrow says of damage as a `NotParquetError`; what the system says remains an OSError."""
    import pyarrow

    try:
        yield
    except NotParquetError:
        raise
    except (pyarrow.ArrowException, ValueError, RecursionError) as error:
        raise NotParquetError(error) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise NotParquetError(error) from error  # so Arrow says it of damage


def schema_of(metadata: Any) -> Any:
    """Return the Parquet schema of a file's metadata.

    What `metadata.schema` gives is kept by the metadata and keeps them, so that the footer of each file would stay in
    memory until the garbage collector comes to the oldest objects, which it does not during a fetch.
    """
    import pyarrow.parquet

    return pyarrow.parquet.ParquetSchema(metadata)


def release_unused() -> None:
    """Let go of what was freed. The system's allocator uses it again without that; others keep it for other sizes."""
    import pyarrow

    pool = pyarrow.default_memory_pool()
    if pool.backend_name != "system":
        pool.release_unused()
