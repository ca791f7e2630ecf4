"""asv run with other folders than its configuration names, and this machine's name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from asv.machine import Machine, MachineCollection
from asv.util import UserError

from tools.asv.project import Project
from tools.asv.run import elsewhere, last_line, started
from tools.errors import ToolError
from tools.processes import STOP_SECONDS

WORK_VARIABLE = "STAC_MANAGER_NIGHTLY"
"""Set for every process that works for a run, to the run's work folder."""
_MACHINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Asv:
    """asv on the project's configuration, for the runs in one work folder."""

    project: Project
    work: Path
    branch: str

    @property
    def log(self) -> Path:
        """Where all its output goes."""
        return self.work / "asv.log"

    def run(self, arguments: Sequence[str], results_dir: Path, html_dir: Path) -> int:
        """Run it to its end with these folders and return its exit code."""
        program, environment = elsewhere(results_dir, html_dir, self.branch), {WORK_VARIABLE: self.work}
        with started(
            arguments, config=self.project.config, log=self.log, program=program, environment=environment
        ) as asv:
            return asv.wait()

    def failed(self, what: str) -> ToolError:
        """asv could not do it, and what it said last."""
        return ToolError(f"asv could not {what}: {last_line(self.log)}; all it said: {self.log}")


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


def register_machine(template: str | None) -> str:
    """Write this machine into `~/.asv-machine.json` and return its name.

    `asv machine --yes --machine NAME` keeps the name alone and loses the hardware.

    Args:
        template: The name; `{cpu}` in it becomes the processor's model and number of cores, so that hired machines
            that differ are not taken for one. None for the host's name.
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
