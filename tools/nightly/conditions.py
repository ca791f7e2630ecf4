"""A quiet measurement as far as this process may, and a record of how quiet it was."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

QUIET_NICENESS = -10
BUSY_LOAD_PER_CPU = 0.5
ISOLATED_CPUS = Path("/sys/devices/system/cpu/isolated")
# Of pyperf's metadata: what changes a timing, and nothing that names a person or a path.
_KEPT = ("aslr", "cpu_config", "cpu_freq", "cpu_model_name", "cpu_temp", "load_avg_1min", "platform")


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
    wanted = parse_cpus(cpus if cpus is not None else _isolated())
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
    if _pyperf("system", "tune").returncode:
        notes.append("the system could not be tuned in full: see `python -m pyperf system tune` as root")
    try:
        yield
    finally:
        _pyperf("system", "reset")


def observe() -> dict[str, Any]:
    """What may explain a timing later: time, load, frequency, CPU, by pyperf and psutil."""
    with tempfile.TemporaryDirectory(prefix="stac-manager-") as folder:
        file = Path(folder) / "metadata.json"
        _pyperf("collect_metadata", "--output", str(file))
        found = json.loads(file.read_text(encoding="utf-8"))["metadata"] if file.exists() else {}
    process = psutil.Process()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **{name: found[name] for name in _KEPT if name in found},
        "load_avg": [round(load, 2) for load in psutil.getloadavg()],
        "cpus": psutil.cpu_count(),
        "affinity": process.cpu_affinity() if hasattr(process, "cpu_affinity") else None,
        "nice": process.nice(),
        "available_bytes": psutil.virtual_memory().available,
    }


def is_busy(observed: dict[str, Any]) -> bool:
    """Whether something else was at work before a round began."""
    return bool(observed["load_avg"][0] > BUSY_LOAD_PER_CPU * (observed["cpus"] or 1))


def parse_cpus(text: str) -> list[int]:
    """Processors from a list such as "0,2-3". Raises ValueError if it is no such list."""
    found: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return sorted(found)


def _isolated() -> str:
    try:
        return ISOLATED_CPUS.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _pyperf(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyperf", *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=os.environ
    )
