"""A round that is done reaches the results whole, wherever the copying is broken off."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tools.asv.project import OURS
from tools.asv.run import Asv
from tools.nightly import rounds
from tools.nightly.rounds import Conditions

COMMIT = "a" * 40
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("writes", range(5))
def test_copying_broken_off_and_repeated(tmp_path: Path, writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    work, results = tmp_path / "work", tmp_path / "results"
    home = work / "done" / "box"
    home.mkdir(parents=True)
    (home / f"{COMMIT[:8]}-env.json").write_text(json.dumps({"commit_hash": COMMIT}))
    (home / "machine.json").write_text("{}")
    (work / "done" / "benchmarks.json").write_text("{}")
    record = rounds.Record(COMMIT, AT, (Conditions(AT, (0.1,), 2, 0),), "of this suite", is_whole=False)
    (work / "done" / "record").write_bytes(msgspec.json.encode(record))
    measured = rounds.Rounds(Asv(OURS, "main"), work, results / "box", (), "of this suite")
    real, left = rounds.write_bytes, [writes]

    def write(path: Path, content: bytes) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        real(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(rounds, "write_bytes", write)
        try:
            measured.keep()
        except KeyboardInterrupt:
            assert writes < 4
            left[0] = -1
            measured.keep()
    measured.keep()  # nothing is left to copy
    assert not (work / "done").exists()
    assert rounds.read(results / "box") == {COMMIT: record}
    assert rounds.whole(results / "box") == {}
    assert json.loads((results / "box" / f"{COMMIT[:8]}-env.json").read_bytes())["commit_hash"] == COMMIT
    assert not list(results.rglob("*.tmp"))
