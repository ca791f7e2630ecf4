"""The program, run in the process of a test."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools import benchmark_ingest

if TYPE_CHECKING:
    from support import Run  # which asks for the profile: pytest reads this file before it is chosen


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The program in this process: starting Python for each line would take longer than all that it does."""
    from support import ROOT

    (tmp_path / ".home").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / ".home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # and what the program makes of it is undone
    at_first = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        code = 0
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", [sys.argv[0], *map(str, arguments)])
            for name, value in environment.items():
                patch.setenv(name, value)
            try:
                benchmark_ingest.main(list(map(str, arguments)))
            except SystemExit as ended:
                code = int(ended.code or 0)
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    yield call
    for number, handler in at_first.items():
        signal.signal(number, handler)
