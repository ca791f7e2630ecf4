"""The machine of a night: its name, what an earlier run left on it, a record of how quiet it was."""

import re
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
BUSY_LOAD_PER_CPU = 0.5


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

    @property
    def is_busy(self) -> bool:
        """Whether something else was at work before the round began."""
        return self.load_avg[0] > BUSY_LOAD_PER_CPU * self.cpus


def observe() -> Conditions:
    """How it is now."""
    return Conditions(
        at=datetime.now(UTC).replace(microsecond=0),
        load_avg=tuple(round(load, 2) for load in psutil.getloadavg()),
        cpus=psutil.cpu_count() or 1,
        nice=psutil.Process().nice(),
    )
