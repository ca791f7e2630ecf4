"""asv, started in one place: with its folders and its home where they are wanted, and no process left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from tools.errors import ToolError
from tools.processes import stopped

from .project import OURS, Project

ELSEWHERE = Path(__file__).with_name("elsewhere.py")
SOME_FAILED = 2
"""asv's exit code when benchmarks fail; the others have results."""
POLL_SECONDS = 0.1
LaunchMethod = Literal["spawn", "forkserver"]
"""How asv starts the process of each benchmark."""


class AsvError(ToolError):
    """asv could not do it; the message says why in one line."""


def run(
    arguments: Sequence[str | Path],
    *,
    config: Path,
    log: Path | None = None,
    program: Sequence[str | Path] = ("-m", "asv"),
    environment: Mapping[str, str] | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> int:
    """Run asv to its end and return its exit code; nothing that it started is left behind, however this ends.

    Args:
        arguments: The subcommand and its options.
        log: What it says is added here; to stderr where there is none.
        program: What Python runs: asv itself, or `elsewhere`.
        environment: Variables beside those of this process.
        waiting: Called again and again meanwhile.
    """
    command = [sys.executable, *map(str, program), *map(str, arguments), "--config", str(config)]
    # asv looks for a Python of this version there; the first that it finds may be a shim of pyenv that starts none.
    path = os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)))
    with (log or Path(os.devnull)).open("ab") as output:
        output.write(f"$ asv {' '.join(map(str, arguments))}\n".encode())
        output.flush()
        asv = subprocess.Popen(
            command, cwd=config.parent, env={**os.environ, "PATH": path, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=output if log else sys.stderr,
            stderr=subprocess.STDOUT if log else None, start_new_session=True,
        )  # fmt: skip
        with stopped(asv):
            while True:
                try:
                    return asv.wait(POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    waiting()


def run_here(
    arguments: Sequence[str | Path],
    *,
    work: Path,
    package: Path,
    commit: str,
    environment: Mapping[str, str] | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Path:
    """`asv run` in this very environment, on the package in a folder, apart from the history; returns asv's log.

    Everything of it lies below `work`: configuration (made by `configure`), results, home, temporary files.
    """
    scratch = work / "scratch"
    scratch.mkdir()
    own: dict[str, Path | str] = {"HOME": work, "USERPROFILE": work, "TMPDIR": scratch, "TEMP": scratch, "TMP": scratch}
    # Before everything else, also before the package that is installed, which may be of another work tree. asv takes
    # one of the two for the benchmark's own process; the programs that a benchmark starts see the other.
    path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
    own |= {"ASV_PYTHONPATH": path, "PYTHONPATH": path}
    log = work / "asv.log"
    here = ("--environment", f"existing:{sys.executable}", "--set-commit-hash", commit)
    run(
        ["run", *here, *arguments],
        config=work / "asv.conf.json",
        log=log,
        environment={name: str(value) for name, value in own.items()} | dict(environment or {}),
        waiting=waiting,
    )
    return log


def configure(work: Path, project: Project = OURS, launch_method: LaunchMethod = "spawn") -> None:
    """Write what `run_here` needs: today's suite, and the commits of a repository."""
    from asv.machine import Machine, MachineCollection

    configuration = {
        "version": 1,
        "project": project.name,
        "repo": str(project.repository),
        "branches": ["HEAD"],
        "environment_type": "existing",
        "launch_method": launch_method,
        "benchmark_dir": str(project.benchmarks),
        "results_dir": str(work / "results"),
        "html_dir": str(work / "html"),
        "env_dir": str(work / "env"),
    }
    (work / "asv.conf.json").write_text(json.dumps(configuration), encoding="utf-8")
    # asv looks for the description of this machine in the home folder, and asks questions where there is none.
    machine = Machine.get_defaults()
    MachineCollection.save(machine["machine"], machine, _path=str(work / ".asv-machine.json"))


def elsewhere(results_dir: Path, html_dir: Path, branch: str) -> tuple[str | Path, ...]:
    """asv with other folders than its configuration says; for `run(program=...)`."""
    return (ELSEWHERE, results_dir, html_dir, branch)


def last_line(log: Path) -> str:
    """What asv said last."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if len(lines) > 1 else "it printed nothing"
