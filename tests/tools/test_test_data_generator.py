"""The test data: valid, of the promised size, the same everywhere, whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from made_data_sets import iter_items
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource
from support import combined

from tools import progress
from tools import test_data_generator as generator
from tools.commands.failures import in_one_line
from tools.errors import ToolError
from tools.test_data import items, sets
from tools.test_data.items import DATETIME_KINDS, GENERATOR_VERSION, LAYOUTS, PROFILE_NAMES, DataSetSpec, build
from tools.test_data.sets import ensure, read

SCRIPT = Path(generator.__file__)
PATIENCE_SECONDS = 120.0
SINGLE_PROFILES = [name for name in PROFILE_NAMES if name != "mixed"]
PROFILE_LAYOUTS = [(profile, layout) for profile in ("sentinel-2-l2a", "mixed") for layout in LAYOUTS]


@pytest.fixture(scope="module")
def schema() -> Draft7Validator:
    """The published schemas of STAC 1.1.0, as pystac bundles them.

    A registry without a `retrieve` function raises for every schema it does not hold: nothing is downloaded.
    The schemas of extensions are not bundled, so extension fields are not checked here.
    """
    bundled = get_local_schema_cache()
    registry: Registry[Any] = Registry().with_resources(
        [(uri, Resource.from_contents(schema)) for uri, schema in bundled.items()]
    )
    return Draft7Validator(
        bundled["https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"], registry=registry
    )


def run(*options: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *options]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


def read_layout(layout: str, path: Path) -> list[dict[str, Any]]:
    if layout == "directory":
        return [orjson.loads(file.read_bytes()) for file in path.iterdir()]
    if layout == "featurecollection":
        document = orjson.loads(path.read_bytes())
        assert document["type"] == "FeatureCollection"
        return list(document["features"])
    if layout == "ndjson":
        return [orjson.loads(line) for line in path.read_bytes().splitlines()]
    import pyarrow.parquet
    from stac_geoparquet.arrow import stac_table_to_items

    return list(stac_table_to_items(pyarrow.parquet.read_table(path)))


def by_id(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    result = {item["id"]: item for item in items}
    assert len(result) == len(items), "ids are not unique"
    return result


def without_nulls(value: Any) -> Any:
    """Parquet has one schema for all items: fields that an item does not have come back as null."""
    if isinstance(value, dict):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [without_nulls(part) for part in value]
    return value


def times_of(item: dict[str, Any]) -> list[datetime]:
    names = ("datetime", "start_datetime", "end_datetime")
    texts = [item["properties"].get(name) for name in names]
    return [datetime.fromisoformat(text) for text in texts if text is not None]


def item_of(profile: str, index: int, **options: Any) -> dict[str, Any]:
    name, text = build(DataSetSpec(profile, index + 1, **options), index)
    item: dict[str, Any] = orjson.loads(text)
    assert item["id"] == name
    return item


# --- Items --------------------------------------------------------------------------------------------------

SIZES = {
    "sentinel-2-l2a": (13_000, 16_000, 19_000),
    "landsat-c2-l2": (20_000, 22_000, 23_000),
    "sentinel-1-rtc": (5_130, 5_700, 6_270),
    "naip": (2_610, 2_900, 3_190),
}
"""The least, the mean and the most bytes of an item, fitted to real ones."""


@pytest.mark.parametrize(("profile", "kind"), combined(PROFILE_NAMES, DATETIME_KINDS))
def test_items_look_like_real_ones(profile: str, kind: str, schema: Draft7Validator) -> None:
    """Valid, of the size, place and time that they should have, spread over the time range."""
    import shapely

    items = list(iter_items(DataSetSpec(profile, 400, datetime_kind=kind)))
    for item in items[:12]:
        assert [error.message for error in schema.iter_errors(item)] == []
    for item in items[:100]:
        polygon = shapely.geometry.shape(item["geometry"])
        assert polygon.is_valid
        assert polygon.exterior.is_ccw, "RFC 7946: exterior rings are counter-clockwise"
        assert polygon.bounds == tuple(item["bbox"])
        assert -180 <= item["bbox"][0] < item["bbox"][2] <= 180
        assert -90 <= item["bbox"][1] < item["bbox"][3] <= 90
    sizes = [len(orjson.dumps(item)) for item in items]
    if profile == "mixed":
        counts = [sum(item["collection"] == name for item in items) for name in SINGLE_PROFILES]
        assert sum(counts) == 400
        assert all(40 < count < 240 for count in counts)
        assert max(sizes) > 5 * min(sizes)
    else:
        low, mean, high = SIZES[profile]
        assert low <= min(sizes)
        assert max(sizes) <= high
        assert statistics.mean(sizes) == pytest.approx(mean, rel=0.05)
    properties = [item["properties"] for item in items]
    intervals = [part for part in properties if part["datetime"] is None]
    fractions = [part for part in properties if part["datetime"] is not None and "." in part["datetime"]]
    low, high = {"interval": (400, 400), "mixed": (60, 140)}.get(kind, (0, 0))
    assert low <= len(intervals) <= high
    low, high = {"subsecond": (400, 400), "mixed": (60, 140)}.get(kind, (0, 0))
    assert low <= len(fractions) <= high
    assert all(part["start_datetime"] <= part["end_datetime"] for part in intervals)
    first, last = datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    shares = sorted((times_of(item)[0] - first) / (last - first) for item in items)
    assert all(abs(shares[40 * decile] - decile / 10) < 0.1 for decile in range(1, 10))


@given(
    profile=st.sampled_from(PROFILE_NAMES),
    kind=st.sampled_from(DATETIME_KINDS),
    seed=st.integers(0, 2**70),
    index=st.integers(0, 10),
    more=st.integers(1, 5),
)
def test_an_item_depends_on_its_seed_and_not_on_the_number_of_items(
    profile: str, kind: str, seed: int, index: int, more: int
) -> None:
    spec = DataSetSpec(profile, index + more, seed=seed, datetime_kind=kind)
    item = item_of(profile, index, seed=seed, datetime_kind=kind)
    assert list(iter_items(spec))[index] == item
    assert item_of(profile, index, seed=seed + 1, datetime_kind=kind)["id"] != item["id"]


def test_the_schema_would_notice(schema: Draft7Validator) -> None:
    item = item_of("sentinel-2-l2a", 0)
    item["properties"]["datetime"] = None
    assert not schema.is_valid(item)


@pytest.mark.parametrize(
    ("profile", "kind", "digest"),
    [
        ("sentinel-2-l2a", "instant", "5dadcc64eaa82c85"),
        ("landsat-c2-l2", "interval", "c3cdd11d68841f04"),
        ("sentinel-1-rtc", "subsecond", "7bd835c7f1643734"),
        ("naip", "mixed", "2789a6929c841b24"),
        ("mixed", "mixed", "d2d24167637e12c3"),
    ],
)
def test_the_data_of_this_generator_version(profile: str, kind: str, digest: str) -> None:
    """Fails when the data changes: then bump GENERATOR_VERSION, and put the new digests here."""
    assert GENERATOR_VERSION == 1
    content = hashlib.sha256()
    for index in (0, 1, 2, 999, 123_456):
        content.update(orjson.dumps(item_of(profile, index, seed=3, datetime_kind=kind, skew=0.5)))
    assert content.hexdigest()[:16] == digest


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_ids_are_unique(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # All on one day, the hardest case: only the place and the round can tell the items apart. The second
    # half lies rounds further.
    far = {"sentinel-2-l2a": 86_400, "landsat-c2-l2": 27_727, "naip": 344_064}.get(profile, 50_000)
    monkeypatch.setattr(items, "END", items.START + timedelta(days=1))
    indices = [*range(300), *range(far, far + 300), *range(2 * far, 2 * far + 300)]
    ids = [item_of(profile, index)["id"] for index in indices]
    assert len({name.lower() for name in ids}) == len(indices)
    assert all(name == Path(name).name for name in ids)


def test_skew_moves_a_share_of_the_items_and_nothing_else() -> None:
    even = list(iter_items(DataSetSpec("naip", 1_000)))
    skewed = list(iter_items(DataSetSpec("naip", 1_000, skew=0.9)))
    first, last = datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    for made, share in ((even, 0.01), (skewed, 0.9)):
        moments = sorted(times_of(item)[0] for item in made)
        hundredth = (last - first) / 100
        most = max(sum(begin <= moment <= begin + hundredth for moment in moments) for begin in moments[::25])
        assert most / len(made) == pytest.approx(share, abs=0.03)
    assert [item["bbox"] for item in even] == [item["bbox"] for item in skewed]


# --- Layouts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("where", "kind"), combined(PROFILE_LAYOUTS, ["instant", "mixed"]))
def test_all_layouts_hold_the_same_items(where: tuple[str, str], kind: str, tmp_path: Path) -> None:
    profile, layout = where
    spec = DataSetSpec(profile, 40, layout, datetime_kind=kind)
    expected = by_id(list(iter_items(spec)))
    data_set = ensure(spec, tmp_path)
    found = by_id(read_layout(layout, data_set.path))
    if layout == "geoparquet":
        found = {name: without_nulls(item) for name, item in found.items()}
        expected = {name: without_nulls(item) for name, item in expected.items()}
        for item in (*found.values(), *expected.values()):  # Times are numbers in Parquet: other digits.
            item["properties"] = {
                name: datetime.fromisoformat(value) if name in TIME_FIELDS else value
                for name, value in item["properties"].items()
            }
    assert found == expected


TIME_FIELDS = ("datetime", "start_datetime", "end_datetime", "created", "updated")


def test_geoparquet_has_row_groups_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet

    monkeypatch.setattr(sets, "ROW_GROUP_ITEMS", 16)
    data_set = ensure(DataSetSpec("mixed", 40, "geoparquet", datetime_kind="mixed"), tmp_path)
    metadata = pyarrow.parquet.ParquetFile(data_set.path).metadata
    assert [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)] == [16, 16, 8]
    assert len(by_id(read_layout("geoparquet", data_set.path))) == 40


# --- Whole or not there -------------------------------------------------------------------------------------


def test_manifest(tmp_path: Path) -> None:
    spec = DataSetSpec("naip", 7, "ndjson", seed=4, datetime_kind="interval", skew=0.25)
    data_set = ensure(spec, tmp_path)
    manifest = json.loads((tmp_path / spec.name / "manifest.json").read_text())
    assert datetime.fromisoformat(manifest.pop("created")).tzinfo is UTC
    assert manifest == {
        "generator_version": GENERATOR_VERSION,
        "profile": "naip",
        "items": 7,
        "layout": "ndjson",
        "seed": 4,
        "datetime_kind": "interval",
        "skew": 0.25,
        "bytes": data_set.path.stat().st_size,
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_whole_set_is_used_as_it_is(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = DataSetSpec("naip", 5, layout)
    made = ensure(spec, tmp_path)
    monkeypatch.delattr(sets, "build")
    assert ensure(spec, tmp_path) == made
    assert read(tmp_path / spec.name) == made


def edit_manifest(home: Path, **changes: object) -> None:
    manifest = json.loads((home / "manifest.json").read_text())
    (home / "manifest.json").write_text(json.dumps(manifest | changes))


DAMAGE = {
    "no manifest": lambda home: (home / "manifest.json").unlink(),
    "half a manifest": lambda home: os.truncate(home / "manifest.json", 50),
    "a manifest that is no object": lambda home: (home / "manifest.json").write_text("[]"),
    "another version": lambda home: edit_manifest(home, generator_version=GENERATOR_VERSION - 1),
    "another seed": lambda home: edit_manifest(home, seed=99),
    "another count": lambda home: edit_manifest(home, items=4),
    "no size": lambda home: edit_manifest(home, bytes=None),
    "an item less": lambda home: next((home / "items").iterdir()).unlink(),
    "an item more": lambda home: (home / "items" / "more.json").write_text(""),
    "a cut item": lambda home: os.truncate(next((home / "items").iterdir()), 100),
    "no items": lambda home: shutil.rmtree(home / "items"),
    "nothing but the folder": lambda home: (shutil.rmtree(home), home.mkdir()),
}


def cut_by_a_byte(home: Path, name: str) -> None:
    os.truncate(home / name, (home / name).stat().st_size - 1)


DAMAGED_FILES = {
    "featurecollection": lambda home: cut_by_a_byte(home, "items.json"),
    "ndjson": lambda home: cut_by_a_byte(home, "items.ndjson"),
    "geoparquet": lambda home: cut_by_a_byte(home, "items.parquet"),
}


@pytest.mark.parametrize("layout", DAMAGED_FILES)
def test_a_damaged_file_is_made_anew(layout: str, tmp_path: Path) -> None:
    spec = DataSetSpec("naip", 5, layout)
    made = ensure(spec, tmp_path)
    DAMAGED_FILES[layout](tmp_path / spec.name)
    assert read(tmp_path / spec.name) is None
    assert ensure(spec, tmp_path).bytes == made.bytes


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_set_is_not_there_and_made_anew(damage: str, tmp_path: Path) -> None:
    spec = DataSetSpec("naip", 5)
    made = ensure(spec, tmp_path)
    DAMAGE[damage](tmp_path / spec.name)
    assert read(tmp_path / spec.name) is None
    again = ensure(spec, tmp_path)
    assert again == made
    assert by_id(read_layout("directory", again.path)) == by_id(list(iter_items(spec)))
    assert [path.name for path in tmp_path.iterdir()] == [spec.name]


def test_a_failed_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(spec: DataSetSpec, index: int) -> tuple[str, bytes]:
        if index == 3:
            raise OSError(28, "No space left on device")
        return build(spec, index)

    spec = DataSetSpec("naip", 5)
    monkeypatch.setattr(sets, "build", fail)
    with pytest.raises(OSError, match="No space left"):
        ensure(spec, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_ignored_and_removed_when_old(tmp_path: Path) -> None:
    spec = DataSetSpec("naip", 5)
    young, old, foreign = (tmp_path / name for name in (".unfinished-a", ".unfinished-b", ".thesis"))
    for leftover in (young, old, foreign):
        (leftover / "items").mkdir(parents=True)
        (leftover / "items" / "half.json").write_text("{")
    for leftover in (old, foreign):
        os.utime(leftover, (time.time() - 2 * 86_400,) * 2)
    assert read(tmp_path / spec.name) is None
    assert len(read_layout("directory", ensure(spec, tmp_path).path)) == 5
    assert young.exists()
    assert foreign.exists()
    assert not old.exists()


def test_the_loser_of_a_race_uses_what_the_winner_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = DataSetSpec("naip", 5)
    write_manifest = sets._write_manifest

    def slow(*arguments: Any) -> None:
        write_manifest(*arguments)
        monkeypatch.undo()
        winner = ensure(spec, tmp_path)
        (winner.path.parent / "winner").touch()

    monkeypatch.setattr(sets, "_write_manifest", slow)
    data_set = ensure(spec, tmp_path)
    assert (data_set.path.parent / "winner").exists()
    assert [path.name for path in tmp_path.iterdir()] == [spec.name]


def test_generators_at_the_same_time(tmp_path: Path) -> None:
    spec = DataSetSpec("sentinel-2-l2a", 300)
    command = [sys.executable, str(SCRIPT), "--items", "300", "--output", str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    results = [process.communicate(timeout=PATIENCE_SECONDS) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert results == [(f"{tmp_path / spec.name / 'items'}\n", "")] * 2
    assert read(tmp_path / spec.name) is not None
    assert [path.name for path in tmp_path.iterdir()] == [spec.name]


# --- The program --------------------------------------------------------------------------------------------


def test_program_takes_every_option_and_prints_the_path_and_nothing_else(tmp_path: Path) -> None:
    options = "--profile landsat-c2-l2 --items 3 --layout featurecollection --seed 7 --datetime-kind subsecond"
    options += " --skew 0.5 --output data"
    first = run(*options.split(), cwd=tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    path = Path(first.stdout.removesuffix("\n"))
    assert path.is_absolute()
    spec = DataSetSpec("landsat-c2-l2", 3, "featurecollection", 7, "subsecond", 0.5)
    assert read(tmp_path / "data" / spec.name) is not None
    assert by_id(read_layout("featurecollection", path)) == by_id(list(iter_items(spec)))
    written = path.stat().st_mtime_ns
    assert run(*options.split(), cwd=tmp_path).stdout == first.stdout
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--profile modis", "'modis' is not one of"),
        ("--layout zip", "'zip' is not one of"),
        ("--datetime-kind never", "'never' is not one of"),
        ("--items 0", "0 is not in the range"),
        ("--items many", "'many' is not a whole number"),
        ("--seed -1", "-1 is not in the range"),
        ("--skew 1.5", "1.5 is not in the range"),
        ("--skew nan", "skew must be 0 to 1"),
        ("--seed 9223372036854775808", "9223372036854775808 is not in the range"),
        ("--wrong", "such option"),
    ],
)
def test_wrong_options_give_one_line(
    options: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [SCRIPT.name, *options.split(), "--output", str(tmp_path)])
    with pytest.raises(SystemExit) as exit_, in_one_line():
        sys.exit(generator.command.main(standalone_mode=False))
    captured = capsys.readouterr()
    assert exit_.value.code == 2
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert list(tmp_path.iterdir()) == []


def test_disk_errors_give_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "below"
    result = run("--items", "1", "--output", str(below))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"error: cannot make the data set in {below}: Not a directory\n"


def test_geoparquet_without_its_libraries_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stac_geoparquet.arrow", None)
    with pytest.raises(ToolError, match="layout geoparquet needs pyarrow and stac-geoparquet"):
        ensure(DataSetSpec("naip", 1, "geoparquet"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_list_shows_sizes_and_what_is_not_whole(tmp_path: Path) -> None:
    whole, broken = DataSetSpec("naip", 5), DataSetSpec("naip", 6)
    for spec in (whole, broken):
        ensure(spec, tmp_path)
    (tmp_path / broken.name / "manifest.json").unlink()
    (tmp_path / ".unfinished-x").mkdir()
    result = run("--list", "--output", str(tmp_path))
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        "naip-5-directory-seed0  5 items  0.0 MB  whole",
        "naip-6-directory-seed0  not whole",
    ]
    assert run("--list", "--output", str(tmp_path / "none")).stdout == f"{tmp_path / 'none'} does not exist\n"


def test_little_is_loaded(tmp_path: Path) -> None:
    """Neither pyarrow nor rich nor pystac nor the package, for the plain layouts: asv's environments have no rich."""
    code = (
        "import sys, runpy; "
        f"sys.argv = [{str(SCRIPT)!r}, '--items', '3', '--output', {str(tmp_path)!r}]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}; "
        "print(*loaded & {'pyarrow', 'stac_geoparquet', 'rich', 'pystac', 'numpy', 'psutil', 'stac_manager'})"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    path, others = result.stdout.splitlines()
    assert (others, result.stderr) == ("", "")
    assert len(read_layout("directory", Path(path))) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process")
@pytest.mark.parametrize("layout", ["directory", "ndjson"])
def test_ctrl_c_leaves_nothing(layout: str, tmp_path: Path) -> None:
    # A shell without job control starts background programs with SIGINT ignored: undo that for the child.
    code = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", code, str(SCRIPT), "--items", "1000000", "--layout", layout]
    process = subprocess.Popen(
        [*command, "--output", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(tmp_path.glob(".*/*/items*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        assert any(tmp_path.glob(".*/*/items*")), "interrupted before it began"
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert output == ("", "\nerror: interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_progress_bar_on_a_terminal_only(tmp_path: Path) -> None:
    import pty

    terminal, end = pty.openpty()
    command = [sys.executable, str(SCRIPT), "--profile", "naip", "--items", "2000", "--output", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=end, env={**os.environ, "TERM": "xterm"})
    os.close(end)
    shown = b""
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # The end of a pseudo-terminal on Linux.
            break
        if not part:
            break
        shown += part
    os.close(terminal)
    printed, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert b"naip items" in shown
    assert printed.decode() == f"{tmp_path / 'naip-2000-directory-seed0' / 'items'}\n"


def test_no_progress_bar_on_a_terminal_that_cannot_draw_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    with progress.counted("naip items", "items") as show:
        show(1, 2)
    assert capsys.readouterr() == ("", "")
