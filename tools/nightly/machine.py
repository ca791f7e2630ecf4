"""The machine's entry in asv's machine file, with all fields.

`asv machine --yes --machine NAME` keeps the name alone and loses the hardware, so it is written here.
"""

from __future__ import annotations

import re

from asv.machine import Machine, MachineCollection
from asv.util import UserError

from tools.errors import ToolError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def register(template: str | None) -> str:
    """Write this machine into `~/.asv-machine.json` and return its name.

    Args:
        template: The name; `{cpu}` in it becomes the processor's model and number of cores, so that hired machines
            that differ are not taken for one. None for the host's name.
    """
    fields = dict(Machine.get_defaults())
    cpu = re.sub(r"[^a-z0-9]+", "-", f"{fields['cpu'] or fields['arch']} {fields['num_cpu']}".lower()).strip("-")
    name = fields["machine"] if template is None else template.replace("{cpu}", cpu)
    if not _NAME.fullmatch(name):
        raise ToolError(f"{name!r} cannot name a machine: letters, digits, '.', '_' and '-' only")
    try:
        MachineCollection.save(name, {**fields, "machine": name})
    except (UserError, OSError) as error:
        place = MachineCollection.get_machine_file_path()
        raise ToolError(f"asv's machine file {place} cannot be written: {error}") from error
    return str(name)
