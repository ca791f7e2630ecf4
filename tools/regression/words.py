"""Quantities and changes as text."""

_TIMES = ((1.0, 1.0, "s"), (1e-3, 1e3, "ms"), (0.0, 1e6, "us"))
BYTES_PER_MB = 1_000_000


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit: "52.3 ms", "58.1 MB", "421,374 instructions/item"."""
    if value is None:
        return "n/a"
    if unit == "seconds":
        _, factor, name = next(row for row in _TIMES if value >= row[0])
        return f"{value * factor:.3g} {name}"
    if unit == "bytes":
        return f"{value / BYTES_PER_MB:,.1f} MB"
    if unit == "instructions/item":
        return f"{value:,.0f}"
    return f"{value:,.0f} {unit}" if value >= 100 or value == int(value) else f"{value:.3g} {unit}"


def percent(fraction: float, *, sign: bool = False) -> str:
    """A change: "+9.8 %", "12 %", "0.42 %"."""
    value = fraction * 100
    size = abs(value)
    digits = 0 if size >= 10 else 1 if size >= 1 else 2
    return f"{value:{'+' if sign else ''}.{digits}f} %"


def name_of(commit: str) -> str:
    return commit[:8]
