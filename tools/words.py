"""Quantities as text, the same everywhere."""

from decimal import ROUND_DOWN, Decimal

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
    """A speedup for a table: 5.2x."""
    if ratio is None:
        return NOT_AVAILABLE
    return f"{ratio:.1f}x" if ratio >= 0.1 else f"{significant(ratio)}x"


def times_exact(ratio: float) -> str:
    """A speedup for a sentence, cut off and not rounded, so that 2.996 does not read as the limit 3."""
    return f"{Decimal(repr(ratio)).quantize(Decimal('0.01'), ROUND_DOWN)}x"


def workers(concurrency: int | str) -> str:
    """A level in words."""
    if isinstance(concurrency, str):
        return f"{concurrency} concurrency"
    return "1 worker" if concurrency == 1 else f"{concurrency:,} workers"


def listed(words: list[str]) -> str:
    """A, B and C."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
