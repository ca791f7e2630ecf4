"""One line on a terminal that says how far a run is, and how long it will take."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from time import monotonic
from typing import Self

from stac_manager.sinks.running import Progress


class Bar:
    """Shows progress on standard error where that is a terminal that can draw a line anew, and nothing elsewhere."""

    def __init__(self, *, hidden: bool = False) -> None:
        self._quiet = hidden
        self._shown = not hidden and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._started = monotonic()
        self._new = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def show(self, progress: Progress) -> None:
        """Show how far it is."""
        self._new = progress.items - progress.items_before
        if self._shown:
            text = line(progress, monotonic() - self._started)
            _write(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}")

    def say(self, text: str) -> None:
        """Write a line that stays."""
        if not self._quiet:
            self._clear()
            _write(f"{text}\n")

    def took(self) -> str:
        """Say how long it took, of what this run has done."""
        if not self._new:
            return ""
        seconds = monotonic() - self._started
        return f" ({seconds:.1f} s, {self._new / max(seconds, 1e-9):,.0f} items/s)"

    def _clear(self) -> None:
        if self._shown:
            _write("\r\x1b[K")


def _write(text: str) -> None:
    with suppress(OSError):  # the terminal is gone, and the run goes on where that hangs it up
        sys.stderr.write(text)
        sys.stderr.flush()


def line(progress: Progress, seconds: float) -> str:
    """Put progress into words: share, items, speed, time left. The time left counts what this run has done."""
    new = progress.items - progress.items_before
    rate = new / seconds if seconds > 0 else 0.0
    pieces = [f"{progress.done:,} of {progress.partitions:,} partitions", f"{progress.items:,} items"]
    if rate:
        pieces.append(f"{rate:,.0f}/s")
    if progress.expected:
        share = 1.0 if progress.done == progress.partitions else min(progress.items / progress.expected, 1.0)
        pieces.insert(0, f"{100 * share:.0f} %")
        left = max(progress.expected - progress.items, 0)
    else:
        mean = progress.items / progress.done if progress.done else 0
        left = round(mean * (progress.partitions - progress.done))
    if rate and progress.done < progress.partitions:
        pieces.append(f"{duration(left / rate)} left")
    return ", ".join(pieces)


def duration(seconds: float) -> str:
    """Round a time to two units: `3 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3_600:,} h {whole % 3_600 // 60:02} min"
