"""Counts that are called exact rest on nothing that the machine does meanwhile."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support import ROOT

from benchmarks import _datasets, counts, startup


@pytest.mark.skipif(not hasattr(counts.os, "RWF_NOWAIT"), reason="n/a on this system")
@pytest.mark.parametrize("concurrency", [1, 10])
def test_open_documents_are_counted_as_on_a_cold_cache_whatever_is_in_it(concurrency: int) -> None:
    for path in _datasets.data_set(counts.BUFFER_ITEMS).iterdir():
        path.read_bytes()
    buffer = counts.Buffer()
    buffer.setup(concurrency)
    assert buffer.track_peak_buffer(concurrency) == concurrency


def test_a_commit_that_never_asks_whether_it_would_wait_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "_driven", lambda *_: ["10", "3"])
    with pytest.raises(NotImplementedError, match="only 3 of 150 reads"):
        counts.Buffer().setup(10)


@pytest.mark.parametrize(
    "imports", [startup.Startup().timeraw_import(), "from benchmarks import _compat\n_compat.import_package()"]
)
def test_an_import_is_that_of_what_a_program_uses(imports: str) -> None:
    program = f"{imports}\nimport sys\nprint('stac_manager.ingest' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True) == "True\n"
