"""Quantities as text, the same everywhere."""

from collections.abc import Sequence
from decimal import Decimal

NOT_AVAILABLE = "n/a"
BYTES_PER_MB = 1_000_000


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
    value = size / BYTES_PER_MB
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
        return concurrency if "process" in concurrency else f"{concurrency} concurrency"
    return "1 worker" if concurrency == 1 else f"{concurrency:,} workers"


def listed(words: Sequence[str]) -> str:
    """A, B and C."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def clipped(text: str, longest: int) -> str:
    """The start of a text of others, where there is no room for more."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def plain(text: str) -> str:
    """Text of others on one line, and without what a terminal or an editor would obey: controls show as `\\x1b`."""
    line = " ".join(text.split())
    return "".join(x if x.isprintable() else x.encode("unicode_escape").decode("ascii") for x in line)
