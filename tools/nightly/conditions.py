"""A quiet measurement as far as this process may, and a record of how quiet it was."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

QUIET_NICENESS = -10
BUSY_LOAD_PER_CPU = 0.5
ISOLATED_CPUS = Path("/sys/devices/system/cpu/isolated")


@dataclass(frozen=True)
class Conditions:
    """What may explain a timing later; nothing that names a person or a path."""

    at: datetime
    load_avg: tuple[float, ...]
    cpus: int
    nice: int
    megahertz: float | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something else was at work before the round began."""
        return self.load_avg[0] > BUSY_LOAD_PER_CPU * self.cpus


def observe() -> Conditions:
    """How it is now."""
    frequency = None
    with suppress(AttributeError, NotImplementedError, OSError):  # what some systems and machines do not tell
        frequency = psutil.cpu_freq()
    return Conditions(
        at=datetime.now(UTC).replace(microsecond=0),
        load_avg=tuple(round(load, 2) for load in psutil.getloadavg()),
        cpus=psutil.cpu_count() or 1,
        nice=psutil.Process().nice(),
        megahertz=frequency.current if frequency else None,
    )


def quieten(cpus: str | None) -> list[str]:
    """Give this process and those it starts precedence and processors of its own; say what was not permitted.

    Args:
        cpus: Processors to stay on, such as "2,3" or "1-3". None for those that the kernel keeps free of other
            work (`isolcpus`), and all where there are none.
    """
    notes = []
    process = psutil.Process()
    try:
        process.nice(min(process.nice(), QUIET_NICENESS))
    except psutil.AccessDenied:
        notes.append("priority not raised: it takes root or CAP_SYS_NICE")
    if cpus is None:
        cpus = ISOLATED_CPUS.read_text(encoding="utf-8") if ISOLATED_CPUS.exists() else ""
    wanted = parse_cpus(cpus)
    if wanted and hasattr(process, "cpu_affinity"):
        try:
            process.cpu_affinity(wanted)
        except (psutil.Error, OSError, ValueError) as error:
            notes.append(f"not kept on the processors {wanted}: {error}")
    return notes


@contextmanager
def tuned_system(enabled: bool, notes: list[str]) -> Iterator[None]:
    """Fix the frequency governor, turbo and the like with `pyperf system tune` (needs root), and reset them after."""
    if not enabled:
        yield
        return
    if not _pyperf_system("tune"):
        notes.append("the system could not be tuned in full: see `python -m pyperf system tune` as root")
    try:
        yield
    finally:
        _pyperf_system("reset")


def parse_cpus(text: str) -> list[int]:
    """Processors from a list such as "0,2-3". Raises ValueError if it is no such list."""
    found: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return sorted(found)


def _pyperf_system(command: str) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "pyperf", "system", command], check=False, capture_output=True, stdin=subprocess.DEVNULL
    )
    return done.returncode == 0
