"""How asv is started."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import asv.config
import asv.main
import psutil
import pytest

from tools import ROOT
from tools.asv.run import ELSEWHERE, started

FIND_PYTHON = "import shutil, sys; print(shutil.which('python{}.{}'.format(*sys.version_info)))"


LITTER = "import pathlib, socket, tempfile; socket.socket(socket.AF_UNIX).bind(f'{tempfile.mkdtemp()}/socket'); "
LITTER += "print(tempfile.gettempdir())"


def test_no_temporary_file_of_asv_stays(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with started([], config=tmp_path / "asv.conf.json", log=log, program=("-c", LITTER)) as asv:
        assert asv.wait() == 0
        folder = Path(log.read_text().splitlines()[-1])
        assert [path.name for path in folder.glob("*/*")] == ["socket"]
    assert not folder.exists()


KILLED = """
import os, pathlib, signal, sys
from tools.asv.run import started
with started([], config=pathlib.Path("asv.conf.json"), program=("-c", sys.argv[1])):
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
"""
LASTING = "import os, subprocess, sys; stay = [sys.executable, '-c', 'import time; time.sleep(600)']; "
LASTING += "stays = subprocess.Popen(stay, start_new_session=True); "
LASTING += "print(os.getpid(), stays.pid, file=sys.stderr, flush=True); stays.wait()"


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
def test_asv_and_what_it_started_end_with_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, LASTING]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    pipes: dict[str, int] = dict.fromkeys(("stdin", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, cwd=tmp_path, env=environment, text=True, **pipes) as parent:
        assert parent.stdin
        assert parent.stderr
        left = [psutil.Process(int(number)) for number in parent.stderr.readline().split()]
        parent.stdin.write("\n")
        parent.stdin.flush()
        parent.wait()
        _, alive = psutil.wait_procs(left, timeout=30)
        for process in alive:
            process.kill()
        assert not alive


def test_asv_finds_the_python_that_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not what stands before it on PATH, as a shim of pyenv that starts none."""
    shim = tmp_path / "shims" / "python{}.{}".format(*sys.version_info)
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}{os.pathsep}{os.environ['PATH']}")
    log = tmp_path / "log"
    with started([], config=tmp_path / "asv.conf.json", log=log, program=("-c", FIND_PYTHON)) as asv:
        assert asv.wait() == 0
    assert Path(log.read_text().splitlines()[-1]).parent == Path(sys.executable).parent


@pytest.mark.parametrize(
    ("variable", "value", "colours"), [("TERM", "dumb", False), ("NO_COLOR", "1", False), ("TERM", "xterm", True)]
)
def test_colours_of_asv_are_left_out_where_nobody_wants_them(
    variable: str, value: str, colours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(sys, "argv", ["elsewhere.py", "results", "main", "publish"])
    monkeypatch.setattr(sys, "path", ["to be left out", *sys.path])
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(asv.config.Config, "from_json", asv.config.Config.from_json)
    monkeypatch.setattr(asv.main, "main", lambda: seen.append((sys.argv[1:], sys.stdout.isatty())))
    runpy.run_path(str(ELSEWHERE), run_name="__main__")
    assert seen == [(["publish"], colours)]
