"""asv, started in one place: with its folders and its home where they are wanted, and no process left behind."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psutil

from tools.errors import ToolError

from .project import Project

ELSEWHERE = Path(__file__).with_name("elsewhere.py")
SOME_FAILED = 2
"""asv's exit code of `run` when benchmarks fail; the others have results."""
Running: TypeAlias = subprocess.Popen[bytes]
STOP_SECONDS = 5.0


@contextmanager
def started(
    arguments: Sequence[str | Path],
    *,
    config: Path,
    log: Path | None = None,
    program: Sequence[str | Path] = ("-m", "asv"),
    environment: Mapping[str, str | Path] | None = None,
) -> Iterator[Running]:
    """asv, to be waited for in the block; nothing that it started is left behind, however the block ends, and no
    temporary file. What it says is added to `log`; `environment` comes beside the variables of this process.
    """
    command = [sys.executable, *map(str, program), *map(str, arguments), "--config", str(config)]
    # asv looks for a Python of this version there; the first that it finds may be a shim of pyenv that starts none.
    path = os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)))
    own = {name: str(value) for name, value in (environment or {}).items()}
    scratch = tempfile.TemporaryDirectory(prefix="asv-", dir=own.get("TMPDIR"), ignore_cleanup_errors=True)
    own |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch.name)
    with scratch, (log or Path(os.devnull)).open("ab") as output:
        output.write(f"$ asv {' '.join(map(str, arguments))}\n".encode())
        output.flush()
        asv = subprocess.Popen(
            command, cwd=config.parent, env={**os.environ, "PATH": path, **own},
            stdin=subprocess.DEVNULL, stdout=output if log else sys.stderr,
            stderr=subprocess.STDOUT if log else None, start_new_session=True,
        )  # fmt: skip
        with _stopped(asv):
            yield asv


@dataclass(frozen=True)
class Asv:
    """asv on a project's configuration, with a branch of its own. What it says goes to `log`, to stderr without one."""

    project: Project
    branch: str
    log: Path | None = None
    environment: Mapping[str, str | Path] | None = None

    def run(self, what: str, arguments: Sequence[str], results_dir: Path) -> None:
        """Run it to its end. Raises ToolError: it could not do `what`; a benchmark that fails is a result."""
        program = (ELSEWHERE, results_dir, self.branch)
        config, log, environment = self.project.config, self.log, self.environment
        with started(arguments, config=config, log=log, program=program, environment=environment) as asv:
            code = asv.wait()
        if code not in ((0, SOME_FAILED) if arguments[0] == "run" else (0,)):
            raise self.failed(what)

    def failed(self, what: str) -> ToolError:
        said = f": {last_line(self.log)}; all it said: {self.log}" if self.log else "; what it says stands above"
        return ToolError(f"asv could not {what}{said}")


def last_line(log: Path) -> str:
    """What asv said last."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if len(lines) > 1 else "it printed nothing"


@contextmanager
def _stopped(program: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave neither the program nor anything that it started behind, however the block is left.

    asv starts benchmarks in process groups of their own: a signal to its group does not reach them. Give the program
    a session of its own (`start_new_session`), and what outlived the one that started it is found by that.
    """
    try:
        yield
    finally:
        # Politely; then for good, also what the program has started in the meantime.
        for end in (psutil.Process.terminate, psutil.Process.kill):
            family = _family(program)
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    end(process)
            psutil.wait_procs(family, timeout=STOP_SECONDS)
        program.wait()


def _family(program: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The program and all below it, children before their parents; and the rest of its session."""
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(program.pid)
        family = [*reversed(root.children(recursive=True)), root]
    family += [process for process in psutil.process_iter() if _session(process) == program.pid]
    return list(dict.fromkeys(family))


def _session(process: psutil.Process) -> int | None:
    with suppress(OSError, AttributeError):  # it has ended, or this system has no sessions
        return os.getsid(process.pid)
    return None
