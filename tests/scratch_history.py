"""A project of one module with an asv suite and a history to choose: what `nightly` is tested on.

Its environment has nothing but asv_runner, and is made once for all tests; a commit is installed by copying one file.
The benchmark reads a clock that the module itself moves, so that a busy machine makes no commit slower.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asv.config import Config
from lent_packages import make_environment_of_asv

ROOT = Path(__file__).resolve().parent.parent
MODULE = """\
seconds = 0.0
calls = 0

def work():
    global seconds, calls
    calls += 1
    seconds += {cost} * (1 + calls % 5 / 500)

def clock():
    return seconds

def requests_a_page():
    return {requests}

def answer():
    {answer}
"""
SUITE = """\
import tiny


class Tiny:
    version = "1"
    param_names = ["size"]
    params = ([1, 2],)
    number = 4
    repeat = (4, 4, 10.0)
    rounds = 2
    warmup_time = 0
    timer = staticmethod(lambda: tiny.clock())

    def time_work(self, size):
        for _ in range(size):
            tiny.work()


class Counts:
    version = "1"
    unit = "requests/1,000 items"
    params = ([100, 250],)
    param_names = ["limit"]

    def track_requests(self, limit):
        return tiny.requests_a_page() * 1000 // limit


def track_answer():
    return tiny.answer()


track_answer.version = "1"
"""
INSTALL = (
    'in-dir={env_dir} python -c "import shutil, sysconfig; '
    "shutil.copy(r'{build_dir}/tiny.py', sysconfig.get_path('purelib'))\""
)


def configuration(environments: Path) -> dict[str, Any]:
    """asv's configuration of it."""
    return {
        "version": 1, "project": "tiny", "repo": ".", "branches": ["main"], "environment_type": "virtualenv",
        "launch_method": "forkserver", "matrix": {"req": {"pip+asv_runner": ["0.3.2"]}}, "build_command": [],
        "install_command": [INSTALL], "uninstall_command": ["in-dir={env_dir} python -c pass"],
        "env_dir": str(environments), "results_dir": ".asv/results", "html_dir": ".asv/html",
    }  # fmt: skip


def make_environments(folder: Path) -> Path:
    """Make the folder of asv's environments for all histories."""
    make_environment_of_asv(Config.from_json(configuration(folder)), ["asv_runner", "importlib_metadata", "zipp"])
    return folder


@dataclass(frozen=True)
class ScratchHistory:
    """A git repository with a suite; `environments` is shared, `home` holds the machine file."""

    path: Path
    environments: Path
    home: Path

    @classmethod
    def create(cls, folder: Path, environments: Path) -> ScratchHistory:
        path, home = folder / "project", folder / "home"
        path.mkdir(parents=True)
        home.mkdir()
        history = cls(path, environments, home)
        history.git("init", "--quiet", "--initial-branch", "main")
        (path / "asv.conf.json").write_text(json.dumps(configuration(environments)))
        (path / ".gitignore").write_text(".asv/\n__pycache__/\n")
        (path / "benchmarks").mkdir()
        (path / "benchmarks" / "__init__.py").touch()
        (path / "benchmarks" / "tiny_bench.py").write_text(SUITE)
        return history

    @property
    def environment_with_tools(self) -> dict[str, str]:
        """A home folder of its own, this project's `tools` to import, and this Python as the first that asv finds."""
        path = os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"]))
        return {**os.environ, "HOME": str(self.home), "PATH": path, "PYTHONPATH": str(ROOT)}

    def git(self, *arguments: str | Path) -> str:
        names = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        done = subprocess.run(["git", "-C", self.path, *names, *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, subject: str, *, cost: float = 0.001, requests: int = 1, answer: str = "return 42") -> str:
        """Add a commit and return its hash."""
        (self.path / "tiny.py").write_text(
            f"# {subject}\n" + MODULE.format(cost=cost, requests=requests, answer=answer)
        )
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)
        return self.git("rev-parse", "HEAD")

    def arguments(self, *arguments: str | Path) -> list[str]:
        """What the program is told for a night here."""
        fixed = ("--config", self.path / "asv.conf.json", "--machine", "scratch")
        return ["nightly", *map(str, fixed), *map(str, arguments)]

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, str(ROOT / "tools" / "benchmark_ingest.py"), *self.arguments(*arguments)]

    def nightly(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), env=self.environment_with_tools, cwd=self.path,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
