"""Quantities as text, the same everywhere."""

import math
import re
from collections.abc import Sequence
from decimal import Decimal

NOT_AVAILABLE = "n/a"


def significant(value: float | None) -> str:
    """Three significant digits, whole from 100 on: 45.2, 8.7, 0.123, 1,149."""
    if value is None:
        return NOT_AVAILABLE
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    text = format(Decimal(f"{value:.3g}"), "f")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}" if decimals or abs(value) < 100 else whole


def megabytes(size: int | None) -> str:
    """Bytes as MB of 10^6 bytes."""
    if size is None:
        return NOT_AVAILABLE
    value = size / 1_000_000
    return f"{value:,.0f}" if abs(value) >= 10 else significant(value)


def times(ratio: float | None) -> str:
    """A speedup: 5.2x."""
    if ratio is None:
        return NOT_AVAILABLE
    if ratio >= 1e6:
        return "over 1,000,000x"
    return f"{ratio:,.1f}x" if ratio >= 0.1 else f"{significant(ratio)}x" if ratio >= 0.001 else "under 0.001x"


def share(part: float) -> str:
    """A share of 1; what is not nothing does not read as nothing."""
    return "under 1 %" if 0 < part < 0.01 else f"{part * 100:,.0f} %"


def workers(concurrency: int | str) -> str:
    """A level in words: 1 worker, 20 workers, auto concurrency, 2 processes."""
    if isinstance(concurrency, str):
        if "process" in concurrency:
            return concurrency
        return "auto concurrency" if concurrency == "auto" else f"concurrency {concurrency}"
    return "1 worker" if concurrency == 1 else f"{concurrency:,} workers"


def listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def clipped(text: str, longest: int) -> str:
    """The start of a text of others, where there is no room for more."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def pieces(name: str) -> list[str]:
    """The parts of a name between which a line may be broken: after a dot, a bracket, a comma, an underscore."""
    return list(filter(None, _PIECES.findall(name)))


def plain(text: str) -> str:
    """Text of others on one line, and without what a terminal or an editor would obey: controls show as `\\x1b`."""
    line = " ".join(text.split())
    return "".join(x if x.isprintable() else x.encode("unicode_escape").decode("ascii") for x in line)


def percent(fraction: float, *, sign: bool = False) -> str:
    """A change: "+9.8 %", "12 %", "0.42 %", "-99.8 %"."""
    value = fraction * 100
    size = abs(value)
    digits = 0 if size >= 9.95 else 1 if size >= 0.995 else 2
    if 99.5 <= size < 100:  # what is left is not nothing
        value = math.copysign(min(size, 99.9999), value)
        digits = next(places for places in (1, 2, 3, 4) if round(abs(value), places) < 100)
    return f"{value:{'+' if sign else ''},.{digits}f} %"


def plural(count: int, one: str, several: str | None = None) -> str:
    """A number and its noun: "1 commit", "3 commits"."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit: "52.3 ms", "58.1 MB", "421,374 instructions/item"."""
    if value is None:
        return NOT_AVAILABLE
    if unit == "seconds":
        factor, name = next((factor, name) for least, factor, name in _TIMES if abs(value) >= least)
        return f"{significant(value * factor)} {name}"
    if unit == "bytes":
        factor, name = next((factor, name) for least, factor, name in _SIZES if abs(value) >= least)
        return f"{value * factor:,.{1 if factor < 1 else 0}f} {name}"
    if unit == "instructions/item":
        return f"{value:,.0f}"
    number = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return number if unit in ("", "unit") else f"{number} {unit}"  # asv's word for what has none


_PIECES = re.compile(r"[^._(),=\s]*[._(),=\s]*")
_SIZES = ((1e10, 1e-9, "GB"), (1e5, 1e-6, "MB"), (1e3, 1e-3, "kB"), (0.0, 1.0, "bytes"))
# What would be shown as 1,000 of one unit is 1 of the next.
_TIMES = ((0.9995, 1.0, "s"), (0.9995e-3, 1e3, "ms"), (0.9995e-6, 1e6, "us"), (0.0, 1e9, "ns"))
