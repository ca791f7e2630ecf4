"""From what was read of a document to what decodes it: plain or compressed, text or Parquet, by its first bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from io import RawIOBase
from itertools import islice
from typing import Any, BinaryIO, Literal

from stac_manager.context import FailureCollector
from stac_manager.files.compression import Unpacked
from stac_manager.files.decoding import items_of_json, items_of_text
from stac_manager.files.document_failures import DocumentFailures, HopelessError
from stac_manager.files.file_source import FileSource
from stac_manager.files.filtering.filters import EVERYTHING, Filters
from stac_manager.files.formats import BOM, HEAD_BYTES, Document, Magic, magic, why_not_text
from stac_manager.files.opening import failure_if_unreadable, open_file
from stac_manager.files.parquet.row_groups import ROWS_PER_BATCH, BadRow
from stac_manager.parsing.fields import WHOLE, Decode
from stac_manager.parsing.items import why_not_an_item
from stac_manager.parsing.window import DamagedError, Window
from stac_manager.protocols import Item
from stac_manager.stats import FileStats

MAGIC_BYTES = 4
SMALL_BYTES = 1_048_576
"""A compressed document that unpacks to no more is decoded as a whole, as one that is not compressed."""
MOST_PARQUET_BYTES = 17_179_869_184
"""Parquet within gzip or zstd needs so much room at the most in the folder for temporary files."""


class ParquetFoundError(Exception):
    """The document turns out to be Parquet, which is read by its path."""


def items_of(
    content: memoryview | Window, document: Document, failures: FailureCollector, decode: Decode = WHOLE
) -> Iterable[Item | None]:
    """Return what decodes the content of a document. A window is closed by it.

    Raises:
        ParquetFoundError: If it is Parquet, or compressed Parquet.
    """
    if isinstance(content, memoryview) and document.format == "json" and magic(bytes(content[:MAGIC_BYTES])) is None:
        return items_of_json(content, document, failures, decode)
    window = content if isinstance(content, Window) else Window(data=bytes(content))
    with failure_if_unreadable(document.path, failures):
        try:
            return _items_of_window(window, document, failures, decode)
        except BaseException:
            window.close()
            raise
    return ()


def _items_of_window(
    window: Window, document: Document, failures: FailureCollector, decode: Decode
) -> Iterable[Item | None]:
    kind = _kind(window)
    if kind is None:
        return items_of_text(window, document, failures, decode)
    if kind == "parquet":
        raise ParquetFoundError
    inner, found = _within(window, kind)
    if found is not None:
        raise ParquetFoundError
    if document.format == "json":
        ended = False
        while not ended and inner.end <= SMALL_BYTES:
            ended = not inner.more()
        if ended and inner.damage is None:
            with closing(inner):
                return items_of_json(inner.view[: inner.end], document, failures, decode)
    return items_of_text(inner, document, failures, decode)


def _within(window: Window, kind: Literal["gzip", "zstd"]) -> tuple[Window, Magic | None]:
    """Return a window on what is compressed in another one, and whether that is Parquet.

    Raises:
        DamagedError: If it is compressed, too.
    """
    inner = Window(Unpacked(_Rest(window), kind))
    found = _kind(inner)
    if found is not None and found != "parquet":
        raise DamagedError(f"it is {found} within {kind}; unpack it once")
    return inner, found


def _kind(window: Window) -> Magic | None:
    while window.end - window.start < MAGIC_BYTES and window.more():
        pass
    return magic(bytes(window.view[window.start : window.start + MAGIC_BYTES]))


class _Rest:
    """What is in a window, and what is behind it, as a source."""

    def __init__(self, window: Window) -> None:
        self._window = window

    def readinto(self, target: memoryview) -> int:
        window = self._window
        if window.start == window.end and not window.more():
            return 0
        count = min(window.end - window.start, len(target))
        target[:count] = window.view[window.start : window.start + count]
        window.start += count
        return count

    def close(self) -> None:
        self._window.close()


# Parquet


class Borrowed:
    """An open file, up to byte `stop`, as the source of a window, which does not close it."""

    def __init__(self, file: BinaryIO | RawIOBase, stop: int | None = None) -> None:
        self._file: Any = file
        self._stop = stop

    def readinto(self, target: memoryview) -> int:
        if self._stop is not None:
            target = target[: max(self._stop - self._file.tell(), 0)]
        count: int = self._file.readinto(target)
        return count

    def close(self) -> None:
        pass


def parts_of_parquet(
    document: Document, failures: FailureCollector, filters: Filters = EVERYTHING, file: BinaryIO | None = None
) -> Generator[Iterator[Item | None], None, None]:
    """Decode a Parquet file or some of its row groups, a batch of rows a part. It may also be text with that suffix.

    Args:
        file: The document where it is no path on the disk.

    Raises:
        ConfigurationError: If pyarrow is not installed.
    """
    with failure_if_unreadable(document.path, failures), _parquet_or_text(document.path, file) as found:
        if isinstance(found, Window):
            items = items_of_text(found, document, failures, filters.decode)
            while batch := list(islice(items, ROWS_PER_BATCH)):
                yield iter(batch)
            return
        yield from _batches(found, document, failures, filters)


def _batches(
    source: str | BinaryIO, document: Document, failures: FailureCollector, filters: Filters
) -> Generator[Iterator[Item | None], None, None]:
    from stac_manager.files.parquet.reading import items_of_parquet

    noted = DocumentFailures(failures)
    for number, rows in items_of_parquet(source, document.first, document.stop, filters):
        yield iter(filters.decode.kept(_items_of_rows(enumerate(rows, number), document.path, noted)))
        if noted.hopeless:
            failures.add(document.path, noted.hopeless)
            return


@contextmanager
def _parquet_or_text(path: str, file: BinaryIO | None) -> Iterator[str | BinaryIO | Window]:
    """Give a Parquet file or its path, that of a temporary one where it is compressed, or a window on text."""
    source = FileSource(open_file(path), FileStats()) if file is None else Borrowed(file)
    with closing(Window(source)) as window:
        kind = _kind(window)
        if kind is None and bytes(window.view[: window.end]).removeprefix(BOM).lstrip()[:1] in (b"{", b"[", b"\x1e"):
            yield window
            return
        if kind is None and (reason := why_not_text(bytes(window.view[: window.end][:HEAD_BYTES]))) is not None:
            raise DamagedError(reason)
        if kind is None or kind == "parquet":
            if file is None:
                yield path
            else:
                file.seek(0)
                yield file
            return
        unpacked, found = _within(window, kind)
        if found is None:
            yield unpacked
            return
        with tempfile.NamedTemporaryFile(suffix=".parquet") as spooled:
            _spool(unpacked, spooled.write)
            spooled.flush()
            yield spooled.name


def _spool(window: Window, write: Callable[[memoryview], object]) -> None:
    written = 0
    while True:
        written += window.end - window.start
        if written > MOST_PARQUET_BYTES:
            raise DamagedError(f"it unpacks to more than {MOST_PARQUET_BYTES >> 30} GB; unpack it first")
        write(window.view[window.start : window.end])
        window.start = window.end
        if not window.more():
            break
    if window.damage is not None:
        raise window.damage


def _items_of_rows(rows: Iterable[tuple[int, object]], path: str, failures: DocumentFailures) -> Iterator[Item | None]:
    for number, candidate in rows:
        reason = candidate.reason if isinstance(candidate, BadRow) else why_not_an_item(candidate)
        if reason is None:
            failures.in_a_row = 0
            yield candidate  # type: ignore[misc]  # a dict: why_not_an_item has looked
        else:
            count = candidate.count if isinstance(candidate, BadRow) else 1
            place = f"row {number}" if count == 1 else f"rows {number} to {number + count - 1}"
            try:
                failures.add(path, f"{place}: {reason}")
            except HopelessError as error:
                failures.hopeless = f"{error}: nothing after row {number + count - 1} was read"
                return
            yield None
