"""The machine of a night: its name, how quiet it is made as far as this process may, a record of how quiet it was."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from asv.machine import Machine, MachineCollection
from asv.util import UserError

from tools.errors import ToolError
from tools.processes import STOP_SECONDS

WORK_VARIABLE = "STAC_MANAGER_NIGHTLY"
"""Set for every process that works for a run, to the run's work folder."""
_MACHINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
QUIET_NICENESS = -10
BUSY_LOAD_PER_CPU = 0.5
ISOLATED_CPUS = Path("/sys/devices/system/cpu/isolated")


def register_machine(template: str | None) -> str:
    """Write this machine into `~/.asv-machine.json` (of which `asv machine --yes --machine NAME` keeps no hardware) and
    return its name: the template, `{cpu}` in which becomes the processor's model and number of cores, so that hired
    machines that differ are not taken for one; else the host's name.
    """
    fields = dict(Machine.get_defaults())
    cpu = re.sub(r"[^a-z0-9]+", "-", f"{fields['cpu'] or fields['arch']} {fields['num_cpu']}".lower()).strip("-")
    name = fields["machine"] if template is None else template.replace("{cpu}", cpu)
    if not _MACHINE.fullmatch(name):
        raise ToolError(f"{name!r} cannot name a machine: letters, digits, '.', '_' and '-' only")
    try:
        MachineCollection.save(name, {**fields, "machine": name})
    except (UserError, OSError) as error:
        place = MachineCollection.get_machine_file_path()
        raise ToolError(f"asv's machine file {place} cannot be written: {error}") from error
    return str(name)


def end_leftovers(work: Path) -> None:
    """End the processes of a run that was killed too hard to do it itself: they would install and measure meanwhile."""
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(WORK_VARIABLE) == str(work):
                process.kill()
                left.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue  # not ours
    psutil.wait_procs(left, STOP_SECONDS)


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
    """Give this process and those it starts precedence, and processors of its own such as "2,3" or "1-3": by default
    those that the kernel keeps free of other work (`isolcpus`), and all where there are none. Says what was not
    permitted.
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
